// SPDX-License-Identifier: BSD-3-Clause
// Blocks by the draft's own layout: a file must be readable by any reader, so lengths and padding count.
#include <catch2/catch.hpp>

#include <cstring>

#include "capture/pcapng.hpp"

using namespace dpdkbond;

namespace {

std::uint32_t word(const std::vector<std::byte>& b, std::size_t at) {
    std::uint32_t value = 0;
    REQUIRE(at + sizeof value <= b.size());
    std::memcpy(&value, &b[at], sizeof value);
    return value;
}

// Whole blocks, by the lengths at both of their ends.
std::vector<std::vector<std::byte>> blocks(const std::vector<std::byte>& file) {
    std::vector<std::vector<std::byte>> out;
    for (std::size_t at = 0; at < file.size();) {
        const std::size_t length = word(file, at + 4);
        REQUIRE(length % 4 == 0);
        REQUIRE(word(file, at + length - 4) == length);
        out.emplace_back(file.begin() + static_cast<std::ptrdiff_t>(at),
                         file.begin() + static_cast<std::ptrdiff_t>(at + length));
        at += length;
    }
    return out;
}

std::string option(const std::vector<std::byte>& block, std::size_t at, std::uint16_t wanted) {
    while (true) {
        std::uint16_t head[2];
        REQUIRE(at + sizeof head <= block.size());
        std::memcpy(head, &block[at], sizeof head);
        if (head[0] == 0) return "";
        if (head[0] == wanted) return {reinterpret_cast<const char*>(&block[at + 4]), head[1]};
        at += 4 + (head[1] + 3U) / 4 * 4;
    }
}

} // namespace

TEST_CASE("a section, its interfaces, packets and statistics") {
    std::vector<std::byte> file;
    Pcapng out(file);
    out.section({"dpdk-bond", "Linux 6.1", "bond0 on host7"});
    out.interface("m0", "bond0 member m0", *Mac::parse("02:00:00:00:00:07"));
    const std::vector<std::byte> frame(61, std::byte{0x5a});
    out.packet(0, 0x1122334455667788, true, frame);
    out.packet(0, 1, false, frame);
    out.statistics(0, {5, 0x100000002, 70, 9});
    const auto b = blocks(file);
    REQUIRE(b.size() == 5);

    CHECK(word(b[0], 0) == 0x0a0d0d0a);
    CHECK(word(b[0], 8) == 0x1a2b3c4d);
    CHECK(word(b[0], 12) == 1); // version 1.0
    CHECK(word(b[0], 16) == 0xffffffff);
    CHECK(option(b[0], 24, 4) == "dpdk-bond");
    CHECK(option(b[0], 24, 3) == "Linux 6.1");
    CHECK(option(b[0], 24, 1) == "bond0 on host7");

    CHECK(word(b[1], 0) == 1);
    CHECK(word(b[1], 8) == 1); // Ethernet
    CHECK(word(b[1], 12) == 0);
    CHECK(option(b[1], 16, 2) == "m0");
    CHECK(option(b[1], 16, 3) == "bond0 member m0");
    CHECK(option(b[1], 16, 6) == std::string("\x02\0\0\0\0\x07", 6));
    CHECK(option(b[1], 16, 9) == "\x09");

    CHECK(word(b[2], 0) == 6);
    CHECK(word(b[2], 8) == 0);
    CHECK(word(b[2], 12) == 0x11223344);
    CHECK(word(b[2], 16) == 0x55667788);
    CHECK(word(b[2], 20) == 61);
    CHECK(word(b[2], 24) == 61);
    CHECK(b[2][28 + 60] == std::byte{0x5a});
    CHECK(b[2][28 + 61] == std::byte{0});
    CHECK(option(b[2], 28 + 64, 2) == std::string("\x02\0\0\0", 4));
    CHECK(option(b[3], 28 + 64, 2) == std::string("\x01\0\0\0", 4));

    CHECK(word(b[4], 0) == 5);
    CHECK(word(b[4], 12) == 1);
    CHECK(word(b[4], 16) == 2);
    CHECK(option(b[4], 20, 2) == std::string("\0\0\0\0\x05\0\0\0", 8));
    CHECK(option(b[4], 20, 4) == std::string("\x46\0\0\0\0\0\0\0", 8));
    CHECK(option(b[4], 20, 5) == std::string("\x09\0\0\0\0\0\0\0", 8));
}
