// SPDX-License-Identifier: BSD-3-Clause
#include "ops/telemetry_status.hpp"

#include <algorithm>

namespace dpdkbond {

std::string status_page(std::string_view text, std::size_t page) {
    for (;; --page) {
        std::size_t length = std::min(text.size(), kStatusPage);
        if (length < text.size())
            if (const std::size_t line = text.rfind('\n', length - 1); line != std::string_view::npos)
                length = line + 1;
        if (page == 0 || text.empty()) return std::string(text.substr(0, length));
        text.remove_prefix(length);
    }
}

} // namespace dpdkbond
