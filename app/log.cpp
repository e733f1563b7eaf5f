// SPDX-License-Identifier: BSD-3-Clause
#include "app/log.hpp"

#include <fmt/format.h>
#include <sys/time.h>
#include <unistd.h>

#include <ctime>

namespace dpdkbond {

void log_line(std::string_view text) {
    timeval t{};
    gettimeofday(&t, nullptr);
    tm local{};
    localtime_r(&t.tv_sec, &local);
    const std::string line = fmt::format("{:02}:{:02}:{:02}.{:03} {}\n", local.tm_hour, local.tm_min,
                                         local.tm_sec, t.tv_usec / 1000, text);
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

} // namespace dpdkbond
