// SPDX-License-Identifier: BSD-3-Clause
#include "proto/igmp.hpp"

#include "proto/inet_checksum.hpp"

namespace dpdkbond {

namespace {

constexpr std::size_t kIpSize = 24; // with the router alert option
constexpr std::uint8_t kReportV1 = 0x12, kReportV2 = 0x16, kReportV3 = 0x22;
constexpr std::uint8_t kModeIsExclude = 2;
constexpr Ipv4 kV3Routers{{224, 0, 0, 22}};

} // namespace

Mac multicast_mac(Ipv4 group) {
    return Mac{{0x01, 0x00, 0x5e, static_cast<std::uint8_t>(group.bytes[1] & 0x7fU), group.bytes[2],
                group.bytes[3]}};
}

std::size_t build_igmp_report(MutableBytes out, Mac source, Ipv4 address, Ipv4 group, IgmpVersion version,
                              const VlanTags& tags) {
    const std::size_t length = kEthMinFrame + tags.size() * kVlanTagSize;
    if (out.size() < length) return 0;
    std::memset(out.data(), 0, length);
    const bool v3 = version == IgmpVersion::v3;
    const Ipv4& destination = v3 ? kV3Routers : group;
    std::uint8_t* ip = out.data() + build_eth(out, multicast_mac(destination), source, ethertype::ipv4,
                                              tags.begin(), tags.size());
    const std::size_t message_size = v3 ? 16 : 8;
    ip[0] = 0x46;
    ip[1] = 0xc0; // internetwork control
    store_be16(ip + 2, static_cast<std::uint16_t>(kIpSize + message_size));
    store_be16(ip + 6, 0x4000); // never a fragment
    ip[8] = 1;
    ip[9] = kIpProtoIgmp;
    std::memcpy(ip + 12, address.bytes.data(), 4);
    std::memcpy(ip + 16, destination.bytes.data(), 4);
    ip[20] = 0x94; // router alert (RFC 2113)
    ip[21] = 4;
    store_be16(ip + 10, inet_checksum({ip, kIpSize}));

    std::uint8_t* igmp = ip + kIpSize;
    if (v3) {
        igmp[0] = kReportV3;
        igmp[7] = 1; // one record
        igmp[8] = kModeIsExclude;
        std::memcpy(igmp + 12, group.bytes.data(), 4);
    } else {
        igmp[0] = version == IgmpVersion::v2 ? kReportV2 : kReportV1;
        std::memcpy(igmp + 4, group.bytes.data(), 4);
    }
    store_be16(igmp + 2, inet_checksum({igmp, message_size}));
    return length;
}

} // namespace dpdkbond
