// SPDX-License-Identifier: BSD-3-Clause
#include "flow/dissect.hpp"

#include <netinet/in.h>

#include "base/bytes.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint16_t kIpv4 = 0x0800, kArp = 0x0806, kBatman = 0x4305, kTeb = 0x6558, kRarp = 0x8035,
                        kVlan = 0x8100, kIpv6 = 0x86dd, kPpp = 0x880b, kMplsUnicast = 0x8847,
                        kMplsMulticast = 0x8848, kPppoeSession = 0x8864, kQinq = 0x88a8, kTipc = 0x88ca,
                        kPtp = 0x88f7, kPrp = 0x88fb, kCfm = 0x8902, kFcoe = 0x8906, kHsr = 0x892f;
constexpr std::uint8_t kMplsInIp = 137, kDccpInIp = 33, kUdpLiteInIp = 136;

std::uint32_t xor_words(const std::uint8_t* p, unsigned words) {
    std::uint32_t x = 0;
    for (unsigned i = 0; i < words; ++i) x ^= load_raw32(p + 4 * i);
    return x;
}

std::uint32_t read_ports(const FrameView& f, std::uint32_t offset, std::uint8_t protocol) {
    switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_ESP:
    case IPPROTO_SCTP:
    case kDccpInIp:
    case kUdpLiteInIp: break;
    case IPPROTO_AH: offset += 4; break;
    default: return 0;
    }
    return f.has(offset, 4) ? load_raw32(f.data + offset) : 0;
}

// Only messages with an identifier give one; an identifier of 0 counts as 1, as 0 stands for none.
std::uint32_t read_icmp(const FrameView& f, std::uint32_t offset) {
    if (!f.has(offset, 8)) return 0;
    const std::uint8_t type = f.data[offset], code = f.data[offset + 1];
    std::uint32_t id = 0;
    switch (type) {
    case 0:
    case 8: // echo
    case 13:
    case 14: // timestamp
    case 128:
    case 129: // ICMPv6 echo; the lists are one in Linux too
        id = load_be16(f.data + offset + 4);
        if (id == 0) id = 1;
        break;
    default: break;
    }
    return type | static_cast<std::uint32_t>(code) << 8U | id << 16U;
}

bool is_icmp_error(int protocol, std::uint8_t type) {
    if (protocol == IPPROTO_ICMPV6) return type >= 1 && type <= 4;
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

// One IP header; on return `offset` is behind it. `protocol` is left as it was by a fragment. Neither version
// nor header length are checked, as in Linux.
bool read_ip(const FrameView& f, std::uint16_t type, std::uint32_t& offset, int& protocol, bool want_ports,
             FlowKeys& keys) {
    const std::uint8_t* ip = f.data + offset;
    if (type == kIpv4) {
        if (!f.has(offset, 20)) return false;
        keys.addresses = xor_words(ip + 12, 2);
        if ((load_be16(ip + 6) & 0x3fffU) == 0) protocol = ip[9];
        offset += (ip[0] & 0xfU) * 4U;
    } else if (type == kIpv6) {
        if (!f.has(offset, 40)) return false;
        keys.addresses = xor_words(ip + 8, 8);
        protocol = ip[6];
        offset += 40;
    } else {
        return false;
    }
    if (want_ports && protocol >= 0) keys.ports = read_ports(f, offset, static_cast<std::uint8_t>(protocol));
    return true;
}

} // namespace

bool read_plain_flow(const FrameView& f, std::uint16_t type, std::uint32_t offset, bool want_ports,
                     FlowKeys& keys) noexcept {
    int protocol = -1;
    if (!read_ip(f, type, offset, protocol, want_ports, keys)) return false;
    if (protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6) return true;
    keys.icmp = read_icmp(f, offset);
    if (!is_icmp_error(protocol, static_cast<std::uint8_t>(keys.icmp))) return true;
    // An error goes where the flow goes that it is about: the header that it quotes counts.
    offset += 8;
    return read_ip(f, type, offset, protocol, want_ports, keys);
}

namespace {

// What the header at hand says about how to go on.
enum class Next : std::uint8_t { ethertype, ip_protocol, done, bad };

// Walks one frame; the state is what the next header is and where it starts.
struct Dissector {
    const FrameView& f;
    FlowKeys& keys;
    std::uint16_t type;
    std::uint32_t offset;
    std::uint8_t protocol = 0;

    Next ipv4();
    Next ipv6();
    Next pppoe();
    Next gre();
    Next by_type();
    Next by_protocol();
    Next as(std::uint16_t next_type, std::uint32_t header) {
        type = next_type;
        offset += header;
        return Next::ethertype;
    }
};

Next Dissector::ipv4() {
    const std::uint8_t* ip = f.data + offset;
    if (!f.has(offset, 20) || (ip[0] & 0xfU) < 5) return Next::bad;
    keys.addresses = xor_words(ip + 12, 2);
    protocol = ip[9];
    offset += (ip[0] & 0xfU) * 4U;
    return (load_be16(ip + 6) & 0x3fffU) != 0 ? Next::done : Next::ip_protocol;
}

Next Dissector::ipv6() {
    if (!f.has(offset, 40)) return Next::bad;
    keys.addresses = xor_words(f.data + offset + 8, 8);
    protocol = f.data[offset + 6];
    offset += 40;
    return Next::ip_protocol;
}

Next Dissector::pppoe() {
    const std::uint8_t* h = f.data + offset;
    if (!f.has(offset, 8) || h[0] != 0x11 || h[1] != 0) return Next::bad; // version 1, type 1, session data
    const std::uint16_t ppp = load_be16(h + 6);
    switch (ppp) {
    case 0x0021: return as(kIpv4, 8);
    case 0x0057: return as(kIpv6, 8);
    case 0x0281: return as(kMplsUnicast, 8);
    case 0x0283: return as(kMplsMulticast, 8);
    default: return (ppp & 0x0101U) == 1 ? Next::done : Next::bad; // bad: not a protocol, or a compressed one
    }
}

// Version 0, and version 1 as PPTP uses it; source routes are not followed.
Next Dissector::gre() {
    if (!f.has(offset, 4)) return Next::bad;
    const std::uint16_t flags = load_be16(f.data + offset);
    const std::uint16_t inner = load_be16(f.data + offset + 2);
    const bool checksum = (flags & 0x8000U) != 0, route = (flags & 0x4000U) != 0,
               key = (flags & 0x2000U) != 0, sequence = (flags & 0x1000U) != 0,
               acknowledge = (flags & 0x0080U) != 0;
    const unsigned version = flags & 7U;
    if (route || version > 1) return Next::done;
    if (version == 1 && (inner != kPpp || !key)) return Next::done;
    std::uint32_t header = 4 + (checksum ? 4U : 0U);
    if (key) {
        if (!f.has(offset + header, 4)) return Next::bad;
        header += 4;
    }
    if (sequence) header += 4;
    if (version == 0) {
        if (inner != kTeb) return as(inner, header);
        if (!f.has(offset + header, 14)) return Next::bad;
        return as(load_be16(f.data + offset + header + 12), header + 14);
    }
    if (acknowledge) header += 4;
    if (!f.has(offset + header, 4)) return Next::bad;
    switch (load_be16(f.data + offset + header + 2)) {
    case 0x0021: return as(kIpv4, header + 4);
    case 0x0057: return as(kIpv6, header + 4);
    default: return as(kPpp, header + 4); // which by_type() does not know
    }
}

Next Dissector::by_type() {
    const std::uint8_t* h = f.data + offset;
    switch (type) {
    case kIpv4: return ipv4();
    case kIpv6: return ipv6();
    case kVlan:
    case kQinq: return f.has(offset, 4) ? as(load_be16(h + 2), 4) : Next::bad;
    case kPppoeSession: return pppoe();
    case kTipc:
        if (!f.has(offset, 16)) return Next::bad;
        keys.addresses = load_raw32(h + 12); // the source node
        return Next::done;
    case kBatman: // only unicast of version 15; an Ethernet frame follows
        if (!f.has(offset, 24) || h[0] != 0x40 || h[1] != 15) return Next::bad;
        return as(load_be16(h + 22), 24);
    case kPrp:
    case kHsr: return f.has(offset, 6) ? as(load_be16(h + 4), 6) : Next::bad;
    case kMplsUnicast: // flows without addresses and ports of their own: labels do not count
    case kMplsMulticast:
    case kArp:
    case kRarp:
    case kCfm: return Next::done;
    case kFcoe: return f.has(offset, 38) ? Next::done : Next::bad;
    case kPtp: return f.has(offset, 34) ? Next::done : Next::bad;
    default: return Next::bad;
    }
}

Next Dissector::by_protocol() {
    const std::uint8_t* h = f.data + offset;
    Next next = Next::done;
    switch (protocol) {
    case IPPROTO_GRE: next = gre(); break;
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
        if (type != kIpv6) break;
        if (!f.has(offset, 2)) return Next::bad;
        protocol = h[0];
        offset += (h[1] + 1U) * 8U;
        next = Next::ip_protocol;
        break;
    case IPPROTO_FRAGMENT:
        if (type != kIpv6) break;
        return f.has(offset, 8) ? Next::done : Next::bad;
    case IPPROTO_IPIP: next = as(kIpv4, 0); break;
    case IPPROTO_IPV6: next = as(kIpv6, 0); break;
    case kMplsInIp: next = as(kMplsUnicast, 0); break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: keys.icmp = read_icmp(f, offset); break;
    default: break;
    }
    keys.ports = read_ports(f, offset, protocol);
    return next;
}

} // namespace

bool read_inner_flow(const FrameView& f, std::uint16_t type, std::uint32_t offset, FlowKeys& keys) noexcept {
    constexpr int kMaxHeaders = 15; // as Linux; beyond that, what was found so far is the flow
    Dissector at{f, keys, type, offset};
    Next next = Next::ethertype;
    int headers = 0;
    for (;;) {
        const bool ip = next == Next::ip_protocol;
        next = ip ? at.by_protocol() : at.by_type();
        if (next == Next::bad) return false;
        if (next == Next::done) return true;
        // An IP header and its own protocol are one step.
        const bool same_step = !ip && next == Next::ip_protocol;
        if (!same_step && ++headers > kMaxHeaders) return true;
    }
}

} // namespace dpdkbond
