// SPDX-License-Identifier: BSD-3-Clause
// argv → configuration → wiring → lcores → exit code.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "app/program.hpp"
#include "config/args.hpp"
#include "config/describe.hpp"
#include "config/import.hpp"
#include "config/import_file.hpp"
#include "config/load.hpp"
#include "config/schema.hpp"
#include "config/yaml_json.hpp"
#include "host/handover.hpp"
#include "host/log.hpp"
#include "host/nics.hpp"
#include "host/numa.hpp"
#include "host/rights.hpp"
#include "ops/client.hpp"
#include "ops/console_attach.hpp"
#include "ops/status_files.hpp"
#include "ports/machine.hpp"
#include "ports/warm_start.hpp"

namespace {

using namespace dpdkbond;

constexpr int kOk = 0, kFailed = 1, kBadInput = 2;

void say(std::FILE* where, const std::string& text) {
    std::fputs(text.c_str(), where);
    if (text.empty() || text.back() != '\n') std::fputc('\n', where);
}

int complain(const std::string& what, int code) {
    say(stderr, "dpdk-bond: " + what);
    return code;
}

int run_or_check(const Args& args) {
    LoadedConfig loaded = load_config(args.config);
    for (const ConfigProblem& p : loaded.problems) say(stderr, problem_line(args.config, p));
    if (!loaded.problems.empty()) return kBadInput;
    if (args.verb == Args::Verb::check) {
        for (const auto* notes : {&loaded.notes, &loaded.check_notes})
            for (const std::string& note : *notes) say(stderr, args.config + ": note: " + note);
        for (const Lack& lack : machine_lacks(loaded.config, usable_cpus())) // notes: it may run elsewhere
            say(stderr, args.config + ": note: " + lack.text);
        say(stdout, args.config + ": ok");
        return kOk;
    }
    if (geteuid() != 0) return complain("running bonds takes root", kFailed);
    const std::string refused = give_up_other_rights(); // before there are threads
    block_signals();
    umask(077); // sockets and notes are for root alone
    // systemd sets it for units with RuntimeDirectory=. DPDK would put its sockets there, where no client
    // looks for them.
    unsetenv("RUNTIME_DIRECTORY");
    if (const auto format = log_format_named(args.log_format)) set_log_format(*format);
    const LogEnd log_end;
    if (!refused.empty()) log_line("warning: rights of root's that are not needed stay: " + refused);
    for (const std::string& note : loaded.notes) log_line("warning: " + note);
    try {
        Program program(args.config, std::move(loaded.config), args.file_prefix);
        program.run(args.console);
    } catch (const StoppedWhileStarting& stopped) {
        log_line(stopped.what());
    }
    return kOk;
}

int import(const std::vector<std::string>& what) {
    const bool files =
        what.size() > 1 || what[0].find('/') != std::string::npos || access(what[0].c_str(), F_OK) == 0;
    const auto yaml = files ? import_files(what[0], what.size() > 1 ? what[1] : "") : import_bond(what[0]);
    if (!yaml) return complain(yaml.error(), kFailed);
    say(stdout, yaml.value());
    return kOk;
}

int nics(bool json) {
    const PciBus bus("/sys", PciHooks::real(), kLentNotes);
    const auto found = list_nics(bus);
    say(stdout, json ? nics_json(found) : nics_text(found));
    return kOk;
}

int cleanup(const std::string& prefix) {
    if (geteuid() != 0) return complain("cleanup takes root", kFailed);
    if (const auto fd = connect_unix_stream(console_path(prefix))) {
        close(fd.value());
        return complain("the dpdk-bond with file prefix " + prefix + " is running; stop it first", kFailed);
    }
    std::vector<std::string> lines = clean_up(prefix);
    for (const std::string& name : sweep_status_files())
        lines.push_back("the status files of " + name + ", which runs no more, are gone");
    if (lines.empty()) lines.emplace_back("nothing was left to clean up");
    for (const std::string& line : lines) say(stdout, line);
    return kOk;
}

int keep(const std::string& prefix, const std::string& seconds) {
    const auto number = Saved::number_of<unsigned>(seconds);
    if (!number) return complain("keep is for dpdk-bond itself", kBadInput);
    keep_interfaces(prefix, *number);
    return kOk;
}

int dispatch(const Args& args) {
    const std::string prefix = args.file_prefix.value_or("dpdk-bond");
    switch (args.verb) {
    case Args::Verb::run:
    case Args::Verb::check: return run_or_check(args);
    case Args::Verb::status:
        if (args.watch)
            return watch_command(
                prefix, args.operands.empty() ? std::nullopt : std::optional(args.operands[0]), *args.watch);
        return (args.health ? health_command : status_command)(
            prefix, args.operands.empty() ? std::nullopt : std::optional(args.operands[0]), args.json);
    case Args::Verb::show: return show_command(prefix, args.operands, args.json, yaml_as_json);
    case Args::Verb::explain: return explain_command(prefix, args.operands[0], args.operands[1], args.json);
    case Args::Verb::capture: return capture_command(prefix, args.operands);
    case Args::Verb::console: return console_command(prefix, args.commands, args.stop_on_error);
    case Args::Verb::command: return console_verb(prefix, args.operands);
    case Args::Verb::stop: return stop_command(prefix, args.warm);
    case Args::Verb::restart: return restart_command(prefix);
    case Args::Verb::cleanup: return cleanup(prefix);
    case Args::Verb::keep: return keep(prefix, args.operands[0]);
    case Args::Verb::import: return import(args.operands);
    case Args::Verb::modes: say(stdout, args.schema ? config_schema() : modes_text()); return kOk;
    case Args::Verb::nics: return nics(args.json);
    case Args::Verb::version: say(stdout, "dpdk-bond " DPDKBOND_VERSION); return kOk;
    case Args::Verb::help: say(stdout, usage(args.topic)); return kOk;
    }
    return kBadInput;
}

} // namespace

int main(int argc, char** argv) {
    remember_command_line(argc, argv);
    try {
        const auto args = parse_args(std::vector<std::string>(argv + 1, argv + argc));
        if (!args) return complain(args.error(), kBadInput);
        return dispatch(args.value());
    } catch (const std::exception& e) {
        return complain(e.what(), kFailed);
    }
}
