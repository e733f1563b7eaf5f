// SPDX-License-Identifier: BSD-3-Clause
#include "host/log.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <mutex>
#include <utility>

namespace dpdkbond {

namespace {

// The journal says by JOURNAL_STREAM which file it reads; somebody may have redirected stderr since.
bool is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat file {};
    return stream != nullptr && fstat(STDERR_FILENO, &file) == 0 &&
           stream == fmt::format("{}:{}", file.st_dev, file.st_ino);
}

bool is_warning(std::string_view text) {
    return text.find("warning") != std::string_view::npos || text.find("refused") != std::string_view::npos ||
           text.find("reloaded, but") != std::string_view::npos;
}

// The journal has a date of its own, and takes "<4>" (warning) and "<6>" (information) for a line's priority.
// Elsewhere: local time with its distance from UTC, and the level as a word.
std::string stamped(std::string_view text) {
    static const bool journal = is_journal();
    if (journal) return fmt::format("{}{}\n", is_warning(text) ? "<4>" : "<6>", text);
    timeval t{};
    gettimeofday(&t, nullptr);
    tm local{};
    localtime_r(&t.tv_sec, &local);
    char zone[8] = "";
    strftime(zone, sizeof zone, "%z", &local);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{} {} {}\n", local.tm_year + 1900,
                       local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
                       t.tv_usec / 1000, zone, is_warning(text) ? "warning" : "info", text);
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
