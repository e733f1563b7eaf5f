// SPDX-License-Identifier: BSD-3-Clause
// What an application sleeps on. Descriptors of a socket pair stand for those of a member's queue; the
// sleeper waits for edges, as rte_epoll_wait() does for receive queues.
#include <catch2/catch.hpp>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "embed/rx_wake.hpp"

using namespace dpdkbond;

namespace {

class Wire {
public:
    Wire() {
        int ends[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        here = Fd(ends[0]);
        there_ = Fd(ends[1]);
    }
    void put() { REQUIRE(write(there_.get(), "x", 1) == 1); }
    void take() {
        char all[64];
        REQUIRE(read(here.get(), all, sizeof all) > 0);
    }
    Fd here;

private:
    Fd there_;
};

class Sleeper {
public:
    explicit Sleeper(const RxWake& wake) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
        epoll_event e{};
        e.events = EPOLLIN | EPOLLET;
        REQUIRE(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake.fd(), &e) == 0);
    }
    [[nodiscard]] bool wakes() {
        epoll_event e;
        return epoll_wait(epoll_.get(), &e, 1, 0) == 1;
    }

private:
    Fd epoll_;
};

RxSource socket_of(const Wire& wire, bool exact = true) {
    return {RxSource::Kind::sockets, {wire.here.get()}, exact};
}

void arm(RxWake& wake, bool parked = false) {
    wake.arm([&] { return parked; });
}

} // namespace

TEST_CASE("a sleeper is woken once by what comes, and by what he has left there when he sleeps again") {
    RxWake wake;
    Wire wire;
    wake.add(3, 0, socket_of(wire));
    Sleeper sleeper(wake);
    wake.disarm();
    arm(wake);
    CHECK_FALSE(sleeper.wakes());
    for (int round = 0; round < 3; ++round) {
        wire.put();
        CHECK(sleeper.wakes());
        CHECK_FALSE(sleeper.wakes());
        wake.disarm();
        arm(wake); // it has not looked
        CHECK(sleeper.wakes());
        wake.disarm();
        wire.take();
        arm(wake);
        CHECK_FALSE(sleeper.wakes());
    }
}

TEST_CASE("what came while he was awake and what he has read does not wake him") {
    RxWake wake;
    Wire wire;
    wake.add(3, 0, socket_of(wire));
    Sleeper sleeper(wake);
    wake.disarm();
    wire.put();
    wire.take();
    arm(wake);
    CHECK_FALSE(sleeper.wakes());
}

TEST_CASE("control's bell wakes him, and frames that it has kept do when he goes to sleep") {
    RxWake wake;
    Sleeper sleeper(wake);
    arm(wake);
    CHECK_FALSE(sleeper.wakes());
    wake.ring();
    CHECK(sleeper.wakes());
    wake.disarm();
    arm(wake);
    CHECK_FALSE(sleeper.wakes());
    wake.disarm();
    arm(wake, true);
    CHECK(sleeper.wakes());
}

TEST_CASE("a socket that may be another queue's wakes by what comes, and not by what lies there") {
    RxWake wake;
    Wire wire;
    wake.add(3, 0, socket_of(wire, false));
    Sleeper sleeper(wake);
    wake.disarm();
    arm(wake);
    wire.put();
    CHECK(sleeper.wakes());
    wake.disarm();
    arm(wake);
    CHECK_FALSE(sleeper.wakes());
    wire.put();
    CHECK(sleeper.wakes());
}

TEST_CASE("members come and go while he sleeps") {
    RxWake wake;
    Wire first, second;
    wake.add(3, 0, socket_of(first));
    Sleeper sleeper(wake);
    wake.disarm();
    arm(wake);
    second.put();
    CHECK_FALSE(sleeper.wakes());
    wake.add(4, 0, socket_of(second)); // something lies there already
    CHECK(sleeper.wakes());
    wake.disarm();
    second.take();
    wake.remove(3);
    CHECK(sleeper.wakes()); // what control has kept of it may be there
    wake.disarm();
    arm(wake);
    first.put();
    CHECK_FALSE(sleeper.wakes());
    second.put();
    CHECK(sleeper.wakes());
}

TEST_CASE("while he sleeps somebody has to look after a member that tells nothing") {
    RxWake wake;
    Wire wire;
    wake.add(3, 0, socket_of(wire));
    arm(wake);
    CHECK_FALSE(wake.needs_looks());
    wake.add(4, 0, {});
    CHECK(wake.needs_looks());
    wake.disarm();
    CHECK_FALSE(wake.needs_looks());
    arm(wake);
    wake.remove(4);
    CHECK_FALSE(wake.needs_looks());
}

TEST_CASE("a socket of a member that cannot be waited on counts as one that tells nothing") {
    RxWake wake;
    wake.add(3, 0, {RxSource::Kind::sockets, {-1}, true});
    arm(wake);
    CHECK(wake.needs_looks());
}
