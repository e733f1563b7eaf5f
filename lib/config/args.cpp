// SPDX-License-Identifier: BSD-3-Clause
#include "config/args.hpp"

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/capture_seconds.hpp"
#include "config/validate.hpp"

namespace dpdkbond {

namespace {

struct VerbDef {
    std::string_view word;
    Args::Verb verb;
    std::size_t least, most; // operands
    std::string_view form;
};

constexpr std::size_t kAny = 24;
constexpr std::array<VerbDef, 16> kVerbs{{
    {"status", Args::Verb::status, 0, 1,
     "status [BOND] [--json] [--health] | status [BOND] --watch [SECONDS]"},
    {"show", Args::Verb::show, 1, 4, "show bonds|bond|member|version|uptime ... [--json]"},
    {"explain", Args::Verb::explain, 2, 2, "explain BOND FLOW | explain BOND FILE [--json]"},
    {"capture", Args::Verb::capture, 3, 4, "capture BOND MEMBER|all FILE [SECONDS]"},
    {"console", Args::Verb::console, 0, 0, "console [-e COMMAND]... [--stop-on-error]"},
    {"reload", Args::Verb::command, 0, 0, "reload"},
    {"stop", Args::Verb::stop, 0, 0, "stop [--warm]"},
    {"restart", Args::Verb::restart, 0, 0, "restart"},
    {"cleanup", Args::Verb::cleanup, 0, 0, "cleanup"},
    {"keep", Args::Verb::keep, 1, 1, "keep SECONDS"}, // of stop --warm, for nobody else
    {"set", Args::Verb::command, 1, kAny, "set bond|member NAME ..."},
    {"add", Args::Verb::command, 1, kAny, "add member NAME DEVICE [SETTING VALUE]... [force]"},
    {"remove", Args::Verb::command, 1, kAny, "remove member NAME MEMBER"},
    {"import", Args::Verb::import, 1, 2, "import DEV | import FILE|DIR [BOND]"},
    {"modes", Args::Verb::modes, 0, 0, "modes [--schema]"},
    {"nics", Args::Verb::nics, 0, 0, "nics [--json]"},
}};

const VerbDef* find_verb(std::string_view word) {
    for (const VerbDef& v : kVerbs)
        if (v.word == word) return &v;
    return nullptr;
}

Error bad(const std::string& what) { return Error{what + "; see dpdk-bond --help"}; }

// Seconds, with a fraction or not.
std::optional<std::chrono::milliseconds> interval_of(const std::string& text) {
    if (text.empty() || text.find_first_not_of("0123456789.") != std::string::npos) return std::nullopt;
    char* end = nullptr;
    const double seconds = std::strtod(text.c_str(), &end);
    if (*end != '\0' || seconds < 0.1 || seconds > 3600) return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

} // namespace

Result<Args> parse_args(const std::vector<std::string>& argv) {
    Args args;
    const VerbDef* verb = nullptr;
    bool check = false, help = false, version = false;
    for (std::size_t i = 0; i < argv.size(); ++i) {
        const std::string& a = argv[i];
        const auto value = [&]() -> std::optional<std::string> {
            if (i + 1 >= argv.size()) return std::nullopt;
            return argv[++i];
        };
        const bool is_prefix = a == "--file-prefix" || a.starts_with("--file-prefix=");
        if (verb != nullptr && verb->verb == Args::Verb::command && !is_prefix && a != "--help") {
            args.operands.push_back(a); // a value may begin with a dash
        } else if (a == "-h" || a == "--help") {
            help = true;
        } else if (a == "-V" || a == "--version") {
            version = true;
        } else if (a == "-c" || a == "--config") {
            const auto file = value();
            if (!file) return bad(a + " needs a FILE");
            args.config = *file;
        } else if (a == "--file-prefix") {
            args.file_prefix = value();
            if (!args.file_prefix) return bad("--file-prefix needs a NAME");
        } else if (a.starts_with("--file-prefix=")) {
            args.file_prefix = a.substr(a.find('=') + 1);
        } else if (a == "--log-format" || a.starts_with("--log-format=")) {
            const auto said = a == "--log-format" ? value() : a.substr(a.find('=') + 1);
            if (!said || (*said != "text" && *said != "json" && *said != "journal"))
                return bad("--log-format needs text, json or journal");
            args.log_format = *said;
        } else if (a == "-i") {
            args.console = true;
        } else if (a == "-e") {
            const auto command = value();
            if (!command) return bad("-e needs a COMMAND");
            args.commands.push_back(*command);
        } else if (a == "--check") {
            check = true;
        } else if (a == "--json") {
            args.json = true;
        } else if (a == "--warm") {
            args.warm = true;
        } else if (a == "--health") {
            args.health = true;
        } else if (a == "--watch" || a.starts_with("--watch=")) {
            const bool next = a == "--watch" && i + 1 < argv.size() && !argv[i + 1].empty() &&
                              argv[i + 1].find_first_not_of("0123456789.") == std::string::npos;
            const std::string said = next ? argv[++i] : a == "--watch" ? "2" : a.substr(a.find('=') + 1);
            args.watch = interval_of(said);
            if (!args.watch) return bad("--watch: '" + said + "' is no number of seconds; 0.1 to 3600");
        } else if (a == "--stop-on-error") {
            args.stop_on_error = true;
        } else if (a == "--schema") {
            args.schema = true;
        } else if (a.size() > 1 && a[0] == '-') {
            return bad(a + ": no such option");
        } else if (verb == nullptr && args.config.empty()) {
            if (a == "help" || a == "version") {
                (a == "help" ? help : version) = true;
                continue;
            }
            verb = find_verb(a);
            if (verb == nullptr) return bad(a + ": no such command");
            if (verb->verb == Args::Verb::command) args.operands.push_back(a);
        } else {
            args.operands.push_back(a);
        }
    }
    if (args.file_prefix)
        if (const std::string wrong = file_prefix_problem(*args.file_prefix); !wrong.empty())
            return bad("--file-prefix: " + wrong);
    if (help || version) {
        args.verb = help ? Args::Verb::help : Args::Verb::version;
        if (verb != nullptr) args.topic = verb->word;
        return args;
    }
    const bool of_console = !args.commands.empty() || args.stop_on_error;
    const char* console_option = args.commands.empty() ? "--stop-on-error" : "-e";
    if (verb == nullptr) {
        if (args.config.empty() && check) return bad("--check needs -c FILE");
        if (args.config.empty()) return bad("nothing to do: give -c FILE or a command");
        if (!args.operands.empty()) return bad(args.operands[0] + ": not expected here");
        if (args.json) return bad("--json goes with status, show, explain and nics");
        if (check && args.console) return bad("-i does not go with --check");
        if (of_console) return bad(std::string(console_option) + " goes with console");
        if (args.health || args.watch)
            return bad(std::string(args.health ? "--health" : "--watch") + " goes with status");
        if (args.schema) return bad("--schema goes with modes");
        if (args.warm) return bad("--warm goes with stop");
        args.verb = check ? Args::Verb::check : Args::Verb::run;
        return args;
    }
    args.verb = verb->verb;
    if (of_console && args.verb != Args::Verb::console)
        return bad(std::string(console_option) + " goes with console");
    if ((args.health || args.watch) && args.verb != Args::Verb::status)
        return bad(std::string(args.health ? "--health" : "--watch") + " goes with status");
    if (!args.log_format.empty()) return bad("--log-format goes with -c FILE");
    if (args.watch && (args.health || args.json)) return bad("--watch goes without --json and --health");
    if (args.schema && args.verb != Args::Verb::modes) return bad("--schema goes with modes");
    if (args.warm && args.verb != Args::Verb::stop) return bad("--warm goes with stop");
    if (!args.config.empty() || args.console || check)
        return bad("-c, -i and --check do not go with " + std::string(verb->word));
    if (args.json && args.verb != Args::Verb::status && args.verb != Args::Verb::nics &&
        args.verb != Args::Verb::explain && args.verb != Args::Verb::show)
        return bad("--json goes with status, show, explain and nics");
    const std::size_t given = args.operands.size() - (args.verb == Args::Verb::command ? 1 : 0);
    if (given < verb->least || given > verb->most) return bad("use: dpdk-bond " + std::string(verb->form));
    if (args.verb == Args::Verb::capture && given == verb->most && !capture_seconds(args.operands.back()))
        return bad("capture: '" + args.operands.back() + "' is no number of seconds; 1 to " +
                   std::to_string(kLongestCapture));
    return args;
}

std::string usage(std::string_view topic) {
    if (topic.empty()) return usage();
    // The command's lines and those that belong to them, which begin further right.
    const std::string all = usage(), begin = "  dpdk-bond " + std::string(topic);
    std::string out;
    bool mine = false;
    for (std::size_t at = 0; at < all.size();) {
        const std::size_t end = all.find('\n', at) + 1;
        const std::string_view line(all.data() + at, end - at);
        if (!line.starts_with("     ")) mine = line.starts_with(begin);
        if (mine) out += line;
        at = end;
    }
    return out + "\n  --file-prefix NAME          which instance (default dpdk-bond)\n";
}

std::string usage() {
    return R"(dpdk-bond: Linux bonding's semantics as a DPDK data plane

  dpdk-bond -c FILE [-i]      run the bonds of FILE; -i: console on stdin
  dpdk-bond -c FILE --log-format text|json|journal
                              how it logs; journal is with fields, and the
                              default where systemd's journal reads stderr
  dpdk-bond -c FILE --check   only say whether FILE is good
  dpdk-bond status [BOND] [--json]
                              what the running bonds do, in the layout of
                              /proc/net/bonding
  dpdk-bond status [BOND] --health [--json]
                              a line for each bond; status 0: ok, 1: degraded,
                              2: down or not running, 3: cannot be asked
  dpdk-bond status [BOND] --watch [SECONDS]
                              again every 2 s, or so many, until Ctrl-C
  dpdk-bond show bonds | bond NAME [stats|events|config|load|lacp|rlb|spray|
                              capture] | member NAME MEMBER | version | uptime
                              what these show on the console; --json: as JSON
  dpdk-bond explain BOND FLOW
                              which member a flow leaves by, and why; FLOW:
                              src=,dst=,sport=,dport=,proto=,smac=,dmac=,vlan=
                              or frame=, a whole frame in hexadecimal
  dpdk-bond explain BOND FILE [--json]
                              the same for each flow of a capture file (pcap or
                              pcapng), with frames and bytes by member
  dpdk-bond capture BOND MEMBER|all FILE [SECONDS]
                              members' frames to a pcapng file, or to stdout
                              (-), for 10 s or so long; Ctrl-C ends it
  dpdk-bond console [-e COMMAND]... [--stop-on-error]
                              the console of the running instance; with -e, or
                              commands on a pipe: run them and end, with
                              status 1 if one was refused; --stop-on-error:
                              none is run behind that
  dpdk-bond reload            read FILE again
  dpdk-bond stop [--warm]     end it, and wait until it has ended; --warm: the
                              interfaces stay, and the next start carries on
  dpdk-bond restart           end it warm and start it again, in its process
  dpdk-bond cleanup           remove what a warm stop, or an instance that died,
                              has left
  dpdk-bond set bond NAME OPTION VALUE
  dpdk-bond set bond NAME active MEMBER
  dpdk-bond set member NAME MEMBER OPTION VALUE
  dpdk-bond set member NAME MEMBER link down|up
  dpdk-bond add member NAME DEVICE [name N] [driver D] [prio P] [carrier C]
                              [queue_id Q] [actor_port_prio P] [force]
  dpdk-bond remove member NAME MEMBER
                              what these do on the console
  dpdk-bond import DEV        YAML for an existing Linux bond
  dpdk-bond import FILE|DIR [BOND]
                              YAML for the bonds that files of netplan, ifcfg,
                              NetworkManager, networkd or ifupdown describe;
                              a name with / in it is a file
  dpdk-bond modes [--schema]  the modes and every option; or the configuration
                              as a JSON schema
  dpdk-bond nics [--json]     the NICs of this machine, to choose members from
  dpdk-bond --version | --help | COMMAND --help

  --file-prefix NAME          which instance (default dpdk-bond)

SIGHUP reads FILE again; SIGTERM and SIGINT end it.
Exit: 0 done, 1 could not start, failed or was refused, 2 bad command line or
configuration.
)";
}

} // namespace dpdkbond
