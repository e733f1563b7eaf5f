// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <cstring>
#include <thread>
#include <vector>

#include "base/record_ring.hpp"

using namespace dpdkbond;

namespace {

bool put(RecordRing& ring, std::size_t length, std::uint8_t fill) {
    std::byte* room = ring.reserve(length);
    if (room == nullptr) return false;
    std::memset(room, fill, length);
    ring.commit();
    return true;
}

} // namespace

TEST_CASE("records come out as they went in, until there are none") {
    RecordRing ring(256);
    CHECK(ring.front().empty());
    REQUIRE(put(ring, 1, 7));
    REQUIRE(put(ring, 100, 8));
    REQUIRE(ring.front().size() == 1);
    CHECK(ring.front()[0] == std::byte{7});
    ring.pop();
    REQUIRE(ring.front().size() == 100);
    CHECK(ring.front()[99] == std::byte{8});
    ring.pop();
    CHECK(ring.front().empty());
}

TEST_CASE("a full ring takes nothing, and takes again what there is room for") {
    RecordRing ring(256);
    CHECK_FALSE(put(ring, 249, 1)); // with its length it never fits
    REQUIRE(put(ring, 248, 1));
    CHECK_FALSE(put(ring, 1, 2));
    ring.pop();
    REQUIRE(put(ring, 100, 3));
    REQUIRE(put(ring, 100, 4));
    CHECK_FALSE(put(ring, 100, 5));
    ring.pop();
    REQUIRE(put(ring, 100, 6)); // from the start again, as the end is too short for it
    CHECK(ring.front()[0] == std::byte{4});
    ring.pop();
    REQUIRE(ring.front().size() == 100);
    CHECK(ring.front()[0] == std::byte{6});
}

TEST_CASE("what has not been committed is not seen") {
    RecordRing ring(256);
    REQUIRE(ring.reserve(10) != nullptr);
    CHECK(ring.front().empty());
    ring.commit();
    CHECK(ring.front().size() == 10);
}

TEST_CASE("one thread writes while another reads: every record once, whole and in order", "[threads]") {
    constexpr std::uint32_t kRecords = 20000;
    RecordRing ring(4096);
    std::thread writer([&] {
        for (std::uint32_t i = 0; i < kRecords;) {
            const std::size_t length = 4 + i * 37 % 300;
            std::byte* room = ring.reserve(length);
            if (room == nullptr) {
                std::this_thread::yield();
                continue;
            }
            std::memset(room, static_cast<int>(i & 0xffU), length);
            std::memcpy(room, &i, sizeof i);
            ring.commit();
            ++i;
        }
    });
    std::uint32_t wrong = 0;
    for (std::uint32_t i = 0; i < kRecords;) {
        const auto record = ring.front();
        if (record.empty()) {
            std::this_thread::yield();
            continue;
        }
        std::uint32_t number = 0;
        std::memcpy(&number, record.data(), sizeof number);
        wrong += number != i || record.size() != 4 + i * 37 % 300 ? 1 : 0;
        if (record.size() > 4) wrong += record.back() != static_cast<std::byte>(i & 0xffU) ? 1 : 0;
        ring.pop();
        ++i;
    }
    writer.join();
    CHECK(wrong == 0);
    CHECK(ring.front().empty());
}
