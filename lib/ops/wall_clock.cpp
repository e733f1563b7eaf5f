// SPDX-License-Identifier: BSD-3-Clause
#include "ops/wall_clock.hpp"

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

std::int64_t wall_ns(Time at) {
    return read_clock(CLOCK_REALTIME) - (read_clock(CLOCK_MONOTONIC) - to_ns(at));
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
