// SPDX-License-Identifier: BSD-3-Clause
// An address and a TCP port to listen on, as a configuration writes it: "127.0.0.1:9471", "[::1]:9471",
// "localhost:9471".
#pragma once

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dpdkbond {

struct ListenAddress {
    bool ipv6 = false;
    std::array<std::uint8_t, 16> address{}; // the first four of it for IPv4, in network order
    std::uint16_t port = 0;                 // never 0

    static std::optional<ListenAddress> parse(std::string_view text) {
        const std::size_t colon = text.rfind(':');
        if (colon == std::string_view::npos) return std::nullopt;
        ListenAddress out;
        const std::string_view port = text.substr(colon + 1);
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
        if (port.empty() || error != std::errc() || end != port.data() + port.size() || out.port == 0)
            return std::nullopt;
        std::string host(text.substr(0, colon));
        if (host == "localhost") host = "127.0.0.1";
        if (host.starts_with('[') && host.ends_with(']')) {
            out.ipv6 = true;
            host = host.substr(1, host.size() - 2);
        }
        if (host.find('\0') != std::string::npos) return std::nullopt;
        if (inet_pton(out.ipv6 ? AF_INET6 : AF_INET, host.c_str(), out.address.data()) != 1)
            return std::nullopt;
        return out;
    }
};

} // namespace dpdkbond
