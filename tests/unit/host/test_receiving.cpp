// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <sys/socket.h>

#include "host/link_speed.hpp"
#include "host/memberships.hpp"
#include "host/stack.hpp"
#include "netns.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

constexpr Mac kGroup{{1, 0, 0x5e, 1, 1, 1}}, kMacvlan{{2, 0xbd, 0, 0, 0, 9}};

struct Follower {
    Follower()
        : watcher(NetlinkWatcher::open({[this](const LinkEvent& e) { stack.handle(e); },
                                        [this](const AddressEvent& e) { stack.handle(e); },
                                        [this] { ++list_changes; },
                                        [this](int nsid) { stack.forget_namespace(nsid); }})
                      .value()) {}
    bool until(const std::function<bool()>& condition) {
        return eventually([&] {
            if (readable(watcher.fd(), std::chrono::milliseconds(10))) REQUIRE(watcher.dispatch().ok());
            return condition();
        });
    }
    Stack stack;
    int list_changes = 0;
    NetlinkWatcher watcher;
};

std::vector<Mac> unicast(int ifindex) { return receive_list(ifindex).value().unicast; }

bool has_group(int ifindex, const Mac& group) {
    const auto groups = receive_list(ifindex).value().groups;
    return std::ranges::find(groups, group) != groups.end();
}

} // namespace

TEST_CASE("groups that are joined and left show in the receive list, and younger kernels tell") {
    const Fd tap = open_tap("wt0");
    ip("link set wt0 up");
    ip("addr add 192.0.2.1/24 dev wt0");
    const int ifindex = get_link("wt0").value().ifindex;
    Follower follower;
    REQUIRE(follower.until([] { return true; }));
    follower.list_changes = 0;
    CHECK_FALSE(has_group(ifindex, kGroup));
    {
        const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ip_mreq request{};
        request.imr_multiaddr.s_addr = inet_addr("239.1.1.1");
        request.imr_interface.s_addr = inet_addr("192.0.2.1");
        REQUIRE(::setsockopt(socket.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) == 0);
        CHECK(has_group(ifindex, kGroup));
    }
    CHECK_FALSE(has_group(ifindex, kGroup));
    if (follower.watcher.tells_groups()) CHECK(follower.until([&] { return follower.list_changes >= 2; }));
}

TEST_CASE("a macvlan is followed into another namespace: its MAC, its addresses, its end") {
    const Fd tap = open_tap("wt0");
    ip("link set wt0 up");
    const int ifindex = get_link("wt0").value().ifindex;
    Follower follower;
    REQUIRE(follower.watcher.resync().ok());
    PeerNetns peer;
    const ScopedLink cleanup("wv0");
    ip("link add wv0 link wt0 address 02:bd:00:00:00:09 type macvlan mode bridge");
    ip("link set wv0 netns " + peer.path());
    CHECK(unicast(ifindex).empty());
    peer.run([] {
        ip("link set wv0 up");
        ip("addr add 192.0.2.9/24 dev wv0");
    });
    CHECK(unicast(ifindex) == std::vector<Mac>{kMacvlan});
    const std::vector<StackedAddress> expected = {{*IpPrefix::parse("192.0.2.9/24"), kMacvlan, {}}};
    REQUIRE(follower.until([&] {
        auto all = follower.stack.addresses(ifindex);
        std::erase_if(all, [](const StackedAddress& a) { return a.prefix.is_v6; });
        return all == expected;
    }));
    peer.run([] { ip("link del wv0"); });
    CHECK(unicast(ifindex).empty());
    CHECK(follower.until([&] {
        return std::ranges::none_of(follower.stack.addresses(ifindex),
                                    [](const StackedAddress& a) { return a.mac == kMacvlan; });
    }));
}

TEST_CASE("a bridge makes its port promiscuous without showing it in the flags") {
    const ScopedLink cleanup("w0");
    const ScopedLink cleanup_bridge("wbr");
    ip("link add w0 up type veth peer name w1");
    ip("link add wbr type bridge");
    CHECK(get_link("w0").value().promiscuity == 0);
    ip("link set w0 master wbr");
    const LinkEvent port = get_link("w0").value();
    CHECK(port.promiscuity == 1);
    CHECK_FALSE(port.promisc);
}

TEST_CASE("memberships end with their owner") {
    const ScopedLink cleanup("w0");
    ip("link add w0 up type veth peer name w1");
    const int ifindex = get_link("w0").value().ifindex;
    {
        auto memberships = Memberships::open(ifindex);
        REQUIRE(memberships.ok());
        REQUIRE(memberships.value().promiscuous(true).ok());
        REQUIRE(memberships.value().all_groups(true).ok());
        REQUIRE(memberships.value().address(true, kGroup).ok());
        REQUIRE(memberships.value().address(true, kMacvlan).ok());
        CHECK(get_link("w0").value().promiscuity > 0);
        CHECK(get_link("w0").value().allmulti_count == 1);
        CHECK(has_group(ifindex, kGroup));
        CHECK(unicast(ifindex) == std::vector<Mac>{kMacvlan});
        REQUIRE(memberships.value().address(false, kMacvlan).ok());
        CHECK(unicast(ifindex).empty());
    }
    CHECK(get_link("w0").value().promiscuity == 0);
    CHECK(get_link("w0").value().allmulti_count == 0);
    CHECK_FALSE(has_group(ifindex, kGroup));
}

TEST_CASE("a membership that the kernel refuses is named", "[operator]") {
    auto memberships = Memberships::open(1 << 20); // no such netdev
    REQUIRE(memberships.ok());
    CHECK(memberships.value().address(true, kGroup).error() == "another group: No such device");
    CHECK(memberships.value().address(true, kMacvlan).error() == "another address: No such device");
    CHECK(memberships.value().promiscuous(true).error() == "all frames: No such device");
}

TEST_CASE("a tap has the speed that it was given") {
    const Fd tap = open_tap("wt0");
    ip("link set wt0 up");
    REQUIRE(set_link_speed("wt0", 25000).ok());
    CHECK(link_speed("wt0").mbps == 25000);
    CHECK(link_speed("wt0").full_duplex == true);
    REQUIRE(set_link_speed("wt0", 0).ok());
    CHECK(link_speed("wt0").mbps == 0);
    CHECK_FALSE(link_speed("wt0").full_duplex.has_value());
    CHECK(set_link_speed("nosuch", 1000).error().starts_with("cannot set the speed of netdev nosuch: "));
}
