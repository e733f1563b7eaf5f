// SPDX-License-Identifier: BSD-3-Clause
// What systemd would hear, heard on a socket of the test's own.
#include <catch2/catch.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>
#include <utility>

#include "host/service_manager.hpp"
#include "temp_dir.hpp"

using namespace dpdkbond;

namespace {

class ServiceManagerSocket {
public:
    ServiceManagerSocket() {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::strncpy(at.sun_path, (dir_.path / "notify").c_str(), sizeof at.sun_path - 1);
        fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
        setenv("NOTIFY_SOCKET", at.sun_path, 1);
        setenv("WATCHDOG_USEC", "20000", 1);
        setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
    }
    ~ServiceManagerSocket() {
        for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
        close(fd_);
    }
    std::string next(int timeout_ms) { // empty: nothing came
        pollfd waiting{fd_, POLLIN, 0};
        if (poll(&waiting, 1, timeout_ms) <= 0) return "";
        char text[256];
        const auto size = recv(fd_, text, sizeof text, 0);
        return {text, static_cast<std::size_t>(size > 0 ? size : 0)};
    }

private:
    testing::TempDir dir_;
    int fd_ = -1;
};

} // namespace

TEST_CASE("systemd is told that the program runs, that control answers, and that it stops", "[service]") {
    ServiceManagerSocket systemd;
    ServiceManager service;
    std::atomic<int> usable{2};
    service.start({[] {}, [&] { return std::to_string(usable) + " of 2"; }});
    CHECK(systemd.next(5000) == "READY=1\nSTATUS=2 of 2");
    std::string said = systemd.next(5000);
    CHECK(said.starts_with("WATCHDOG=1"));
    usable = 1;
    for (int i = 0; i < 1000 && said != "WATCHDOG=1\nSTATUS=1 of 2"; ++i) said = systemd.next(5000);
    CHECK(said == "WATCHDOG=1\nSTATUS=1 of 2");
    CHECK(systemd.next(5000) == "WATCHDOG=1"); // what has not changed is not said again
    service.stop();
    while (said.starts_with("WATCHDOG=1")) said = systemd.next(5000);
    CHECK(said == "STOPPING=1\nSTATUS=putting devices back");
}

TEST_CASE("systemd hears nothing while control does not answer", "[service]") {
    ServiceManagerSocket systemd;
    ServiceManager service;
    std::promise<void> answer;
    std::promise<void> asked;
    bool once = false;
    service.start({[&] {
                       if (std::exchange(once, true)) return;
                       asked.set_value();
                       answer.get_future().wait();
                   },
                   [] { return std::string("bond0 up"); }});
    CHECK(systemd.next(5000) == "READY=1\nSTATUS=bond0 up");
    asked.get_future().wait();
    CHECK(systemd.next(100).empty());
    answer.set_value();
    CHECK(systemd.next(5000).starts_with("WATCHDOG=1"));
}

TEST_CASE("without a service manager nothing is called", "[service]") {
    ServiceManager service;
    service.start({[] { FAIL("asked"); }, [] { return std::string(); }});
    service.stop();
}

TEST_CASE("systemd waits for a start in the same process longer than its watchdog says", "[service]") {
    ServiceManagerSocket systemd;
    ServiceManager before, after;
    before.start({[] {}, [] { return std::string("up"); }});
    before.leave_out();
    before.stop();
    std::string said;
    do said = systemd.next(5000);
    while (said.starts_with("READY=1") || said.starts_with("WATCHDOG=1"));
    CHECK(said == "WATCHDOG_USEC=90000000\nSTATUS=starting again");
    after.start({[] {}, [] { return std::string("up"); }});
    CHECK(systemd.next(5000) == "READY=1\nSTATUS=up\nWATCHDOG_USEC=20000");
    after.stop();
}
