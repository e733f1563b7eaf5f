// SPDX-License-Identifier: BSD-3-Clause
// The side of `dpdk-bond status|explain|capture|console|set|…` that talks to a running instance. No EAL. The
// commands print to stdout and stderr and return the exit code: 0, 1 (one line on stderr: nobody answers, no
// such bond, refused), 2 (bad arguments).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace dpdkbond {

// Where DPDK keeps the sockets of the instance: /var/run/dpdk/PREFIX, or below $XDG_RUNTIME_DIR or /tmp that
// of an application of this user.
std::string runtime_dir(const std::string& prefix);
std::string console_path(const std::string& prefix); // the console's UNIX socket

// Why connect() to a socket of the instance failed, in words for its user.
Error unreachable(const std::string& prefix, int error);
// Says it on stderr, behind the program's name; returns the exit status.
int client_failed(const std::string& why, int code = 1);

// A connection to DPDK's telemetry socket. One thread.
class TelemetryClient {
public:
    static Result<TelemetryClient> connect(const std::string& prefix);
    TelemetryClient(TelemetryClient&& other) noexcept;
    TelemetryClient& operator=(TelemetryClient&&) = delete;
    ~TelemetryClient();

    // The whole answer, `{"/bond/list":["bond0"]}`. Waits 5 s at most.
    Result<std::string> ask(const std::string& command);

private:
    TelemetryClient(int fd, std::string prefix) : fd_(fd), prefix_(std::move(prefix)) {}
    int fd_;
    std::string prefix_;
};

// One command on a connection of its own.
Result<std::string> query(const std::string& prefix, const std::string& command);

// Text as render_proc() writes it, or JSON. Several bonds: each text below a line "==> NAME <==".
int status_command(const std::string& prefix, const std::optional<std::string>& bond, bool json);
// What status_command() prints.
Result<std::string> status_as_text(const std::string& prefix, const std::optional<std::string>& bond);
// … with `json`.
Result<std::string> status_as_json(const std::string& prefix, const std::string& bond);
// A line for each bond. 0: all are ok, 1: one is degraded, 2: one is down or nobody answers, 3: it could not
// be asked, or there is no such bond.
int health_command(const std::string& prefix, const std::optional<std::string>& bond, bool json);
// `flow`: one, or the name of a capture file, each of whose flows is asked for.
int explain_command(const std::string& prefix, const std::string& bond, const std::string& flow,
                    bool json = false);

// BOND, MEMBER|all, FILE, [SECONDS]. Waits for the end of the capture, which a signal brings about, and
// prints what it has done.
int capture_command(const std::string& prefix, std::vector<std::string> operands);

// `show …` of the console. `json`: the same as JSON; the running configuration is YAML, which the caller can
// turn into it.
using YamlToJson = std::function<Result<std::string>(const std::string&)>;
int show_command(const std::string& prefix, const std::vector<std::string>& words, bool json,
                 const YamlToJson& yaml_to_json);
// The status again and again, every `interval`, until a signal ends it: 0. 1: nobody answered at first.
int watch_command(const std::string& prefix, const std::optional<std::string>& bond,
                  std::chrono::milliseconds interval);

// Ends the instance and waits for that. `warm`: so that the next one carries on.
int stop_command(const std::string& prefix, bool warm);
int restart_command(const std::string& prefix); // … and waits until it runs again

// Runs the commands on the instance's console. None: attaches the terminal, or a pipe, until the console
// ends, stdin ends or a signal comes. 1: one was refused, in which case stderr has its line, or not answered.
// `stop_on_error`: nothing is run behind one that was refused; not for a terminal.
int console_command(const std::string& prefix, const std::vector<std::string>& commands,
                    bool stop_on_error = false);
// One command of the console, by its words. 2: they are none.
int console_verb(const std::string& prefix, const std::vector<std::string>& words);

} // namespace dpdkbond
