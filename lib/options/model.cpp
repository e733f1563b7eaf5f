// SPDX-License-Identifier: BSD-3-Clause
#include "options/model.hpp"

#include <algorithm>

namespace dpdkbond {
namespace {

// Takes `digits` hex digits and the separator from the front of text, and says whether they were there.
bool take_hex(std::string_view& text, std::size_t digits, char separator, std::string& out) {
    if (text.size() < digits + 1 || text[digits] != separator) return false;
    for (const char c : text.substr(0, digits)) {
        const char lower = static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
        if ((lower < '0' || lower > '9') && (lower < 'a' || lower > 'f')) return false;
        out += lower;
    }
    out += separator;
    text.remove_prefix(digits + 1);
    return true;
}

} // namespace

std::string devargs_head(const std::string& devargs) { return devargs.substr(0, devargs.find(',')); }

std::optional<std::string> pci_address(const std::string& text) {
    std::string_view rest = text;
    std::string address;
    if (!take_hex(rest, 4, ':', address)) address = "0000:";
    if (!take_hex(rest, 2, ':', address) || !take_hex(rest, 2, '.', address)) return std::nullopt;
    if (rest.size() != 1 || rest[0] < '0' || rest[0] > '7') return std::nullopt;
    return address + rest[0];
}

std::string devargs_value(const std::string& devargs, const std::string& key) {
    std::size_t at = devargs.find(',');
    while (at != std::string::npos) {
        const std::size_t end = devargs.find(',', at + 1);
        const std::string part = devargs.substr(at + 1, end == std::string::npos ? end : end - at - 1);
        if (part.starts_with(key + "=")) return part.substr(key.size() + 1);
        at = end;
    }
    return {};
}

std::string member_tap_name(std::string_view member) {
    constexpr std::size_t kKept = 12;
    return std::string(member.substr(member.size() - std::min(member.size(), kKept))) + ".lt";
}

bool MemberConfig::is_pci() const { return pci_address(devargs_head(device)).has_value(); }

} // namespace dpdkbond
