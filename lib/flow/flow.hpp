// SPDX-License-Identifier: BSD-3-Clause
// A flow as `explain` takes it: "src=192.0.2.1,dst=192.0.2.2,proto=udp,sport=5000,dport=53,vlan=10", and a
// frame of it. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/ip.hpp"
#include "base/mac.hpp"
#include "base/result.hpp"

namespace dpdkbond {

// What the text leaves out is what the defaults say. Always an IP flow: IPv6 if its addresses are, else IPv4.
struct FlowSpec {
    std::optional<Mac> smac, dmac; // none: the caller may put in the bond's own or a neighbour's; else zero
    bool is_v6 = false;
    Ipv4 src4{}, dst4{};
    Ipv6 src6{}, dst6{};
    std::uint8_t proto = 6; // tcp
    std::uint16_t sport = 0, dport = 0;
    std::optional<std::uint16_t> vlan; // VLAN id
    std::vector<std::uint8_t> frame; // not empty: the flow is that of this frame, and all above says nothing
    bool operator==(const FlowSpec&) const = default;
};

// Keys in any order, each at most once, all optional: src, dst (both IPv4 or both IPv6), sport, dport
// (0-65535, only with a protocol that has ports), proto (a name or 0-255; icmp of an IPv6 flow is icmpv6),
// smac, dmac, vlan (0-4094). Or frame alone: the first bytes of a whole frame, in hexadecimal, for what no
// keys can name. Error: one line, "KEY: what is wrong; what is allowed".
Result<FlowSpec> parse_flow(std::string_view text);

inline constexpr std::size_t kMaxFlowFrame = 192; // bytes; room for any headers that are hashed

// Writes a whole frame of the flow, at least 60 bytes, with lengths and checksums, and returns its length; 0
// if `out` is too small. ICMP is an echo request with id 0; a tunnel protocol's inner header is left blank,
// so a policy that looks inside falls back to layer2 as for any frame that it cannot read. FlowSpec::frame is
// written as it is.
std::size_t build_flow_frame(const FlowSpec& flow, MutableBytes out);

} // namespace dpdkbond
