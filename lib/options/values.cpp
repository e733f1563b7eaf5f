// SPDX-License-Identifier: BSD-3-Clause
#include "options/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "base/quote.hpp"

namespace dpdkbond::option_values {
namespace {

// One with more digits than fit is the largest or the smallest there is.
std::optional<std::int64_t> decimal(std::string_view text) {
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc::invalid_argument || stop != end) return std::nullopt;
    if (error == std::errc::result_out_of_range)
        return text[0] == '-' ? std::numeric_limits<std::int64_t>::min()
                              : std::numeric_limits<std::int64_t>::max();
    return value;
}

Error refuse(const OptionDef& def, std::string why) { return Error{why + "; allowed: " + allowed_text(def)}; }

// YAML's other words for on and off, for the options whose choices are these two.
std::string_view plain_boolean(std::string_view text) {
    constexpr std::array<std::string_view, 8> on = {"true", "True", "TRUE", "yes", "Yes", "YES", "On", "ON"};
    constexpr std::array<std::string_view, 8> off = {"false", "False", "FALSE", "no",
                                                     "No",    "NO",    "Off",   "OFF"};
    if (std::ranges::find(on, text) != on.end()) return "on";
    if (std::ranges::find(off, text) != off.end()) return "off";
    return text;
}

bool is_switch(const OptionDef& def) {
    return std::ranges::any_of(def.choices, [](const Choice& choice) { return choice.name == "on"; });
}

std::vector<std::string_view> split_list(std::string_view text) {
    std::vector<std::string_view> items;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(", "), text.size());
        if (end > 0) items.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return items;
}

// What Linux takes as the target of a probe.
bool is_target(const Ipv4& ip) { return ip != Ipv4{} && ip != Ipv4{{255, 255, 255, 255}}; }
bool is_target(const Ipv6& ip) {
    Ipv6 loopback{};
    loopback.bytes[15] = 1;
    return ip != Ipv6{} && ip != loopback && ip.bytes[0] != 0xff;
}

template <class Address>
Result<std::vector<Address>> parse_targets(const OptionDef& def, std::string_view text) {
    std::vector<Address> targets;
    for (const std::string_view item : split_list(text)) {
        const auto address = Address::parse(item);
        if (!address || !is_target(*address))
            return refuse(def, in_quotes(item) + " is not an address that can be probed");
        if (std::ranges::find(targets, *address) != targets.end())
            return refuse(def, in_quotes(item) + " is there twice");
        targets.push_back(*address);
    }
    if (std::ssize(targets) > def.max)
        return refuse(def, std::to_string(targets.size()) + " addresses are too many");
    return targets;
}

template <class Address> std::string join(const std::vector<Address>& list) {
    std::string text;
    for (const Address& address : list) text += (text.empty() ? "" : ",") + address.to_string();
    return text;
}

} // namespace

Result<std::int64_t> parse_number(const OptionDef& def, std::string_view text) {
    const auto value = decimal(text);
    if (!value) return refuse(def, in_quotes(text) + " is not a decimal whole number");
    if (*value < def.min || *value > def.max) return refuse(def, in_quotes(text) + " is out of range");
    return *value;
}

Result<std::int64_t> parse_choice(const OptionDef& def, std::string_view text) {
    const std::string_view name = is_switch(def) ? plain_boolean(text) : text;
    const auto number = decimal(name);
    const auto choice = std::ranges::find_if(def.choices, [&](const Choice& one) {
        return one.name == name || (number && one.number == *number);
    });
    if (choice == def.choices.end()) return refuse(def, in_quotes(text) + " is not one of its values");
    return choice->number;
}

Result<Mac> parse_mac(const OptionDef& def, std::string_view text) {
    const auto mac = Mac::parse(text);
    if (!mac || mac->is_multicast()) return refuse(def, in_quotes(text) + " is not a unicast MAC address");
    return *mac;
}

Result<std::vector<Ipv4>> parse_ipv4_list(const OptionDef& def, std::string_view text) {
    return parse_targets<Ipv4>(def, text);
}

Result<std::vector<Ipv6>> parse_ipv6_list(const OptionDef& def, std::string_view text) {
    return parse_targets<Ipv6>(def, text);
}

Result<std::string> parse_member(const OptionDef& def, std::string_view text) {
    if (text == "none" || text == "None") return std::string(); // as the status shows it; no member's name
    const bool printable = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
    if (!printable || text.size() > 64) return refuse(def, in_quotes(text) + " is not a member's name");
    return std::string(text);
}

std::string to_text(const OptionDef& def, std::int64_t value) {
    const auto choice = std::ranges::find(def.choices, value, &Choice::number);
    return choice != def.choices.end() ? std::string(choice->name) : std::to_string(value);
}

std::string to_text(const std::vector<Ipv4>& list) { return join(list); }
std::string to_text(const std::vector<Ipv6>& list) { return join(list); }

} // namespace dpdkbond::option_values
