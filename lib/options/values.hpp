// SPDX-License-Identifier: BSD-3-Clause
// How an option's text becomes a value and back: the functions that the rows of the table point to. Private
// to lib/bond.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "options/options.hpp"

namespace dpdkbond::option_values {

// The parsers refuse what is malformed or out of range.
Result<std::int64_t> parse_number(const OptionDef& def, std::string_view text);
Result<std::int64_t> parse_choice(const OptionDef& def, std::string_view text);
Result<Mac> parse_mac(const OptionDef& def, std::string_view text);
Result<std::vector<Ipv4>> parse_ipv4_list(const OptionDef& def, std::string_view text);
Result<std::vector<Ipv6>> parse_ipv6_list(const OptionDef& def, std::string_view text);
Result<std::string> parse_member(const OptionDef& def, std::string_view text);

std::string to_text(const OptionDef& def, std::int64_t value);
std::string to_text(const std::vector<Ipv4>& list);
std::string to_text(const std::vector<Ipv6>& list);

// Field is a member pointer into BondOptions or into MemberOptions.
template <auto Field> auto& field_of(auto& bond, auto& member) {
    if constexpr (requires { bond.*Field; }) {
        return bond.*Field;
    } else {
        return member.*Field;
    }
}

template <auto Field, auto Parse>
Result<void> set(BondOptions& bond, MemberOptions& member, const OptionDef& def, std::string_view text) {
    auto parsed = Parse(def, text);
    if (!parsed) return Error{parsed.error()};
    auto& field = field_of<Field>(bond, member);
    field = static_cast<std::remove_reference_t<decltype(field)>>(std::move(parsed).value());
    return {};
}

template <auto Field>
std::string get(const BondOptions& bond, const MemberOptions& member, const OptionDef& def) {
    const auto& field = field_of<Field>(bond, member);
    using Value = std::remove_cvref_t<decltype(field)>;
    if constexpr (std::is_same_v<Value, std::string>) {
        return field;
    } else if constexpr (std::is_same_v<Value, Mac>) {
        return field.to_string();
    } else if constexpr (std::is_enum_v<Value> || std::is_integral_v<Value>) {
        return to_text(def, static_cast<std::int64_t>(field));
    } else {
        return to_text(field);
    }
}

} // namespace dpdkbond::option_values
