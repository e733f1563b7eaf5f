// SPDX-License-Identifier: BSD-3-Clause
#include "ops/wall_clock.hpp"

#include <atomic>
#include <cstdlib>
#include <ctime>

#include <fmt/format.h>

namespace dpdkbond {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t read_clock(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return t.tv_sec * kSecond + t.tv_nsec;
}

} // namespace

Time monotonic_now() { return time_from_ns(read_clock(CLOCK_MONOTONIC)); }

// What the clocks are apart, with what passes between two readings as error. The same moment shall always
// have the same date, so a new value replaces the old one only where somebody has set the clock.
std::int64_t wall_ns(Time at) {
    static std::atomic<std::int64_t> apart{0};
    constexpr std::int64_t kSet = 100'000'000;
    const std::int64_t before = read_clock(CLOCK_MONOTONIC), real = read_clock(CLOCK_REALTIME),
                       after = read_clock(CLOCK_MONOTONIC);
    const std::int64_t is = real - (before + (after - before) / 2);
    std::int64_t known = apart.load(std::memory_order_relaxed);
    if (known == 0 || std::abs(is - known) > kSet + (after - before))
        if (apart.compare_exchange_strong(known, is)) known = is;
    return to_ns(at) + known;
}

std::string utc_text(std::int64_t ns, bool milliseconds) {
    const std::time_t second = ns / kSecond;
    tm t{};
    gmtime_r(&second, &t);
    const std::string date = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", t.tm_year + 1900,
                                         t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    return milliseconds ? fmt::format("{}.{:03}Z", date, ns % kSecond / 1'000'000) : date + "Z";
}

} // namespace dpdkbond
