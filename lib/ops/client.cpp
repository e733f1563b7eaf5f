// SPDX-License-Identifier: BSD-3-Clause
#include "ops/client.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/quote.hpp"
#include "flow/flow.hpp"
#include "ops/client_explain.hpp"
#include "ops/client_json.hpp"
#include "ops/console_attach.hpp"
#include "ops/console_commands.hpp"
#include "ops/console_grammar.hpp"
#include "ops/health.hpp"
#include "ops/render.hpp"
#include "ops/spray_json.hpp"

namespace dpdkbond {

namespace {

constexpr std::size_t kMaxAnswer = 256 * 1024; // the server says 16 KiB
constexpr timeval kPatience{5, 0};
constexpr int kUnknownHealth = 3; // the exit code: the instance could not be asked

Error nobody(const std::string& prefix) {
    return Error{fmt::format("no dpdk-bond with file prefix {} answers; is it running?", prefix)};
}

Error silent(const std::string& prefix) {
    return Error{
        fmt::format("the dpdk-bond with file prefix {} does not answer: it is ending, or busy for more "
                    "than {} s",
                    prefix, kPatience.tv_sec)};
}

// A payload that is null, or an error, has no value here.
Result<std::string> ask_payload(TelemetryClient& client, const std::string& command) {
    auto answer = client.ask(command);
    if (!answer) return answer;
    return answer_payload(answer.value());
}

Result<std::vector<std::string>> bond_names(TelemetryClient& client, const std::string& prefix) {
    const auto payload = ask_payload(client, "/bond/list");
    if (!payload) return Error{payload.error()};
    if (payload.value() == "null") return nobody(prefix);
    return names_from_json(payload.value());
}

// An empty info: no such bond. Members that left between the questions are left out.
Result<BondAnswers> ask_bond(TelemetryClient& client, const std::string& name) {
    BondAnswers out;
    auto info = ask_payload(client, "/bond/info," + name);
    if (!info) return Error{info.error()};
    if (info.value() == "null") return out;
    out.name = name;
    const auto stats = ask_payload(client, "/bond/stats," + name);
    if (!stats) return Error{stats.error()};
    const auto names = member_names_from_json(info.value());
    if (!names) return Error{names.error()};
    for (const std::string& member : names.value()) {
        auto payload = ask_payload(client, "/bond/member," + name + "," + member);
        if (!payload) return Error{payload.error()};
        if (payload.value() == "null") continue;
        out.member_names.push_back(member);
        out.members.push_back(std::move(payload).value());
    }
    auto lacp = ask_payload(client, "/bond/lacp," + name);
    if (!lacp) return Error{lacp.error()};
    if (lacp.value() != "null") out.lacp = std::move(lacp).value();
    for (bool more = true; more;) {
        auto page = ask_payload(client, fmt::format("/bond/spray,{},{}", name, out.spray.size()));
        if (!page) return Error{page.error()};
        more = page.value() != "null" && (out.spray.empty() || has_peers(page.value()));
        if (more) out.spray.push_back(std::move(page).value());
    }
    out.info = std::move(info).value();
    out.stats = stats.value();
    return out;
}

Error no_bond(const std::string& name, const std::vector<std::string>& names) {
    return Error{fmt::format("no bond {}; there are: {}", in_quotes(name), fmt::join(names, ", "))};
}

// Empty: no such bond.
Result<std::string> ask_text(TelemetryClient& client, const std::string& name) {
    std::string text;
    for (unsigned page = 0;; ++page) {
        const auto payload = ask_payload(client, fmt::format("/bond/status,{},{}", name, page));
        if (!payload) return Error{payload.error()};
        if (payload.value() == "null") return text;
        auto part = string_from_json(payload.value());
        if (!part) return part;
        text += part.value();
    }
}

// What `ask` says of the wanted bond, or of each. Bonds that leave meanwhile are left out.
template <class Answer>
Result<std::vector<std::pair<std::string, Answer>>>
of_bonds(const std::string& prefix, const std::optional<std::string>& wanted,
         Result<Answer> (*ask)(TelemetryClient&, const std::string&)) {
    auto client = TelemetryClient::connect(prefix);
    if (!client) return Error{client.error()};
    const auto names = bond_names(client.value(), prefix);
    if (!names) return Error{names.error()};
    std::vector<std::pair<std::string, Answer>> out;
    for (const std::string& name : wanted ? std::vector{*wanted} : names.value()) {
        auto answer = ask(client.value(), name);
        if (!answer) return Error{answer.error()};
        if (!(answer.value() == Answer{})) out.emplace_back(name, std::move(answer).value());
    }
    if (wanted && out.empty()) return no_bond(*wanted, names.value());
    return out;
}

Result<std::string> status(const std::string& prefix, const std::optional<std::string>& wanted, bool json) {
    if (json) {
        const auto bonds = of_bonds(prefix, wanted, ask_bond);
        if (!bonds) return Error{bonds.error()};
        std::vector<BondAnswers> answers;
        for (const auto& [name, answer] : bonds.value()) answers.push_back(answer);
        return wanted ? status_json(answers.front()) : status_json(answers);
    }
    const auto bonds = of_bonds(prefix, wanted, ask_text);
    if (!bonds) return Error{bonds.error()};
    std::string text;
    for (const auto& [name, one] : bonds.value()) {
        if (bonds.value().size() > 1) text += fmt::format("{}==> {} <==\n", text.empty() ? "" : "\n", name);
        text += one;
    }
    return text;
}

Result<std::string> ask_health(TelemetryClient& client, const std::string& name) { // the info
    auto info = ask_payload(client, "/bond/info," + name);
    if (info && info.value() == "null") return std::string();
    const auto health = info ? health_from_json(info.value()) : Result<HealthAnswer>(HealthAnswer{});
    if (!health || !health.value().why.ends_with(kMoreReasons)) return info;
    const auto text = ask_text(client, name); // which has room for all
    return text ? with_all_reasons(info.value(), text.value()) : info;
}

const Wake* stop_attached = nullptr; // for the handler; set once, before it is installed

void leave_console(int) { stop_attached->set(); }

} // namespace

// dpdk-bond runs as root; an application that has net_dpdkbond need not.
std::string runtime_dir(const std::string& prefix) {
    const std::string of_root = "/var/run/dpdk/" + prefix;
    if (::getuid() == 0) return of_root;
    const char* xdg = std::getenv("XDG_RUNTIME_DIR");
    std::string own = (xdg != nullptr ? std::string(xdg) : "/tmp") + "/dpdk/" + prefix;
    return ::access(own.c_str(), F_OK) == 0 ? own : of_root;
}

std::string console_path(const std::string& prefix) { return runtime_dir(prefix) + "/console"; }

Result<TelemetryClient> TelemetryClient::connect(const std::string& prefix) {
    const std::string path = runtime_dir(prefix) + "/dpdk_telemetry.v2";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return nobody(prefix);
    std::memcpy(address.sun_path, path.c_str(), path.size());
    TelemetryClient client(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), prefix);
    ::setsockopt(client.fd_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    ::setsockopt(client.fd_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
    if (::connect(client.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return unreachable(prefix, errno);
    char greeting[1024];
    const ssize_t got = ::recv(client.fd_, greeting, sizeof greeting, 0);
    if (got == 0) // DPDK closes what is one too many
        return Error{fmt::format("{}: it serves as many telemetry clients as it can; try again", prefix)};
    if (got < 0) return silent(prefix);
    return client;
}

TelemetryClient::TelemetryClient(TelemetryClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), prefix_(std::move(other.prefix_)) {}

TelemetryClient::~TelemetryClient() {
    if (fd_ >= 0) ::close(fd_);
}

Result<std::string> TelemetryClient::ask(const std::string& command) {
    if (::send(fd_, command.data(), command.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(command.size()))
        return silent(prefix_);
    std::string answer(kMaxAnswer, '\0');
    const ssize_t got = ::recv(fd_, answer.data(), answer.size(), 0);
    if (got <= 0) return silent(prefix_);
    answer.resize(static_cast<std::size_t>(got));
    return answer;
}

Result<std::string> query(const std::string& prefix, const std::string& command) {
    auto client = TelemetryClient::connect(prefix);
    if (!client) return Error{client.error()};
    return client.value().ask(command);
}

Result<std::string> status_as_json(const std::string& prefix, const std::string& bond) {
    return status(prefix, bond, true);
}

Result<std::string> status_as_text(const std::string& prefix, const std::optional<std::string>& bond) {
    return status(prefix, bond, false);
}

int status_command(const std::string& prefix, const std::optional<std::string>& bond, bool json) {
    const auto text = status(prefix, bond, json);
    if (!text) return client_failed(text.error());
    return std::fputs(text.value().c_str(), stdout) < 0 || std::fflush(stdout) != 0 ? 1 : 0;
}

int health_command(const std::string& prefix, const std::optional<std::string>& bond, bool json) {
    const auto bonds = of_bonds(prefix, bond, ask_health);
    if (!bonds)
        return client_failed(bonds.error(), bonds.error() == nobody(prefix).message ? 2 : kUnknownHealth);
    int worst = 0;
    std::string text;
    std::vector<std::pair<std::string, std::string>> answers;
    for (const auto& [name, info] : bonds.value()) {
        const auto health = health_from_json(info);
        if (!health) return client_failed(health.error(), kUnknownHealth);
        worst = std::max(worst, static_cast<int>(health.value().state));
        text += fmt::format("{}: {}{}{}{}\n", name, health_name(health.value().state),
                            " since " + health.value().since, health.value().why.empty() ? "" : ": ",
                            health.value().why);
        answers.emplace_back(name, info);
    }
    fmt::print("{}", json ? health_json(answers) : text);
    return worst;
}

namespace {

// What the instance answers of one flow. Empty bond: as above.
Result<Explanation> ask_flow(TelemetryClient& client, const std::string& bond, const std::string& flow) {
    const auto payload = ask_payload(client, "/bond/explain," + bond + "," + flow);
    if (!payload) return Error{payload.error()};
    return explanation_from_json(payload.value());
}

// A flow has a = in it, or is empty; what is there as a file is one all the same.
bool names_a_file(const std::string& text) {
    return !text.empty() && (text.find('=') == std::string::npos || ::access(text.c_str(), F_OK) == 0);
}

int explain_file(TelemetryClient& client, const std::string& bond, const std::string& path, bool json) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return client_failed(fmt::format("{}: {}", path, std::strerror(errno)));
    auto flows = flows_in(file);
    if (!flows) return client_failed(path + ": " + flows.error());
    for (FlowInFile& flow : flows.value().flows) {
        if (flow.question.empty()) {
            flow.explanation.reason = "not asked: it is shorter than an Ethernet header";
            continue;
        }
        auto answer = ask_flow(client, bond, flow.question);
        if (!answer) return client_failed(answer.error());
        flow.explanation = std::move(answer).value();
    }
    const std::string text = (json ? explained_json : explained_text)(flows.value());
    const bool written = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
    if (const std::string& cut = flows.value().cut; !cut.empty())
        fmt::print(stderr, "dpdk-bond: {}: {}\n", path, cut);
    return written ? 0 : 1;
}

} // namespace

int explain_command(const std::string& prefix, const std::string& bond, const std::string& flow, bool json) {
    const bool of_file = names_a_file(flow);
    if (!of_file) {
        if (const auto parsed = parse_flow(flow); !parsed) return client_failed(parsed.error(), 2);
        if (json)
            return client_failed(
                "--json goes with a capture file; /bond/explain of telemetry answers for a flow", 2);
    }
    auto client = TelemetryClient::connect(prefix);
    if (!client) return client_failed(client.error());
    const auto names = bond_names(client.value(), prefix);
    if (!names) return client_failed(names.error());
    if (std::ranges::find(names.value(), bond) == names.value().end())
        return client_failed(no_bond(bond, names.value()).message);
    if (of_file) return explain_file(client.value(), bond, flow, json);
    const auto answer = ask_flow(client.value(), bond, flow);
    if (!answer) return client_failed(answer.error());
    fmt::print("{}", render_explain(answer.value()));
    return 0;
}

int client_failed(const std::string& why, int code) {
    fmt::print(stderr, "dpdk-bond: {}\n", why);
    return code;
}

Error unreachable(const std::string& prefix, int error) {
    if (error == EACCES || error == EPERM)
        return Error{
            fmt::format("permission denied at {}: root may ask, and for status, explain and telemetry "
                        "the group of runtime.socket_group",
                        runtime_dir(prefix))};
    return nobody(prefix);
}

namespace {

int run_console(const std::string& prefix, int in, AfterRefusal after) {
    const auto fd = connect_unix_stream(console_path(prefix));
    if (!fd) return client_failed(unreachable(prefix, errno).message);
    static const Wake stop;
    stop_attached = &stop;
    struct sigaction leave {};
    leave.sa_handler = leave_console;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &leave, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    const bool fine = attach_console(fd.value(), {in, STDOUT_FILENO, STDERR_FILENO}, stop, after);
    ::close(fd.value());
    return fine ? 0 : 1;
}

} // namespace

int console_command(const std::string& prefix, const std::vector<std::string>& commands, bool stop_on_error) {
    const AfterRefusal after = stop_on_error ? AfterRefusal::stop : AfterRefusal::go_on;
    if (commands.empty()) return run_console(prefix, STDIN_FILENO, after);
    const std::string lines = fmt::format("{}\n", fmt::join(commands, "\n"));
    const int in = ::memfd_create("commands", MFD_CLOEXEC);
    const auto size = static_cast<ssize_t>(lines.size());
    if (in < 0 || ::write(in, lines.data(), lines.size()) != size || ::lseek(in, 0, SEEK_SET) != 0)
        return client_failed(std::strerror(errno));
    const int status = run_console(prefix, in, after);
    ::close(in);
    return status;
}

int console_verb(const std::string& prefix, const std::vector<std::string>& words) {
    if (const std::string wrong = command_problem(words); !wrong.empty()) return client_failed(wrong, 2);
    return console_command(prefix, {join_words(words)});
}

} // namespace dpdkbond
