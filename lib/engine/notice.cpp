// SPDX-License-Identifier: BSD-3-Clause
#include "engine/notice.hpp"

#include <fmt/format.h>

namespace dpdkbond {

std::string event_text(std::string_view bond, const Event& e) {
    return fmt::format("{}{}{}: {}{}{}", bond, e.member.empty() ? "" : " ", e.member.view(),
                       event_name(e.kind), e.detail.empty() ? "" : ": ", e.detail.view());
}

} // namespace dpdkbond
