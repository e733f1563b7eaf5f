// SPDX-License-Identifier: BSD-3-Clause
#include "config/import_foreign.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "base/ip.hpp"

namespace dpdkbond {

void ForeignBond::set(std::string_view option, std::string value) {
    const auto found =
        std::ranges::find(options, option, [](const auto& o) -> std::string_view { return o.first; });
    if (found != options.end())
        found->second = std::move(value);
    else
        options.emplace_back(option, std::move(value));
}

ForeignMember& ForeignBond::member(const std::string& netdev) {
    const auto found = std::ranges::find(members, netdev, &ForeignMember::netdev);
    return found != members.end() ? *found : members.emplace_back(ForeignMember{netdev, {}, {}});
}

void ForeignBond::remark(std::string_view key, std::string_view value) {
    remarks.push_back(std::string(key) + ": " + std::string(value));
}

ForeignBond& ForeignBonds::of(const std::string& name) {
    const auto found = std::ranges::find(bonds_, name, &ForeignBond::name);
    if (found != bonds_.end()) return *found;
    ForeignBond& made = bonds_.emplace_back();
    made.name = name;
    return made;
}

const ForeignBond* ForeignBonds::find(std::string_view name) const {
    const auto found =
        std::ranges::find(bonds_, name, [](const auto& b) -> std::string_view { return b.name; });
    return found == bonds_.end() ? nullptr : &*found;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(separators), text.size());
        if (end != 0) parts.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        if (line.ends_with('\r')) line.pop_back();
        lines.push_back(std::move(line));
    }
    return lines;
}

std::string with_dashes_as_underscores(std::string_view text) {
    std::string out(text);
    std::ranges::replace(out, '-', '_');
    return out;
}

std::string with_length(const std::string& address, const std::string& length) {
    if (address.empty() || length.empty() || address.find('/') != std::string::npos) return address;
    const auto mask = Ipv4::parse(length);
    if (!mask) return address + "/" + length;
    int bits = 0;
    for (const std::uint8_t byte : mask->bytes) bits += __builtin_popcount(byte);
    return address + "/" + std::to_string(bits);
}

std::string in_milliseconds(const std::string& text, double unit) {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{}) return text;
    const std::string_view suffix = trimmed({rest, static_cast<std::size_t>(end - rest)});
    if (suffix == "ms" || suffix == "msec")
        unit = 1;
    else if (suffix == "s" || suffix == "sec")
        unit = 1000;
    else if (suffix == "min" || suffix == "m")
        unit = 60'000;
    else if (suffix == "us" || suffix == "usec")
        unit = 0.001;
    else if (!suffix.empty())
        return text;
    return std::to_string(std::llround(value * unit));
}

std::string as_switch(const std::string& text) {
    for (const std::string_view yes : {"yes", "true", "on", "y", "t"})
        if (text == yes) return "1";
    for (const std::string_view no : {"no", "false", "off", "n", "f"})
        if (text == no) return "0";
    return text;
}

std::string IniSection::value(std::string_view key) const {
    std::string found;
    for (const auto& [one, text] : keys)
        if (one == key) found = text;
    return found;
}

std::vector<IniSection> read_ini(const std::string& text) {
    std::vector<IniSection> sections;
    for (const std::string& raw : lines_of(text)) {
        const std::string_view line = trimmed(raw);
        if (line.empty() || line[0] == '#' || line[0] == ';') continue;
        if (line[0] == '[' && line.back() == ']') {
            sections.push_back({std::string(line.substr(1, line.size() - 2)), {}});
            continue;
        }
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos || sections.empty()) continue;
        sections.back().keys.emplace_back(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)));
    }
    return sections;
}

bool has_section(const std::vector<IniSection>& sections, std::string_view name) {
    return std::ranges::any_of(sections, [&](const IniSection& s) { return s.name == name; });
}

} // namespace dpdkbond
