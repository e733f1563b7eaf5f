// SPDX-License-Identifier: BSD-3-Clause
#include "embed/log.hpp"

#include <rte_log.h>

#include <cstdint>

namespace dpdkbond {

namespace {

const char* type_name = "lib.dpdkbond";

int log_type() {
    static const int type = rte_log_register_type_and_pick_level(type_name, RTE_LOG_NOTICE);
    return type < 0 ? RTE_LOGTYPE_EAL : type;
}

} // namespace

void set_log_type(const char* name) { type_name = name; }

void log_line(LogLevel level, const std::string& text) {
    const std::uint32_t levels[] = {RTE_LOG_ERR, RTE_LOG_WARNING, RTE_LOG_NOTICE, RTE_LOG_INFO};
    rte_log(levels[static_cast<unsigned>(level)], static_cast<std::uint32_t>(log_type()), "%s\n",
            text.c_str());
}

} // namespace dpdkbond
