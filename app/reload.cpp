// SPDX-License-Identifier: BSD-3-Clause
// SIGHUP and `reload`: the file is read again and the difference applied to the running bonds. What may fail,
// fails before anything is changed; what is left after that cannot.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/program.hpp"
#include "config/load.hpp"
#include "config/plan.hpp"
#include "dpdk/clock.hpp"
#include "host/log.hpp"
#include "host/netlink.hpp"
#include "ops/acting.hpp"

namespace dpdkbond {

namespace {

// A member of the file that needs what a member of another name or device has until that has left; empty:
// none.
std::string still_in_use(const BondConfig& running, const BondConfig& wanted) {
    for (const MemberConfig& m : wanted.members) {
        if (find_same(running.members, m) != nullptr) continue;
        for (const MemberConfig& old : running.members)
            if (old.name == m.name || old.device == m.device)
                return fmt::format(
                    "{}: member {}: its name or its device is still in use; remove it in one reload and "
                    "add it in the next",
                    running.name, m.name);
    }
    return {};
}

constexpr const char* kApplied = "reloaded, but: "; // begins the error of a reload that has changed something

// Compares with what the netdev has, and not with what the file said before.
Result<void> apply_addresses(const std::string& netdev, std::span<const IpPrefix> before,
                             std::span<const IpPrefix> wanted) {
    const auto listed = [&]() -> Result<std::vector<IpPrefix>> {
        const auto link = get_link(netdev);
        if (!link) return Error{link.error()};
        const auto all = list_addresses(link.value().ifindex);
        if (!all) return Error{all.error()};
        std::vector<IpPrefix> out;
        for (const AddressEvent& a : all.value())
            if (a.permanent && !a.is_v6_link_local()) out.push_back(a.prefix);
        return out;
    };
    const auto has = listed();
    if (!has) return Error{has.error()};
    const AddressPlan plan = plan_addresses(has.value(), before, wanted);
    Result<void> removed;
    for (const IpPrefix& a : plan.remove)
        if (auto done = remove_address(netdev, a); !done) removed = done;
    const auto left = listed();
    if (!left) return Error{left.error()};
    const auto there = [&](const IpPrefix& a) {
        return std::ranges::find(left.value(), a) != left.value().end();
    };
    Result<void> first;
    for (const IpPrefix& a : plan.remove) // one that its primary has taken along is gone too
        if (there(a)) first = removed;
    for (const IpPrefix& a : plan.keep)
        if (!there(a))
            if (auto done = add_address(netdev, a); !done && first) first = done;
    return first;
}

} // namespace

// "prio 5, queue_id 2": what differs.
std::string member_changes(const MemberOptions& was, const MemberOptions& is) {
    std::string text;
    for (const OptionDef& def : option_table())
        if (def.of_member && member_option_text(was, def) != member_option_text(is, def))
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", def.name, member_option_text(is, def));
    return text;
}

struct NewMember {
    BondUnit* unit;
    std::unique_ptr<MemberPort> port;
    std::vector<std::string> warnings;
};

Result<void> Program::reload() {
    const std::lock_guard lock(mutex_);
    if (ending_) return Error{"the program is ending"};
    if (acting().starts_with("console")) log_line(acting() + ": reading the file again");
    LoadedConfig loaded = load_config(config_file_);
    if (!loaded.problems.empty()) {
        for (const ConfigProblem& p : loaded.problems) log_line(problem_line(config_file_, p));
        return Error{fmt::format("{}: {} problem(s), the first: {}; nothing is changed", config_file_,
                                 loaded.problems.size(), problem_line(config_file_, loaded.problems[0]))};
    }
    pci_.plan(loaded.config);
    auto done = apply(std::move(loaded.config));
    // Devices of bonds that left, or of members that did not come to be.
    std::set<PciAddress> used;
    for (const auto& unit : units_)
        for (const auto& member : unit->members)
            if (const auto address = pci_address_of(member->config)) used.insert(*address);
    pci_.keep_only(used);
    return done;
}

Result<void> Program::apply(Config next) {
    // First all that may fail.
    next.runtime.file_prefix = config_.runtime.file_prefix; // chosen on the command line, perhaps
    if (!(next.runtime == config_.runtime))
        return Error{fmt::format("{}: runtime cannot change while it runs; restart", config_file_)};
    for (const auto& unit : units_)
        if (const BondConfig* wanted = find_bond(next.bonds, unit->config.name))
            if (const std::string why = still_in_use(unit->config, *wanted); !why.empty()) return Error{why};

    std::vector<BondAsItRuns> running;
    for (const auto& unit : units_) running.push_back(BondAsItRuns{unit->config, {}});
    const auto plan =
        plan_reload(running, next.bonds, {max_mtu(), [](const MemberConfig&) { return std::string(); }});
    if (!plan) return Error{plan.error()};

    std::vector<NewMember> joining;
    std::vector<std::unique_ptr<BondUnit>> starting;
    std::array<bool, kMaxBonds> taken{};
    for (const auto& unit : units_) taken[unit->number] = true;
    for (const BondConfig& wanted : next.bonds) {
        std::vector<std::string> warnings;
        BondUnit* unit = find(wanted.name);
        if (unit == nullptr) {
            std::uint32_t number = 0;
            while (number < kMaxBonds && taken[number]) ++number;
            if (number == kMaxBonds) return Error{fmt::format("{}: no room for one more bond", wanted.name)};
            taken[number] = true;
            auto made = make_bond(number, wanted, warnings);
            if (!made) return Error{made.error()};
            log_warnings(*made.value(), warnings);
            starting.push_back(std::move(made).value());
            continue;
        }
        for (const MemberConfig& m : wanted.members) {
            if (find_same(unit->config.members, m) != nullptr) continue;
            auto opened = open_member(wanted, m, warnings);
            if (!opened) return Error{fmt::format("{}: member {}: {}", wanted.name, m.name, opened.error())};
            const bool somebody_leaves = std::ranges::any_of(unit->config.members, [&](const auto& old) {
                return find_same(wanted.members, old) == nullptr;
            });
            if (!somebody_leaves) { // else its MAC may become free
                std::string why;
                control_->call([&] {
                    const auto mac = unit->core->bond.mac_to_join(opened.value()->port->permanent_mac());
                    if (!mac) why = mac.error();
                });
                if (!why.empty()) return Error{fmt::format("{}: member {}: {}", wanted.name, m.name, why)};
            }
            joining.push_back({unit, std::move(opened).value(), std::exchange(warnings, {})});
        }
    }

    // From here on everything is carried out.
    const std::string reloaded = config_file_ + by_whom(); // known to this thread alone, not to control
    const std::string by =
        acting().empty() ? std::string(", by reload") : fmt::format(", by reload ({})", acting());
    std::string trouble;
    const auto keep = [&](const Result<void>& r) {
        if (!r && trouble.empty()) trouble = r.error();
    };
    for (std::size_t i = 0; i < units_.size();) {
        if (find_bond(next.bonds, units_[i]->config.name) != nullptr) {
            ++i;
            continue;
        }
        leave_service(std::move(units_[i]));
        units_.erase(units_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (const auto& unit : units_) {
        const BondConfig& wanted = *find_bond(next.bonds, unit->config.name);
        if (unit->config.mode != wanted.mode || !(unit->config.options == wanted.options))
            keep(apply_options(*unit, wanted.mode, wanted.options, wanted.given));
        keep(apply_logical(*unit, wanted.logical));
        for (const MemberConfig& m : std::vector<MemberConfig>(unit->config.members)) {
            const MemberConfig* same = find_same(wanted.members, m);
            MemberPort* member = unit->find_member(m.name);
            if (member == nullptr) continue;
            if (same == nullptr) {
                part(*unit, *member);
            } else if (!(same->options == member->config.options)) {
                change_member(*unit, *member, same->options,
                              member_changes(member->config.options, same->options) + by);
            }
        }
        steer(*unit);
    }
    for (NewMember& n : joining) keep(put_in_service(*n.unit, std::move(n.port), n.warnings));
    for (auto& unit : starting) {
        units_.push_back(std::move(unit));
        enter_service(*units_.back());
    }
    for (const auto& unit : units_) {
        // Those that are there: a member that was refused is new to the next reload.
        unit->config.members.clear();
        for (const auto& m : unit->members) unit->config.members.push_back(m->config);
        control_->call([&] { unit->core->bond.note(EventKind::reloaded, kNoMember, reloaded, now()); });
    }
    config_ = std::move(next);
    for (const BondPlan& p : plan.value().bonds) {
        BondUnit* unit = find(p.bond);
        if (unit == nullptr) continue;
        log_warnings(*unit, p.remarks);
        for (const std::string& text : p.changed_options)
            if (!text.starts_with("mode ")) // that one is an event of its own
                control_->call(
                    [&] { unit->core->bond.note(EventKind::option_changed, kNoMember, text + by, now()); });
    }
    if (!trouble.empty()) return Error{kApplied + trouble + "; the next reload tries again"};
    return {};
}

Result<void> Program::apply_logical(BondUnit& unit, const LogicalConfig& wanted) {
    LogicalConfig& running = unit.config.logical;
    Result<void> first;
    const auto keep = [&](Result<void> r) {
        if (!r && first.ok()) first = std::move(r);
    };
    LogicalConfig recorded = wanted; // but for what failed: the next reload tries that again
    std::uint32_t mtu = running.mtu;
    if (unit.logical->in_kernel())
        if (const auto link = get_link(unit.logical->netdev())) mtu = link.value().mtu;
    if (wanted.mtu != mtu) {
        auto done = unit.logical->set_mtu(wanted.mtu); // bond and members follow a netdev's
        if (!done) recorded.mtu = running.mtu;
        keep(std::move(done));
        if (!unit.logical->in_kernel()) {
            host_->watch_logical(unit.number, {}, wanted.mtu, max_mtu());
            control_->call([&] { unit.core->bond.set_mtu(wanted.mtu, now()); });
        }
    }
    if (wanted.mac && wanted.mac != running.mac) {
        Mac mac;
        control_->call([&] {
            unit.core->bond.set_mac(*wanted.mac, now());
            mac = unit.core->bond.mac();
        });
        keep(unit.macs->apply());
        if (mac != *wanted.mac)
            keep(Error{fmt::format("{}: logical.mac: with fail_over_mac active it is the active member's",
                                   unit.config.name)});
        else if (!unit.logical->in_kernel())
            keep(unit.logical->set_mac(mac));
    }
    if (unit.logical->in_kernel()) {
        auto done = apply_addresses(unit.logical->netdev(), running.addresses, wanted.addresses);
        if (!done) recorded.addresses = running.addresses;
        keep(std::move(done));
    }
    running = recorded;
    return first;
}

void Program::reload_loop() {
    std::unique_lock lock(reload_mutex_);
    for (;;) {
        reload_wish_.wait(lock, [&] { return reload_wishes_ != 0; });
        if (reload_wishes_ < 0) return;
        reload_wishes_ = 0;
        const Acting who(reload_asker_);
        lock.unlock();
        const auto done = reload();
        log_line(done                                 ? fmt::format("{}: reloaded", config_file_)
                 : done.error().starts_with(kApplied) ? fmt::format("{}: {}", config_file_, done.error())
                                                      : "reload refused: " + done.error());
        lock.lock();
    }
}

} // namespace dpdkbond
