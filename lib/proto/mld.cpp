// SPDX-License-Identifier: BSD-3-Clause
#include "proto/mld.hpp"

#include "proto/inet_checksum.hpp"
#include "proto/nd.hpp"

namespace dpdkbond {

namespace {

constexpr std::size_t kIpv6HeaderSize = 40, kHopByHopSize = 8, kReportHead = 8, kRecordSize = 20;
constexpr std::uint8_t kHopByHop = 0, kIcmpv6 = 58, kReportV2 = 143, kModeIsExclude = 2;
constexpr Ipv6 kV2Routers{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16}};

} // namespace

std::size_t build_mld_report(MutableBytes out, Mac source, Ipv6 address, std::span<const Ipv6> groups,
                             const VlanTags& tags) {
    const std::size_t message_size = kReportHead + groups.size() * kRecordSize;
    const std::size_t header = kEthHeaderSize + tags.size() * kVlanTagSize;
    const std::size_t length = header + kIpv6HeaderSize + kHopByHopSize + message_size;
    if (groups.empty() || groups.size() > kMldGroupsAFrame || out.size() < length) return 0;
    std::memset(out.data(), 0, length);
    build_eth(out, multicast_mac(kV2Routers), source, ethertype::ipv6, tags.begin(), tags.size());

    std::uint8_t* ip = out.data() + header;
    ip[0] = 0x60;
    store_be16(ip + 4, static_cast<std::uint16_t>(kHopByHopSize + message_size));
    ip[6] = kHopByHop;
    ip[7] = 1;
    std::memcpy(ip + 8, address.bytes.data(), 16);
    std::memcpy(ip + 24, kV2Routers.bytes.data(), 16);
    std::uint8_t* options = ip + kIpv6HeaderSize;
    const std::uint8_t alert[kHopByHopSize] = {kIcmpv6, 0, 5, 2, 0, 0, 1, 0}; // router alert (RFC 2711), PadN
    std::memcpy(options, alert, sizeof alert);

    std::uint8_t* icmp = options + kHopByHopSize;
    icmp[0] = kReportV2;
    icmp[7] = static_cast<std::uint8_t>(groups.size());
    std::uint8_t* record = icmp + kReportHead;
    for (const Ipv6& group : groups) {
        record[0] = kModeIsExclude;
        std::memcpy(record + 4, group.bytes.data(), 16);
        record += kRecordSize;
    }
    store_be16(icmp + 2, icmpv6_checksum(ip + 8, {icmp, message_size}));
    return length;
}

} // namespace dpdkbond
