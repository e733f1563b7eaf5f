// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <rte_malloc.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "capture/capture.hpp"
#include "capture/port_tap.hpp"
#include "datapath/rx_engine.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

struct Seen {
    Numbers in, out;
};

// What a capture would write; frames of the rig carry their number in the last four bytes.
Seen take_copies(TapRings& rings) {
    Seen seen;
    RecordRing& ring = *rings.of_lcore[rte_lcore_id()];
    std::uint64_t before = 0;
    for (auto record = ring.front(); !record.empty(); ring.pop(), record = ring.front()) {
        TappedFrame head;
        std::memcpy(&head, record.data(), sizeof head);
        CHECK(head.time_ns >= before);
        before = head.time_ns;
        CHECK(record.size() == sizeof head + head.length);
        std::uint32_t number = 0;
        std::memcpy(&number, record.data() + record.size() - sizeof number, sizeof number);
        (head.outbound ? seen.out : seen.in).push_back(__builtin_bswap32(number));
    }
    return seen;
}

// Pieces of memory that are taken from DPDK's heap.
unsigned allocated_by_dpdk() {
    rte_malloc_socket_stats stats{};
    REQUIRE(rte_malloc_get_socket_stats(static_cast<int>(rte_socket_id()), &stats) == 0);
    return stats.alloc_count;
}

Numbers from_to(std::uint32_t first, std::uint32_t end) {
    Numbers n;
    while (first < end) n.push_back(first++);
    return n;
}

} // namespace

TEST_CASE("a tap copies what its port receives and sends, and nothing once it is off") {
    const NothingLost check;
    Rig rig(Mode::active_backup, 2);
    TapRings rings(1U << 20U);
    PortTap tap(rig.port(0), 0, rings);
    REQUIRE(tap.attach());
    rig.send(frames(0, 20));
    CHECK(take_copies(rings).out == from_to(0, 20));
    CHECK(receive(rig.lane, rig.snapshot) == 20); // a ring port receives what it is sent
    CHECK(take_copies(rings).in == from_to(0, 20));
    CHECK(take_numbers(World::get().logical->id()) == from_to(0, 20));
    CHECK(tap.copied() == 40);
    tap.detach();
    rig.send(frames(0, 20));
    CHECK(take_copies(rings).out.empty());
    CHECK(tap.copied() == 40);
    CHECK(tap.lost() == 0);
}

TEST_CASE("frames that a queue refuses and is offered again are copied once") {
    const NothingLost check;
    Rig rig(Mode::active_backup, 2);
    const unsigned room = fill_up(rig.port(0));
    TapRings rings(1U << 20U);
    PortTap tap(rig.port(0), 0, rings);
    REQUIRE(tap.attach());
    rig.send(frames(0, 20));
    CHECK(rig.dropped(0, DropReason::member_full) == 20);
    CHECK(take_copies(rings).out == from_to(0, 20));
    tap.detach();
    CHECK(take_numbers(rig.port(0)).size() == room);
}

TEST_CASE("what a full ring does not take is counted, the frame goes its way") {
    const NothingLost check;
    Rig rig(Mode::active_backup, 2);
    TapRings rings(1024);
    PortTap tap(rig.port(0), 0, rings);
    REQUIRE(tap.attach());
    rig.send(frames(0, 30));
    tap.detach();
    CHECK(tap.copied() + tap.lost() == 30);
    CHECK(tap.lost() > 0);
    CHECK(take_copies(rings).out == from_to(0, static_cast<std::uint32_t>(tap.copied())));
    CHECK(rig.sent(0) == 30);
}

TEST_CASE("a frame in several segments is copied whole") {
    const NothingLost check;
    Rig rig(Mode::active_backup, 2);
    TapRings rings(1U << 20U);
    PortTap tap(rig.port(0), 0, rings);
    REQUIRE(tap.attach());
    rte_mbuf* first = frame(1);
    rte_mbuf* second = frame(2);
    REQUIRE(rte_pktmbuf_chain(first, second) == 0);
    rig.send({first});
    tap.detach();
    const auto record = rings.of_lcore[rte_lcore_id()]->front();
    REQUIRE(record.size() == sizeof(TappedFrame) + 128);
    CHECK(take_copies(rings).out == Numbers{2});
}

TEST_CASE("a capture whose file takes nothing any more is given up, and no worker copies for it [L11]",
          "[L11]") {
    const NothingLost check;
    Rig rig(Mode::active_backup, 2);
    const unsigned allocated = allocated_by_dpdk();
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    Fd reader(ends[0]);
    const std::string path = "/proc/self/fd/" + std::to_string(ends[1]);
    const Fd filler(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    CapturePlan plan;
    plan.bond = "bond0";
    plan.members = {{"m0", "", rig.port(0), {}}};
    plan.length = std::chrono::hours(1);
    std::atomic<unsigned> graces{0};
    plan.grace = [&graces] { return ++graces != 0; };
    auto prepared = Capture::prepare(std::move(plan), Fd(ends[1])); // its writes wait for room
    REQUIRE(prepared.ok());
    Capture& capture = *prepared.value();
    std::vector<char> page(4096);
    while (::write(filler.get(), page.data(), page.size()) > 0) {
    }
    REQUIRE(capture.start().ok());
    rig.send(frames(0, 20));
    capture.stop(std::chrono::milliseconds(50)); // returns
    CHECK_FALSE(capture.running());
    CHECK(graces == 1);
    CHECK(allocated_by_dpdk() == allocated); // its thread may end after DPDK
    CHECK(capture.text().find("its file takes no more data") != std::string::npos);
    rig.send(frames(0, 20)); // nothing copies it
    CHECK(take_numbers(rig.port(0)).size() == 40);
    reader = Fd(); // the write fails, and its thread ends
    capture.stop();
    CHECK(graces == 1);
}
