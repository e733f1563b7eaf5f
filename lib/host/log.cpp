// SPDX-License-Identifier: BSD-3-Clause
#include "host/log.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>
#include <utility>

#include "base/fd.hpp"

namespace dpdkbond {

namespace {

constexpr std::array<std::pair<std::string_view, LogFormat>, 3> kFormats{
    {{"text", LogFormat::text}, {"json", LogFormat::json}, {"journal", LogFormat::journal}}};
constexpr const char* kJournalSocket = "/run/systemd/journal/socket";
constexpr std::string_view kIdentifier = "dpdk-bond";

// The journal says by JOURNAL_STREAM which file it reads; somebody may have redirected stderr since.
bool is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat file {};
    return stream != nullptr && fstat(STDERR_FILENO, &file) == 0 &&
           stream == fmt::format("{}:{}", file.st_dev, file.st_ino);
}

bool tells_of_trouble(std::string_view text) {
    for (const std::string_view bad : {"warning", "refused", "reloaded, but"})
        if (text.find(bad) != std::string_view::npos) return true;
    return false;
}

std::string_view level_name(const LogEntry& e) { return e.is_warning ? "warning" : "info"; }
int priority(const LogEntry& e) { return e.is_warning ? 4 : 6; } // of syslog

// The line, and how many there were of its kind.
std::string whole_line(const LogEntry& e) {
    if (e.more == 0) return e.text;
    return fmt::format("{} ({} more of these in {} s)", e.text, e.more,
                       std::chrono::duration_cast<std::chrono::seconds>(LogLimit::kWindow).count());
}

// Local time with its distance from UTC: "2026-11-28T02:00:54.493+0000".
std::string date_of(std::int64_t wall_us) {
    constexpr std::int64_t kSecond = 1'000'000;
    const std::time_t second = wall_us / kSecond;
    tm local{};
    localtime_r(&second, &local);
    char zone[8] = "";
    strftime(zone, sizeof zone, "%z", &local);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{}", local.tm_year + 1900, local.tm_mon + 1,
                       local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec, wall_us % kSecond / 1000,
                       zone);
}

std::int64_t wall_us_now() {
    timeval t{};
    gettimeofday(&t, nullptr);
    return t.tv_sec * std::int64_t{1'000'000} + t.tv_usec;
}

Time time_now() { return Time{std::chrono::steady_clock::now().time_since_epoch()}; }

// A pipe that says so takes as much as a page at once, more than a line has.
bool has_room() {
    pollfd log{STDERR_FILENO, POLLOUT, 0};
    return poll(&log, 1, 0) == 1;
}

enum class Sent { yes, no_room, nobody };

// Opened once; the journal may be restarted, so each datagram is addressed.
Sent send_to_journal(const std::string& datagram) {
    static const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, kJournalSocket, sizeof to.sun_path - 1);
    if (sendto(socket.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&to), sizeof to) >= 0)
        return Sent::yes;
    return errno == EAGAIN || errno == ENOBUFS ? Sent::no_room : Sent::nobody;
}

// Under the mutex of the log.
struct Log {
    std::mutex mutex;
    std::optional<LogFormat> format;
    std::uint64_t lost = 0;
    LogLimit limit;

    bool write_one(const LogEntry& e) {
        if (!format) format = is_journal() ? LogFormat::journal : LogFormat::text;
        if (*format == LogFormat::journal)
            if (const Sent sent = send_to_journal(log_journal(e)); sent != Sent::nobody)
                return sent == Sent::yes;
        if (!has_room()) return false;
        const std::string line = *format == LogFormat::json ? log_json(e)
                                 : *format == LogFormat::text
                                     ? log_text(e)
                                     : fmt::format("<{}>{}\n", priority(e), whole_line(e));
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
        return true;
    }
    void write(const LogEntry& e) {
        if (lost != 0) {
            LogEntry gap;
            gap.text = fmt::format("{} lines of the log are missing here: nobody read it", lost);
            gap.wall_us = e.wall_us;
            if (write_one(gap)) lost = 0;
        }
        if (!write_one(e)) ++lost;
    }
    void settle(bool all) {
        for (const LogEntry& e : limit.due(time_now(), all)) write(e);
    }
};

Log& the_log() {
    static Log& log = *new Log; // never destroyed: others log until the very end
    return log;
}

} // namespace

std::optional<LogFormat> log_format_named(std::string_view name) {
    for (const auto& [of, format] : kFormats)
        if (of == name) return format;
    return std::nullopt;
}

std::string log_text(const LogEntry& e) {
    return fmt::format("{} {} {}\n", date_of(e.wall_us), level_name(e), whole_line(e));
}

std::string log_json(const LogEntry& e) {
    nlohmann::ordered_json json{{"time", date_of(e.wall_us)}, {"level", level_name(e)}, {"message", e.text}};
    for (const auto& [name, value] : e.fields) json[std::string(name)] = value;
    if (e.more != 0) json["more"] = e.more;
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string log_journal(const LogEntry& e) {
    const auto one_line = [](std::string text) { // a line's end would begin another field
        for (char& c : text)
            if (c == '\n') c = ' ';
        return text;
    };
    std::string out = fmt::format("MESSAGE={}\nPRIORITY={}\nSYSLOG_IDENTIFIER={}\n", one_line(whole_line(e)),
                                  priority(e), kIdentifier);
    for (const auto& [name, value] : e.fields) {
        std::string upper = "DPDKBOND_";
        for (const char c : name) upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        out += fmt::format("{}={}\n", upper, one_line(value));
    }
    if (e.more != 0) out += fmt::format("DPDKBOND_MORE={}\n", e.more);
    return out;
}

void set_log_format(LogFormat format) {
    const std::lock_guard lock(the_log().mutex);
    the_log().format = format;
}

void log_entry(LogEntry entry) {
    entry.wall_us = wall_us_now();
    entry.is_warning = entry.is_warning || tells_of_trouble(entry.text);
    Log& log = the_log();
    const std::lock_guard lock(log.mutex); // who found room shall have it
    log.settle(false);
    if (log.limit.pass(entry, time_now())) log.write(entry);
}

void log_line(std::string_view text) {
    LogEntry entry;
    entry.text = text;
    log_entry(std::move(entry));
}

void log_settle(bool all) {
    Log& log = the_log();
    const std::lock_guard lock(log.mutex);
    log.settle(all);
}

} // namespace dpdkbond
