// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/unfinished.hpp"

#include "base/bytes.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

namespace {

using Kind = Unfinished::Kind;

constexpr std::uint16_t kTransparentEthernet = 0x6558, kMpls = 0x8847, kMplsUpstream = 0x8848;
constexpr unsigned kMaxNested = 4, kMaxExtensions = 8, kMaxLabels = 16;
constexpr std::uint16_t kVxlan = 4789, kVxlanOfOldLinux = 8472, kVxlanGpe = 4790, kGeneve = 6081,
                        kMplsOverUdp = 6635;

namespace protocol {
constexpr std::uint8_t hop_by_hop = 0, ipv4 = 4, tcp = 6, udp = 17, ipv6 = 41, routing = 43, fragment = 44,
                       gre = 47, authentication = 51, destination_options = 60, sctp = 132, mpls = 137;
}

// What the sum of the pseudo header is made from.
struct Ends {
    const std::uint8_t *source, *destination;
    std::uint32_t size; // of one address
};

std::uint16_t pseudo_sum(const Ends& ends, std::uint8_t protocol, std::uint32_t length) {
    std::uint32_t sum = protocol + length;
    for (std::uint32_t i = 0; i < ends.size; i += 2)
        sum += load_be16(ends.source + i) + std::uint32_t{load_be16(ends.destination + i)};
    while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(sum);
}

class Walk {
public:
    Walk(const std::uint8_t* bytes, std::uint32_t have, std::uint32_t length)
        : bytes_(bytes), have_(have), length_(length) {}

    Unfinished ethernet(std::uint32_t at) {
        if (!has(at, kEthHeaderSize)) return {};
        std::uint16_t type = word(at + 12);
        at += kEthHeaderSize;
        for (std::size_t tags = 0; tags < kMaxVlanTags && is_vlan_ethertype(type);
             ++tags, at += kVlanTagSize) {
            if (!has(at, kVlanTagSize)) return {};
            type = word(at + 2);
        }
        return network(type, at);
    }

private:
    [[nodiscard]] bool has(std::uint32_t at, std::uint32_t count) const { return at + count <= have_; }
    [[nodiscard]] std::uint16_t word(std::uint32_t at) const { return load_be16(bytes_ + at); }

    Unfinished network(std::uint16_t type, std::uint32_t at) {
        switch (type) {
        case ethertype::ipv4: return ipv4(at);
        case ethertype::ipv6: return ipv6(at);
        case kMpls:
        case kMplsUpstream: return mpls(at);
        case kTransparentEthernet: return ++nested_ > kMaxNested ? Unfinished{} : ethernet(at);
        default: return {};
        }
    }

    Unfinished mpls(std::uint32_t at) {
        for (unsigned labels = 0; labels < kMaxLabels && has(at, 5); ++labels) {
            const bool bottom = (bytes_[at + 2] & 1U) != 0;
            at += 4;
            if (!bottom) continue;
            const unsigned version = bytes_[at] >> 4U;
            return version == 4 ? ipv4(at) : version == 6 ? ipv6(at) : Unfinished{};
        }
        return {};
    }

    Unfinished ipv4(std::uint32_t at) {
        if (++nested_ > kMaxNested || !has(at, 20)) return {};
        const std::uint32_t header = (bytes_[at] & 15U) * 4U;
        const std::uint32_t total = word(at + 2);
        const bool is_fragment = (word(at + 6) & 0x3fffU) != 0;
        if (is_fragment || header < 20 || total < header || at + total > length_) return {};
        return transport(bytes_[at + 9], at + header, total - header,
                         {bytes_ + at + 12, bytes_ + at + 16, 4});
    }

    Unfinished ipv6(std::uint32_t at) {
        if (++nested_ > kMaxNested || !has(at, 40)) return {};
        const std::uint32_t end = at + 40 + word(at + 4);
        if (end > length_) return {};
        Ends ends{bytes_ + at + 8, bytes_ + at + 24, 16};
        std::uint8_t next = bytes_[at + 6];
        at += 40;
        for (unsigned i = 0; i < kMaxExtensions; ++i) {
            const bool is_extension = next == protocol::hop_by_hop || next == protocol::destination_options ||
                                      next == protocol::routing || next == protocol::fragment ||
                                      next == protocol::authentication;
            if (!is_extension) return at <= end ? transport(next, at, end - at, ends) : Unfinished{};
            if (!has(at, 8)) return {};
            std::uint32_t size = (bytes_[at + 1] + 1U) * 8U;
            if (next == protocol::fragment) {
                if ((word(at + 2) & 0xfff9U) != 0) return {}; // a part of something longer
                size = 8;
            }
            if (next == protocol::authentication) size = (bytes_[at + 1] + 2U) * 4U;
            if (next == protocol::routing && bytes_[at + 3] != 0) {
                // The pseudo header has the last stop: first in a segment routing header, last in others.
                const std::uint32_t stop = bytes_[at + 2] == 4 ? at + 8 : at + 8 + (size / 16 - 1) * 16;
                if (size < 24 || !has(stop, 16)) return {};
                ends.destination = bytes_ + stop;
            }
            next = bytes_[at];
            at += size;
        }
        return {};
    }

    Unfinished transport(std::uint8_t kind, std::uint32_t at, std::uint32_t length, const Ends& ends) {
        switch (kind) {
        case protocol::tcp: return of_pseudo_header(Kind::internet, kind, at, length, 16, ends);
        case protocol::udp: {
            const Unfinished own = of_pseudo_header(Kind::udp, kind, at, length, 6, ends);
            return own.kind == Kind::none ? inside_udp(at) : own;
        }
        case protocol::sctp:
            if (length < 12 || !has(at, 12) || (word(at + 8) | word(at + 10)) != 0) return {};
            return {Kind::crc32c, at, length, at + 8};
        case protocol::gre: return gre(at, length);
        case protocol::ipv4: return ipv4(at);
        case protocol::ipv6: return ipv6(at);
        case protocol::mpls: return mpls(at);
        default: return {};
        }
    }

    // TCP and UDP: what is left to hardware holds the pseudo header's sum. A finished checksum that equals it
    // comes out the same.
    Unfinished of_pseudo_header(Kind kind, std::uint8_t protocol, std::uint32_t at, std::uint32_t length,
                                std::uint32_t field, const Ends& ends) const {
        if (length < field + 2 || !has(at, field + 2) ||
            word(at + field) != pseudo_sum(ends, protocol, length))
            return {};
        return {kind, at, length, at + field};
    }

    Unfinished gre(std::uint32_t at, std::uint32_t length) {
        if (!has(at, 8)) return {};
        const std::uint16_t flags = word(at);
        if ((flags & 0x4007U) != 0) return {}; // source routes, or the version of PPTP
        const std::uint16_t type = word(at + 2);
        std::uint32_t inner = at + 4;
        if ((flags & 0x8000U) != 0) {
            if (length >= 8 && word(at + 4) == 0)
                return {Kind::internet, at, length, at + 4}; // its own, which has no pseudo header
            inner += 4;
        }
        if ((flags & 0x2000U) != 0) inner += 4;
        if ((flags & 0x1000U) != 0) inner += 4;
        return network(type, inner);
    }

    Unfinished inside_udp(std::uint32_t at) {
        const std::uint32_t in = at + 8;
        if (!has(in, 8)) return {};
        const std::uint16_t port = word(at + 2);
        const std::uint8_t* head = bytes_ + in;
        switch (port) {
        case kGeneve:
            return (head[0] & 0xc0U) != 0 ? Unfinished{}
                                          : network(word(in + 2), in + 8 + (head[0] & 0x3fU) * 4U);
        case kMplsOverUdp: return mpls(in);
        case kVxlanGpe:
            return head[3] == 1   ? ipv4(in + 8)
                   : head[3] == 2 ? ipv6(in + 8)
                   : head[3] == 3 ? inner_ethernet(in + 8)
                                  : Unfinished{};
        default: break;
        }
        // VXLAN may have any port: then its header has to look like one.
        const bool known = (port == kVxlan || port == kVxlanOfOldLinux) && (head[0] & 8U) != 0;
        const bool alike = head[0] == 8 && head[1] == 0 && head[2] == 0 && head[3] == 0 && head[7] == 0;
        return known || alike ? inner_ethernet(in + 8) : Unfinished{};
    }

    Unfinished inner_ethernet(std::uint32_t at) {
        return ++nested_ > kMaxNested ? Unfinished{} : ethernet(at);
    }

    const std::uint8_t* bytes_;
    std::uint32_t have_, length_;
    unsigned nested_ = 0; // headers of IP and Ethernet inside of others
};

} // namespace

Unfinished find_unfinished(const std::uint8_t* bytes, std::uint32_t have, std::uint32_t length) noexcept {
    return Walk(bytes, have, length).ethernet(0);
}

} // namespace dpdkbond
