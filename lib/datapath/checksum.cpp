// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/checksum.hpp"

#include <rte_ip.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "datapath/unfinished.hpp"

namespace dpdkbond {

// rte_raw_cksum_mbuf() of DPDK 22.11 loses carries behind a segment of odd length.
std::uint16_t raw_sum(const rte_mbuf* m, std::uint32_t from, std::uint32_t length) noexcept {
    for (; from >= m->data_len; m = m->next) from -= m->data_len;
    std::uint32_t sum = 0;
    for (std::uint32_t done = 0; done < length; m = m->next, from = 0) {
        const std::uint32_t here = std::min(m->data_len - from, length - done);
        const std::uint16_t part = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, const void*, from), here);
        sum += done % 2 == 0 ? part : rte_bswap16(part);
        done += here;
    }
    return __rte_raw_cksum_reduce(sum);
}

std::uint32_t pseudo_sum(const std::uint8_t* ip, bool v6, std::uint8_t protocol,
                         std::uint32_t length) noexcept {
    const std::uint32_t addresses = v6 ? rte_raw_cksum(ip + 8, 32) : rte_raw_cksum(ip + 12, 8);
    return addresses + rte_cpu_to_be_16(protocol) + rte_cpu_to_be_16(static_cast<std::uint16_t>(length)) +
           rte_cpu_to_be_16(static_cast<std::uint16_t>(length >> 16U));
}

namespace {

// CRC-32C of the bytes, as SCTP has it: four bits at a time.
std::uint32_t crc32c(const rte_mbuf* m, std::uint32_t from, std::uint32_t length) {
    static constexpr auto table = [] {
        std::array<std::uint32_t, 16> t{};
        for (std::uint32_t i = 0; i < 16; ++i) {
            std::uint32_t c = i;
            for (int bit = 0; bit < 4; ++bit) c = (c & 1U) != 0 ? c >> 1U ^ 0x82f63b78U : c >> 1U;
            t[i] = c;
        }
        return t;
    }();
    std::uint32_t crc = 0xffffffffU;
    for (; from >= m->data_len; m = m->next) from -= m->data_len;
    for (; length != 0; m = m->next, from = 0) {
        const auto* bytes = rte_pktmbuf_mtod_offset(m, const std::uint8_t*, from);
        const std::uint32_t here = std::min(m->data_len - from, length);
        for (std::uint32_t i = 0; i < here; ++i) {
            crc ^= bytes[i];
            crc = crc >> 4U ^ table[crc & 15U];
            crc = crc >> 4U ^ table[crc & 15U];
        }
        length -= here;
    }
    return ~crc;
}

} // namespace

bool complete_checksum(rte_mbuf* m) noexcept {
    const Unfinished u = find_unfinished(rte_pktmbuf_mtod(m, const std::uint8_t*), m->data_len, m->pkt_len);
    if (u.kind == Unfinished::Kind::none) [[likely]]
        return false;
    if (u.kind == Unfinished::Kind::crc32c) {
        auto* field = rte_pktmbuf_mtod_offset(m, std::uint8_t*, u.field);
        const std::uint32_t crc = crc32c(m, u.from, u.length);
        for (unsigned i = 0; i < 4; ++i)
            field[i] = static_cast<std::uint8_t>(crc >> 8U * i); // RFC 9260, appendix A
        return true;
    }
    auto* field = rte_pktmbuf_mtod_offset(m, unaligned_uint16_t*, u.field);
    // The field holds the pseudo header's sum, if there is one, so summing all as it stands gives the whole.
    auto sum = static_cast<std::uint16_t>(~raw_sum(m, u.from, u.length));
    if (sum == 0 && u.kind == Unfinished::Kind::udp) sum = 0xffff;
    *field = sum;
    return true;
}

} // namespace dpdkbond
