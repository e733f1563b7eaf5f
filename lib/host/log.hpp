// SPDX-License-Identifier: BSD-3-Clause
// One line on stderr, whole, with date, time and level, or where the journal reads it an entry of the journal
// with priority and fields. Ordinary threads. It does not wait for who reads the log (a pipe, a terminal, the
// journal): lines that find no room are counted, and the next that does tells how many. The thread that logs
// is the one that sees to links and signals.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "host/log_limit.hpp"

namespace dpdkbond {

enum class LogFormat : std::uint8_t {
    text,    // date, level, line
    json,    // an object a line
    journal, // to the journal's socket, with fields; without it "<6>line" on stderr
};
std::optional<LogFormat> log_format_named(std::string_view name);

// Before the first line. Without it: journal where systemd reads stderr into its journal, else text.
void set_log_format(LogFormat format);

void log_line(std::string_view text); // never held back
void log_entry(LogEntry entry);       // … if there are too many of its kind: see LogLimit
// Writes what was held back and is due; `all`: all of it, before the program ends. About once a second.
void log_settle(bool all = false);

struct LogEnd { // writes what was held back when the program ends
    ~LogEnd() { log_settle(true); }
};

// As the formats write it, with the line's end. Pure.
std::string log_text(const LogEntry& entry);
std::string log_json(const LogEntry& entry);
std::string log_journal(const LogEntry& entry); // one datagram of systemd's native protocol

} // namespace dpdkbond
