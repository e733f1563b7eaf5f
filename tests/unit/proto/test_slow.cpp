// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <vector>

#include "proto/lacpdu.hpp"
#include "proto/marker.hpp"

using namespace dpdkbond;

namespace {

const Mac kSource{{0x02, 0, 0, 0, 0, 0x11}};

Lacpdu sample_pdu() {
    Lacpdu pdu;
    pdu.actor = {{0x8001}, Mac{{2, 0xbd, 0, 0, 0, 1}}, {0x000f}, {0x00ff}, {0x0003}, {0x3f}};
    pdu.partner = {{0x7ffe}, Mac{{0, 0x1b, 0x21, 0xa, 0xb, 0xc}}, {0x1234}, {0x8000}, {0x0105}, {0x3d}};
    pdu.collector_max_delay = 0x1122;
    return pdu;
}

std::vector<std::uint8_t> sample_bytes() {
    std::vector<std::uint8_t> bytes{0x01, 0x80, 0xc2, 0,    0, 0x02, 0x02, 0,   0,   0,
                                    0,    0x11, 0x88, 0x09, 1, 1, // header, subtype, version
                                    1,    20,   0x80, 0x01, 2, 0xbd, 0,    0,   0,   1,
                                    0,    0x0f, 0,    0xff, 0, 3,    0x3f, 0,   0,   0, // actor
                                    2,    20,   0x7f, 0xfe, 0, 0x1b, 0x21, 0xa, 0xb, 0xc,
                                    0x12, 0x34, 0x80, 0,    1, 5,    0x3d, 0,   0,   0, // partner
                                    3,    16,   0x11, 0x22};
    bytes.resize(124);
    return bytes;
}

} // namespace

TEST_CASE("an LACPDU is written octet by octet as 802.1AX draws it and reads back") {
    SlowFrame frame;
    frame.fill(0xee);
    encode_lacpdu(frame, kSource, sample_pdu());
    CHECK(std::vector<std::uint8_t>(frame.begin(), frame.end()) == sample_bytes());
    CHECK(decode_lacpdu(frame) == sample_pdu());
    CHECK(slow_frame_subtype(frame) == slow_subtype::lacp);
}

TEST_CASE("an LACPDU with a wrong length is refused") {
    const auto bytes = sample_bytes();
    for (std::size_t size = 0; size < bytes.size(); ++size)
        CHECK_FALSE(decode_lacpdu({bytes.data(), size}).has_value());
    for (const std::size_t at : {17U, 37U, 57U}) {
        for (const int delta : {-1, 1}) {
            auto bad = bytes;
            bad[at] = static_cast<std::uint8_t>(bad[at] + delta);
            CHECK_FALSE(decode_lacpdu(bad).has_value());
        }
    }
}

TEST_CASE("version, TLV types, reserved octets and what follows are no reason to refuse an LACPDU") {
    for (const std::size_t at : {15U, 16U, 33U, 36U, 53U, 56U, 60U, 72U, 74U, 123U}) {
        auto other = sample_bytes();
        other[at] = 0x5a;
        const auto pdu = decode_lacpdu(other);
        REQUIRE(pdu.has_value());
        CHECK(pdu->actor == sample_pdu().actor);
        CHECK(pdu->partner == sample_pdu().partner);
    }
    auto longer = sample_bytes();
    longer[15] = 2;
    longer.resize(1500, 0xaa);
    REQUIRE(decode_lacpdu(longer).has_value());
    CHECK(decode_lacpdu(longer)->version == 2);
}

TEST_CASE("state bits are the wire's") {
    StateBits state;
    state.set(StateBit::synchronization);
    state.set(StateBit::expired);
    CHECK(state.value == 0x88);
    state.clear(StateBit::expired);
    CHECK(state.has(StateBit::synchronization));
    CHECK_FALSE(state.has(StateBit::expired));
    CHECK(state.value == 0x08);
}

TEST_CASE("a marker is written as 802.1AX draws it and its response is its copy with the other type") {
    const Marker request{marker_type::information, {0x0102}, Mac{{2, 0xbd, 0, 0, 0, 1}}, 0xa1b2c3d4};
    SlowFrame frame;
    frame.fill(0xee);
    encode_marker(frame, kSource, request);
    std::vector<std::uint8_t> expected{0x01, 0x80, 0xc2, 0, 0, 0x02, 0x02, 0,    0,    0,   0,
                                       0x11, 0x88, 0x09, 2, 1, 1,    16,   0x01, 0x02, // up to the port
                                       2,    0xbd, 0,    0, 0, 1,    0xa1, 0xb2, 0xc3, 0xd4};
    expected.resize(124);
    CHECK(std::vector<std::uint8_t>(frame.begin(), frame.end()) == expected);
    CHECK(decode_marker(frame) == request);

    frame[30] = 0x77; // padding is given back as it came
    frame[100] = 0x66;
    SlowFrame response;
    build_marker_response(response, Mac{{2, 0, 0, 0, 0, 0x22}}, frame);
    CHECK(response[11] == 0x22);
    CHECK(response[16] == marker_type::response);
    CHECK(response[30] == 0x77);
    CHECK(response[100] == 0x66);
    CHECK(decode_marker(response)->transaction == request.transaction);
}

TEST_CASE("a marker with a wrong length is refused") {
    SlowFrame frame;
    encode_marker(frame, kSource, {});
    for (std::size_t size = 0; size < frame.size(); ++size)
        CHECK_FALSE(decode_marker({frame.data(), size}).has_value());
    frame[17] = 15;
    CHECK_FALSE(decode_marker(frame).has_value());
}

TEST_CASE("the subtype is read of slow frames only") {
    SlowFrame frame;
    encode_lacpdu(frame, kSource, {});
    frame[14] = slow_subtype::ossp;
    CHECK(slow_frame_subtype(frame) == slow_subtype::ossp);
    CHECK(slow_frame_subtype({frame.data(), 14}) == std::nullopt);
    frame[13] = 0x0a;
    CHECK(slow_frame_subtype(frame) == std::nullopt);
}

TEST_CASE("LACP may be sent to three group addresses and to nothing else") {
    for (unsigned last = 0; last < 256; ++last) {
        const Mac mac{{0x01, 0x80, 0xc2, 0, 0, static_cast<std::uint8_t>(last)}};
        CHECK(is_lacp_destination(mac) == (last == 0 || last == 2 || last == 3));
    }
    CHECK_FALSE(is_lacp_destination(Mac{{0x01, 0x80, 0xc2, 0, 1, 2}}));
    CHECK_FALSE(is_lacp_destination(Mac{{2, 0, 0, 0, 0, 2}}));
}
