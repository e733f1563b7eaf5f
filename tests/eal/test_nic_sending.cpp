// SPDX-License-Identifier: BSD-3-Clause
// Work left undone on its way to NICs whose hardware does it. The NICs are ring ports with a driver's
// rte_eth_tx_prepare() of the test's own.
#include <catch2/catch.hpp>
#include <rte_errno.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include <cstring>
#include <set>

#include "base/bytes.hpp"
#include "datapath/offload.hpp"
#include "datapath/tx_engine.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

// What the driver was asked, and which of these calls it refuses.
struct FakeDriver {
    unsigned asked = 0;
    std::set<unsigned> refuses;
    bool refuses_all = false;
};
FakeDriver g_driver;

std::uint16_t prepare(void*, rte_mbuf** frames, std::uint16_t n) {
    for (std::uint16_t i = 0; i < n; ++i) {
        CHECK((frames[i]->ol_flags & kUndone) != 0); // ordinary frames are no business of its
        if (g_driver.refuses_all || g_driver.refuses.contains(g_driver.asked++)) {
            rte_errno = EINVAL;
            return i;
        }
    }
    return n;
}

// Two members' ports have a driver that prepares.
class Prepares {
public:
    explicit Prepares(const Rig& rig) : rig_(rig) {
        g_driver = {};
        for (unsigned k = 0; k < 2; ++k) {
            before_[k] = rte_eth_fp_ops[rig.port(k)].tx_pkt_prepare;
            rte_eth_fp_ops[rig.port(k)].tx_pkt_prepare = prepare;
        }
    }
    ~Prepares() {
        for (unsigned k = 0; k < 2; ++k) rte_eth_fp_ops[rig_.port(k)].tx_pkt_prepare = before_[k];
    }
    Prepares(const Prepares&) = delete;
    Prepares& operator=(const Prepares&) = delete;

private:
    const Rig& rig_;
    eth_tx_prep_t before_[2];
};

// TCP over IPv4, its checksum undone; more than one segment: of 100 bytes each, 50 in each further buffer.
rte_mbuf* tcp_frame(std::uint32_t number, unsigned segments) {
    rte_mbuf* m = tcp_head(segments);
    auto* f = rte_pktmbuf_mtod(m, std::uint8_t*);
    store_be32(f + 26, 0x0a000001);
    store_be32(f + 30, 0x0a000002);
    store_be32(f + 60, number); // as number_of() reads it, in the payload
    for (unsigned i = 2; i < 2 * segments; ++i) add_buffer(m, 50, static_cast<std::uint8_t>(i));
    auto* const ip = rte_pktmbuf_mtod_offset(m, rte_ipv4_hdr*, 14);
    auto* const tcp = rte_pktmbuf_mtod_offset(m, rte_tcp_hdr*, 34);
    tcp->cksum = rte_ipv4_phdr_cksum(ip, 0);
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    if (segments == 1) {
        REQUIRE(leave_checksum(m, 34, 16));
    } else {
        REQUIRE(describe_super(m, 34, true));
        m->tso_segsz = 100;
    }
    return m;
}

// A whole frame has right checksums.
bool is_finished(rte_mbuf* m) {
    if (m->nb_segs != 1 || (m->ol_flags & kUndone) != 0) return false;
    const auto* const ip = rte_pktmbuf_mtod_offset(m, const rte_ipv4_hdr*, 14);
    std::uint32_t sum = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, const void*, 34), m->pkt_len - 34);
    sum += rte_ipv4_phdr_cksum(ip, 0);
    sum = (sum & 0xffffU) + (sum >> 16U);
    return rte_raw_cksum(ip, 20) == 0xffff && sum == 0xffff;
}

struct Sent {
    unsigned finished = 0, undone = 0, super = 0;
    bool operator==(const Sent&) const = default;
};

Sent take_sent(std::uint16_t port, Numbers* order = nullptr) {
    Sent sent;
    for (rte_mbuf* m : take(port)) {
        if (is_super(m)) {
            ++sent.super;
            const auto* const ip = rte_pktmbuf_mtod_offset(m, const rte_ipv4_hdr*, 14);
            CHECK(ip->hdr_checksum == 0);
            CHECK(rte_pktmbuf_mtod_offset(m, const rte_tcp_hdr*, 34)->cksum ==
                  rte_ipv4_phdr_cksum(ip, RTE_MBUF_F_TX_TCP_SEG));
        } else if ((m->ol_flags & kUndone) != 0) {
            ++sent.undone;
        } else {
            if (rte_pktmbuf_mtod_offset(m, const rte_ipv4_hdr*, 14)->next_proto_id == 6)
                CHECK(is_finished(m));
            ++sent.finished;
        }
        if (order != nullptr && load_be32(rte_pktmbuf_mtod_offset(m, std::uint8_t*, 38)) == 0)
            order->push_back(number_of(m)); // a first segment
        rte_pktmbuf_free(m);
    }
    return sent;
}

// A lane below a tap, whose snapshot the test may change.
struct NicRig {
    explicit NicRig(Mode mode = Mode::active_backup, Offloads logical = Offloads::all, unsigned workers = 1)
        : rig(mode, 2), slot(&rig.snapshot),
          lane(workers - 1, workers, slot,
               LogicalQueue{.port = World::get().logical->id(), .offloads = logical, .rx_queues = 1}),
          prepares(rig) {}

    void member(unsigned k, Offloads offloads, NicLimits limits = {}) {
        rig.snapshot.member[k].offloads = offloads;
        rig.snapshot.nic[k] = limits;
    }
    void send(Frames burst) {
        rig.snapshot.tx_burst(lane, rig.snapshot, burst.data(), static_cast<std::uint16_t>(burst.size()));
    }
    [[nodiscard]] const MemberLaneCounters& counters(unsigned k) const { return lane.counters.member[k]; }

    Rig rig;
    std::atomic<const Snapshot*> slot;
    Lane lane;
    Prepares prepares;
};

} // namespace

TEST_CASE("a NIC gets undone frames as they are, in order, and each counts as one") {
    const NothingLost check;
    // Two workers: they share the queue that there is.
    for (const auto& [logical, workers] :
         {std::pair{Offloads::tcp, 1U}, {Offloads::all, 1U}, {Offloads::all, 2U}}) {
        NicRig nic(Mode::active_backup, logical, workers);
        nic.member(0, Offloads::nic_tcp);
        nic.send({tcp_frame(1, 1), tcp_frame(2, 10), frame(3), tcp_frame(4, 3), tcp_frame(5, 1)});
        CHECK(g_driver.asked == 4); // not for the one that is finished
        Numbers order;
        CHECK(take_sent(nic.rig.port(0), &order).super == 2);
        CHECK(order == Numbers{1, 2, 4, 5});
        CHECK(nic.counters(0).tx.get() == 5);
        CHECK(nic.counters(0).cut.get() == 0);
    }
}

TEST_CASE("what the NIC, its driver or its limits refuse is done in software and not lost") {
    const NothingLost check;
    NicRig nic;
    SECTION("checksums alone") {
        nic.member(0, Offloads::nic_checksum);
        nic.send({tcp_frame(1, 1), tcp_frame(2, 10)});
        CHECK(take_sent(nic.rig.port(0)) == Sent{.finished = 10, .undone = 1});
        CHECK(nic.counters(0).cut.get() == 1);
    }
    SECTION("too many buffers") {
        nic.member(0, Offloads::nic_tcp, {.buffers = 18});
        nic.send({tcp_frame(1, 10), tcp_frame(2, 9)});
        CHECK(take_sent(nic.rig.port(0)) == Sent{.finished = 10, .super = 1});
        CHECK(nic.counters(0).cut.get() == 1);
    }
    SECTION("the driver refuses some") {
        nic.member(0, Offloads::nic_tcp);
        g_driver.refuses = {0, 2};
        nic.send({tcp_frame(1, 10), tcp_frame(2, 9), tcp_frame(3, 1), tcp_frame(4, 1)});
        Numbers order;
        CHECK(take_sent(nic.rig.port(0), &order) == Sent{.finished = 11, .undone = 1, .super = 1});
        CHECK(order == Numbers{1, 2, 3, 4});
        CHECK(nic.counters(0).cut.get() == 1);
    }
    SECTION("the driver refuses all") {
        nic.member(0, Offloads::nic_tcp);
        g_driver.refuses_all = true;
        nic.send({tcp_frame(1, 33), tcp_frame(2, 1), tcp_frame(3, 2)});
        CHECK(take_sent(nic.rig.port(0)) == Sent{.finished = 36});
        CHECK(nic.counters(0).cut.get() == 2);
    }
    CHECK(nic.counters(0).tx.get() <= 4);
    for (const Counter& dropped : nic.counters(0).drops) CHECK(dropped.get() == 0);
}

TEST_CASE("members of one bond do as much as each of them can, frame by frame") {
    const NothingLost check;
    NicRig nic(Mode::balance_rr);
    nic.member(0, Offloads::nic_tcp);
    nic.member(1, Offloads::none);
    nic.send({tcp_frame(1, 4), tcp_frame(2, 4), tcp_frame(3, 1), tcp_frame(4, 1)});
    CHECK(take_sent(nic.rig.port(0)) == Sent{.undone = 1, .super = 1});
    CHECK(take_sent(nic.rig.port(1)) == Sent{.finished = 5});
    CHECK(g_driver.asked == 2);
}

TEST_CASE("a frame that leaves by every member is right at each, whatever each does itself") {
    const NothingLost check;
    for (const auto& [first, second] : {std::pair{Offloads::nic_tcp, Offloads::all},
                                        {Offloads::all, Offloads::nic_tcp},
                                        {Offloads::nic_tcp, Offloads::none},
                                        {Offloads::all, Offloads::none},
                                        {Offloads::nic_tcp, Offloads::nic_checksum},
                                        {Offloads::all, Offloads::all}}) {
        NicRig nic(Mode::broadcast);
        nic.member(0, first);
        nic.member(1, second);
        rte_mbuf* const super = tcp_frame(1, 4);
        const std::uint16_t undone_sum = rte_pktmbuf_mtod_offset(super, rte_tcp_hdr*, 34)->cksum;
        nic.send({super, tcp_frame(2, 1)});
        const bool both_take_all = first == second;
        for (unsigned k = 0; k < 2; ++k) {
            unsigned finished = 0, undone = 0;
            for (rte_mbuf* m : take(nic.rig.port(k))) {
                if (is_super(m)) { // … of a port that takes it as it was
                    CHECK((k == 0 ? first : second) == Offloads::all);
                    CHECK(rte_pktmbuf_mtod_offset(m, rte_tcp_hdr*, 34)->cksum == undone_sum);
                    CHECK(rte_pktmbuf_mtod_offset(m, rte_ipv4_hdr*, 14)->hdr_checksum != 0);
                } else {
                    ++((m->ol_flags & kUndone) != 0 ? undone : finished);
                    if ((m->ol_flags & kUndone) == 0) CHECK(is_finished(m));
                }
                rte_pktmbuf_free(m);
            }
            CHECK(undone == (both_take_all ? 1 : 0));
            CHECK(finished == ((k == 0 ? first : second) == Offloads::all ? (both_take_all ? 0 : 1) : 5));
        }
    }
}
