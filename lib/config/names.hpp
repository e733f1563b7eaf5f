// SPDX-License-Identifier: BSD-3-Clause
// Which names a bond, a member and a netdev may have. Pure, any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "options/model.hpp"

namespace dpdkbond {

// One line about what is wrong with the name and what is allowed; empty: nothing. A netdev may have any name
// that Linux takes. Names of bonds and members stand in the status text, in commands and in telemetry paths,
// so they hold nothing that any of those would split.
std::string interface_name_problem(const std::string& name);
std::string bond_name_problem(const std::string& name);
std::string member_name_problem(const std::string& name);

// The name of a member that was given none: iface= of the devargs, else the PCI address or the devargs' head,
// with - for each colon.
std::string default_member_name(const std::string& device);

// A member as `add member DEVICE [SETTING VALUE]... [force]` makes it. Or what is wrong with one of the
// words.
Result<MemberConfig> member_of_words(std::string_view device, std::span<const std::string> settings = {});

// "auto", "ethdev", "netdev:NAME", or what is wrong with it.
Result<CarrierSource> carrier_source(const std::string& text);

} // namespace dpdkbond
