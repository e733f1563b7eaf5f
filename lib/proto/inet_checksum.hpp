// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum (RFC 1071). Pure; any thread; no allocation.
#pragma once

#include "base/bytes.hpp"

namespace dpdkbond {

// Over `data`, `sum` being what was added before (a pseudo header). Zero for data whose checksum field is
// right.
inline std::uint16_t inet_checksum(Bytes data, std::uint32_t sum = 0) {
    std::size_t i = 0;
    for (; i + 1 < data.size(); i += 2) sum += load_be16(data.data() + i);
    if (i < data.size()) sum += static_cast<std::uint32_t>(data[i]) << 8U;
    while (sum >> 16U) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

// RFC 4443 2.3: over the pseudo header (32 bytes of addresses, length, next header) and the message.
inline std::uint16_t icmpv6_checksum(const std::uint8_t* addresses, Bytes message) {
    constexpr std::uint32_t kNextHeaderIcmpv6 = 58;
    std::uint32_t sum = kNextHeaderIcmpv6 + static_cast<std::uint32_t>(message.size());
    for (std::size_t i = 0; i < 32; i += 2) sum += load_be16(addresses + i);
    return inet_checksum(message, sum);
}

} // namespace dpdkbond
