// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "base/bytes.hpp"
#include "datapath/checksum.hpp"
#include "hand_mbuf.hpp"
#include "inet_sum.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

struct Case {
    bool v6 = false;
    std::uint8_t protocol = 6;
    unsigned tags = 0;
    std::size_t payload = 37;  // odd on purpose
    unsigned option_words = 0; // IPv4 options
};

struct Built {
    Octets frame;
    std::size_t ip, l4, field, end;
    std::uint16_t pseudo = 0; // what a sender leaves in the field for hardware
    std::uint16_t full = 0;   // the finished checksum
};

Built build(const Case& c) {
    Built b;
    const bool tcp = c.protocol == 6;
    b.ip = 14 + 4 * std::size_t{c.tags};
    b.l4 = b.ip + (c.v6 ? 40 : 20 + 4 * std::size_t{c.option_words});
    b.field = b.l4 + (tcp ? 16 : 6);
    b.end = b.l4 + (tcp ? 20 : 8) + c.payload;
    const std::size_t l4_length = b.end - b.l4;
    Octets& f = b.frame;
    for (std::size_t i = 0; i < b.end; ++i) f.push_back(static_cast<std::uint8_t>(i * 7 + 3));
    for (unsigned t = 0; t < c.tags; ++t)
        store_be16(&f[12 + 4 * std::size_t{t}], t == 0 && c.tags == 2 ? 0x88a8 : 0x8100);
    store_be16(&f[b.ip - 2], c.v6 ? 0x86dd : 0x0800);
    if (c.v6) {
        f[b.ip] = 0x60;
        store_be16(&f[b.ip + 4], static_cast<std::uint16_t>(l4_length));
        f[b.ip + 6] = c.protocol;
    } else {
        f[b.ip] = static_cast<std::uint8_t>(0x45 + c.option_words);
        store_be16(&f[b.ip + 2], static_cast<std::uint16_t>(b.end - b.ip));
        store_be16(&f[b.ip + 6], 0x4000);
        f[b.ip + 9] = c.protocol;
    }
    std::uint32_t sum = c.v6 ? sum_pairs(f, b.ip + 8, b.ip + 40) : sum_pairs(f, b.ip + 12, b.ip + 20);
    sum += c.protocol + static_cast<std::uint32_t>(l4_length);
    b.pseudo = static_cast<std::uint16_t>(sum_pairs(f, 0, 0, sum));
    store_be16(&f[b.field], 0);
    b.full = static_cast<std::uint16_t>(~sum_pairs(f, b.l4, b.end, b.pseudo));
    if (b.full == 0 && !tcp) b.full = 0xffff;
    store_be16(&f[b.field], b.pseudo);
    return b;
}

std::uint16_t field_of(const HandMbuf& m, const Built& b) { return load_be16(m.bytes().data() + b.field); }

void untouched(const Octets& frame) {
    HandMbuf m(frame);
    REQUIRE_FALSE(complete_checksum(m.get()));
    REQUIRE(m.bytes() == frame);
}

} // namespace

TEST_CASE("an unfinished checksum is completed: TCP and UDP, both IP versions, tags, options, any length") {
    for (const bool v6 : {false, true})
        for (const std::uint8_t protocol : {6, 17})
            for (const unsigned tags : {0U, 1U, 2U})
                for (const std::size_t payload : {0U, 1U, 36U, 37U, 1400U})
                    for (const unsigned options : {0U, 3U}) {
                        const Built b = build({v6, protocol, tags, payload, v6 ? 0 : options});
                        HandMbuf m(b.frame);
                        REQUIRE(complete_checksum(m.get()));
                        REQUIRE(field_of(m, b) == b.full);
                        Octets rest = m.bytes();
                        store_be16(&rest[b.field], b.pseudo);
                        REQUIRE(rest == b.frame); // nothing else was written
                    }
}

TEST_CASE("padding behind the datagram does not count") {
    Built b = build({.protocol = 17, .payload = 5});
    b.frame.resize(60, 0xee);
    HandMbuf m(b.frame);
    REQUIRE(complete_checksum(m.get()));
    REQUIRE(field_of(m, b) == b.full);
}

TEST_CASE("a frame in several segments is completed over all of them") {
    const Built b = build({.v6 = true, .payload = 601});
    for (const std::size_t cut : {b.field + 2, b.l4 + 21, b.end - 1, b.end - 2}) {
        HandMbuf m(b.frame, cut);
        REQUIRE(complete_checksum(m.get()));
        REQUIRE(field_of(m, b) == b.full);
    }
}

TEST_CASE("headers that the first segment does not hold are left alone") {
    const Built b = build({.payload = 600});
    for (const std::size_t cut : {std::size_t{10}, b.ip + 12, b.l4, b.field + 1}) {
        HandMbuf m(b.frame, cut);
        REQUIRE_FALSE(complete_checksum(m.get()));
        REQUIRE(m.bytes() == b.frame);
    }
}

TEST_CASE("a UDP checksum of zero goes out as ffff") {
    Built b = build({.protocol = 17, .payload = 2});
    // The last two bytes are chosen so that everything sums to ffff.
    const std::uint16_t last = load_be16(&b.frame[b.end - 2]);
    store_be16(&b.frame[b.end - 2], 0);
    store_be16(&b.frame[b.field], 0);
    const std::uint32_t others = sum_pairs(b.frame, b.l4, b.end, b.pseudo);
    REQUIRE(last != 0xffff - others);
    store_be16(&b.frame[b.end - 2], static_cast<std::uint16_t>(0xffff - others));
    store_be16(&b.frame[b.field], b.pseudo);
    HandMbuf m(b.frame);
    REQUIRE(complete_checksum(m.get()));
    REQUIRE(field_of(m, b) == 0xffff);
}

TEST_CASE("a finished checksum stays, right or wrong") {
    for (const std::uint8_t protocol : {6, 17}) {
        Built b = build({.protocol = protocol});
        for (const std::uint16_t value :
             {b.full, static_cast<std::uint16_t>(b.full ^ 0x1234U), std::uint16_t{0}}) {
            store_be16(&b.frame[b.field], value);
            untouched(b.frame);
        }
    }
}

TEST_CASE("fragments stay as they are") {
    for (const std::uint16_t fragment : {0x2000, 0x2010, 0x0010}) {
        Built b = build({});
        store_be16(&b.frame[b.ip + 6], fragment);
        untouched(b.frame);
    }
}

TEST_CASE("what is neither TCP nor UDP over IP stays as it is") {
    for (const std::uint8_t protocol : {1, 47, 132}) {
        Built b = build({});
        b.frame[b.ip + 9] = protocol;
        untouched(b.frame);
    }
    Built arp = build({});
    store_be16(&arp.frame[12], 0x0806);
    untouched(arp.frame);
    Built three_tags = build({.tags = 2});
    three_tags.frame.insert(three_tags.frame.begin() + 12, {0x81, 0x00, 0x00, 0x01});
    untouched(three_tags.frame);
}

TEST_CASE("lengths that lie and frames that end early are left alone, and nothing is read behind them") {
    for (const bool v6 : {false, true}) {
        const Built b = build({.v6 = v6, .tags = 1});
        for (std::size_t length = 0; length < b.end; ++length)
            untouched({b.frame.begin(), b.frame.begin() + static_cast<std::ptrdiff_t>(length)});
    }
    Built short_header = build({});
    short_header.frame[short_header.ip] = 0x44;
    untouched(short_header.frame);
    Built short_total = build({});
    store_be16(&short_total.frame[short_total.ip + 2], 19);
    untouched(short_total.frame);
    Built no_field = build({.v6 = true});
    store_be16(&no_field.frame[no_field.ip + 4], 17); // TCP up to the middle of its checksum
    untouched(no_field.frame);
}

namespace {

// An unfinished frame put behind `front`, of which `cut` bytes (its Ethernet header) are left out. Lengths of
// outer headers are for the caller to set.
Built behind(const Octets& front, const Case& c, std::size_t cut) {
    Built b = build(c);
    b.frame.erase(b.frame.begin(), b.frame.begin() + static_cast<std::ptrdiff_t>(cut));
    b.frame.insert(b.frame.begin(), front.begin(), front.end());
    const std::size_t by = front.size() - cut;
    for (std::size_t* at : {&b.ip, &b.l4, &b.field, &b.end}) *at += by;
    return b;
}

Octets ethernet(std::uint16_t type) {
    Octets f(14, 2);
    store_be16(&f[12], type);
    return f;
}

// An IPv4 or IPv6 header in front of `length` bytes of `protocol`.
Octets ip(bool v6, std::uint8_t protocol, std::size_t length) {
    Octets h(v6 ? 40 : 20, 5);
    if (v6) {
        store_be16(&h[4], static_cast<std::uint16_t>(length));
        h[6] = protocol;
    } else {
        h[0] = 0x45;
        store_be16(&h[2], static_cast<std::uint16_t>(20 + length));
        store_be16(&h[6], 0);
        h[9] = protocol;
    }
    return h;
}

Octets udp_to(std::uint16_t port, std::size_t length, std::uint16_t checksum) {
    Octets h(8, 7);
    store_be16(&h[2], port);
    store_be16(&h[4], static_cast<std::uint16_t>(length));
    store_be16(&h[6], checksum);
    return h;
}

Octets operator+(Octets a, const Octets& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

void completed(const Built& b) {
    HandMbuf m(b.frame);
    REQUIRE(complete_checksum(m.get()));
    REQUIRE(field_of(m, b) == b.full);
    Octets rest = m.bytes();
    store_be16(&rest[b.field], b.pseudo);
    REQUIRE(rest == b.frame);
}

} // namespace

TEST_CASE("an unfinished checksum inside of something is completed", "[field-6]") {
    const Octets vxlan = {8, 0, 0, 0, 0, 0, 7, 0}, gpe = {0x0c, 0, 0, 3, 0, 0, 7, 0};
    const Octets geneve = {0x01, 0, 0x65, 0x58, 0, 0, 7, 0, 0, 1, 2, 0},
                 geneve_ip = {0, 0, 0x08, 0, 0, 0, 7, 0};
    const Octets gre_ip = {0, 0, 0x08, 0},
                 gre_keys = {0xb0, 0, 0x65, 0x58, 0x12, 0x34, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1};
    const Octets mpls = {0, 1, 0x20, 64, 0, 1, 0x31, 64};
    for (const bool outer_v6 : {false, true})
        for (const bool v6 : {false, true})
            for (const std::uint8_t protocol : {6, 17})
                for (const std::uint16_t outer_sum :
                     {0, 0x1234}) { // none, or one that the kernel has finished ahead
                    const Case c{.v6 = v6, .protocol = protocol, .tags = 1};
                    const std::size_t frame = build(c).frame.size(), packet = frame - 18;
                    const Octets eth = ethernet(outer_v6 ? 0x86dd : 0x0800);
                    const auto in_udp = [&](std::uint16_t port, const Octets& header, std::size_t cut) {
                        const std::size_t length = 8 + header.size() + frame - cut;
                        completed(
                            behind(eth + ip(outer_v6, 17, length) + udp_to(port, length, outer_sum) + header,
                                   c, cut));
                    };
                    in_udp(4789, vxlan, 0);
                    in_udp(8472, vxlan, 0);
                    in_udp(54321, vxlan, 0);
                    in_udp(4790, gpe, 0);
                    in_udp(6081, geneve, 0);
                    in_udp(6635, mpls, 18);
                    if (!v6) in_udp(6081, geneve_ip, 18);
                    if (!v6) completed(behind(eth + ip(outer_v6, 47, 4 + packet) + gre_ip, c, 18));
                    completed(behind(eth + ip(outer_v6, 47, 16 + frame) + gre_keys, c, 0));
                    completed(behind(eth + ip(outer_v6, v6 ? 41 : 4, packet), c, 18));
                    completed(behind(ethernet(0x8847) + mpls, c, 18));
                }
}

TEST_CASE("an unfinished checksum behind IPv6 extension headers is completed", "[field-6]") {
    const Octets options(8, 1), pad16(16, 1), fragment = {0, 0, 0, 0, 0, 0, 0, 1};
    for (const std::uint8_t protocol : {6, 17}) {
        const auto with = [&](std::vector<std::pair<std::uint8_t, Octets>> headers,
                              const std::uint8_t* last_stop = nullptr) {
            Built b = build({.v6 = true, .protocol = protocol});
            if (last_stop != nullptr) { // the checksum is for that destination
                const Octets before(b.frame.begin() + 38, b.frame.begin() + 54);
                std::copy_n(last_stop, 16, b.frame.begin() + 38);
                std::uint32_t sum = sum_pairs(b.frame, b.ip + 8, b.ip + 40) + protocol +
                                    static_cast<std::uint32_t>(b.end - b.l4);
                b.pseudo = static_cast<std::uint16_t>(sum_pairs(b.frame, 0, 0, sum));
                store_be16(&b.frame[b.field], 0);
                b.full = static_cast<std::uint16_t>(~sum_pairs(b.frame, b.l4, b.end, b.pseudo));
                store_be16(&b.frame[b.field], b.pseudo);
                std::copy(before.begin(), before.end(), b.frame.begin() + 38);
            }
            Octets between;
            for (std::size_t i = 0; i < headers.size(); ++i) {
                Octets& h = headers[i].second;
                h[0] = i + 1 < headers.size() ? headers[i + 1].first : protocol;
                if (headers[i].first != 44)
                    h[1] = static_cast<std::uint8_t>(headers[i].first == 51 ? h.size() / 4 - 2
                                                                            : h.size() / 8 - 1);
                between = between + h;
            }
            b.frame[20] = headers[0].first;
            store_be16(&b.frame[18], static_cast<std::uint16_t>(b.end - b.l4 + between.size()));
            b.frame.insert(b.frame.begin() + 54, between.begin(), between.end());
            for (std::size_t* at : {&b.l4, &b.field, &b.end}) *at += between.size();
            return b;
        };
        completed(with({{60, options}}));
        completed(with({{0, options}, {60, pad16}, {44, fragment}, {51, pad16}}));
        untouched(with({{44, {0, 0, 0, 1, 0, 0, 0, 1}}}).frame); // the first part of something longer
        Octets route(40, 0xfd);
        route[2] = 4; // segment routing: the last stop is the first of the list
        route[3] = 1;
        completed(with({{43, route}}, &route[8]));
        route[2] = 0;
        completed(with({{43, route}}, &route[24]));
        route[3] = 0; // it is there already
        completed(with({{43, route}}));
    }
}

TEST_CASE("GRE's and SCTP's own checksums are completed", "[field-6]") {
    Octets gre = ethernet(0x0800) + ip(false, 47, 8 + 33) + Octets{0x80, 0, 0x88, 0xb5, 0, 0, 0, 0};
    for (int i = 0; i < 33; ++i) gre.push_back(static_cast<std::uint8_t>(i * 5));
    HandMbuf g(gre);
    REQUIRE(complete_checksum(g.get()));
    CHECK(sum_pairs(g.bytes(), 34, gre.size()) == 0xffff);

    // "123456789" has the CRC-32C e3069283 (the check value of the polynomial); here with SCTP's header in
    // front, by a slow sum.
    for (const bool v6 : {false, true}) {
        Octets sctp = ethernet(v6 ? 0x86dd : 0x0800) + ip(v6, 132, 12 + 9);
        const std::size_t at = sctp.size();
        sctp = sctp + Octets{1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0} +
               Octets{'1', '2', '3', '4', '5', '6', '7', '8', '9'};
        const auto slow_crc = [](const Octets& bytes, std::size_t from) {
            std::uint32_t crc = ~0U;
            for (std::size_t i = from; i < bytes.size(); ++i) {
                crc ^= bytes[i];
                for (int bit = 0; bit < 8; ++bit) crc = (crc & 1U) != 0 ? crc >> 1U ^ 0x82f63b78U : crc >> 1U;
            }
            return ~crc;
        };
        REQUIRE(slow_crc(sctp, sctp.size() - 9) == 0xe3069283U);
        HandMbuf m(sctp, at + 13);
        REQUIRE(complete_checksum(m.get()));
        const Octets out = m.bytes();
        const std::uint32_t crc = slow_crc(sctp, at);
        for (unsigned i = 0; i < 4; ++i) CHECK(out[at + 8 + i] == static_cast<std::uint8_t>(crc >> 8 * i));
        HandMbuf again(out);
        CHECK_FALSE(complete_checksum(again.get()));
    }
}

TEST_CASE("frames that end early inside of something are left alone, and nothing is read behind them",
          "[field-6]") {
    const Case c{.v6 = true};
    const std::size_t length = 16 + build(c).frame.size();
    const Built b = behind(ethernet(0x0800) + ip(false, 17, length) + udp_to(4789, length, 0) +
                               Octets{8, 0, 0, 0, 0, 0, 7, 0},
                           c, 0);
    for (std::size_t size = 1; size < b.frame.size(); ++size)
        untouched(Octets(b.frame.begin(), b.frame.begin() + static_cast<std::ptrdiff_t>(size)));
    for (std::size_t at = 0; at < b.field; ++at) // any byte of the headers may lie
        for (const std::uint8_t value : {0x00, 0x04, 0x2b, 0x2f, 0x3c, 0x7f, 0x80, 0xff}) {
            Octets f = b.frame;
            f[at] = value;
            HandMbuf m(f);
            (void)complete_checksum(m.get());
        }
}
