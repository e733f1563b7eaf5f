// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <unistd.h>

#include "host/carrier.hpp"
#include "host/netlink.hpp"
#include "host/stack.hpp"
#include "netns.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

struct Heard {
    std::vector<LinkEvent> links;
    std::vector<AddressEvent> addresses;

    NetlinkWatcher::Callbacks callbacks() {
        return {[this](const LinkEvent& e) { links.push_back(e); },
                [this](const AddressEvent& e) { addresses.push_back(e); }};
    }
    [[nodiscard]] const LinkEvent* last(const std::string& name) const {
        const auto it =
            std::find_if(links.rbegin(), links.rend(), [&](const LinkEvent& e) { return e.name == name; });
        return it == links.rend() ? nullptr : &*it;
    }
    [[nodiscard]] const AddressEvent* last(const IpPrefix& prefix) const {
        const auto it = std::find_if(addresses.rbegin(), addresses.rend(),
                                     [&](const AddressEvent& e) { return e.prefix == prefix; });
        return it == addresses.rend() ? nullptr : &*it;
    }
};

bool dispatch_until(NetlinkWatcher& watcher, const std::function<bool()>& condition) {
    return eventually([&] {
        if (readable(watcher.fd(), std::chrono::milliseconds(10))) REQUIRE(watcher.dispatch().ok());
        return condition();
    });
}

} // namespace

TEST_CASE("a watcher hears links come, change and go") {
    Heard heard;
    auto watcher = NetlinkWatcher::open(heard.callbacks());
    REQUIRE(watcher.ok());
    const ScopedLink cleanup("w0");
    ip("link add w0 type veth peer name w1");
    REQUIRE(dispatch_until(watcher.value(), [&] { return heard.last("w0") != nullptr; }));
    CHECK_FALSE(heard.last("w0")->admin_up);
    CHECK(heard.last("w0")->kind == "veth");
    CHECK(heard.last("w0")->mac.is_valid_unicast());

    ip("link set w0 mtu 1400");
    ip("link set w0 address 02:bd:00:00:00:07");
    ip("link set w0 promisc on");
    REQUIRE(set_admin_up("w0", true).ok());
    REQUIRE(set_admin_up("w1", true).ok());
    REQUIRE(dispatch_until(watcher.value(), [&] { return heard.last("w0")->carrier; }));
    CHECK(heard.last("w0")->admin_up);
    CHECK(heard.last("w0")->mtu == 1400);
    CHECK(heard.last("w0")->mac == *Mac::parse("02:bd:00:00:00:07"));
    CHECK(heard.last("w0")->promisc);

    REQUIRE(set_admin_up("w1", false).ok());
    REQUIRE(dispatch_until(watcher.value(), [&] { return !heard.last("w0")->carrier; }));
    CHECK(heard.last("w0")->admin_up);
    ip("link del w0");
    REQUIRE(dispatch_until(watcher.value(), [&] { return heard.last("w0")->deleted; }));
}

TEST_CASE("a watcher tells which device a netdev is enslaved to, and leaving a bridge is no deletion") {
    Heard heard;
    auto watcher = NetlinkWatcher::open(heard.callbacks());
    REQUIRE(watcher.ok());
    const ScopedLink cleanup("w0");
    const ScopedLink cleanup_bridge("wbr");
    ip("link add w0 type veth peer name w1");
    ip("link add wbr type bridge");
    ip("link set w0 master wbr");
    const int bridge = get_link("wbr").value().ifindex;
    REQUIRE(dispatch_until(watcher.value(),
                           [&] { return heard.last("w0") && heard.last("w0")->master_ifindex == bridge; }));
    CHECK(netdev_in_use("w0").value() == "w0 is enslaved to wbr");
    ip("link set w0 nomaster");
    ip("link set w0 mtu 1300");
    REQUIRE(dispatch_until(watcher.value(), [&] { return heard.last("w0")->mtu == 1300; }));
    CHECK(std::none_of(heard.links.begin(), heard.links.end(), [](const LinkEvent& e) { return e.deleted; }));
    CHECK(heard.last("w0")->master_ifindex == 0);
}

TEST_CASE("a watcher hears IPv4 and IPv6 addresses, first tentative, then usable, then gone") {
    Heard heard;
    auto watcher = NetlinkWatcher::open(heard.callbacks());
    REQUIRE(watcher.ok());
    const ScopedLink cleanup("w0");
    ip("link add w0 type veth peer name w1");
    REQUIRE(set_admin_up("w0", true).ok());
    REQUIRE(set_admin_up("w1", true).ok());
    const IpPrefix v4 = *IpPrefix::parse("192.0.2.1/24");
    const IpPrefix v6 = *IpPrefix::parse("2001:db8::1/64");
    REQUIRE(add_address("w0", v4).ok());
    REQUIRE(add_address("w0", v6).ok());
    CHECK(add_address("w0", v4).ok()); // again: no error
    REQUIRE(dispatch_until(watcher.value(), [&] { return heard.last(v4) && heard.last(v6); }));
    const auto first_v6 = std::find_if(heard.addresses.begin(), heard.addresses.end(),
                                       [&](const AddressEvent& e) { return e.prefix == v6; });
    CHECK(first_v6->tentative);
    CHECK(heard.last(v4)->ifindex == get_link("w0").value().ifindex);
    REQUIRE(dispatch_until(watcher.value(), [&] { return !heard.last(v6)->tentative; }));

    CHECK(netdev_in_use("w0").value() == "w0 has the address 192.0.2.1/24");
    REQUIRE(remove_address("w0", v4).ok());
    REQUIRE(remove_address("w0", v6).ok());
    REQUIRE(
        dispatch_until(watcher.value(), [&] { return !heard.last(v4)->added && !heard.last(v6)->added; }));
    CHECK_FALSE(netdev_in_use("w0").value().has_value());
}

TEST_CASE("resync reports what was there before the watcher") {
    const ScopedLink cleanup("w0");
    ip("link add w0 type veth peer name w1");
    REQUIRE(add_address("w0", *IpPrefix::parse("198.51.100.9/30")).ok());
    Heard heard;
    auto watcher = NetlinkWatcher::open(heard.callbacks());
    REQUIRE(watcher.ok());
    CHECK(heard.links.empty());
    REQUIRE(watcher.value().resync().ok());
    REQUIRE(heard.last("w0") != nullptr);
    CHECK(heard.last("lo") != nullptr);
    CHECK(heard.last(*IpPrefix::parse("198.51.100.9/30")) != nullptr);
}

TEST_CASE("an overrun of the socket buffer loses no final state and no deletion") {
    const ScopedLink cleanup("w0");
    const ScopedLink cleanup_gone("x0");
    ip("link add w0 type veth peer name w1");
    ip("link add x0 type veth peer name x1");
    REQUIRE(add_address("x0", *IpPrefix::parse("198.51.100.9/30")).ok());
    Heard heard;
    auto watcher = NetlinkWatcher::open(heard.callbacks(), 4096);
    REQUIRE(watcher.ok());
    REQUIRE(watcher.value().resync().ok());
    for (std::uint32_t mtu = 1000; mtu < 1050; ++mtu) REQUIRE(set_mtu("w0", mtu).ok());
    ip("link del x0");
    REQUIRE(watcher.value().dispatch().ok());
    CHECK(watcher.value().overruns() == 1);
    CHECK(heard.last("w0")->mtu == 1049);
    CHECK(heard.last("x0")->deleted);
    CHECK_FALSE(heard.last(*IpPrefix::parse("198.51.100.9/30"))->added);
}

TEST_CASE("changes of a netdev that is not there name it") {
    CHECK(set_mtu("nosuch", 1500).error() == "there is no netdev nosuch in this namespace");
    CHECK(get_link(54321).error() == "there is no netdev with index 54321 in this namespace");
    CHECK(get_link("").error() == "there is no netdev '' in this namespace");
    CHECK(get_link("a-name-that-is-too-long").error() ==
          "there is no netdev 'a-name-that-is-too-long' in this namespace");
}

TEST_CASE("a refused change gives the kernel's reason") {
    const ScopedLink cleanup("w0");
    ip("link add w0 type veth peer name w1");
    CHECK(set_mtu("w0", 10).error().starts_with("cannot set the MTU of netdev w0: Invalid argument"));
    CHECK(set_carrier("w0", false).error().starts_with("cannot set the carrier of netdev w0: "));
    CHECK(rename_link("w0", "a-name-that-is-too-long").error().find("1 to 15") != std::string::npos);
}

TEST_CASE("links are renamed and listed under the new name") {
    const ScopedLink cleanup("w1");
    ip("link add w0 type veth peer name w1");
    REQUIRE(rename_link("w0", "w9").ok());
    const auto links = list_links();
    REQUIRE(links.ok());
    CHECK(std::ranges::any_of(links.value(), [](const LinkEvent& e) { return e.name == "w9"; }));
    CHECK(std::ranges::none_of(links.value(), [](const LinkEvent& e) { return e.name == "w0"; }));
}

TEST_CASE("a storm of changes is heard some messages at a time, and wholly in the end [L12]", "[L12]") {
    const ScopedLink cleanup("w0");
    ip("link add w0 type veth peer name w1");
    Heard heard;
    auto watcher = NetlinkWatcher::open(heard.callbacks());
    REQUIRE(watcher.ok());
    for (std::uint32_t mtu = 1000; mtu < 1300; ++mtu) REQUIRE(set_mtu("w0", mtu).ok());
    REQUIRE(watcher.value().dispatch().ok());
    CHECK(heard.links.size() >= 32);
    CHECK(heard.links.size() <= 100);
    CHECK(dispatch_until(watcher.value(), [&] { return heard.last("w0")->mtu == 1299; }));
    CHECK(watcher.value().overruns() == 0);
}

TEST_CASE("tables that could not be read after an overrun are read again without news [L12]", "[L12]") {
    const ScopedLink cleanup("w0");
    ip("link add w0 type veth peer name w1");
    Heard heard;
    const auto descriptors = [] {
        std::set<int> fds;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
            fds.insert(std::stoi(entry.path().filename().string()));
        std::erase_if(fds, [](int fd) { return ::fcntl(fd, F_GETFD) < 0; }); // that of the folder itself
        return fds;
    };
    const std::set<int> before = descriptors();
    auto watcher = NetlinkWatcher::open(heard.callbacks(), 4096);
    REQUIRE(watcher.ok());
    int query = -1; // by which tables are read
    for (const int fd : descriptors())
        if (!before.contains(fd) && fd != watcher.value().fd()) query = fd;
    REQUIRE(query >= 0);
    for (std::uint32_t mtu = 1000; mtu < 1050; ++mtu) REQUIRE(set_mtu("w0", mtu).ok());

    const Fd kept(::dup(query)), broken(::open("/dev/null", O_RDWR));
    REQUIRE(::dup2(broken.get(), query) == query);
    CHECK_FALSE(watcher.value().dispatch().ok());
    CHECK(watcher.value().behind());
    REQUIRE(::dup2(kept.get(), query) == query);
    REQUIRE(watcher.value().dispatch().ok());
    CHECK_FALSE(watcher.value().behind());
    CHECK(watcher.value().overruns() == 1);
    REQUIRE(heard.last("w0") != nullptr);
    CHECK(heard.last("w0")->mtu == 1049);
}

TEST_CASE("looks at carriers that took long are spaced, others are not [L13]", "[L13]") {
    using std::chrono::microseconds, std::chrono::milliseconds;
    LookPace pace;
    Time at = Time{} + std::chrono::seconds(5);
    CHECK(pace.due(at));
    pace.took(at, at + microseconds(20));
    CHECK(pace.due(at + microseconds(20)));
    pace.took(at, at + milliseconds(30));
    CHECK_FALSE(pace.due(at + milliseconds(59)));
    CHECK(pace.due(at + milliseconds(60)));
    pace.took(at, at + milliseconds(2000)); // somebody creates hundreds of netdevs
    CHECK_FALSE(pace.due(at + milliseconds(2099)));
    CHECK(pace.due(at + milliseconds(2100)));
}

TEST_CASE("resync reports what stands on ours in other namespaces") {
    const ScopedLink cleanup("w0");
    const PeerNetns other;
    ip("link add w0 type veth peer name w1");
    REQUIRE(set_admin_up("w0", true).ok());
    ip("link add link w0 name mv0 type macvlan");
    ip("link set mv0 netns " + other.path());
    const IpPrefix prefix = *IpPrefix::parse("198.51.100.9/30");
    other.run([&] {
        ip("link add d0 type veth peer name d1");
        ip("link add link d0 name mv1 type macvlan");
        if (!set_admin_up("mv0", true) || !add_address("mv0", prefix)) throw std::runtime_error("mv0");
    });
    for (int times = 0; times < 2; ++times) {
        Heard heard;
        auto watcher = NetlinkWatcher::open(heard.callbacks());
        REQUIRE(watcher.ok());
        REQUIRE(watcher.value().resync().ok());
        const LinkEvent* above = heard.last("mv0");
        REQUIRE(above != nullptr);
        CHECK(above->nsid >= 0);
        CHECK(above->iflink == get_link("w0").value().ifindex);
        CHECK(above->lower_nsid == kOwnNamespace);
        REQUIRE(heard.last("mv1") != nullptr);
        CHECK(heard.last("mv1")->lower_nsid == above->nsid);
        REQUIRE(heard.last(prefix) != nullptr);
        CHECK(heard.last(prefix)->nsid == above->nsid);
        CHECK(heard.last("w0")->nsid == kOwnNamespace);
    }
}

TEST_CASE("a device that stands on another makes it used, the far end of a wire does not") {
    const ScopedLink cleanup("w0");
    ip("link add w0 type veth peer name w1");
    const int ifindex = get_link("w0").value().ifindex;
    CHECK_FALSE(netdev_in_use("w0").value().has_value());
    CHECK(netdev_uses(ifindex).empty());
    ip("link add link w0 name mv0 type macvlan");
    CHECK(netdev_in_use("w0").value() == "macvlan mv0 stands on w0");
    CHECK_FALSE(netdev_in_use("mv0").value().has_value());
    REQUIRE(add_address("w0", *IpPrefix::parse("198.51.100.9/30")).ok());
    CHECK(netdev_uses(ifindex) == std::vector<std::string>{"address 198.51.100.9/30", "macvlan mv0"});
}

TEST_CASE("the carrier of a netdev that is not there is told from one that is down", "[operator]") {
    const ScopedLink cleanup("w0");
    CarrierPoll poll("w0");
    CHECK_FALSE(poll.carrier());
    CHECK(poll.missing());
    ip("link add w0 type veth peer name w1");
    REQUIRE(set_admin_up("w0", true).ok());
    CHECK_FALSE(poll.carrier());
    CHECK_FALSE(poll.missing());
    ip("link del w0");
    CHECK_FALSE(poll.carrier());
    CHECK(poll.missing());
}

TEST_CASE("routes by a device make it used, those that come by themselves do not") {
    const ScopedLink cleanup("w0");
    ip("link add w0 type veth peer name w1");
    REQUIRE(set_admin_up("w0", true).ok());
    REQUIRE(set_admin_up("w1", true).ok());
    const int ifindex = get_link("w0").value().ifindex;
    // The kernel gives the device fe80::/64 and ff00::/8.
    REQUIRE(eventually([&] { return !list_addresses(ifindex).value().empty(); }));
    CHECK_FALSE(has_route_via(ifindex).value());
    ip("route add 203.0.113.0/24 dev w0");
    CHECK(has_route_via(ifindex).value());
    CHECK(netdev_in_use("w0").value() == "a route leaves by w0");
    ip("route del 203.0.113.0/24");
    ip("link set lo up");
    ip("route add 203.0.113.0/24 nexthop dev lo nexthop dev w0");
    CHECK(has_route_via(ifindex).value());
}

TEST_CASE("the route to an address: its device, its source, and whether a gateway is between [field 3]",
          "[field3]") {
    const ScopedLink cleanup("w0");
    ip("link add w0 type veth peer name w1");
    REQUIRE(set_admin_up("w0", true).ok());
    REQUIRE(set_admin_up("w1", true).ok());
    ip("addr add 192.0.2.5/24 dev w0");
    ip("addr add 192.0.2.6/24 dev w0");
    ip("route add 198.51.100.0/24 via 192.0.2.1 src 192.0.2.6");
    ip("route add 203.0.113.1/32 dev w0");
    ip("route add blackhole 203.0.113.2/32");
    const auto at = [](const char* text) { return *IpPrefix::parse(text); };
    const std::array targets{at("192.0.2.9"), at("198.51.100.1"), at("203.0.113.1"), at("203.0.113.2"),
                             at("10.9.9.9")};
    const auto routes = routes_to(targets).value();
    REQUIRE(routes.size() == 5);
    const int w0 = get_link("w0").value().ifindex;
    REQUIRE(routes[0].has_value());
    CHECK(routes[0]->ifindex == w0);
    CHECK(routes[0]->source == at("192.0.2.5"));
    CHECK(routes[0]->direct);
    REQUIRE(routes[1].has_value());
    CHECK(routes[1]->source == at("192.0.2.6"));
    CHECK_FALSE(routes[1]->direct);
    REQUIRE(routes[2].has_value());
    CHECK(routes[2]->direct);
    CHECK_FALSE(routes[3].has_value());
    CHECK_FALSE(routes[4].has_value());
}

TEST_CASE("a carrier poll follows the peer, the administrator, and the netdev's going and coming") {
    CarrierPoll poll("w0");
    CHECK_FALSE(poll.carrier()); // not there
    const ScopedLink cleanup("w0");
    for (int round = 0; round < 2; ++round) {
        ip("link add w0 type veth peer name w1");
        CHECK_FALSE(poll.carrier()); // administratively down
        REQUIRE(set_admin_up("w0", true).ok());
        CHECK_FALSE(poll.carrier()); // the peer is down
        REQUIRE(set_admin_up("w1", true).ok());
        CHECK(poll.carrier());
        CHECK(carrier_now("w0"));
        REQUIRE(set_admin_up("w1", false).ok());
        CHECK_FALSE(poll.carrier());
        REQUIRE(set_admin_up("w1", true).ok());
        REQUIRE(set_admin_up("w0", false).ok());
        CHECK_FALSE(poll.carrier());
        ip("link del w0");
        CHECK_FALSE(poll.carrier());
    }
}

TEST_CASE("a netdev replaced under the same name between two polls is polled anew") {
    const ScopedLink cleanup("w0");
    CarrierPoll poll("w0");
    ip("link add w0 type veth peer name w1");
    CHECK_FALSE(poll.carrier());
    ip("link del w0");
    ip("link add w0 up type veth peer name w1");
    ip("link set w1 up");
    CHECK(poll.carrier());
}

TEST_CASE("a tap's carrier is set by its owner") {
    const Fd tap = open_tap("wt0");
    REQUIRE(set_admin_up("wt0", true).ok());
    REQUIRE(set_carrier("wt0", true).ok());
    CHECK(carrier_now("wt0"));
    REQUIRE(set_carrier("wt0", false).ok());
    CHECK_FALSE(carrier_now("wt0"));
    CHECK(carrier_events_may_lag("wt0")); // it has no lower device
}

TEST_CASE("carrier events lag where the far end has the same number, in this namespace or another") {
    const ScopedLink cleanup("w0");
    ip("link add w0 type veth peer name w1");
    CHECK_FALSE(carrier_events_may_lag("w0"));
    CHECK_FALSE(carrier_events_may_lag("nosuch"));

    const PeerNetns peer;
    const ScopedLink cleanup_same("same0");
    ip("link add same0 index 700 type veth peer name same1 index 700 netns " + peer.path());
    CHECK(carrier_events_may_lag("same0"));
    const ScopedLink cleanup_other("other0");
    ip("link add other0 index 701 type veth peer name other1 index 702 netns " + peer.path());
    CHECK_FALSE(carrier_events_may_lag("other0"));
}

TEST_CASE("a watcher hears whether a device forwards IPv6, at first and when it changes [D7]", "[D7]") {
    const ScopedLink cleanup("w0");
    ip("link add w0 type veth peer name w1");
    const int w0 = get_link("w0").value().ifindex;
    const auto write = [](const char* value) {
        std::ofstream("/proc/sys/net/ipv6/conf/w0/forwarding") << value << std::flush;
    };
    write("1");
    std::map<int, bool> forwards;
    auto watcher = NetlinkWatcher::open(
        {.on_link = {},
         .on_address = {},
         .on_receive_list = {},
         .on_lost = {},
         .on_forwarding = [&](const ForwardingEvent& e) { forwards[e.ifindex] = e.on; }});
    REQUIRE(watcher.ok());
    REQUIRE(watcher.value().resync().ok());
    CHECK(forwards[w0]);
    write("0");
    CHECK(dispatch_until(watcher.value(), [&] { return !forwards[w0]; }));
    write("1");
    CHECK(dispatch_until(watcher.value(), [&] { return forwards[w0]; }));
}
