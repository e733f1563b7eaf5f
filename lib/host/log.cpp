// SPDX-License-Identifier: BSD-3-Clause
#include "host/log.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/time.h>
#include <unistd.h>

#include <ctime>
#include <mutex>
#include <utility>

namespace dpdkbond {

namespace {

std::string stamped(std::string_view text) {
    timeval t{};
    gettimeofday(&t, nullptr);
    tm local{};
    localtime_r(&t.tv_sec, &local);
    return fmt::format("{:02}:{:02}:{:02}.{:03} {}\n", local.tm_hour, local.tm_min, local.tm_sec,
                       t.tv_usec / 1000, text);
}

// A pipe that says so takes as much as a page at once, more than a line has.
bool has_room() {
    pollfd log{STDERR_FILENO, POLLOUT, 0};
    return poll(&log, 1, 0) == 1;
}

} // namespace

void log_line(std::string_view text) {
    static std::mutex mutex; // who found room shall have it
    static std::uint64_t lost = 0;
    const std::lock_guard lock(mutex);
    if (!has_room()) {
        ++lost;
        return;
    }
    std::string line;
    if (lost != 0)
        line = stamped(
            fmt::format("{} lines of the log are missing here: nobody read it", std::exchange(lost, 0)));
    line += stamped(text);
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

} // namespace dpdkbond
