// SPDX-License-Identifier: BSD-3-Clause
#include "ops/console_commands.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_version.h>

#include "base/capture_seconds.hpp"
#include "base/quote.hpp"
#include "ops/console_list.hpp"
#include "ops/health.hpp"
#include "ops/render.hpp"
#include "ops/spray_view.hpp"
#include "ops/wall_clock.hpp"

namespace dpdkbond {

namespace {

Reply refused(std::string_view why) { return {false, fmt::format("{}{}\n", kRefusal, why)}; }
Reply said(std::string text) { return {true, std::move(text)}; }
Reply done(const Result<void>& result) { return result ? Reply{} : refused(result.error()); }

Reply no_bond(Instance& instance, std::string_view name) {
    return refused(
        fmt::format("no bond {}; there are: {}", in_quotes(name), fmt::join(instance.bond_names(), ", ")));
}

template <class Show> Reply with_bond(Instance& instance, std::string_view name, Show show) {
    auto view = instance.bond(name);
    return view ? show(*view) : no_bond(instance, name);
}

// Why a view of bonds with a trait shows nothing of this one.
std::string other_mode(const BondView& view, Trait wanted) {
    return fmt::format("{} is in mode {}; this shows bonds of mode {}", view.status.name.view(),
                       mode_name(view.status.mode), mode_names(modes_with({wanted})));
}

Reply cmd_help(Instance& instance, const Words& args);

Reply cmd_show_all(Instance& instance, const Words&) {
    std::string text;
    for (const std::string& name : instance.bond_names())
        if (auto view = instance.bond(name)) {
            view->spray = instance.spray(name);
            text += fmt::format("{}==> {} <==\n{}", text.empty() ? "" : "\n", name, render_proc(*view));
        }
    return said(std::move(text));
}

// A line for each bond.
Reply cmd_bonds(Instance& instance, const Words&) {
    std::string text;
    for (const std::string& name : instance.bond_names()) {
        const auto view = instance.bond(name);
        if (!view) continue;
        const BondStatus& s = view->status;
        const std::string_view active = member_name(s, s.active_member);
        text += fmt::format("{:<15}  {:<13}  {} of {} usable{}{}  {}\n", name, mode_name(s.mode),
                            std::ranges::count_if(s.members, &MemberStatus::usable), s.members.size(),
                            active.empty() ? "" : "  active ", active,
                            view->health ? health_text(*view->health) : std::string(health_name(s.health)));
    }
    return said(std::move(text));
}

Reply cmd_version(Instance&, const Words&) {
    return said(fmt::format("dpdk-bond {}, {}\n", program_version(), rte_version()));
}

Reply cmd_uptime(Instance&, const Words&) {
    using namespace std::chrono;
    const auto minutes = duration_cast<std::chrono::minutes>(monotonic_now() - program_began()).count();
    return said(fmt::format("since {}: {} d {} h {} min\n", utc_text(wall_ns(program_began())),
                            minutes / 1440, minutes / 60 % 24, minutes % 60));
}

Reply cmd_show(Instance& instance, const Words& args) {
    return with_bond(instance, args[0], [&](BondView& view) {
        view.spray = instance.spray(args[0]);
        return said(render_proc(view));
    });
}

Reply cmd_stats(Instance& instance, const Words& args) {
    return with_bond(instance, args[0], [](const BondView& view) { return said(render_stats(view)); });
}

Reply cmd_events(Instance& instance, const Words& args) {
    return with_bond(instance, args[0],
                     [&](const BondView&) { return said(render_events(instance.events(args[0]))); });
}

Reply cmd_config(Instance& instance, const Words& args) {
    return with_bond(instance, args[0], [&](const BondView&) {
        auto text = instance.config_text(args[0]);
        return text ? said(std::move(text).value()) : refused(text.error());
    });
}

Reply cmd_load(Instance& instance, const Words& args) {
    return with_bond(instance, args[0], [&](const BondView& view) {
        const auto load = instance.load(args[0]);
        if (load) return said(render_load(*load));
        return refused(fmt::format("{} does not balance in mode {}", args[0], mode_name(view.status.mode)));
    });
}

Reply cmd_rlb(Instance& instance, const Words& args) {
    return with_bond(instance, args[0], [&](const BondView& view) {
        if (const auto clients = instance.rlb(args[0])) return said(render_rlb(*clients));
        return refused(other_mode(view, Trait::rlb));
    });
}

Reply cmd_spray(Instance& instance, const Words& args) {
    return with_bond(instance, args[0], [&](const BondView& view) {
        if (const auto spray = instance.spray(args[0])) return said(render_spray(*spray));
        return refused(other_mode(view, Trait::spray));
    });
}

Reply cmd_lacp(Instance& instance, const Words& args) {
    return with_bond(instance, args[0], [&](const BondView& view) {
        if (view.lacp) return said(render_lacp(view));
        return refused(other_mode(view, Trait::lacp));
    });
}

Reply cmd_member(Instance& instance, const Words& args) {
    return with_bond(instance, args[0], [&](const BondView& view) {
        std::vector<std::string_view> names;
        for (const MemberView& member : view.members) {
            if (member.status.name == args[1]) return said(render_member(member));
            names.push_back(member.status.name);
        }
        return refused(fmt::format("{} has no member {}; its members: {}", args[0], in_quotes(args[1]),
                                   names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
    });
}

Reply cmd_explain(Instance& instance, const Words& args) {
    return with_bond(instance, args[0], [&](const BondView&) {
        const auto flow = parse_flow(args[1]);
        if (!flow) return refused(flow.error());
        const auto answer = instance.explain(args[0], flow.value());
        return answer ? said(render_explain(answer.value())) : refused(answer.error());
    });
}

Reply cmd_active(Instance& instance, const Words& args) {
    return done(instance.set_active(args[0], args[1]));
}
Reply cmd_set(Instance& instance, const Words& args) {
    return done(instance.set_bond_option(args[0], args[1], args[2]));
}
Reply cmd_set_member(Instance& instance, const Words& args) {
    return done(instance.set_member_option(args[0], args[1], args[2], args[3]));
}
Reply cmd_link(Instance& instance, const Words& args) {
    return done(instance.set_member_link(args[0], args[1], args[2] == "up"));
}
Reply cmd_add(Instance& instance, const Words& args) {
    return done(instance.add_member(args[0], args[1], std::span(args).subspan(2)));
}
Reply cmd_remove(Instance& instance, const Words& args) {
    return done(instance.remove_member(args[0], args[1]));
}
Reply cmd_clear(Instance& instance, const Words& args) { return done(instance.clear_stats(args[0])); }
Reply line_or_refusal(const Result<std::string>& answer) {
    return answer ? said(answer.value() + '\n') : refused(answer.error());
}
constexpr std::uint32_t kCaptureSeconds = 10; // `help` says so too
Reply cmd_capture(Instance& instance, const Words& args) {
    std::uint32_t seconds = kCaptureSeconds;
    if (args.size() > 3) {
        const auto wanted = capture_seconds(args[3]);
        if (!wanted)
            return refused(
                fmt::format("{} is no number of seconds; 1 to {}", in_quotes(args[3]), kLongestCapture));
        seconds = *wanted;
    }
    return line_or_refusal(instance.start_capture(args[0], args[1], args[2], seconds));
}
Reply cmd_stop_capture(Instance& instance, const Words& args) {
    return line_or_refusal(instance.stop_capture(args[0]));
}
Reply cmd_show_capture(Instance& instance, const Words& args) {
    return line_or_refusal(instance.show_capture(args[0]));
}
Reply cmd_reload(Instance& instance, const Words&) { return done(instance.reload()); }

// ---- leaving and stopping ----

Reply stop_program(Instance& instance) {
    instance.quit();
    return {true, {}, true};
}
Reply cmd_shutdown(Instance& instance, Dialogue& dialogue) {
    if (auto may = instance.may_quit(); !may) return refused(may.error());
    if (!dialogue.asks) return stop_program(instance);
    dialogue.stop_asked = true;
    return said("This stops dpdk-bond: its bonds and their logical interfaces go.\n");
}
Reply leave_warm(Instance& instance, bool again) {
    const auto leaves = instance.leave_warm(again);
    return leaves ? Reply{true, {}, true} : refused(leaves.error());
}
Reply cmd_stop_warm(Instance& instance, Dialogue&) { return leave_warm(instance, false); }
Reply cmd_restart(Instance& instance, Dialogue&) { return leave_warm(instance, true); }
Reply cmd_leave(Instance& instance, Dialogue& dialogue) {
    return dialogue.own ? cmd_shutdown(instance, dialogue) : Reply{true, {}, true};
}
Reply answer_to_shutdown(Instance& instance, Dialogue& dialogue, const Words& words) {
    dialogue.stop_asked = false;
    const bool yes = words.size() == 1 && (words[0] == "yes" || words[0] == "y" || words[0] == "Y");
    return yes ? stop_program(instance) : said("dpdk-bond was not stopped.\n");
}

struct Command {
    std::string_view syntax;
    std::string_view help;
    Reply (*run)(Instance&, const Words&);
    Reply (*end)(Instance&, Dialogue&) = nullptr; // instead of run
};
constexpr Command kCommands[] = {
    {"help", "this list", cmd_help},
    {"help COMMAND...", "the commands that begin so: help show bond", cmd_help},
    {"show bonds", "a line for each bond", cmd_bonds},
    {"show version", "of dpdk-bond and DPDK", cmd_version},
    {"show uptime", "since when dpdk-bond runs", cmd_uptime},
    {"show bond all", "status of every bond", cmd_show_all},
    {"show bond NAME", "status, as Linux shows it", cmd_show},
    {"show bond NAME stats", "counters, and why frames were dropped", cmd_stats},
    {"show bond NAME events", "what happened last, oldest first", cmd_events},
    {"show bond NAME config", "the configuration as it runs now", cmd_config},
    {"show bond NAME load", "load by member and bucket, in modes that balance", cmd_load},
    {"show bond NAME lacp", "802.3ad: actor, partner, ports", cmd_lacp},
    {"show bond NAME rlb", "balance-alb: clients and their members", cmd_rlb},
    {"show bond NAME spray", "balance-spray: peers and their paths", cmd_spray},
    {"show bond NAME capture", "what `capture` does, or has done", cmd_show_capture},
    {"show member NAME MEMBER", "state and counters of a member", cmd_member},
    {"explain NAME FLOW", "by which member a flow leaves: src=,dst=,proto=,...", cmd_explain},
    {"set bond NAME active MEMBER", "make a member the active one", cmd_active},
    {"set bond NAME OPTION VALUE", "change an option, or the mode", cmd_set},
    {"set member NAME MEMBER link up|down", "take a member out of use, or back", cmd_link},
    {"set member NAME MEMBER MEMBER_OPTION VALUE", "change an option of a member", cmd_set_member},
    {"add member NAME DEVICE", "add a PCI address or a vdev", cmd_add},
    {"add member NAME DEVICE SETTING...", "with name N, driver D, prio P, carrier C; force", cmd_add},
    {"remove member NAME MEMBER", "remove a member", cmd_remove},
    {"clear stats NAME", "count from zero again", cmd_clear},
    {"capture NAME MEMBER|all FILE", "for 10 s, members' frames to a pcapng file", cmd_capture},
    {"capture NAME MEMBER|all FILE SECONDS", "the same, for so long", cmd_capture},
    {"capture NAME stop", "end it sooner", cmd_stop_capture},
    {"reload", "read the configuration file again", cmd_reload},
    {"shutdown", "stop dpdk-bond, after asking", nullptr, cmd_shutdown},
    {"stop", "the same", nullptr, cmd_shutdown},
    {"stop warm", "the interfaces stay for the next start", nullptr, cmd_stop_warm},
    {"restart", "stop warm, and start again", nullptr, cmd_restart},
    {"quit", "leave the console; with -i: shutdown", nullptr, cmd_leave},
    {"exit", "the same", nullptr, cmd_leave},
};

// Of the commands that begin with the words; none: of all.
Reply cmd_help(Instance&, const Words& words) {
    std::string text;
    const std::vector<std::size_t> wanted = matching(console_syntaxes(), words);
    if (wanted.empty()) return refused(command_problem(words));
    for (const std::size_t index : wanted) {
        const Command& command = kCommands[index];
        constexpr std::size_t kWidth = 80, kSyntax = 38;
        const bool fits = command.syntax.size() <= kSyntax && kSyntax + 1 + command.help.size() <= kWidth;
        text += fits ? fmt::format("{:<{}} {}\n", command.syntax, kSyntax, command.help)
                     : fmt::format("{}\n{:>{}}\n", command.syntax, command.help, kWidth);
    }
    if (words.empty())
        text += "Words may be cut short where that leaves no doubt: sh bo bond0 st\n"
                "`help` and a command's first words, or ? behind them: those commands\n";
    return said(std::move(text));
}

} // namespace

const std::vector<Syntax>& console_syntaxes() {
    static const std::vector<Syntax> all = [] {
        std::vector<Syntax> list;
        for (const Command& command : kCommands) list.push_back(parse_syntax(command.syntax));
        return list;
    }();
    return all;
}

std::string_view console_help(std::size_t command) { return kCommands[command].help; }

Reply run_command(Instance& instance, Dialogue& dialogue, std::string_view line) noexcept {
    try {
        const auto words = split_words(line);
        if (dialogue.stop_asked)
            return answer_to_shutdown(instance, dialogue, words ? words.value() : Words{});
        if (!words) return refused(words.error());
        if (words.value().empty()) return {};
        if (Words asked = words.value(); asked.back() == "?") { // on a terminal the line editor has taken it
            asked.pop_back();
            return cmd_help(instance, asked);
        }
        const auto match = match_command(console_syntaxes(), words.value());
        if (!match) return refused(match.error());
        const Command& command = kCommands[match.value().command];
        if (command.end != nullptr) return command.end(instance, dialogue);
        return command.run(instance, match.value().values);
    } catch (const std::exception& problem) {
        return refused(problem.what());
    }
}

std::string command_problem(const Words& words) {
    const auto match = match_command(console_syntaxes(), words);
    return match ? std::string() : match.error();
}

} // namespace dpdkbond
