// SPDX-License-Identifier: BSD-3-Clause
// Text in pages that fit into a telemetry answer. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dpdkbond {

inline constexpr std::size_t kStatusPage = 7000; // bytes: less than a string of DPDK's telemetry may have

// Page `page` of the text, from 0: whole lines. Beyond the last one: empty.
std::string status_page(std::string_view text, std::size_t page);

} // namespace dpdkbond
