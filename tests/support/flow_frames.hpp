// SPDX-License-Identifier: BSD-3-Clause
// Frames for the hash tests: hex to bytes, random ones, and memory behind which any read faults.
#pragma once

#include <sys/mman.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "options/options.hpp"

namespace dpdkbond::test {

using Frame = std::vector<std::uint8_t>;
using Random = std::mt19937;

inline constexpr HashPolicy kPolicies[] = {HashPolicy::layer2,  HashPolicy::layer23, HashPolicy::layer34,
                                           HashPolicy::encap23, HashPolicy::encap34, HashPolicy::vlan_srcmac};

inline Frame from_hex(std::string_view hex) {
    const auto digit = [](char c) { return static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10); };
    Frame frame;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        frame.push_back(static_cast<std::uint8_t>(digit(hex[i]) << 4U | digit(hex[i + 1])));
    return frame;
}

inline std::uint32_t below(Random& random, std::uint32_t n) {
    return static_cast<std::uint32_t>(random() % n);
}

inline Frame random_bytes(Random& random, std::size_t n) {
    Frame frame(n);
    for (auto& byte : frame) byte = static_cast<std::uint8_t>(random());
    return frame;
}

// Addresses, ports and payload at random around an IP header without options. `type`: 0x0800 or 0x86dd.
inline Frame random_ip(Random& random, std::uint16_t type, std::uint8_t protocol, std::size_t payload = 40) {
    const bool v6 = type == 0x86dd;
    Frame frame = random_bytes(random, (v6 ? 54U : 34U) + payload);
    store_be16(&frame[12], type);
    frame[14] = v6 ? 0x60 : 0x45;
    if (!v6) store_be16(&frame[20], below(random, 2) != 0 ? 0x4000 : 0); // not a fragment; DF or not
    frame[v6 ? 20 : 23] = protocol;
    return frame;
}

inline void insert_tag(Frame& frame, std::uint16_t type, std::uint16_t tci) {
    std::uint8_t tag[4];
    store_be16(tag, type);
    store_be16(tag + 2, tci);
    frame.insert(frame.begin() + 12, tag, tag + 4);
}

// A buffer that ends where a page begins that cannot be read.
class GuardedBuffer {
public:
    GuardedBuffer() {
        void* map =
            mmap(nullptr, kUsable + kGuard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQUIRE(map != MAP_FAILED);
        start_ = static_cast<std::uint8_t*>(map);
        REQUIRE(mprotect(start_ + kUsable, kGuard, PROT_NONE) == 0);
    }
    ~GuardedBuffer() { munmap(start_, kUsable + kGuard); }
    GuardedBuffer(const GuardedBuffer&) = delete;
    GuardedBuffer& operator=(const GuardedBuffer&) = delete;

    // The first `len` bytes of `frame`, with nothing behind them.
    const std::uint8_t* place(const Frame& frame, std::size_t len) {
        std::uint8_t* at = start_ + kUsable - len;
        if (len != 0) std::memcpy(at, frame.data(), len);
        return at;
    }

private:
    static constexpr std::size_t kUsable = 65536, kGuard = 65536; // more than any header skips
    std::uint8_t* start_;
};

} // namespace dpdkbond::test
