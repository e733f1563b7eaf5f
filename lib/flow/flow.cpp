// SPDX-License-Identifier: BSD-3-Clause
#include "flow/flow.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "flow/flow_text.hpp"
#include "options/options.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kDccp = 33, kIcmpv6 = 58, kSctp = 132, kUdpLite = 136;

struct Protocol {
    std::string_view name;
    std::uint8_t number;
    std::uint8_t header; // bytes
    bool has_ports;
};
constexpr Protocol kProtocols[] = {
    {"tcp", kTcp, 20, true},        {"udp", kUdp, 8, true},    {"icmp", kIcmp, 8, false},
    {"icmpv6", kIcmpv6, 8, false},  {"sctp", kSctp, 12, true}, {"dccp", kDccp, 16, true},
    {"udplite", kUdpLite, 8, true}, {"esp", 50, 8, false},     {"ah", 51, 12, false},
    {"gre", 47, 4, false},          {"ipip", 4, 0, false},     {"ipv6", 41, 0, false},
    {"igmp", 2, 8, false},
};

const Protocol* find_protocol(std::uint8_t number) {
    const auto* found = std::ranges::find(kProtocols, number, &Protocol::number);
    return found == std::end(kProtocols) ? nullptr : found;
}

std::string protocol_names(bool with_ports_only) {
    std::string names;
    for (const Protocol& p : kProtocols)
        if (p.has_ports || !with_ports_only) names += (names.empty() ? "" : ", ") + std::string(p.name);
    return names;
}

std::optional<unsigned> parse_number(std::string_view text, unsigned max) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
    return value;
}

Error wrong(std::string_view value, std::string_view allowed) {
    return {"'" + std::string(value) + "' is wrong; allowed: " + std::string(allowed)};
}

// What one key sets, and what was said about it so far.
struct Parsing {
    FlowSpec flow;
    std::optional<bool> address_is_v6; // as the first address said
    std::optional<std::string_view> port_key;
};

Result<void> set_address(Parsing& p, std::string_view value, Ipv4& v4, Ipv6& v6) {
    const auto as_v4 = Ipv4::parse(value);
    const auto as_v6 = Ipv6::parse(value);
    if (!as_v4 && !as_v6) return wrong(value, "an IPv4 or IPv6 address");
    if (p.address_is_v6.value_or(as_v6.has_value()) != as_v6.has_value())
        return Error{"'" + std::string(value) +
                     "' is not of the other address's family; allowed: src and dst both IPv4 or both IPv6"};
    p.address_is_v6 = p.flow.is_v6 = as_v6.has_value();
    if (as_v4) v4 = *as_v4;
    if (as_v6) v6 = *as_v6;
    return {};
}

Result<void> set_mac(std::optional<Mac>& mac, std::string_view value) {
    mac = Mac::parse(value);
    if (!mac) return wrong(value, "a MAC address");
    return {};
}

Result<void> set_port(Parsing& p, std::uint16_t& port, std::string_view key, std::string_view value) {
    const auto number = parse_number(value, 65535);
    if (!number) return wrong(value, "0-65535");
    port = static_cast<std::uint16_t>(*number);
    p.port_key = key;
    return {};
}

Result<void> set_proto(FlowSpec& flow, std::string_view value) {
    const auto* named = std::ranges::find(kProtocols, value, &Protocol::name);
    if (named != std::end(kProtocols)) {
        flow.proto = named->number;
        return {};
    }
    const auto number = parse_number(value, 255);
    if (!number) return wrong(value, protocol_names(false) + " or 0-255");
    flow.proto = static_cast<std::uint8_t>(*number);
    return {};
}

std::optional<std::uint8_t> parse_octet(std::string_view two) {
    std::uint8_t value = 0;
    const auto [end, error] = std::from_chars(two.data(), two.data() + two.size(), value, 16);
    if (error != std::errc{} || end != two.data() + 2) return std::nullopt;
    return value;
}

Result<void> set_frame(std::vector<std::uint8_t>& frame, std::string_view value) {
    const Error not_so{
        fmt::format("{} hexadecimal digits are wrong; allowed: two for each of 14 to {} bytes, "
                    "from the Ethernet header on",
                    value.size(), kMaxFlowFrame)};
    if (value.size() % 2 != 0 || value.size() < 2 * 14 || value.size() > 2 * kMaxFlowFrame) return not_so;
    for (std::size_t i = 0; i < value.size(); i += 2) {
        const auto octet = parse_octet(value.substr(i, 2));
        if (!octet)
            return Error{fmt::format("'{}' is wrong; allowed: hexadecimal digits", value.substr(i, 2))};
        frame.push_back(*octet);
    }
    return {};
}

struct Key {
    std::string_view name;
    Result<void> (*set)(Parsing& p, std::string_view value);
};
constexpr Key kKeys[] = {
    {"src", [](Parsing& p, std::string_view v) { return set_address(p, v, p.flow.src4, p.flow.src6); }},
    {"dst", [](Parsing& p, std::string_view v) { return set_address(p, v, p.flow.dst4, p.flow.dst6); }},
    {"sport", [](Parsing& p, std::string_view v) { return set_port(p, p.flow.sport, "sport", v); }},
    {"dport", [](Parsing& p, std::string_view v) { return set_port(p, p.flow.dport, "dport", v); }},
    {"proto", [](Parsing& p, std::string_view v) { return set_proto(p.flow, v); }},
    {"smac", [](Parsing& p, std::string_view v) { return set_mac(p.flow.smac, v); }},
    {"dmac", [](Parsing& p, std::string_view v) { return set_mac(p.flow.dmac, v); }},
    {"vlan",
     [](Parsing& p, std::string_view v) -> Result<void> {
         const auto number = parse_number(v, 4094);
         if (!number) return wrong(v, "0-4094");
         p.flow.vlan = static_cast<std::uint16_t>(*number);
         return {};
     }},
    {"frame", [](Parsing& p, std::string_view v) { return set_frame(p.flow.frame, v); }},
};

Error unknown_key(std::string_view key) {
    std::string message = std::string(key) + ": no such key";
    std::vector<std::string_view> names;
    for (const Key& k : kKeys) names.push_back(k.name);
    if (const std::string near = nearest_name(key, names); !near.empty())
        message += ", did you mean '" + near + "'?";
    message += "; allowed:";
    for (const Key& k : kKeys) message += " " + std::string(k.name) + "=";
    return {message};
}

// One step of "a=1,b=2": the part up to the next comma, which is taken off `rest`; spaces around it do not
// count.
std::string_view take_item(std::string_view& rest) {
    const std::size_t comma = rest.find(',');
    std::string_view item = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    return item;
}

} // namespace

Result<FlowSpec> parse_flow(std::string_view text) {
    Parsing parsing;
    unsigned seen = 0; // bit i: kKeys[i]
    while (!text.empty()) {
        const std::string_view item = take_item(text);
        if (item.empty()) continue;
        const std::size_t equals = item.find('=');
        const std::string_view name = item.substr(0, equals);
        const auto* key = std::ranges::find(kKeys, name, &Key::name);
        if (key == std::end(kKeys)) return unknown_key(name);
        if (equals == std::string_view::npos)
            return Error{std::string(name) + ": has no value; write " + std::string(name) + "=VALUE"};
        const unsigned bit = 1U << static_cast<unsigned>(key - kKeys);
        if ((seen & bit) != 0) return Error{std::string(name) + ": is there twice; allowed: once"};
        seen |= bit;
        if (auto set = key->set(parsing, item.substr(equals + 1)); !set)
            return Error{std::string(name) + ": " + set.error()};
    }
    FlowSpec& flow = parsing.flow;
    if (!flow.frame.empty() && !std::has_single_bit(seen))
        return Error{"frame: it says all of the flow; allowed: alone"};
    if (flow.is_v6 && flow.proto == kIcmp) flow.proto = kIcmpv6;
    const Protocol* protocol = find_protocol(flow.proto);
    if (parsing.port_key && (protocol == nullptr || !protocol->has_ports))
        return Error{std::string(*parsing.port_key) + ": protocol " +
                     (protocol != nullptr ? std::string(protocol->name) : std::to_string(flow.proto)) +
                     " has no ports; allowed with " + protocol_names(true)};
    return flow;
}

namespace {

// The Internet checksum (RFC 1071) of `data` with `sum` as what was added before.
std::uint16_t checksum(Bytes data, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i + 1 < data.size(); i += 2) sum += load_be16(&data[i]);
    if (data.size() % 2 != 0) sum += static_cast<std::uint32_t>(data.back()) << 8U;
    while ((sum >> 16U) != 0) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

// `l4` is zeroed and lies behind the addresses that the pseudo header takes.
void write_l4(const FlowSpec& flow, MutableBytes l4, Bytes addresses) {
    const Protocol* protocol = find_protocol(flow.proto);
    if (protocol != nullptr && protocol->has_ports) {
        store_be16(&l4[0], flow.sport);
        store_be16(&l4[2], flow.dport);
    }
    std::uint32_t pseudo = static_cast<std::uint32_t>(l4.size()) + flow.proto;
    for (std::size_t i = 0; i < addresses.size(); i += 2) pseudo += load_be16(&addresses[i]);
    switch (flow.proto) {
    case kTcp:
        l4[12] = 5 << 4; // header words
        l4[13] = 0x10;   // ACK
        store_be16(&l4[16], checksum(l4, pseudo));
        break;
    case kUdp:
    case kUdpLite: { // the length, or how much the checksum covers
        store_be16(&l4[4], static_cast<std::uint16_t>(l4.size()));
        const std::uint16_t sum = checksum(l4, pseudo);
        store_be16(&l4[6], sum == 0 ? 0xffff : sum); // 0 would say: none
        break;
    }
    case kDccp:
        l4[4] = 4;    // header words
        l4[8] = 0x05; // a Data packet with a long sequence number
        store_be16(&l4[6], checksum(l4, pseudo));
        break;
    case kIcmp:
        l4[0] = 8;
        store_be16(&l4[2], checksum(l4));
        break;
    case kIcmpv6:
        l4[0] = 128;
        store_be16(&l4[2], checksum(l4, pseudo));
        break;
    default: break;
    }
}

} // namespace

std::size_t build_flow_frame(const FlowSpec& flow, MutableBytes out) {
    if (!flow.frame.empty()) {
        if (out.size() < flow.frame.size()) return 0;
        std::ranges::copy(flow.frame, out.begin());
        return flow.frame.size();
    }
    const Protocol* protocol = find_protocol(flow.proto);
    const std::size_t l4_length = protocol != nullptr ? protocol->header : 0;
    const std::size_t l3 = flow.vlan ? 18 : 14;
    const std::size_t l4 = l3 + (flow.is_v6 ? 40 : 20);
    const std::size_t length = std::max<std::size_t>(l4 + l4_length, 60);
    if (out.size() < length) return 0;
    std::ranges::fill(out.first(length), std::uint8_t{0});

    std::ranges::copy(flow.dmac.value_or(Mac{}).bytes, out.begin());
    std::ranges::copy(flow.smac.value_or(Mac{}).bytes, out.begin() + 6);
    if (flow.vlan) {
        store_be16(&out[12], 0x8100);
        store_be16(&out[14], *flow.vlan);
    }
    store_be16(&out[l3 - 2], flow.is_v6 ? 0x86dd : 0x0800);

    const MutableBytes ip = out.subspan(l3, l4 - l3);
    std::size_t addresses = 0;
    if (flow.is_v6) {
        addresses = 8;
        ip[0] = 0x60;
        store_be16(&ip[4], static_cast<std::uint16_t>(l4_length));
        ip[6] = flow.proto;
        ip[7] = 64;
        std::ranges::copy(flow.src6.bytes, ip.begin() + 8);
        std::ranges::copy(flow.dst6.bytes, ip.begin() + 24);
    } else {
        addresses = 12;
        ip[0] = 0x45;
        store_be16(&ip[2], static_cast<std::uint16_t>(ip.size() + l4_length));
        ip[8] = 64;
        ip[9] = flow.proto;
        std::ranges::copy(flow.src4.bytes, ip.begin() + 12);
        std::ranges::copy(flow.dst4.bytes, ip.begin() + 16);
        store_be16(&ip[10], checksum(ip));
    }
    write_l4(flow, out.subspan(l4, l4_length), ip.subspan(addresses));
    return length;
}

std::string protocol_text(std::uint8_t number) {
    const Protocol* known = find_protocol(number);
    return known != nullptr ? std::string(known->name) : std::to_string(number);
}

} // namespace dpdkbond
