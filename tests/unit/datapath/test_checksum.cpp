// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "base/bytes.hpp"
#include "datapath/checksum.hpp"
#include "hand_mbuf.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

// RFC 1071, a byte pair at a time: written apart from the code under test.
std::uint32_t sum_pairs(const Octets& bytes, std::size_t from, std::size_t to, std::uint32_t sum = 0) {
    for (std::size_t i = from; i < to; ++i)
        sum += (i - from) % 2 == 0 ? std::uint32_t{bytes[i]} << 8U : bytes[i];
    while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
    return sum;
}

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
