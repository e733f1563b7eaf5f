// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <filesystem>
#include <set>

#include <unistd.h>

#include "ports/machine.hpp"
#include "ports/waiting.hpp"

using namespace dpdkbond;
using std::chrono::seconds;

namespace {

MemberConfig member(const std::string& name, const std::string& device) {
    MemberConfig m;
    m.name = name;
    m.device = device;
    return m;
}

std::vector<std::string> names(const std::vector<MemberConfig>& members) {
    std::vector<std::string> out;
    for (const auto& m : members) out.push_back(m.name);
    return out;
}

struct World {
    WaitingMembers waiting;
    std::set<std::string> absent;
    std::vector<std::string> due(int at) {
        return names(waiting.due(Time{} + seconds(at), [&](const MemberConfig& m) {
            return absent.contains(m.name) ? "no such device: " + m.name : std::string();
        }));
    }
};

using List = std::vector<std::string>;

} // namespace

TEST_CASE("more memory than the machine has is refused before anything takes it", "[A16]") {
    RuntimeConfig runtime;
    runtime.memory_mb = 512;
    CHECK(missing_memory(runtime, 512).empty());
    CHECK(missing_memory(runtime, 511) ==
          "runtime.memory_mb: 512 MB are asked for, and this machine has 511");
    CHECK(machine_memory_mb() > 64);
}

TEST_CASE("a device is absent where the machine has none, with the reason in words", "[A1]") {
    const std::filesystem::path sys =
        std::filesystem::temp_directory_path() / ("dpdk-bond-waiting-" + std::to_string(::getpid()));
    std::filesystem::create_directories(sys / "bus/pci/devices/0000:01:00.0");
    CHECK(why_absent(member("a", "01:00.0"), sys).empty());
    CHECK(why_absent(member("a", "0000:01:00.0,mac=1"), sys).empty());
    CHECK(why_absent(member("a", "0000:01:00.1"), sys) ==
          "no such device: there is no PCI device 0000:01:00.1");
    std::filesystem::remove_all(sys);
    CHECK(why_absent(member("a", "net_af_packet0,iface=nosuch")) ==
          "no such device: there is no netdev nosuch in this namespace");
    CHECK(why_absent(member("a", "net_af_packet0,iface=lo")).empty());
    CHECK(why_absent(member("a", "net_tap0,iface=nosuch")).empty()); // DPDK makes it
    CHECK(why_absent(member("a", "net_null0")).empty());
}

TEST_CASE("what the machine lacks for a configuration, with the key", "[A1]") {
    Config config;
    config.runtime.control_lcore = 0;
    config.runtime.worker_lcores = {1023};
    BondConfig bond;
    bond.name = "lo"; // a netdev that every machine has, and no tap
    bond.members = {member("a", "net_af_packet0,iface=nosuch"), member("b", "net_null0")};
    config.bonds = {bond};
    const auto lacks = machine_lacks(config, {0, 1});
    REQUIRE(lacks.size() == 3);
    CHECK(
        lacks[0].text.starts_with("runtime.worker_lcores: there is no processor 1023 here; there are: 0, 1"));
    CHECK(lacks[0].stops);
    CHECK(lacks[1].text == "lo: there is a netdev of that name, so the logical interface cannot have it");
    CHECK(lacks[1].stops);
    CHECK(lacks[2].text == "lo: member a: no such device: there is no netdev nosuch in this namespace");
    CHECK_FALSE(lacks[2].stops);
    CHECK(machine_lacks(config, {0, 1}, &config).size() == 2); // the name is its own
    config.bonds[0].logical.backend = LogicalBackend::device;  // no netdev
    CHECK(machine_lacks(config, {0, 1}).size() == 2);
    config.bonds[0].members[1] = member("b", "net_nul0");
    CHECK(machine_lacks(config, {0, 1}).back().text ==
          "lo: member b: DPDK has no driver net_nul; did you mean net_null?");
    CHECK_FALSE(machine_lacks(config, {0, 1}).back().stops);
}

TEST_CASE("who is absent is due as soon as the device is there", "[A1]") {
    World w;
    w.waiting.add(member("m0", "net_x"), "no such device: m0", Time{});
    w.waiting.add(member("m1", "net_y"), "no such device: m1", Time{});
    w.absent = {"m0", "m1"};
    CHECK(w.due(0).empty());
    CHECK(w.due(1000).empty());
    w.absent = {"m0"};
    CHECK(w.due(1000) == List{"m1"});
    CHECK(w.waiting.remove("m1", Time{} + seconds(1001)));
    CHECK_FALSE(w.waiting.remove("m1", Time{} + seconds(1002)));
    CHECK(w.waiting.last_left() == Time{} + seconds(1001)); // since then the bond may be whole
    CHECK(names(w.waiting.configs()) == List{"m0"});
    CHECK(w.waiting.find("m0")->reason == "no such device: m0");
}

TEST_CASE("a device that is there and does not open is tried ever more seldom, and said once a reason",
          "[A1]") {
    World w;
    w.waiting.add(member("m0", "net_x"), "no such device: m0", Time{});
    CHECK(w.due(0) == List{"m0"});
    CHECK(w.waiting.failed("m0", "it does not open", Time{}));
    CHECK(w.due(0).empty());
    CHECK(w.due(1) == List{"m0"});
    CHECK_FALSE(w.waiting.failed("m0", "it does not open", Time{} + seconds(1)));
    CHECK(w.due(2).empty());
    CHECK(w.due(3) == List{"m0"});
    int tries = 0;
    for (int at = 4; at < 304; ++at)
        if (!w.due(at).empty()) {
            ++tries;
            w.waiting.failed("m0", "it does not open", Time{} + seconds(at));
        }
    CHECK(tries >= 10);
    CHECK(tries <= 16);
    CHECK(w.waiting.failed("m0", "another reason", Time{} + seconds(400)));
    w.absent = {"m0"}; // unplugged and plugged in again: at once
    CHECK(w.due(401).empty());
    w.absent.clear();
    CHECK(w.due(401) == List{"m0"});
}

TEST_CASE("a member waits once, with what was said last") {
    World w;
    w.waiting.add(member("m0", "net_x"), "a", Time{});
    w.waiting.add(member("m0", "net_y"), "b", Time{});
    REQUIRE(w.waiting.all().size() == 1);
    CHECK(w.waiting.all()[0].config.device == "net_y");
    CHECK(w.waiting.all()[0].reason == "b");
}

TEST_CASE("a member that waits keeps what it had, whatever it waits for", "[order]") {
    WaitingMembers waiting;
    LeftBehind had;
    had.counters.rx_packets = 7;
    had.link_failures = 2;
    waiting.add(member("m0", "net_af_packet0,iface=m0"), "gone", Time{}, had);
    waiting.add(member("m0", "net_af_packet0,iface=m0"), "it has an address", Time{});
    CHECK(waiting.find("m0")->reason == "it has an address");
    CHECK(waiting.find("m0")->had.counters.rx_packets == 7);
    waiting.clear_counters();
    CHECK(waiting.find("m0")->had.counters.rx_packets == 0);
    CHECK(waiting.find("m0")->had.link_failures == 2);
}
