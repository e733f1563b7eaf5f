// SPDX-License-Identifier: BSD-3-Clause
// The blocks of a pcapng file (draft-ietf-opsawg-pcapng), as bytes appended to a buffer: section header,
// interfaces, packets, statistics. Times are nanoseconds since 1970. (librte_pcapng is experimental, changes
// its calls between releases, and before 23.03 names interfaces itself.)
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac.hpp"

namespace dpdkbond {

class Pcapng {
public:
    explicit Pcapng(std::vector<std::byte>& out) : out_(out) {}

    struct Origin { // where and by what it was made; empty: not said
        std::string application, system, comment;
    };
    void section(const Origin& origin); // first of all
    // Interfaces are numbered from 0 in the order of these calls.
    void interface(std::string_view name, std::string_view description, const Mac& mac);
    void packet(std::uint32_t interface, std::uint64_t time_ns, bool outbound,
                std::span<const std::byte> frame);
    struct Statistics {
        std::uint64_t start_ns = 0, end_ns = 0;
        std::uint64_t received = 0, dropped = 0; // by the capture
    };
    void statistics(std::uint32_t interface, const Statistics& s);

private:
    std::size_t begin(std::uint32_t type);
    void end(std::size_t began);
    void bytes(const void* data, std::size_t length); // and what makes them a multiple of 4
    template <class T> void number(T value) { append(&value, sizeof value); }
    void append(const void* data, std::size_t length);
    void option(std::uint16_t code, const void* data, std::size_t length);
    void option_text(std::uint16_t code, std::string_view text) { option(code, text.data(), text.size()); }
    void end_of_options();

    std::vector<std::byte>& out_;
};

} // namespace dpdkbond
