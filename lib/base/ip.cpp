// SPDX-License-Identifier: BSD-3-Clause
#include "base/ip.hpp"

#include <arpa/inet.h>
#include <charconv>

namespace dpdkbond {

std::string Ipv4::to_string() const {
    char text[INET_ADDRSTRLEN];
    return inet_ntop(AF_INET, bytes.data(), text, sizeof text);
}

std::optional<Ipv4> Ipv4::parse(std::string_view text) {
    Ipv4 address;
    if (text.find('\0') != text.npos) return std::nullopt; // where inet_pton() would stop reading
    if (inet_pton(AF_INET, std::string(text).c_str(), address.bytes.data()) != 1) return std::nullopt;
    return address;
}

std::string Ipv6::to_string() const {
    char text[INET6_ADDRSTRLEN];
    return inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
}

std::optional<Ipv6> Ipv6::parse(std::string_view text) {
    Ipv6 address;
    if (text.find('\0') != text.npos) return std::nullopt;
    if (inet_pton(AF_INET6, std::string(text).c_str(), address.bytes.data()) != 1) return std::nullopt;
    return address;
}

std::string IpPrefix::to_string() const {
    return (is_v6 ? v6.to_string() : v4.to_string()) + "/" + std::to_string(length);
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string_view address = text.substr(0, slash);
    IpPrefix prefix;
    if (const auto v4 = Ipv4::parse(address)) {
        prefix.v4 = *v4;
        prefix.length = 32;
    } else if (const auto v6 = Ipv6::parse(address)) {
        prefix.is_v6 = true;
        prefix.v6 = *v6;
        prefix.length = 128;
    } else {
        return std::nullopt;
    }
    if (slash == std::string_view::npos) return prefix;
    const std::string_view digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc{} || end != digits.data() + digits.size() || length > prefix.length)
        return std::nullopt;
    prefix.length = static_cast<std::uint8_t>(length);
    return prefix;
}

} // namespace dpdkbond
