// SPDX-License-Identifier: BSD-3-Clause
// `dpdk-bond status --watch`.
#include <csignal>
#include <cstdio>
#include <ctime>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "ops/client.hpp"
#include "ops/screen.hpp"

namespace dpdkbond {

namespace {

std::string title(const std::string& what, std::chrono::milliseconds interval) {
    char clock[32] = "";
    const std::time_t now = std::time(nullptr);
    tm local{};
    ::localtime_r(&now, &local);
    std::strftime(clock, sizeof clock, "%F %T%z", &local);
    return fmt::format("Every {:g} s: {}  {}\n\n", static_cast<double>(interval.count()) / 1000, what, clock);
}

// A terminal gets a screen that replaces the last one, anything else what follows it.
bool show(const std::string& text) {
    winsize size{};
    const bool terminal = ::isatty(STDOUT_FILENO) != 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
                          size.ws_row != 0 && size.ws_col != 0;
    const std::string out = terminal ? screen_of(text, size.ws_row, size.ws_col) : text + "\n";
    return std::fputs(out.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
}

} // namespace

int watch_command(const std::string& prefix, const std::optional<std::string>& bond,
                  std::chrono::milliseconds interval) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        std::signal(signal, [](int) { ::_exit(0); }); // nothing is left undone, wherever it comes
    std::signal(SIGWINCH, [](int) {});                // ends the pause
    const std::string what = "dpdk-bond status" + (bond ? " " + *bond : std::string());
    for (bool first = true;; first = false) {
        const auto text = status_as_text(prefix, bond);
        if (!text && first) return client_failed(text.error());
        if (!show(title(what, interval) + (text ? text.value() : text.error() + "\n"))) return 1;
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(interval);
        const timespec pause{seconds.count(), std::chrono::nanoseconds(interval - seconds).count()};
        ::nanosleep(&pause, nullptr);
    }
}

} // namespace dpdkbond
