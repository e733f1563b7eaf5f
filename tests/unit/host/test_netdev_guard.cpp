// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>

#include "host/files.hpp"
#include "host/netdev_guard.hpp"
#include "host/netdev_state.hpp"
#include "host/netlink.hpp"
#include "host/offloads.hpp"
#include "netns.hpp"
#include "packet_tap.hpp"
#include "temp_dir.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace fs = std::filesystem;

namespace {

constexpr std::uint16_t kMarkerType = 0x88b5; // IEEE local experimental

// m0 here, p0 in a namespace of its own; a tap "gbond" here carries the addresses that the kernel would
// answer for.
struct Lab {
    Lab() : link("m0") {
        ip("link add m0 type veth peer name p0 netns " + peer.path());
        ip("addr add 192.0.2.1/24 dev gbond");
        ip("link set gbond up");
        peer.run([] {
            ip("addr add 192.0.2.2/24 dev p0");
            ip("link set p0 up");
        });
    }
    PeerNetns peer;
    ScopedLink link;
    Fd tap = open_tap("gbond");
};

Frame ethernet(const Mac& to, const Mac& from, std::uint16_t type) {
    Frame frame(60);
    std::copy(to.bytes.begin(), to.bytes.end(), frame.begin());
    std::copy(from.bytes.begin(), from.bytes.end(), frame.begin() + 6);
    store_be16(&frame[12], type);
    return frame;
}

Frame arp_request(const Mac& from) {
    Frame frame = ethernet(*Mac::parse("ff:ff:ff:ff:ff:ff"), from, ETH_P_ARP);
    const std::uint8_t fixed[] = {0, 1, 8, 0, 6, 4, 0, 1};
    std::copy(std::begin(fixed), std::end(fixed), frame.begin() + 14);
    std::copy(from.bytes.begin(), from.bytes.end(), frame.begin() + 22);
    const std::uint8_t addresses[] = {192, 0, 2, 2, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1};
    std::copy(std::begin(addresses), std::end(addresses), frame.begin() + 28);
    return frame;
}

void put_checksum(std::uint8_t* data, std::size_t size, std::uint8_t* field) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < size; i += 2) sum += load_be16(data + i);
    while (sum >> 16) sum = (sum & 0xffffU) + (sum >> 16);
    store_be16(field, static_cast<std::uint16_t>(~sum));
}

Frame ping(const Mac& to, const Mac& from) {
    Frame frame = ethernet(to, from, ETH_P_IP);
    const std::uint8_t header[] = {0x45, 0, 0,   28, 0, 1, 0, 0, 64, 1, 0, 0, 192, 0,
                                   2,    2, 192, 0,  2, 1, 8, 0, 0,  0, 0, 7, 0,   1};
    std::copy(std::begin(header), std::end(header), frame.begin() + 14);
    put_checksum(&frame[14], 20, &frame[24]);
    put_checksum(&frame[34], 8, &frame[36]);
    return frame;
}

struct Answers {
    int arp_replies = 0;    // back to the peer
    int on_bond = 0;        // anything that the kernel sent by the bond device
    int seen_by_driver = 0; // frames that the packet socket on m0 received
};

// The peer asks by ARP and by ping. Frames are handled in order on the CPU that sent them, so once the marker
// sent last has come through, whatever the kernel wanted to answer is on its way, ahead of the marker sent
// back.
Answers ask(const Lab& lab) {
    Answers answers;
    const auto m0 = get_link("m0").value();
    const PacketTap driver(m0.ifindex);
    char drain[2048];
    while (::read(lab.tap.get(), drain, sizeof drain) > 0) {
    }
    lab.peer.run([&] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
        ::sched_setaffinity(0, sizeof one, &one);
        const auto p0 = get_link("p0").value();
        const PacketTap far(p0.ifindex);
        far.send(arp_request(p0.mac));
        far.send(ping(m0.mac, p0.mac));
        far.send(ethernet(m0.mac, p0.mac, kMarkerType));
        bool marked = false;
        REQUIRE(eventually([&] {
            for (Frame frame = driver.next(); !frame.empty(); frame = driver.next()) {
                if (ether_type(frame) == kMarkerType)
                    marked = true;
                else if (std::equal(p0.mac.bytes.begin(), p0.mac.bytes.end(), frame.begin() + 6))
                    ++answers.seen_by_driver;
            }
            return marked;
        }));
        driver.send(ethernet(p0.mac, m0.mac, kMarkerType));
        marked = false;
        REQUIRE(eventually([&] {
            for (Frame frame = far.next(); !frame.empty(); frame = far.next()) {
                if (ether_type(frame) == kMarkerType) marked = true;
                if (ether_type(frame) == ETH_P_ARP && frame[21] == 2) ++answers.arp_replies;
            }
            return marked;
        }));
    });
    while (::read(lab.tap.get(), drain, sizeof drain) > 0) ++answers.on_bond;
    return answers;
}

void disable_v6_on_bond() { REQUIRE(write_conf("gbond", "ipv6/disable_ipv6", "1").ok()); }

} // namespace

TEST_CASE("without a guard the kernel answers on a member for the bond's address") {
    Lab lab;
    disable_v6_on_bond();
    REQUIRE(set_admin_up("m0", true).ok());
    REQUIRE(write_conf("m0", "ipv4/rp_filter", "0").ok());
    const Answers answers = ask(lab);
    CHECK(answers.arp_replies == 1);
    CHECK(answers.on_bond > 0);
    CHECK(answers.seen_by_driver >= 2);
}

TEST_CASE("on a guarded netdev the kernel answers nothing and a packet socket receives everything") {
    const bool use_tcx = GENERATE(true, false);
    Lab lab;
    disable_v6_on_bond();
    auto guard = NetdevGuard::take("m0", {.state_dir = {}, .use_tcx = use_tcx});
    REQUIRE(guard.ok());
    INFO(guard.value().describe());
    CHECK_FALSE(guard.value().in_use().has_value());
    if (!use_tcx) CHECK_FALSE(guard.value().drops_by_tcx());
    const Answers answers = ask(lab);
    CHECK(answers.arp_replies == 0);
    CHECK(answers.on_bond == 0);
    CHECK(answers.seen_by_driver >= 2);
    REQUIRE(guard.value().release().ok());
    CHECK_FALSE(get_link("m0").value().admin_up);
}

TEST_CASE("a guarded veth hands finished frames over unless a bridge takes them at its far end") {
    Lab lab;
    lab.peer.run([] { ip("link add gbridge type bridge"); });
    const auto bridged = [&](bool yes) {
        lab.peer.run([&] { ip(yes ? "link set p0 master gbridge" : "link set p0 nomaster"); });
    };
    bridged(true);
    REQUIRE(tx_checksum_is_on("m0") == true);
    {
        auto guard = NetdevGuard::take("m0", {});
        REQUIRE(guard.ok());
        CHECK(tx_checksum_is_on("m0") == true);
        bridged(false);
        CHECK(guard.value().suit_peer());
        CHECK(tx_checksum_is_on("m0") == false);
        bridged(true);
        CHECK_FALSE(guard.value().suit_peer());
        CHECK(tx_checksum_is_on("m0") == true);
        bridged(false);
        guard.value().suit_peer();
    }
    CHECK(tx_checksum_is_on("m0") == true);
    auto guard = NetdevGuard::take("m0", {});
    REQUIRE(guard.ok());
    CHECK(tx_checksum_is_on("m0") == false);
}

TEST_CASE("tcx alone keeps the kernel from hearing what a guarded netdev receives") {
    Lab lab;
    disable_v6_on_bond();
    auto guard = NetdevGuard::take("m0", {});
    REQUIRE(guard.ok());
    if (!guard.value().drops_by_tcx()) {
        WARN("this kernel has no tcx: " << guard.value().describe());
        return;
    }
    REQUIRE(write_conf("m0", "ipv4/arp_ignore", "0").ok());
    REQUIRE(write_conf("m0", "ipv4/rp_filter", "0").ok());
    const Answers answers = ask(lab);
    CHECK(answers.arp_replies == 0);
    CHECK(answers.on_bond == 0);
    CHECK(answers.seen_by_driver >= 2);
    REQUIRE(guard.value().release().ok());
    REQUIRE(set_admin_up("m0", true).ok());
    REQUIRE(write_conf("m0", "ipv4/rp_filter", "0").ok());
    CHECK(ask(lab).arp_replies == 1); // the program has gone with the guard
}

TEST_CASE("a netdev brought up by a guard does not greet the wire") {
    Lab lab;
    lab.peer.run([] { REQUIRE(write_conf("p0", "ipv6/disable_ipv6", "1").ok()); });
    const Mac mac = get_link("m0").value().mac;
    std::unique_ptr<PacketTap> far;
    lab.peer.run([&] { far = std::make_unique<PacketTap>(get_link("p0").value().ifindex); });
    auto guard = NetdevGuard::take("m0", {.state_dir = {}, .use_tcx = true});
    REQUIRE(guard.ok());
    CHECK(get_link("m0").value().admin_up);
    CHECK(list_addresses(guard.value().ifindex()).value().empty());
    const PacketTap driver(guard.value().ifindex());
    driver.send(ethernet(*Mac::parse("ff:ff:ff:ff:ff:ff"), mac, kMarkerType));
    REQUIRE(readable(far->fd(), std::chrono::milliseconds(5000)));
    CHECK(ether_type(far->next()) == kMarkerType); // the first frame that ever came
}

TEST_CASE("release puts back everything that a guard or its user changed") {
    const bool was_up = GENERATE(true, false);
    const TempDir dir;
    Lab lab;
    REQUIRE(write_conf("m0", "ipv4/arp_ignore", "2").ok());
    REQUIRE(set_mtu("m0", 1400).ok());
    REQUIRE(set_promisc("m0", was_up).ok());
    REQUIRE(set_gro("m0", true).ok());
    REQUIRE(set_admin_up("m0", was_up).ok());
    REQUIRE(add_address("m0", *IpPrefix::parse("2001:db8:1::1/64")).ok());
    const LinkEvent before = get_link("m0").value();

    auto guard = NetdevGuard::take("m0", {.state_dir = dir.path / "run"});
    REQUIRE(guard.ok());
    CHECK(guard.value().in_use() == "m0 has the address 2001:db8:1::1/64");
    CHECK(fs::exists(dir.path / "run" / "netdev-m0"));
    CHECK(gro_is_on("m0") == false);
    CHECK(read_conf("m0", "ipv6/disable_ipv6") == "1");
    CHECK(read_conf("m0", "ipv4/arp_ignore") == "8");
    CHECK(read_conf("m0", "ipv4/rp_filter") == "1");
    REQUIRE(set_mac("m0", *Mac::parse("02:bd:00:00:00:42")).ok());
    REQUIRE(set_mtu("m0", 1500).ok());
    REQUIRE(set_promisc("m0", !was_up).ok());
    REQUIRE(set_allmulti("m0", true).ok());

    REQUIRE(guard.value().release().ok());
    LinkEvent after = get_link("m0").value();
    if (was_up) REQUIRE(eventually([&] { return get_link("m0").value().carrier; }));
    after.carrier = before.carrier; // comes by itself, in its own time
    CHECK(after == before);
    CHECK(gro_is_on("m0") == true);
    CHECK(read_conf("m0", "ipv6/disable_ipv6") == "0");
    CHECK(read_conf("m0", "ipv4/arp_ignore") == "2");
    const auto addresses = list_addresses(before.ifindex).value();
    CHECK(std::ranges::any_of(
        addresses, [](const AddressEvent& a) { return a.prefix == *IpPrefix::parse("2001:db8:1::1/64"); }));
    CHECK_FALSE(fs::exists(dir.path / "run" / "netdev-m0"));
}

TEST_CASE("a guard whose netdev was brought down meanwhile brings it up again") {
    Lab lab;
    REQUIRE(set_admin_up("m0", true).ok());
    auto guard = NetdevGuard::take("m0", {});
    REQUIRE(guard.ok());
    REQUIRE(set_admin_up("m0", false).ok());
    REQUIRE(guard.value().release().ok());
    CHECK(get_link("m0").value().admin_up);
}

TEST_CASE("a guard gives back a renamed netdev and says nothing of one that has gone") {
    const TempDir dir;
    Lab lab;
    auto guard = NetdevGuard::take("m0", {.state_dir = dir.path});
    REQUIRE(guard.ok());
    const ScopedLink cleanup("m9");
    SECTION("renamed") {
        REQUIRE(rename_link("m0", "m9").ok());
        REQUIRE(guard.value().release().ok());
        CHECK_FALSE(get_link("m9").value().admin_up);
        CHECK(read_conf("m9", "ipv4/rp_filter") != "1");
    }
    SECTION("gone") {
        ip("link del m0");
        CHECK(guard.value().release().ok());
    }
    SECTION("gone, and another under its name") {
        ip("link del m0");
        ip("link add m0 type veth peer name m0x");
        ip("link set m0 mtu 1234");
        CHECK(guard.value().release().ok());
        CHECK(get_link("m0").value().mtu == 1234);
    }
    CHECK(fs::is_empty(dir.path));
}

namespace {

// A process that lives in a namespace, by which others find that.
struct Inhabitant {
    explicit Inhabitant(const PeerNetns& netns) {
        netns.run([&] {
            pid = ::fork();
            if (pid == 0)
                for (;;) ::pause();
        });
    }
    Inhabitant(const Inhabitant&) = delete;
    Inhabitant& operator=(const Inhabitant&) = delete;
    ~Inhabitant() {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
    pid_t pid = -1;
};

} // namespace

TEST_CASE("a guard gives back a netdev in the namespace that it was moved to", "[moved]") {
    const TempDir dir;
    Lab lab;
    const PeerNetns other;
    const Mac bond = *Mac::parse("02:bd:00:00:00:42");
    const Mac own = get_link("m0").value().mac;
    REQUIRE(set_mtu("m0", 1400).ok());
    REQUIRE(set_gro("m0", true).ok());
    auto guard = NetdevGuard::take("m0", {.state_dir = dir.path});
    REQUIRE(guard.ok());
    REQUIRE(set_mac("m0", bond).ok());
    REQUIRE(set_mtu("m0", 1500).ok());
    guard.value().gave_mac(bond);
    guard.value().gave_mtu(1500);
    REQUIRE(set_promisc("m0", true).ok());
    SECTION("under its name or another, as it was") {
        const Inhabitant somebody(other);
        const std::string name = GENERATE("m0", "eth0");
        ip("link set m0 netns " + std::to_string(somebody.pid) + (name == "m0" ? "" : " name " + name));
        REQUIRE(guard.value().release().ok());
        other.run([&] {
            const LinkEvent there = get_link(name).value();
            CHECK(there.mac == own);
            CHECK(there.mtu == 1400);
            CHECK_FALSE(there.promisc);
            CHECK_FALSE(there.admin_up);
            CHECK(gro_is_on(name) == true);
        });
    }
    SECTION("but for what somebody there has given it") {
        const Inhabitant somebody(other);
        ip("link set m0 netns " + std::to_string(somebody.pid) + " address 02:00:00:00:00:99 mtu 1450");
        REQUIRE(guard.value().release().ok());
        other.run([&] {
            CHECK(get_link("m0").value().mac == *Mac::parse("02:00:00:00:00:99"));
            CHECK(get_link("m0").value().mtu == 1450);
        });
    }
    SECTION("back again, under another number") {
        const Inhabitant somebody(other);
        ip("link set m0 netns " + std::to_string(somebody.pid));
        const ScopedLink other_one("d7");
        ip("link add d7 type veth peer name d8");
        other.run([&] { ip("link set m0 netns " + std::to_string(::getpid())); });
        REQUIRE(guard.value().release().ok());
        CHECK(get_link("m0").value().mac == own);
    }
    SECTION("not found") {
        ip("link set m0 netns " + other.path());
        SECTION("and known to have moved") {
            guard.value().has_moved();
            CHECK(guard.value().release().error() == "netdev m0 was moved to a network namespace that is not "
                                                     "found: it keeps MAC and MTU of the bond; its own are " +
                                                         own.to_string() + " and 1400");
            other.run([&] { ip("link set m0 netns " + std::to_string(::getpid())); });
            auto again = NetdevGuard::take("m0", {.state_dir = dir.path}); // it comes with the bond's MAC
            REQUIRE(again.ok());
            CHECK(again.value().mac_before() == own);
            REQUIRE(again.value().release().ok());
            CHECK(get_link("m0").value().mac == own);
            CHECK(get_link("m0").value().mtu == 1400);
            CHECK(fs::is_empty(dir.path));
        }
        SECTION("like one that has gone") { CHECK(guard.value().release().ok()); }
    }
}

TEST_CASE("a netdev is taken once, and one that is not there not at all") {
    const TempDir dir;
    Lab lab;
    auto guard = NetdevGuard::take("m0", {.state_dir = dir.path});
    REQUIRE(guard.ok());
    auto again = NetdevGuard::take("m0", {.state_dir = dir.path});
    REQUIRE_FALSE(again.ok());
    CHECK(again.error() == "netdev m0 is a bond member already, of this process or of another");
    CHECK(NetdevGuard::take("nosuch", {.state_dir = dir.path}).error() ==
          "there is no netdev nosuch in this namespace");
    CHECK(fs::exists(dir.path / "netdev-m0"));
}

namespace {

// A process that takes m0 and dies without a chance to give it back.
void crash_holding_m0(const fs::path& state_dir) {
    const pid_t child = ::fork();
    if (child == 0) {
        auto guard = NetdevGuard::take("m0", {.state_dir = state_dir});
        if (!guard || !set_mac("m0", *Mac::parse("02:bd:00:00:00:66"))) ::_exit(1);
        guard.value().gave_mac(*Mac::parse("02:bd:00:00:00:66"));
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
}

} // namespace

TEST_CASE("what a killed process left changed is put right, once") {
    const TempDir dir;
    Lab lab;
    const LinkEvent before = get_link("m0").value();
    crash_holding_m0(dir.path);
    CHECK(get_link("m0").value().admin_up);
    SECTION("by restore_leftovers") {
        auto lines = restore_leftovers(dir.path);
        REQUIRE(lines.ok());
        REQUIRE(lines.value().size() == 1);
        CHECK(lines.value()[0].starts_with("m0 is again as it was before process "));
        CHECK(restore_leftovers(dir.path).value().empty());
    }
    SECTION("by the next who takes it") {
        auto guard = NetdevGuard::take("m0", {.state_dir = dir.path});
        REQUIRE(guard.ok());
        REQUIRE(guard.value().release().ok());
    }
    CHECK(get_link("m0").value() == before);
    CHECK(read_conf("m0", "ipv6/disable_ipv6") == "0");
    CHECK(fs::is_empty(dir.path));
}

TEST_CASE("a note whose dead owner had our process number is put right all the same", "[H4]") {
    const TempDir dir;
    Lab lab;
    const LinkEvent before = get_link("m0").value();
    crash_holding_m0(dir.path);
    auto note = NetdevState::parse(read_text(dir.path / "netdev-m0").value());
    REQUIRE(note);
    note->pid = ::getpid(); // as the first process of a container has every time
    REQUIRE(replace_file(dir.path / "netdev-m0", note->to_text()).ok());
    SECTION("by restore_leftovers") { REQUIRE(restore_leftovers(dir.path).value().size() == 1); }
    SECTION("by the next that takes it") {
        auto guard = NetdevGuard::take("m0", {.state_dir = dir.path});
        REQUIRE(guard.ok());
        REQUIRE(guard.value().release().ok());
    }
    CHECK(get_link("m0").value() == before);
    CHECK(fs::is_empty(dir.path));
}

TEST_CASE("what an instance of another file prefix changed before it died is put right first [L15]",
          "[L15]") {
    const TempDir root;
    Lab lab;
    const LinkEvent before = get_link("m0").value();
    crash_holding_m0(root.path / "one");
    {
        auto guard = NetdevGuard::take("m0", {.state_dir = root.path / "two", .state_root = root.path});
        REQUIRE(guard.ok());
        REQUIRE(guard.value().release().ok());
    }
    CHECK(get_link("m0").value() == before);
    CHECK(read_conf("m0", "ipv6/disable_ipv6") == "0");
    CHECK_FALSE(fs::exists(root.path / "one"));
}

TEST_CASE("locks that dead processes held are removed, those of living ones stay") {
    const TempDir notes;
    const TempDir states;
    Lab lab;
    const auto in = [](const fs::path& folder) {
        unsigned count = 0;
        if (!fs::exists(folder)) return count;
        for (const auto& entry : fs::directory_iterator(folder))
            count += entry.path().filename().string().starts_with("member-") ? 1 : 0;
        return count;
    };
    SECTION("of any namespace, in the folder that instances share") {
        const unsigned others = in(kLentNotes);
        crash_holding_m0(states.path);
        CHECK(in(kLentNotes) > others);
        lab.peer.run([&] { CHECK(forget_dead_claims() >= 1); });
        auto guard = NetdevGuard::take("m0", {.state_dir = states.path});
        REQUIRE(guard.ok());
        forget_dead_claims();
        CHECK_FALSE(NetdevGuard::take("m0", {}).ok()); // the lock of the living guard is still there
        REQUIRE(guard.value().release().ok());
    }
    SECTION("one by one") {
        auto living = CrashNote::hold(notes.path / "member-1-1");
        REQUIRE(living.ok());
        std::ofstream(notes.path / "member-1-2") << "";
        std::ofstream(notes.path / "member-9-3") << "";
        std::ofstream(notes.path / "0000:01:00.0") << "driver e1000e";
        CHECK(forget_dead_claims(notes.path) == 2);
        CHECK(fs::exists(notes.path / "member-1-1"));
        CHECK(fs::exists(notes.path / "0000:01:00.0"));
        CHECK(in(notes.path) == 1);
        CHECK(forget_dead_claims(notes.path / "nowhere") == 0);
    }
}

TEST_CASE("a note names no file but the settings that a guard changes", "[L9]") {
    Lab lab;
    auto text = NetdevState::of("m0").value().to_text();
    text += "sysctl ipv4/../../../../kernel/hostname owned\n";
    const auto state = NetdevState::parse(text);
    REQUIRE(state);
    for (const auto& [key, value] : state->sysctls) CHECK(key.find("..") == std::string::npos);
    CHECK(state->sysctls.size() == NetdevState::of("m0").value().sysctls.size());
}

TEST_CASE("leftovers of vanished netdevs are forgotten, those of other namespaces put right, those of this "
          "process kept") {
    const TempDir dir;
    Lab lab;
    CHECK(restore_leftovers(dir.path / "nowhere").value().empty());
    SECTION("vanished, and another has its name") {
        crash_holding_m0(dir.path);
        ip("link del m0");
        ip("link add m0 type veth peer name m0x");
        ip("link set m0 mtu 1234");
        auto lines = restore_leftovers(dir.path);
        CHECK(lines.value() == std::vector<std::string>{"m0 has gone; its saved state is forgotten"});
        CHECK(get_link("m0").value().mtu == 1234);
        CHECK(fs::is_empty(dir.path));
    }
    SECTION("another namespace") {
        const LinkEvent before = get_link("m0").value();
        crash_holding_m0(dir.path);
        lab.peer.run([&] { CHECK(restore_leftovers(dir.path).value().size() == 1); });
        CHECK(get_link("m0").value() == before);
        CHECK(read_conf("m0", "ipv6/disable_ipv6") == "0");
        CHECK(fs::is_empty(dir.path));
    }
    SECTION("moved since") {
        const Mac own = get_link("m0").value().mac;
        const PeerNetns there;
        const Inhabitant somebody(there);
        crash_holding_m0(dir.path);
        ip("link set m0 netns " + std::to_string(somebody.pid));
        CHECK(restore_leftovers(dir.path).value().size() == 1);
        there.run([&] { CHECK(get_link("m0").value().mac == own); });
        CHECK(fs::is_empty(dir.path));
    }
    SECTION("another namespace, which is not found") {
        const PeerNetns there;
        ip("link set m0 netns " + there.path());
        there.run([&] { crash_holding_m0(dir.path); });
        const auto lines = restore_leftovers(dir.path).value();
        REQUIRE(lines.size() == 1);
        INFO(lines[0]);
        CHECK(lines[0].starts_with("m0: the network namespace that it was in is not found from here"));
        CHECK(fs::exists(dir.path / "netdev-m0"));
    }
    SECTION("this process") {
        auto guard = NetdevGuard::take("m0", {.state_dir = dir.path});
        REQUIRE(guard.ok());
        CHECK(restore_leftovers(dir.path).value().empty());
        CHECK(get_link("m0").value().admin_up);
    }
    SECTION("not a state file") {
        std::ofstream(dir.path / "netdev-x") << "name x\n";
        CHECK(restore_leftovers(dir.path).value().size() == 1);
        CHECK(fs::is_empty(dir.path));
    }
}
