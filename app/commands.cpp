// SPDX-License-Identifier: BSD-3-Clause
// What operators change of the running program (class Program as an Instance). One command at a time.
#include "app/program.hpp"
#include "config/keys.hpp"
#include "config/names.hpp"
#include "config/validate.hpp"
#include "dpdk/clock.hpp"
#include "drivers/registry.hpp"
#include "ops/acting.hpp"
#include "options/remarks.hpp"
#include <fmt/format.h>

namespace dpdkbond {

BondUnit* Program::find(std::string_view bond) {
    for (const auto& unit : units_)
        if (unit->config.name == bond) return unit.get();
    return nullptr;
}

Result<BondUnit*> Program::find_or_error(std::string_view bond) {
    if (ending_) return Error{"the program is ending"};
    if (BondUnit* unit = find(bond)) return unit;
    return Error{fmt::format("{}: no such bond", bond)};
}

Result<MemberPort*> Program::member_or_error(BondUnit& unit, std::string_view member) {
    if (MemberPort* m = unit.find_member(member)) return m;
    if (const WaitingMember* w = unit.waiting.find(member))
        return Error{fmt::format("{}: {}", member, w->reason)};
    return Error{fmt::format("{}: {} has no member of that name", member, unit.config.name)};
}

// Checks as the configuration file is checked, then tells control and remembers.
Result<void> Program::apply_options(BondUnit& unit, Mode mode, const BondOptions& wanted, OptionSet given,
                                    std::string_view named) {
    BondOptions options = wanted;
    const auto problems = check_options(mode, options, given);
    if (!problems.empty()) return Error{fmt::format("{}: {}", problems[0].option, problems[0].message)};
    BondConfig next = unit.config;
    next.options = options;
    if (const std::string taken = taken_tap(next); !taken.empty()) return Error{taken};
    set_options(*control_, *unit.core, *find_mode(mode), options, named);
    unit.config.mode = mode;
    unit.config.options = options;
    unit.config.given = given;
    steer(unit);
    host_->set_options(unit.number, options);
    auto taps = give_taps(unit);
    if (!taps) { // none of them rather than some
        unit.config.options.member_taps = false;
        unit.config.given &= ~option_bit(option_index(*find_option("member_taps")));
        (void)give_taps(unit);
    }
    return taps;
}

Result<void> Program::set_bond_option(std::string_view bond, std::string_view option,
                                      std::string_view value) {
    const Command command(*this);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    BondUnit& u = *unit.value();
    BondOptions options = u.config.options;
    OptionSet given = u.config.given;
    OptionsAside aside = u.aside;
    Mode mode = u.config.mode;
    if (option == "mode") {
        const auto parsed = parse_mode(value);
        if (!parsed)
            return Error{fmt::format("mode: {} is no mode; allowed: {}", value, every_mode_phrase())};
        mode = *parsed;
        take_over_options(mode, options, given, aside);
    } else {
        const OptionDef* def = find_option(option);
        if (def == nullptr) return Error{no_such_option(option, false)};
        if (def->of_member) return Error{fmt::format("{}: an option of a member; use set member", option)};
        if (auto may = may_change_running(mode, *def, !u.members.empty()); !may) return may;
        if (auto set = dpdkbond::set_bond_option(options, option, value); !set)
            return Error{fmt::format("{}: {}", option, set.error())};
        if (def->name == "primary" && !options.primary.empty() && !u.lists(options.primary))
            return Error{fmt::format("primary: {} has no member {}", bond, options.primary)};
        if (def->name == "active_slave") return choose_active(u, options.active_slave); // no setting
        given |= option_bit(option_index(*def));
        end_other_monitor(*def, options, given);
    }
    const auto remarks = option_remarks(mode, options, given);
    if (auto done = apply_options(u, mode, options, given, option); !done) return done;
    u.aside = aside;
    for (const OptionProblem& r : remarks)
        if (r.option == option || option == "miimon" || option == "mode")
            log_warnings(u, {fmt::format("{}: {}", r.option, r.message)});
    note(u, fmt::format("{} {}{}", option, value.empty() ? "none" : value, by_whom()));
    return {};
}

void Program::note(BondUnit& unit, const std::string& what, MemberId member) {
    control_->call([&] { unit.core->bond.note(EventKind::option_changed, member, what, now()); });
}

// A member's options, on control and in what `config` shows.
void Program::change_member(BondUnit& unit, MemberPort& member, const MemberOptions& options,
                            const std::string& what) {
    control_->call([&] {
        unit.core->bond.note(EventKind::option_changed, member.id, what, now());
        unit.core->bond.set_member_options(member.id, options, now());
    });
    member.config.options = options;
    for (MemberConfig& m : unit.config.members)
        if (m.name == member.config.name) m.options = options;
}

Result<void> Program::set_active(std::string_view bond, std::string_view member) {
    const Command command(*this);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    return choose_active(*unit.value(), member == "none" || member == "None" ? "" : member);
}

Result<void> Program::choose_active(BondUnit& unit, std::string_view member) {
    const std::string text = fmt::format("active_slave {}{}", member.empty() ? "none" : member, by_whom());
    Result<void> done;
    control_->call([&] {
        done = unit.core->bond.set_active(member, now());
        if (done) unit.core->bond.note(EventKind::option_changed, kNoMember, text, now());
    });
    if (!done) return Error{fmt::format("{}: {}", member, done.error())};
    return done;
}

Result<void> Program::set_member_option(std::string_view bond, std::string_view member,
                                        std::string_view option, std::string_view value) {
    const Command command(*this);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    auto m = member_or_error(*unit.value(), member);
    if (!m) return Error{m.error()};
    const OptionDef* def = find_option(option);
    if (def == nullptr || !def->of_member) return Error{no_such_option(option, true)};
    if (auto may = may_change_running(unit.value()->config.mode, *def); !may) return may;
    MemberOptions options = m.value()->config.options;
    if (auto set = dpdkbond::set_member_option(options, option, value); !set)
        return Error{fmt::format("{}: {}", option, set.error())};
    std::vector<MemberConfig> others;
    for (const auto& other : unit.value()->members)
        if (other.get() != m.value()) others.push_back(other->config);
    const unsigned queues = unit.value()->config.logical.queues;
    if (const std::string wrong = queue_id_problem(options.queue_id, queues, others); !wrong.empty())
        return Error{"queue_id: " + wrong};
    change_member(*unit.value(), *m.value(), options, fmt::format("{} {}{}", option, value, by_whom()));
    steer(*unit.value());
    return {};
}

Result<void> Program::set_member_link(std::string_view bond, std::string_view member, bool up) {
    const Command command(*this);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    auto m = member_or_error(*unit.value(), member);
    if (!m) return Error{m.error()};
    const std::string text =
        fmt::format("link {}{}", up ? "up" : "down", by_whom()); // known to this thread alone
    control_->call([&] {
        Bond& b = unit.value()->core->bond;
        b.note(EventKind::option_changed, m.value()->id, text, now());
        b.set_link_admin(m.value()->id, up, now());
    });
    return {};
}

Result<void> Program::add_member(std::string_view bond, std::string_view device,
                                 std::span<const std::string> settings) {
    const Command command(*this);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    BondUnit& u = *unit.value();
    auto made = member_of_words(device, settings);
    if (!made) return Error{made.error()};
    const MemberConfig& config = made.value();
    if (u.lists(config.name))
        return Error{fmt::format("{}: {} has a member of that name already", config.name, bond)};
    if (const auto wrong = check_member_options(u.config.mode, config.options, config.given); !wrong.empty())
        return Error{fmt::format("{}: {}", wrong[0].option, wrong[0].message)};
    if (const std::string wrong =
            queue_id_problem(config.options.queue_id, u.config.logical.queues, u.config.members);
        !wrong.empty())
        return Error{"queue_id: " + wrong};
    const std::string netdev = devargs_value(config.device, "iface");
    for (const auto& other : units_)
        if (!netdev.empty() && other->logical->netdev() == netdev)
            return Error{fmt::format("{}: it is the logical interface of a bond", netdev)};
    if (const std::string why = why_absent(config); !why.empty()) return Error{why};
    if (const std::string tap = member_tap_name(config.name); u.config.options.member_taps && get_link(tap))
        return Error{tap_is_taken(tap)};
    auto done = bring_in(u, config);
    if (done) note(u, fmt::format("member {} added{}", config.name, by_whom()));
    return done;
}

Result<void> Program::remove_member(std::string_view bond, std::string_view member) {
    const Command command(*this);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    BondUnit& u = *unit.value();
    const auto m = member_or_error(u, member);
    if (!m && !u.give_up_waiting(member, now())) return Error{m.error()};
    note(u, fmt::format("member {} removed{}", member, by_whom()));
    if (m) part(u, *m.value());
    return {};
}

Result<void> Program::clear_stats(std::string_view bond) {
    const Command command(*this);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    unit.value()->clear_counters();
    note(*unit.value(), "counters cleared" + by_whom());
    return {};
}

} // namespace dpdkbond
