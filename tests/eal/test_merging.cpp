// SPDX-License-Identifier: BSD-3-Clause
// Segments of TCP on their way to a kernel that takes super-frames: merged, put in order, never lost.
#include <catch2/catch.hpp>
#include <rte_ip.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "base/bytes.hpp"
#include "datapath/merger.hpp"
#include "datapath/offload.hpp"
#include "datapath/rx_engine.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

constexpr std::uint64_t kMs = 1'000'000; // cycles; of a clock of a nanosecond

struct Segment {
    std::uint32_t seq = 1000;
    std::uint16_t payload = 100;
    std::uint8_t flags = 0x10; // ACK
    std::uint16_t flow = 0;
    bool v6 = false;
    std::uint16_t tag = 0;
    std::uint32_t ack = 77;
    std::uint16_t window = 500;
    std::uint32_t timestamp = 5;
    std::uint8_t tos = 0;
    std::uint8_t ttl = 64;
    std::uint16_t id = 0;    // 0: none, don't fragment
    std::uint8_t source = 1; // last byte of the source's MAC
    std::uint16_t urgent = 0;
};

using Octets = std::vector<std::uint8_t>;

std::uint16_t checksum(const Octets& bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) sum += std::uint64_t{bytes[i]} << (i % 2 == 0 ? 8U : 0U);
    while (sum >> 16U != 0) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

void put16(Octets& to, std::size_t at, std::uint16_t v) { store_be16(&to[at], v); }

Octets bytes_of(const Segment& s) {
    Octets f{2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, s.source};
    if (s.tag != 0)
        f.insert(f.end(),
                 {0x81, 0, static_cast<std::uint8_t>(s.tag >> 8U), static_cast<std::uint8_t>(s.tag)});
    constexpr std::uint16_t l4 = 32; // timestamps
    const std::size_t type = f.size();
    f.resize(type + 2);
    put16(f, type, s.v6 ? 0x86dd : 0x0800);
    const std::size_t ip = f.size();
    const std::size_t l3 = s.v6 ? 40 : 20;
    f.resize(ip + l3 + l4 + s.payload);
    Octets pseudo;
    if (s.v6) {
        f[ip] = 0x60;
        f[ip + 1] = static_cast<std::uint8_t>(s.tos << 4U);
        put16(f, ip + 4, static_cast<std::uint16_t>(l4 + s.payload));
        f[ip + 6] = 6;
        f[ip + 7] = s.ttl;
        f[ip + 8] = f[ip + 24] = 0xfd;
        put16(f, ip + 22, 1);
        put16(f, ip + 38, 2);
        pseudo.assign(&f[ip + 8], &f[ip + 40]);
    } else {
        f[ip] = 0x45;
        f[ip + 1] = s.tos;
        put16(f, ip + 2, static_cast<std::uint16_t>(l3 + l4 + s.payload));
        put16(f, ip + 4, s.id);
        f[ip + 6] = s.id == 0 ? 0x40 : 0;
        f[ip + 8] = s.ttl;
        f[ip + 9] = 6;
        store_be32(&f[ip + 12], 0x0a000001);
        store_be32(&f[ip + 16], 0x0a000002);
        put16(f, ip + 10, checksum({&f[ip], &f[ip + 20]}));
        pseudo.assign(&f[ip + 12], &f[ip + 20]);
    }
    const std::size_t tcp = ip + l3;
    put16(f, tcp, static_cast<std::uint16_t>(1000 + s.flow));
    put16(f, tcp + 2, 5001);
    store_be32(&f[tcp + 4], s.seq);
    store_be32(&f[tcp + 8], s.ack);
    f[tcp + 12] = l4 / 4 << 4U;
    f[tcp + 13] = s.flags;
    put16(f, tcp + 14, s.window);
    put16(f, tcp + 18, s.urgent);
    const std::uint8_t options[] = {1, 1, 8, 10};
    std::memcpy(&f[tcp + 20], options, sizeof options);
    store_be32(&f[tcp + 24], s.timestamp);
    for (std::uint16_t i = 0; i < s.payload; ++i)
        f[tcp + l4 + i] = static_cast<std::uint8_t>((s.seq + i) * 7U + ((s.seq + i) >> 8U) + s.flow);
    pseudo.insert(pseudo.end(), {0, 6, 0, 0});
    put16(pseudo, pseudo.size() - 2, static_cast<std::uint16_t>(l4 + s.payload));
    if (pseudo.size() % 2 != 0) FAIL();
    pseudo.insert(pseudo.end(), f.begin() + static_cast<std::ptrdiff_t>(tcp), f.end());
    put16(f, tcp + 16, checksum(pseudo));
    return f;
}

// Less the source's MAC, which is the first one's in a merged frame, and IPv4's id, which means nothing where
// a frame may not become fragments.
Octets less_what_may_change(Octets f) {
    std::fill_n(&f[6], 6, 0);
    const std::size_t ip = f[12] == 0x81 ? 18 : 14;
    if (f[ip] != 0x45) return f;
    std::fill_n(&f[ip + 4], 2, 0);
    std::fill_n(&f[ip + 10], 2, 0);
    return f;
}

rte_mbuf* mbuf_of(const Octets& bytes) {
    rte_mbuf* m = rte_pktmbuf_alloc(World::get().pool);
    REQUIRE(m != nullptr);
    char* to = rte_pktmbuf_append(m, static_cast<std::uint16_t>(bytes.size()));
    REQUIRE(to != nullptr);
    std::memcpy(to, bytes.data(), bytes.size());
    return m;
}
rte_mbuf* mbuf_of(const Segment& s) { return mbuf_of(bytes_of(s)); }

Octets octets_of(const rte_mbuf* m) {
    Octets all;
    for (const rte_mbuf* part = m; part != nullptr; part = part->next) {
        const auto* bytes = rte_pktmbuf_mtod(part, const std::uint8_t*);
        all.insert(all.end(), bytes, bytes + part->data_len);
    }
    CHECK(all.size() == m->pkt_len);
    return all;
}

// The frames that one that went up stands for.
std::vector<Octets> apart(const rte_mbuf* m) {
    if (!is_super(m)) return {octets_of(m)};
    std::vector<Octets> all;
    CHECK(cut(m, [&](rte_mbuf** pieces, std::uint16_t n) {
              for (std::uint16_t i = 0; i < n; ++i) all.push_back(octets_of(pieces[i]));
              rte_pktmbuf_free_bulk(pieces, n);
              return true;
          }) == CutResult::all);
    return all;
}

struct Merging {
    NothingLost lost;
    Rig rig{Mode::balance_rr, 2};
    std::unique_ptr<Merger> merger = std::make_unique<Merger>(1000 * kMs);

    Merging() { rig.lane.clock = 1000 * kMs; }
    void wait(std::uint64_t ms) { rig.lane.clock += ms * kMs; }
    void take(std::vector<Segment> segments, std::uint8_t member = 0) {
        Frames frames;
        for (const Segment& s : segments) frames.push_back(mbuf_of(s));
        take_frames(frames, member);
    }
    void take_frames(Frames frames, std::uint8_t member = 0) {
        merger->take(rig.lane, member, frames.data(), static_cast<std::uint16_t>(frames.size()));
    }
    Frames end_round() {
        merger->end_round(rig.lane);
        return testing::take(World::get().logical->id());
    }
    void end_round_and_free() {
        for (rte_mbuf* f : end_round()) rte_pktmbuf_free(f);
    }
    // Frames that went up, as sequence number and number of received ones in each.
    std::vector<std::pair<std::uint32_t, std::size_t>> up() {
        std::vector<std::pair<std::uint32_t, std::size_t>> all;
        for (rte_mbuf* m : end_round()) {
            TcpSegment s;
            REQUIRE(read_tcp_segment(m, s));
            all.emplace_back(s.seq, apart(m).size());
            rte_pktmbuf_free(m);
        }
        return all;
    }
};

using Up = std::vector<std::pair<std::uint32_t, std::size_t>>;

std::vector<Segment> row(std::uint32_t first, unsigned n, Segment like = {}) {
    std::vector<Segment> all;
    for (unsigned i = 0; i < n; ++i) {
        like.seq = first + i * 100;
        all.push_back(like);
        if (like.id != 0) ++like.id;
    }
    return all;
}

} // namespace

TEST_CASE("neighbours of a flow go up as one frame, which stands for just them", "[merge]") {
    for (const bool v6 : {false, true})
        for (const std::uint16_t tag : {0, 0x2005})
            for (const std::uint16_t id : {0, 41}) {
                Merging m;
                auto segments = row(5000, 7, {.v6 = v6, .tag = tag, .id = id});
                segments.back().payload = 60;
                segments.back().flags = 0x18; // PSH
                std::vector<Octets> before;
                for (const Segment& s : segments) before.push_back(bytes_of(s));
                if (id == 0 && !v6) // they rise by one in what is cut
                    for (std::size_t i = 1; i < before.size(); ++i) segments[i].id = 0;
                m.take(segments);
                const Frames up = m.end_round();
                REQUIRE(up.size() == 1);
                CHECK(is_super(up[0]));
                CHECK(up[0]->tso_segsz == 100);
                std::vector<Octets> after = apart(up[0]);
                rte_pktmbuf_free(up[0]);
                REQUIRE(after.size() == 7);
                if (id == 0 && !v6)
                    for (std::size_t i = 0; i < 7; ++i) {
                        CHECK(load_be16(&after[i][tag != 0 ? 22 : 18]) == i);
                        after[i] = less_what_may_change(after[i]);
                        before[i] = less_what_may_change(before[i]);
                    }
                CHECK(after == before);
                CHECK(m.rig.lane.counters.up.get() == 7);
                CHECK(m.rig.lane.counters.merged.get() == 6);
            }
}

TEST_CASE("what differs in more than it may stays apart, in order", "[merge]") {
    const Segment plain;
    const auto with = [&](auto change) {
        Segment s = plain;
        s.seq = 1100;
        change(s);
        return s;
    };
    const std::vector<Segment> others = {
        with([](Segment& s) { s.ack = 78; }),      with([](Segment& s) { s.window = 501; }),
        with([](Segment& s) { s.timestamp = 6; }), with([](Segment& s) { s.tos = 3; }),
        with([](Segment& s) { s.ttl = 63; }),      with([](Segment& s) { s.payload = 120; }),
        with([](Segment& s) { s.flags = 0x90; }),  with([](Segment& s) { s.flags = 0x50; }),
        with([](Segment& s) { s.id = 7; }),        with([](Segment& s) { s.urgent = 3; }),
    };
    for (const Segment& other : others) {
        Merging m;
        m.take({plain, other});
        CHECK(m.up() == Up{{1000, 1}, {1100, 1}});
    }
    SECTION("a peer may have a MAC for each of its links") {
        Merging m;
        m.take({plain});
        m.take({with([](Segment& s) { s.source = 2; })}, 1);
        CHECK(m.up() == Up{{1000, 2}});
    }
    SECTION("a wrong checksum, of the first or the second") {
        for (const int wrong : {0, 1}) {
            Merging m;
            Octets a = bytes_of(plain), b = bytes_of(with([](Segment&) {}));
            (wrong == 0 ? a : b).back() ^= 1;
            m.take_frames({mbuf_of(a), mbuf_of(b)});
            CHECK(m.up() == Up{{1000, 1}, {1100, 1}});
        }
    }
    SECTION("a wrong checksum of the IPv4 header") {
        Merging m;
        Octets b = bytes_of(with([](Segment&) {}));
        b[14 + 10] ^= 1;
        m.take_frames({mbuf_of(plain), mbuf_of(b)});
        CHECK(m.up() == Up{{1000, 1}, {1100, 1}});
    }
    SECTION("the same where a device has found TCP's right") {
        Merging m;
        Octets b = bytes_of(with([](Segment&) {}));
        b[14 + 10] ^= 1;
        const Frames frames{mbuf_of(plain), mbuf_of(b)};
        for (rte_mbuf* f : frames) f->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
        m.take_frames(frames);
        CHECK(m.up() == Up{{1000, 1}, {1100, 1}});
    }
    SECTION("what a local peer says is undone makes no other protocol of a merged frame") {
        Merging m;
        const Frames frames{mbuf_of(plain), mbuf_of(with([](Segment&) {}))};
        REQUIRE(leave_checksum(frames[0], 34, 6)); // as of UDP, though all is done
        m.take_frames(frames);
        const Frames up = m.end_round();
        REQUIRE(up.size() == 1);
        CHECK((up[0]->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM);
        rte_pktmbuf_free(up[0]);
    }
    SECTION("a buffer that somebody else has too") {
        Merging m;
        rte_mbuf* shared = mbuf_of(with([](Segment&) {}));
        rte_mbuf_refcnt_update(shared, 1);
        m.take_frames({mbuf_of(plain), shared});
        CHECK(m.up() == Up{{1000, 1}, {1100, 1}});
        rte_pktmbuf_free(shared);
    }
    SECTION("PSH ends a frame, and a short segment does") {
        Merging m;
        auto segments = row(1000, 6);
        segments[1].flags = 0x18;
        m.take(segments);
        CHECK(m.up() == Up{{1000, 2}, {1200, 4}});
        auto more = row(1600, 2);
        more.push_back({.seq = 1800, .payload = 50});
        more.push_back({.seq = 1850, .payload = 50});
        m.take(more);
        CHECK(m.up() == Up{{1600, 3}, {1850, 1}});
    }
}

TEST_CASE("no frame is longer than an IP header can say, nor in more pieces than a tap takes", "[merge]") {
    Merging m;
    m.take(row(1000, 200));
    std::size_t all = 0;
    for (const auto& [seq, n] : m.up()) {
        CHECK(n <= 96);
        all += n;
    }
    CHECK(all == 200);
}

TEST_CASE("frames of several members come in order, and wait for an earlier one for so long only",
          "[merge]") {
    Merging m;
    m.take({{.seq = 900, .payload = 0, .flags = 0x02}}); // SYN: the data begins with 901
    CHECK(m.up().size() == 1);
    auto s = row(901, 8);
    m.take({s[1], s[3]}, 1);
    CHECK(m.up() == Up{});
    CHECK(m.merger->waiting() == 2);
    m.take({s[0], s[2]}, 0);
    CHECK(m.up() == Up{{901, 4}});
    CHECK(m.merger->waiting() == 0);
    CHECK(m.rig.lane.counters.reordered.get() == 2);
    // One is lost: those behind it go up after the longest wait, and what comes then of before does at once.
    m.take({s[5]}, 1);
    m.wait(1);
    m.take({s[7]}, 1);
    CHECK(m.up() == Up{});
    m.wait(2);
    CHECK(m.up() == Up{});
    m.wait(1);
    CHECK(m.up() == Up{{1401, 1}});
    m.take({s[4]}, 0);
    CHECK(m.up() == Up{{1301, 1}});
    m.take({s[6]}, 0);
    CHECK(m.up() == Up{{1501, 2}});
    CHECK(m.rig.lane.counters.up.get() == 9);
}

TEST_CASE("a gap in what one member brings is a loss: nothing waits", "[merge]") {
    Merging m;
    auto s = row(1000, 5);
    m.take({s[0], s[1], s[3], s[4]});
    CHECK(m.up() == Up{{1000, 2}, {1300, 2}});
    m.take({s[2]});
    CHECK(m.up() == Up{{1200, 1}});
    CHECK(m.merger->waiting() == 0);
}

TEST_CASE("a short frame that a wire has filled up keeps its place", "[merge]") {
    Merging m;
    Octets filled = bytes_of({.seq = 1200, .payload = 2});
    filled.resize(filled.size() + 4);
    m.take(row(1000, 2));
    m.take_frames({mbuf_of(filled), mbuf_of(Segment{.seq = 1202}), mbuf_of(Segment{.seq = 1302})});
    const Frames up = m.end_round();
    REQUIRE(up.size() == 3);
    CHECK(apart(up[0]).size() == 2);
    CHECK(octets_of(up[1]) == filled);
    CHECK(apart(up[2]).size() == 2);
    for (rte_mbuf* f : up) rte_pktmbuf_free(f);
    m.take({{.seq = 1504}}, 1); // it is waited for by what comes by another member
    filled = bytes_of({.seq = 1502, .payload = 2});
    filled.resize(filled.size() + 4);
    m.take_frames({mbuf_of(Segment{.seq = 1402})});
    m.take_frames({mbuf_of(filled)});
    CHECK(m.up() == Up{{1402, 1}, {1502, 1}, {1504, 1}});
    CHECK(m.rig.lane.counters.reordered.get() == 1);
}

TEST_CASE("a segment from anywhere in the sequence's space is followed", "[merge]") {
    Merging m;
    m.take({{.seq = 1000}}, 0);
    m.take({{.seq = 1100}}, 1);
    m.end_round_and_free();
    for (const std::uint32_t far : {0x8000'0000U, 0x7fff'ffffU, 0x4000'0000U, 0xc000'0000U}) {
        m.take(row(1200 + far, 3), 0);
        CHECK(m.up() == Up{{1200 + far, 3}});
        m.take(row(900, 3), 1);
        CHECK(m.up() == Up{{900, 3}});
    }
}

TEST_CASE("what was merged and found no room is dropped, not merged", "[merge]") {
    Merging m;
    const unsigned before = fill_up(World::get().logical->id());
    m.take(row(1000, 5));
    m.take({{.seq = 5000, .flow = 1}});
    Frames all = m.end_round();
    CHECK(all.size() == before);
    for (rte_mbuf* f : all) rte_pktmbuf_free(f);
    CHECK(m.rig.lane.counters.merged.get() == 0);
    CHECK(m.rig.lane.counters.up.get() == 0);
    CHECK(m.rig.dropped(DropReason::logical_full) == 6);
}

TEST_CASE("a frame that must be cut for the logical interface does not overtake its flow", "[merge]") {
    Merging m;
    const std::atomic<const Snapshot*> slot{&m.rig.snapshot};
    Lane lane(0, 1, slot,
              LogicalQueue{.port = World::get().logical->id(), .offloads = Offloads::tcp, .rx_queues = 1});
    lane.clock = 1000 * kMs;
    lane.merger = m.merger.get();
    m.rig.snapshot.member[0].offloads = Offloads::all;
    rte_mbuf* marked = mbuf_of(Segment{.seq = 1200, .flags = 0x90}); // CWR
    REQUIRE(describe_super(marked, 34, true));
    marked->tso_segsz = 50;
    Frames in{mbuf_of(Segment{.seq = 1000}), mbuf_of(Segment{.seq = 1100}), marked,
              mbuf_of(Segment{.seq = 1300})};
    for (rte_mbuf* f : in) REQUIRE(rte_eth_tx_burst(m.rig.port(0), 0, &f, 1) == 1);
    receive(lane, m.rig.snapshot);
    std::vector<std::uint32_t> order;
    for (rte_mbuf* f : testing::take(World::get().logical->id())) {
        TcpSegment s;
        REQUIRE(read_tcp_segment(f, s));
        order.push_back(s.seq);
        rte_pktmbuf_free(f);
    }
    CHECK(order == std::vector<std::uint32_t>{1000, 1200, 1250, 1300});
    CHECK(lane.counters.up.get() == 4);
}

TEST_CASE("a flow whose gaps are never filled rests from waiting", "[merge]") {
    Merging m;
    std::uint32_t seq = 1000;
    unsigned waited = 0;
    // Every other segment comes by another worker.
    for (unsigned i = 0; i < 100; ++i, seq += 200) {
        m.take({{.seq = seq}}, static_cast<std::uint8_t>(i % 2));
        m.end_round_and_free();
        waited += m.merger->waiting() != 0 ? 1 : 0;
        m.wait(5);
        m.end_round_and_free();
    }
    CHECK(waited >= 4);
    CHECK(waited <= 8);
}

TEST_CASE("RST, SYN and what is no data take nothing with them and overtake no data", "[merge]") {
    Merging m;
    m.take({{.seq = 1000}, {.seq = 1100, .payload = 0}, {.seq = 1100}});
    CHECK(m.up() == Up{{1000, 1}, {1100, 1}, {1100, 1}});
    m.take({{.seq = 1300}}, 1);
    CHECK(m.merger->waiting() == 1);
    m.take({{.seq = 1200, .payload = 0, .flags = 0x14}}, 0);
    CHECK(m.up() == Up{{1300, 1}, {1200, 1}});
    m.take({{.seq = 50, .payload = 0, .flags = 0x02}});
    m.take({{.seq = 51, .flags = 0x11}}, 1); // FIN
    CHECK(m.up() == Up{{50, 1}, {51, 1}});
}

TEST_CASE("more segments and flows than there is room for: none is lost", "[merge]") {
    Merging m;
    std::uint64_t in = 0;
    for (std::uint16_t flow = 0; flow < 1500; ++flow) {
        m.take({{.seq = 1000, .flow = flow}}, 0);
        m.take({{.seq = 1300, .flow = flow}, {.seq = 1200, .flow = flow}}, 1);
        in += 3;
        if (flow % 50 != 0) continue;
        m.end_round_and_free();
    }
    m.end_round_and_free();
    m.wait(10);
    m.end_round_and_free();
    CHECK(m.merger->waiting() == 0);
    CHECK(m.rig.lane.counters.up.get() + m.rig.dropped(DropReason::logical_full) == in);
}

TEST_CASE("frames that wait hold no more buffers than there are places", "[merge]") {
    Merging m;
    m.take({{.seq = 1000, .payload = 100}});
    m.take({{.seq = 1100, .payload = 100}}, 1);
    m.end_round_and_free();
    unsigned taken = 0;
    for (std::uint32_t i = 0; i < 40; ++i) { // super-frames of 34 buffers each, behind a gap
        Segment s{.seq = 2000 + i * 3400, .payload = 100};
        rte_mbuf* frame = mbuf_of(s);
        for (unsigned k = 1; k < 34; ++k) {
            rte_mbuf* more = rte_pktmbuf_alloc(World::get().pool);
            REQUIRE(more != nullptr);
            REQUIRE(rte_pktmbuf_append(more, 100) != nullptr);
            REQUIRE(rte_pktmbuf_chain(frame, more) == 0);
        }
        store_be16(rte_pktmbuf_mtod_offset(frame, std::uint8_t*, 16),
                   static_cast<std::uint16_t>(frame->pkt_len - 14));
        m.take_frames({frame}, static_cast<std::uint8_t>(i % 2));
        taken = std::max(taken, m.merger->waiting());
    }
    CHECK(taken == Merger::kRoom / 34);
    m.end_round_and_free();
    m.wait(10);
    m.end_round_and_free();
    CHECK(m.merger->waiting() == 0);
    CHECK(m.rig.lane.counters.up.get() == 42);
}

TEST_CASE("whatever comes goes up once, byte for byte, and in order where nothing was lost", "[merge]") {
    std::mt19937 random(20261129);
    const auto pick = [&](unsigned n) { return random() % n; };
    for (int world = 0; world < 60; ++world) {
        CAPTURE(world);
        Merging m;
        const bool loss = world % 3 == 2;
        const unsigned members = 1 + pick(4);
        std::multiset<Octets> in, out;
        std::map<std::uint16_t, std::vector<std::uint32_t>> order; // sequence numbers as they went up
        std::array<std::uint32_t, 6> next{};
        std::array<std::vector<Segment>, 4> wire; // of each member, first in, first out
        std::array<std::uint32_t, 4> age{};
        for (std::uint16_t flow = 0; flow < next.size(); ++flow) {
            next[flow] = random(); // may wrap
            m.take({{.seq = next[flow] - 1, .payload = 0, .flags = 0x02, .flow = flow, .v6 = flow % 2 != 0}});
        }
        const auto take_up = [&] {
            for (rte_mbuf* f : m.end_round()) {
                for (Octets& bytes : apart(f)) {
                    const std::size_t ip = 14;
                    const std::size_t tcp = ip + (bytes[ip] == 0x45 ? 20 : 40);
                    if ((bytes[tcp + 13] & 2) == 0)
                        order[static_cast<std::uint16_t>(load_be16(&bytes[tcp]) - 1000)].push_back(
                            load_be32(&bytes[tcp + 4]));
                    if ((bytes[tcp + 13] & 2) == 0) out.insert(less_what_may_change(bytes));
                }
                rte_pktmbuf_free(f);
            }
        };
        take_up();
        // That a flow comes over several members is known once two have brought some of it.
        for (std::uint16_t flow = 0; flow < next.size(); ++flow)
            for (unsigned k = 0; k < members; ++k, next[flow] += 100) {
                const Segment s{.seq = next[flow], .flow = flow, .v6 = flow % 2 != 0};
                in.insert(less_what_may_change(bytes_of(s)));
                m.take({s}, static_cast<std::uint8_t>(k));
            }
        for (int round = 0; round < 120; ++round) {
            for (unsigned i = pick(12); i != 0; --i) {
                const auto flow = static_cast<std::uint16_t>(pick(next.size()));
                Segment s{.seq = next[flow], .flow = flow, .v6 = flow % 2 != 0};
                s.payload = pick(5) == 0 ? static_cast<std::uint16_t>(1 + pick(100)) : 100;
                s.flags = pick(10) == 0 ? 0x18 : 0x10;
                s.timestamp = static_cast<std::uint32_t>(round / 10);
                s.source = static_cast<std::uint8_t>(pick(2));
                next[flow] += s.payload;
                if (loss && pick(20) == 0) continue;
                wire[pick(members)].push_back(s);
                if (loss && pick(20) == 0) wire[pick(members)].push_back(s); // twice
            }
            for (unsigned k = 0; k < members; ++k) { // each is late by up to three rounds, of a millisecond
                if (wire[k].empty() || (pick(2) == 0 && ++age[k] < 3)) continue;
                age[k] = 0;
                for (const Segment& s : wire[k]) in.insert(less_what_may_change(bytes_of(s)));
                m.take(std::exchange(wire[k], {}), static_cast<std::uint8_t>(k));
            }
            take_up();
            m.rig.lane.clock += kMs;
        }
        for (unsigned k = 0; k < members; ++k)
            for (const Segment& s : wire[k]) in.insert(less_what_may_change(bytes_of(s)));
        for (unsigned k = 0; k < members; ++k)
            m.take(std::exchange(wire[k], {}), static_cast<std::uint8_t>(k));
        take_up();
        m.wait(10);
        take_up();
        CHECK(m.merger->waiting() == 0);
        CHECK(in == out);
        if (!loss)
            for (auto& [flow, seqs] : order)
                CHECK(std::is_sorted(seqs.begin(), seqs.end(), [](std::uint32_t a, std::uint32_t b) {
                    return static_cast<std::int32_t>(a - b) < 0;
                }));
    }
}
