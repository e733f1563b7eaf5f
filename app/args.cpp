// SPDX-License-Identifier: BSD-3-Clause
#include "app/args.hpp"

#include <array>
#include <string_view>

#include "config/validate.hpp"

namespace dpdkbond {

namespace {

struct VerbDef {
    std::string_view word;
    Args::Verb verb;
    std::size_t least, most; // operands
    std::string_view form;
};

constexpr std::array<VerbDef, 7> kVerbs{{
    {"status", Args::Verb::status, 0, 1, "status [BOND] [--json]"},
    {"explain", Args::Verb::explain, 2, 2, "explain BOND FLOW"},
    {"capture", Args::Verb::capture, 3, 4, "capture BOND MEMBER|all FILE [SECONDS]"},
    {"console", Args::Verb::console, 0, 0, "console"},
    {"import", Args::Verb::import, 1, 1, "import DEV"},
    {"modes", Args::Verb::modes, 0, 0, "modes"},
    {"nics", Args::Verb::nics, 0, 0, "nics [--json]"},
}};

const VerbDef* find_verb(std::string_view word) {
    for (const VerbDef& v : kVerbs)
        if (v.word == word) return &v;
    return nullptr;
}

Error bad(const std::string& what) { return Error{what + "; see dpdk-bond --help"}; }

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
        if (a == "-h" || a == "--help") {
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
        } else if (a == "-i") {
            args.console = true;
        } else if (a == "--check") {
            check = true;
        } else if (a == "--json") {
            args.json = true;
        } else if (a.size() > 1 && a[0] == '-') {
            return bad(a + ": no such option");
        } else if (verb == nullptr && args.config.empty()) {
            verb = find_verb(a);
            if (verb == nullptr) return bad(a + ": no such command");
        } else {
            args.operands.push_back(a);
        }
    }
    if (args.file_prefix)
        if (const std::string wrong = file_prefix_problem(*args.file_prefix); !wrong.empty())
            return bad("--file-prefix: " + wrong);
    if (help || version) {
        args.verb = help ? Args::Verb::help : Args::Verb::version;
        return args;
    }
    if (verb == nullptr) {
        if (args.config.empty()) return bad("nothing to do: give -c FILE or a command");
        if (!args.operands.empty()) return bad(args.operands[0] + ": not expected here");
        if (args.json) return bad("--json goes with status and nics");
        if (check && args.console) return bad("-i does not go with --check");
        args.verb = check ? Args::Verb::check : Args::Verb::run;
        return args;
    }
    args.verb = verb->verb;
    if (!args.config.empty() || args.console || check)
        return bad("-c, -i and --check do not go with " + std::string(verb->word));
    if (args.json && args.verb != Args::Verb::status && args.verb != Args::Verb::nics)
        return bad("--json goes with status and nics");
    if (args.operands.size() < verb->least || args.operands.size() > verb->most)
        return bad("use: dpdk-bond " + std::string(verb->form));
    return args;
}

std::string usage() {
    return R"(dpdk-bond: Linux bonding's semantics as a DPDK data plane

  dpdk-bond -c FILE [-i]          run the bonds of FILE; -i: console on stdin
  dpdk-bond -c FILE --check       only say whether FILE is good
  dpdk-bond status [BOND] [--json] what the running bonds do, as /proc/net/bonding shows it
  dpdk-bond explain BOND FLOW     which member a flow leaves by, and why
                                  FLOW: src=,dst=,sport=,dport=,proto=,smac=,dmac=,vlan=
  dpdk-bond capture BOND MEMBER|all FILE [SECONDS]
                                  members' frames to a pcapng file, for 10 s or so long; Ctrl-C ends it
  dpdk-bond console               the console of the running instance
  dpdk-bond import DEV            YAML for an existing Linux bond
  dpdk-bond modes                 the modes and every option
  dpdk-bond nics [--json]         the NICs of this machine, to choose members from
  dpdk-bond --version | --help

  --file-prefix NAME              which instance (default dpdk-bond)

SIGHUP reads FILE again; SIGTERM and SIGINT end it.
Exit: 0 clean stop, 1 could not start or failed, 2 bad command line or configuration.
)";
}

} // namespace dpdkbond
