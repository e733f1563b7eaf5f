// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <netinet/in.h>
#include <rte_net.h>

#include <random>

#include "base/bytes.hpp"
#include "datapath/offload.hpp"
#include "hand_mbuf.hpp"
#include "inet_sum.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

struct Shape {
    bool v6 = false, udp = false;
    unsigned tags = 0, ip_words = 0,
             tcp_words = 0; // options; of IPv6 an extension header of 8 bytes each word
    std::uint8_t tcp_flags = 0x18;
    std::size_t payload = 1000;
    std::uint16_t segment = 300;
    [[nodiscard]] std::size_t ip() const { return 14 + 4 * std::size_t{tags}; }
    [[nodiscard]] std::size_t l4() const {
        return ip() + (v6 ? 40 + 8 * std::size_t{ip_words} : 20 + 4 * std::size_t{ip_words});
    }
    [[nodiscard]] std::size_t data() const { return l4() + (udp ? 8 : 20 + 4 * std::size_t{tcp_words}); }
    [[nodiscard]] std::uint8_t protocol() const { return udp ? 17 : 6; }
};

std::uint32_t pseudo_sum(const Octets& f, const Shape& s) {
    return (s.v6 ? sum_pairs(f, s.ip() + 8, s.ip() + 40) : sum_pairs(f, s.ip() + 12, s.ip() + 20)) +
           s.protocol() + static_cast<std::uint32_t>(f.size() - s.l4());
}

void put_lengths(Octets& f, const Shape& s) {
    if (s.v6) {
        store_be16(&f[s.ip() + 4], static_cast<std::uint16_t>(f.size() - s.ip() - 40));
    } else {
        store_be16(&f[s.ip() + 2], static_cast<std::uint16_t>(f.size() - s.ip()));
        store_be16(&f[s.ip() + 10], 0);
        store_be16(&f[s.ip() + 10], static_cast<std::uint16_t>(~sum_pairs(f, s.ip(), s.l4())));
    }
    if (s.udp) store_be16(&f[s.l4() + 4], static_cast<std::uint16_t>(f.size() - s.l4()));
}

Octets super_frame(const Shape& s, std::mt19937& random) {
    Octets f(s.data() + s.payload);
    for (std::uint8_t& byte : f) byte = static_cast<std::uint8_t>(random());
    for (unsigned t = 0; t < s.tags; ++t)
        store_be16(&f[12 + 4 * std::size_t{t}], t == 0 && s.tags == 2 ? 0x88a8 : 0x8100);
    store_be16(&f[s.ip() - 2], s.v6 ? 0x86dd : 0x0800);
    if (s.v6) {
        f[s.ip()] = 0x60;
        f[s.ip() + 6] = s.ip_words == 0 ? s.protocol() : 0; // hop by hop
        for (unsigned w = 0; w < s.ip_words; ++w) {
            f[s.ip() + 40 + 8 * std::size_t{w}] =
                w + 1 == s.ip_words ? s.protocol() : 60; // destination options
            f[s.ip() + 41 + 8 * std::size_t{w}] = 0;
        }
    } else {
        f[s.ip()] = static_cast<std::uint8_t>(0x45 + s.ip_words);
        store_be16(&f[s.ip() + 6], 0x4000);
        f[s.ip() + 9] = s.protocol();
    }
    if (!s.udp) {
        f[s.l4() + 12] = static_cast<std::uint8_t>((5 + s.tcp_words) << 4U);
        f[s.l4() + 13] = s.tcp_flags;
    }
    put_lengths(f, s);
    store_be16(&f[s.l4() + (s.udp ? 6 : 16)],
               static_cast<std::uint16_t>(sum_pairs(f, 0, 0, pseudo_sum(f, s))));
    return f;
}

// RFC 791, 8200, 9293, 3168 (section 6.1.2: CWR is for the first segment).
std::vector<Octets> cut_by_the_book(const Octets& whole, const Shape& s) {
    std::vector<Octets> out;
    for (std::size_t at = 0; at == 0 || at < s.payload; at += s.segment) {
        const std::size_t n = std::min<std::size_t>(s.segment, s.payload - at);
        Octets f(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(s.data()));
        const auto from = whole.begin() + static_cast<std::ptrdiff_t>(s.data() + at);
        f.insert(f.end(), from, from + static_cast<std::ptrdiff_t>(n));
        if (!s.v6)
            store_be16(&f[s.ip() + 4],
                       static_cast<std::uint16_t>(load_be16(&whole[s.ip() + 4]) + out.size()));
        if (!s.udp) {
            const std::uint32_t seq =
                (std::uint32_t{load_be16(&whole[s.l4() + 4])} << 16U | load_be16(&whole[s.l4() + 6])) +
                static_cast<std::uint32_t>(at);
            store_be16(&f[s.l4() + 4], static_cast<std::uint16_t>(seq >> 16U));
            store_be16(&f[s.l4() + 6], static_cast<std::uint16_t>(seq));
            if (at + n < s.payload) f[s.l4() + 13] &= 0xf6; // FIN 1, PSH 8
            if (at != 0) f[s.l4() + 13] &= 0x7f;            // CWR
        }
        put_lengths(f, s);
        const std::size_t field = s.l4() + (s.udp ? 6 : 16);
        store_be16(&f[field], 0);
        auto sum = static_cast<std::uint16_t>(~sum_pairs(f, s.l4(), f.size(), pseudo_sum(f, s)));
        if (sum == 0 && s.udp) sum = 0xffff;
        store_be16(&f[field], sum);
        out.push_back(std::move(f));
    }
    return out;
}

std::vector<Octets> parts_of(const Octets& f, std::size_t first, std::mt19937& random) {
    std::vector<Octets> parts;
    for (std::size_t at = 0; at < f.size();) {
        const std::size_t n = std::min<std::size_t>(f.size() - at, at == 0 ? first : 1 + random() % 700);
        parts.emplace_back(f.begin() + static_cast<std::ptrdiff_t>(at),
                           f.begin() + static_cast<std::ptrdiff_t>(at + n));
        at += n;
    }
    return parts;
}

Shape any_shape(std::mt19937& random) {
    Shape s;
    s.v6 = random() % 2 != 0;
    s.udp = random() % 3 == 0;
    s.tags = random() % 3;
    s.ip_words = random() % 3;
    return s;
}

// Of a super-frame; each hundredth may be a long one.
Shape any_super_shape(std::mt19937& random, int round) {
    Shape s = any_shape(random);
    s.tcp_words = s.udp ? 0 : random() % 11;
    s.tcp_flags = static_cast<std::uint8_t>(random());
    s.segment = static_cast<std::uint16_t>(1 + random() % 1460);
    s.payload = random() % (round % 100 == 0 ? 60'000 : 6'000);
    return s;
}

} // namespace

TEST_CASE("10,000 super-frames are cut as the RFCs have it", "[offload]") {
    std::mt19937 random(13);
    for (int round = 0; round < 10'000; ++round) {
        const Shape s = any_super_shape(random, round);
        const Octets frame = super_frame(s, random);
        HandMbuf m = HandMbuf::in_parts(parts_of(frame, s.data(), random));
        REQUIRE(describe_super(m.get(), static_cast<std::uint32_t>(s.l4()), !s.udp));
        m.get()->tso_segsz = s.segment;
        REQUIRE(is_super(m.get()));
        REQUIRE(longest_frame(m.get()) == s.data() + s.segment);
        const std::vector<Octets> expected = cut_by_the_book(frame, s);
        Cutter cutter(m.get());
        REQUIRE(cutter.count() == expected.size());
        for (const Octets& e : expected) {
            HandMbuf piece = HandMbuf::with_room({}, 2048);
            REQUIRE(cutter.next(piece.get()));
            REQUIRE(piece.bytes() == e);
        }
    }
}

TEST_CASE("what DPDK's virtio driver tells of a frame is understood", "[offload]") {
    std::mt19937 random(31);
    for (int round = 0; round < 2'000; ++round) {
        const Shape s = any_shape(random);
        const Octets frame = super_frame(s, random);
        const auto parts = parts_of(frame, s.data(), random);
        HandMbuf m = HandMbuf::in_parts(parts), expected = HandMbuf::in_parts(parts);
        const bool super = !s.udp && random() % 2 != 0;
        m.get()->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
        if (super) {
            m.get()->ol_flags |= RTE_MBUF_F_RX_LRO;
            m.get()->tso_segsz = expected.get()->tso_segsz = s.segment;
            REQUIRE(describe_super(expected.get(), static_cast<std::uint32_t>(s.l4()), true));
        } else {
            REQUIRE(leave_checksum(expected.get(), static_cast<std::uint32_t>(s.l4()), s.udp ? 6 : 16));
        }
        read_virtio_flags(m.get());
        REQUIRE(m.get()->ol_flags == expected.get()->ol_flags);
        REQUIRE(m.get()->tx_offload == expected.get()->tx_offload);
        REQUIRE(m.bytes() == frame);
        CHECK(may_stay_undone(m.get(), Offloads::all));
        CHECK_FALSE(may_stay_undone(m.get(), Offloads::none));
        const bool marked = super && (frame[s.l4() + 13] & 0x80U) != 0;
        CHECK(may_stay_undone(m.get(), Offloads::tcp) != marked);
    }
    for (const std::uint64_t told : {std::uint64_t{0}, std::uint64_t{RTE_MBUF_F_RX_L4_CKSUM_GOOD}}) {
        HandMbuf m = HandMbuf(super_frame({}, random));
        m.get()->ol_flags = told;
        read_virtio_flags(m.get());
        CHECK(m.get()->ol_flags == told);
    }
    const Octets whole = super_frame({.v6 = true, .ip_words = 2}, random);
    for (std::size_t length = 14; length < whole.size() && length < 120; ++length) { // cut short anywhere
        HandMbuf m = HandMbuf(Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
        m.get()->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_LRO;
        m.get()->tso_segsz = 300;
        read_virtio_flags(m.get());
        CHECK((m.get()->ol_flags & (RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_LRO)) == 0);
    }
}

namespace {

// A frame as the logical interface gives it, with work undone.
HandMbuf undone_frame(const std::vector<Octets>& parts, const Shape& s, bool super) {
    HandMbuf m = HandMbuf::in_parts(parts);
    const auto start = static_cast<std::uint32_t>(s.l4());
    REQUIRE(
        (super ? describe_super(m.get(), start, !s.udp) : leave_checksum(m.get(), start, s.udp ? 6 : 16)));
    if (super) m.get()->tso_segsz = s.segment;
    rte_mbuf_refcnt_set(m.get(), 1);
    return m;
}

// As hardware would: each segment's checksum is what stands in the frame's field, the segment's length where
// it was cut, and the bytes; IPv4's is made anew where the frame says so, or for each segment.
std::vector<Octets> sent_by_hardware(HandMbuf& m, const Shape& s, bool asks_for_ip_checksum) {
    const rte_mbuf* const b = m.get();
    const bool cuts = (b->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
    Octets whole = m.bytes();
    const std::size_t field = s.l4() + (s.udp ? 6 : 16);
    REQUIRE(b->l2_len == s.ip());
    REQUIRE(std::size_t{b->l2_len} + b->l3_len == s.l4());
    REQUIRE((b->ol_flags & (s.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4)) != 0);
    REQUIRE((b->ol_flags & RTE_MBUF_F_TX_L4_MASK) ==
            (s.udp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM));
    REQUIRE(((b->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0) == (cuts && !s.v6 && asks_for_ip_checksum));
    if (!cuts) {
        auto sum = static_cast<std::uint16_t>(~sum_pairs(whole, s.l4(), whole.size(), 0));
        store_be16(&whole[field], sum == 0 && s.udp ? std::uint16_t{0xffff} : sum);
        return {whole};
    }
    REQUIRE(b->l4_len == s.data() - s.l4());
    if (!s.v6) REQUIRE(load_be16(&whole[s.ip() + 10]) == 0);
    const std::uint16_t given = load_be16(&whole[field]);
    Shape as_cut = s;
    as_cut.segment = b->tso_segsz;
    std::vector<Octets> segments = cut_by_the_book(whole, as_cut);
    for (Octets& f : segments) {
        store_be16(&f[field], given);
        const auto length = static_cast<std::uint32_t>(f.size() - s.l4());
        const auto sum = static_cast<std::uint16_t>(~sum_pairs(f, s.l4(), f.size(), length));
        store_be16(&f[field], sum);
    }
    return segments;
}

} // namespace

TEST_CASE("a NIC is told of undone work as rte_net_intel_cksum_prepare() has it, and its segments are right",
          "[offload]") {
    std::mt19937 random(41);
    unsigned taken = 0, left = 0;
    for (int round = 0; round < 10'000; ++round) {
        const Shape s = any_super_shape(random, round);
        const bool super = random() % 2 != 0;
        const Octets frame = super_frame(s, random);
        HandMbuf m = undone_frame(parts_of(frame, s.data(), random), s, super);
        const NicLimits limits{.ip_checksum = random() % 2 != 0};
        const Offloads nic = random() % 2 != 0 ? Offloads::nic_tcp : Offloads::nic_checksum;
        const bool marked = (s.tcp_flags & 0x80U) != 0;
        const bool plain = s.tags < 2 && (!s.v6 || s.ip_words == 0);
        const bool takes =
            plain && (!super || (nic == Offloads::nic_tcp && !s.udp && !marked && s.payload > s.segment));
        const std::uint64_t flags = m.get()->ol_flags;
        REQUIRE(prepare_for_nic(m.get(), nic, limits) == takes);
        ++(takes ? taken : left);
        if (!takes) {
            REQUIRE(m.bytes() == frame);
            REQUIRE(m.get()->ol_flags == flags);
            continue;
        }
        const Octets prepared = m.bytes();
        REQUIRE(rte_net_intel_cksum_prepare(m.get()) == 0);
        // … but for one's complement's two ways to write zero.
        const std::size_t field = s.l4() + (s.udp ? 6 : 16);
        Octets again = m.bytes();
        if (load_be16(&again[field]) % 0xffffU == load_be16(&prepared[field]) % 0xffffU)
            std::copy_n(&prepared[field], 2, &again[field]);
        REQUIRE(again == prepared);
        const std::vector<Octets> expected = super ? cut_by_the_book(frame, s) : [&] {
            Shape whole = s;
            whole.segment = 65'535;
            return cut_by_the_book(frame, whole);
        }();
        REQUIRE(sent_by_hardware(m, s, limits.ip_checksum) == expected);
        if (!super) continue;
        // A driver that refuses it all the same: it is cut here.
        Cutter cutter(m.get());
        REQUIRE(cutter.count() == expected.size());
        for (const Octets& e : expected) {
            HandMbuf piece = HandMbuf::with_room({}, 2048);
            REQUIRE(cutter.next(piece.get()));
            REQUIRE(piece.bytes() == e);
        }
    }
    CHECK(taken > 2'000);
    CHECK(left > 2'000);
}

TEST_CASE("what a NIC's hardware cannot find or must not change is not left to it", "[offload]") {
    std::mt19937 random(42);
    const Shape s;
    const Octets frame = super_frame(s, random);
    const auto takes = [&](bool super, Offloads nic, auto change) {
        HandMbuf m = undone_frame({frame}, s, super);
        change(m.get());
        return prepare_for_nic(m.get(), nic, {});
    };
    const auto as_it_is = [](rte_mbuf*) {};
    CHECK(takes(true, Offloads::nic_tcp, as_it_is));
    CHECK(takes(false, Offloads::nic_checksum, as_it_is));
    for (const Offloads other : {Offloads::none, Offloads::tcp, Offloads::all}) {
        CHECK_FALSE(takes(true, other, as_it_is));
        CHECK_FALSE(takes(false, other, as_it_is));
    }
    // Another member's queue holds it, too: the bytes of a super-frame may not change, others need not.
    const auto share = [](rte_mbuf* m) { rte_mbuf_refcnt_set(m, 2); };
    CHECK_FALSE(takes(true, Offloads::nic_tcp, share));
    CHECK(takes(false, Offloads::nic_tcp, share));
    const auto fragment = [](rte_mbuf* m) {
        store_be16(rte_pktmbuf_mtod_offset(m, std::uint8_t*, 20), 0x2000);
    };
    CHECK_FALSE(takes(false, Offloads::nic_tcp, fragment));
    const auto longer = [](rte_mbuf* m) { // bytes behind the IP packet would be summed up
        store_be16(rte_pktmbuf_mtod_offset(m, std::uint8_t*, 16),
                   static_cast<std::uint16_t>(m->pkt_len - 15));
    };
    CHECK_FALSE(takes(false, Offloads::nic_tcp, longer));
    CHECK_FALSE(takes(true, Offloads::nic_tcp, [](rte_mbuf* m) { m->tso_segsz = 0; }));
    CHECK_FALSE(takes(true, Offloads::nic_tcp, [](rte_mbuf* m) { m->tso_segsz = 1000; })); // of one segment

    // An inner frame: the checksum starts behind the headers of VXLAN, of which the outer UDP checksum is
    // zero.
    for (const bool v6 : {false, true}) {
        const Shape inner{.udp = true};
        const Octets carried = super_frame(inner, random);
        const Shape tunnel{.v6 = v6, .udp = true, .payload = 8 + carried.size()};
        Octets outer = super_frame(tunnel, random);
        std::copy(carried.begin(), carried.end(),
                  outer.begin() + static_cast<std::ptrdiff_t>(tunnel.data() + 8));
        HandMbuf m(outer);
        REQUIRE(leave_checksum(m.get(), static_cast<std::uint32_t>(tunnel.data() + 8 + inner.l4()), 6));
        CHECK_FALSE(prepare_for_nic(m.get(), Offloads::nic_tcp, {}));
        CHECK(m.bytes() == outer);
    }
}

TEST_CASE("a frame of more buffers than a NIC reads is not left to it", "[offload]") {
    std::mt19937 random(43);
    const Shape s{.payload = 6'000, .segment = 1'000};
    const Octets frame = super_frame(s, random);
    const auto takes = [&](std::vector<std::size_t> sizes, const NicLimits& limits, bool super = true) {
        std::vector<Octets> parts;
        std::size_t at = 0;
        for (const std::size_t size : sizes) {
            const std::size_t n = std::min(size, frame.size() - at);
            if (n == 0) break;
            parts.emplace_back(frame.begin() + static_cast<std::ptrdiff_t>(at),
                               frame.begin() + static_cast<std::ptrdiff_t>(at + n));
            at += n;
        }
        if (at < frame.size())
            parts.emplace_back(frame.begin() + static_cast<std::ptrdiff_t>(at), frame.end());
        return prepare_for_nic(undone_frame(parts, s, super).get(), Offloads::nic_tcp, limits);
    };
    const std::vector<std::size_t> even(20, 300); // 21 buffers, and five hold a segment at most
    CHECK(takes(even, {.buffers = 21}));
    CHECK_FALSE(takes(even, {.buffers = 20}));
    CHECK(takes(even, {.buffers_a_segment = 6})); // four in a row are more than a segment
    CHECK_FALSE(
        takes(even, {.buffers_a_segment = 5})); // three are less: one may lie in five, and its headers
    CHECK_FALSE(takes(even, {.buffers_a_segment = 2}));
    std::vector<std::size_t> uneven{1'000, 1'000, 10, 10, 10, 10, 2'000};
    CHECK(takes(uneven, {.buffers_a_segment = 8}));
    CHECK_FALSE(takes(uneven, {.buffers_a_segment = 6})); // four in a row of ten bytes
    std::swap(uneven[3], uneven[6]);
    CHECK(takes(uneven, {.buffers_a_segment = 6}));
    // A frame that is not cut is a segment as a whole.
    CHECK(takes(even, {.buffers = 1, .buffers_a_segment = 21}, false));
    CHECK_FALSE(takes(even, {.buffers = 255, .buffers_a_segment = 20}, false));
}

TEST_CASE("headers that are not what they are said to be are no super-frame's", "[offload]") {
    std::mt19937 random(14);
    Shape s;
    const Octets frame = super_frame(s, random);
    const auto start = static_cast<std::uint32_t>(s.l4());
    const auto described = [&](const Octets& bytes, std::uint32_t at, bool tcp) {
        HandMbuf m(bytes);
        return describe_super(m.get(), at, tcp);
    };
    CHECK(described(frame, start, true));
    CHECK_FALSE(described(frame, start, false));    // the header says TCP
    CHECK_FALSE(described(frame, start + 4, true)); // not where the IPv4 header ends: an encapsulated frame
    CHECK_FALSE(described(frame, 0, true));         // in the Ethernet header
    CHECK_FALSE(described(frame, 60'000, true));    // behind the frame
    Octets bad = frame;
    bad[s.l4() + 12] = 0x40; // a TCP header of 16 bytes
    CHECK_FALSE(described(bad, start, true));
    bad = frame;
    store_be16(&bad[12], 0x0806);
    CHECK_FALSE(described(bad, start, true));
    bad.assign(frame.begin(),
               frame.begin() + static_cast<std::ptrdiff_t>(s.l4() + 10)); // ends within the TCP header
    CHECK_FALSE(described(bad, start, true));
    for (int i = 0; i < 20'000;
         ++i) { // whatever the bytes: it reads nothing behind them, and what it says can be cut
        bad.assign(frame.begin(), frame.begin() + 14 + random() % 100);
        for (int flips = 0; flips < 4; ++flips)
            bad[random() % bad.size()] = static_cast<std::uint8_t>(random());
        HandMbuf m(bad);
        if (!describe_super(m.get(), random() % 120, random() % 2 != 0)) continue;
        m.get()->tso_segsz = static_cast<std::uint16_t>(1 + random() % 100);
        Cutter cutter(m.get());
        for (unsigned n = cutter.count(); n != 0; --n) {
            HandMbuf piece = HandMbuf::with_room({}, 2048);
            REQUIRE(cutter.next(piece.get()));
        }
    }
}

TEST_CASE("an undone checksum is completed where the sender said, encapsulated too", "[offload]") {
    std::mt19937 random(15);
    for (int round = 0; round < 2'000; ++round) {
        Shape s;
        s.v6 = random() % 2 != 0;
        s.udp = random() % 2 != 0;
        s.tags = random() % 3;
        s.payload = random() % 1400;
        s.segment = 1500;
        Octets inner = super_frame(s, random);
        Octets expected = cut_by_the_book(inner, s).front();
        Octets outer(random() % 2 == 0 ? 0 : 50); // as VXLAN over IPv4 puts before it
        for (std::uint8_t& byte : outer) byte = static_cast<std::uint8_t>(random());
        if (!outer.empty()) store_be16(&outer[12], 0x0800);
        const std::size_t start = outer.size() + s.l4();
        inner.insert(inner.begin(), outer.begin(), outer.end());
        expected.insert(expected.begin(), outer.begin(), outer.end());
        HandMbuf m = HandMbuf::in_parts(parts_of(inner, start + 20, random));
        REQUIRE(leave_checksum(m.get(), static_cast<std::uint32_t>(start), s.udp ? 6 : 16));
        REQUIRE((m.get()->ol_flags & kUndone) != 0);
        REQUIRE(m.bytes() == inner);
        complete_undone(m.get());
        REQUIRE((m.get()->ol_flags & kUndone) == 0);
        REQUIRE(m.bytes() == expected);
    }
    HandMbuf m(Octets(60));
    CHECK_FALSE(leave_checksum(m.get(), 50, 16)); // the field would lie behind the frame
    CHECK_FALSE(leave_checksum(m.get(), 2, 16));
    CHECK(m.get()->ol_flags == 0);
    CHECK(leave_checksum(m.get(), 34, 2)); // neither TCP nor UDP: done at once
    CHECK(m.get()->ol_flags == 0);
    CHECK(m.bytes()[36] == 0xff);
}
