// SPDX-License-Identifier: BSD-3-Clause
// The logical interface as a netdev of the kernel: how many queues a tap has, and what serves where vhost-net
// does not.
#include <catch2/catch.hpp>

#include <rte_ethdev.h>
#include <rte_log.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "dpdk/eal.hpp"
#include "dpdk/rcu.hpp"
#include "drivers/registry.hpp"
#include "engine/bond_core.hpp"
#include "engine/control.hpp"
#include "namespace.hpp"
#include "ports/logical_port.hpp"
#include "ports/logical_watch.hpp"
#include "ports/member_port.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace fs = std::filesystem;

namespace {

Result<std::unique_ptr<LogicalPort>> open(LogicalBackend backend, unsigned queues,
                                          std::vector<std::string>& warnings) {
    LogicalConfig config;
    config.backend = backend;
    config.queues = queues;
    return LogicalPort::open("log0", config, Mac::parse("02:bd:00:00:00:07"), frame_pool(), false, warnings);
}

// A thread whose /dev has a vhost-net that opens and then serves nobody; false: there cannot be one here.
bool with_useless_vhost(const std::function<void()>& what) {
    bool there = false;
    std::thread([&] {
        const fs::path dev = fs::temp_directory_path() / ("dev-" + std::to_string(::getpid()));
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            return;
        fs::create_directories(dev);
        there = ::mount("none", dev.c_str(), "tmpfs", 0, nullptr) == 0 &&
                fs::create_directories(dev / "net") &&
                ::mknod((dev / "null").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0 &&
                ::mknod((dev / "vhost-net").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0 &&
                ::mknod((dev / "net/tun").c_str(), S_IFCHR | 0600, makedev(10, 200)) == 0 &&
                ::mount(dev.c_str(), "/dev", nullptr, MS_BIND, nullptr) == 0;
        if (there) what();
        ::umount2("/dev", MNT_DETACH);
        ::umount2(dev.c_str(), MNT_DETACH);
        fs::remove(dev);
    }).join();
    return there;
}

} // namespace

TEST_CASE("sockets of DPDK's packet driver always have room in their send buffers [M4]", "[M4]") {
    const Veth cable;
    MemberConfig config;
    config.name = "m0";
    config.device = "net_af_packet_m4,iface=a0,pmd=1";
    MemberSetup setup;
    setup.pool = frame_pool();
    std::vector<std::string> warnings;
    auto member = MemberPort::open(config, std::move(setup), warnings);
    INFO((member ? "" : member.error()));
    REQUIRE(member.ok());
    REQUIRE(member.value()->port->driver() == "net_af_packet");
    REQUIRE_FALSE(member.value()->sockets.empty());
    for (const int socket : member.value()->sockets) {
        int bytes = 0;
        socklen_t size = sizeof bytes;
        REQUIRE(::getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, &size) == 0);
        CHECK(bytes >= 1 << 29); // a ring has some 2 MB
    }
}

TEST_CASE("DPDK's log lines come by our log, none by a stream that may block [M12]", "[M12]") {
    dpdk_log().clear();
    rte_log(RTE_LOG_ERR, RTE_LOGTYPE_USER1, "first\nsecond %d\n", 2);
    REQUIRE(dpdk_log().size() == 2);
    CHECK(dpdk_log()[0].ends_with("first"));
    CHECK(dpdk_log()[1] == "second 2");
}

TEST_CASE("an instance that started without NICs can be given some later [M6]", "[M6]") {
    const auto with = [](std::vector<std::string> nics) {
        EalOptions o;
        o.pci_allow = std::move(nics);
        return Eal::arguments(o);
    };
    const auto has = [](const std::vector<std::string>& args, const char* arg) {
        return std::ranges::find(args, arg) != args.end();
    };
    CHECK_FALSE(has(with({}), "--no-pci")); // the PCI bus could not be had any more
    CHECK(has(with({}), "-a"));             // and without a list all NICs would be taken
    CHECK(has(with({"0000:01:00.0"}), "0000:01:00.0"));
}

TEST_CASE("a tap has as many queues as it is asked for", "[logical]") {
    for (const unsigned queues : {1U, 8U, 16U}) {
        std::vector<std::string> warnings;
        auto logical = open(LogicalBackend::tap, queues, warnings);
        INFO((logical ? "" : logical.error()));
        REQUIRE(logical.ok());
        CHECK(logical.value()->port().rx_queues() == queues);
        CHECK(logical.value()->port().tx_queues() == queues);
        CHECK(warnings.empty());
        CHECK(command("ip link show log0 up"));
    }
    CHECK_FALSE(command("ip link show log0"));
}

TEST_CASE("a tap serves where vhost-net is there and does not, unless virtio-user was asked for [L24]",
          "[logical][L24]") {
    const bool possible = with_useless_vhost([] {
        std::vector<std::string> warnings;
        CHECK_FALSE(open(LogicalBackend::virtio_user, 1, warnings).ok());
        CHECK(warnings.empty());
        auto logical = open(LogicalBackend::automatic, 1, warnings);
        INFO((logical ? "" : logical.error()));
        REQUIRE(logical.ok());
        CHECK(logical.value()->backend() == "tap");
        REQUIRE(warnings.size() == 1);
        CHECK(warnings[0].find("a tap serves instead of vhost-net") != std::string::npos);
        CHECK(command("ip link show log0 up"));
    });
    if (!possible) WARN("no mount namespace with devices here: nothing was tested");
}

TEST_CASE("a MAC that somebody gives the logical interface before it is watched does not stay", "[logical]") {
    const Mac own = *Mac::parse("02:bd:00:00:00:07");
    std::vector<std::string> warnings;
    auto logical = open(LogicalBackend::tap, 1, warnings);
    INFO((logical ? "" : logical.error()));
    REQUIRE(logical.ok());
    Rcu rcu(1);
    Control control(Idle::busy, frame_pool());
    BondCore core("log0", *find_mode(Mode::active_backup), BondOptions{}, own, 1500, rcu, 1, "0");
    control.set_bond(0, &core);
    REQUIRE(command("ip link set log0 address 02:00:00:00:00:99")); // as udev by MACAddressPolicy
    LogicalWatch watch(control);
    watch.watch(0, *logical.value(), 1500, 1500);
    const auto link = get_link("log0");
    REQUIRE(link.ok());
    CHECK(link.value().mac == own);
    CHECK(core.bond.mac() == own);

    watch.handle(link.value());
    watch.settle();
    CHECK(core.bond.mac() == own);
    REQUIRE(command("ip link set log0 address 02:00:00:00:00:99")); // by an operator, while it is watched
    watch.reread();
    watch.settle();
    CHECK(core.bond.mac() == get_link("log0").value().mac);
    CHECK(core.bond.mac() == *Mac::parse("02:00:00:00:00:99"));
    watch.forget(0);
    control.set_bond(0, nullptr);
}
