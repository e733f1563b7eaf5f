// SPDX-License-Identifier: BSD-3-Clause
// The logical interface as a netdev of the kernel: how many queues a tap has, and what serves where vhost-net
// does not.
#include <catch2/catch.hpp>

#include <rte_ethdev.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "namespace.hpp"
#include "ports/logical_port.hpp"

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
