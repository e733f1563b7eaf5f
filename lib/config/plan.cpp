// SPDX-License-Identifier: BSD-3-Clause
#include "config/plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/section.hpp"

namespace dpdkbond {

namespace {

// What only one user can have: the device, and the netdev below it.
std::vector<std::string> claims(const std::string& device) {
    const std::string head = devargs_head(device);
    std::vector<std::string> out{"device " + pci_address(head).value_or(head)};
    if (const std::string netdev = devargs_value(device, "iface"); !netdev.empty())
        out.push_back("netdev " + netdev);
    return out;
}

bool is_free(const std::string& device, const std::set<std::string>& held) {
    return std::ranges::none_of(claims(device), [&](const auto& c) { return held.contains(c); });
}

// Why the running bond cannot become the wanted one without a restart; empty: it can.
std::string why_not(const BondConfig& running, const BondConfig& wanted) {
    const LogicalConfig &a = running.logical, &b = wanted.logical;
    if (a.backend != b.backend || a.device != b.device || a.queues != b.queues || a.offloads != b.offloads)
        return fmt::format(
            "{}: logical backend, device, queues and offloads cannot change while it runs; restart",
            running.name);
    if (b.mac && b.mac != a.mac && wanted.options.fail_over_mac == FailOverMac::active)
        return fmt::format("{}: logical.mac: with fail_over_mac active it is the active member's",
                           running.name);
    for (const OptionDef& def : option_table()) {
        if (def.of_member || bond_option_text(running.options, def) == bond_option_text(wanted.options, def))
            continue;
        if (!takes(wanted.mode, def)) continue; // an option of the mode before
        if (auto may = may_change_running(wanted.mode, def, !running.members.empty()); !may)
            return fmt::format("{}: {}", running.name, may.error());
    }
    return {};
}

std::vector<std::string> changed_options(const BondConfig& running, const BondConfig& wanted) {
    std::vector<std::string> out;
    if (running.mode != wanted.mode) out.push_back(fmt::format("mode {}", mode_name(wanted.mode)));
    for (const OptionDef& def : option_table()) {
        if (def.of_member || !takes(wanted.mode, def)) continue;
        const std::string text = bond_option_text(wanted.options, def);
        if (text != bond_option_text(running.options, def))
            out.push_back(fmt::format("{} {}", def.name, text.empty() ? "none" : text));
    }
    const ModeSection* own = section_of(wanted.mode);
    if (running.mode == wanted.mode && own != nullptr && !own->equal(running.options, wanted.options))
        out.emplace_back(own->name);
    return out;
}

void plan_members(const BondAsItRuns& running, const BondConfig& wanted, const MachineFacts& facts,
                  const std::set<std::string>& held, BondPlan& plan) {
    for (const MemberConfig& m : running.config.members) {
        const MemberConfig* same = find_same(wanted.members, m);
        if (same == nullptr || running.stale.contains(m.name)) {
            plan.leaving.push_back(m.name);
        } else if (!(same->options == m.options)) {
            plan.member_options.emplace_back(m.name, same->options);
        }
    }
    for (const MemberConfig& m : wanted.members) {
        const MemberConfig* there = find_same(running.config.members, m);
        if (there != nullptr && !running.stale.contains(there->name)) continue;
        const bool known = there != nullptr || find_same(running.waiting, m) != nullptr;
        if (known && !facts.why_absent(m).empty()) {
            plan.still_waiting.push_back(m);
        } else {
            plan.joining.push_back({m, is_free(m.device, held), known});
        }
    }
}

void remark(const BondAsItRuns& running, const BondConfig& wanted, BondPlan& plan) {
    if (running.config.logical.mac && !wanted.logical.mac)
        plan.remarks.push_back(
            fmt::format("logical.mac has gone from the file: the bond keeps {} until a restart",
                        running.config.logical.mac->to_string()));
    std::vector<std::string> now, then;
    for (const MemberConfig& m : running.config.members)
        if (find_same(wanted.members, m) != nullptr) now.push_back(m.name);
    for (const MemberConfig& m : wanted.members)
        if (find_same(running.config.members, m) != nullptr) then.push_back(m.name);
    if (now != then)
        plan.remarks.push_back(fmt::format(
            "the file lists the members as {}: the modes go on to take them in the order in which "
            "they joined, {}, until a restart",
            fmt::join(then, ", "), fmt::join(now, ", ")));
}

std::string new_device_problem(std::span<const BondAsItRuns> running, const BondConfig& wanted,
                               const MachineFacts& facts) {
    for (const MemberConfig& m : wanted.members) {
        const bool known = std::ranges::any_of(running, [&](const BondAsItRuns& r) {
            return find_same(r.config.members, m) != nullptr || find_same(r.waiting, m) != nullptr;
        });
        if (known) continue;
        if (const std::string why = facts.why_absent(m); !why.empty())
            return fmt::format("{}: member {}: {}", wanted.name, m.name, why);
    }
    return {};
}

} // namespace

const BondConfig* find_bond(std::span<const BondConfig> bonds, const std::string& name) {
    const auto at = std::ranges::find(bonds, name, &BondConfig::name);
    return at != bonds.end() ? &*at : nullptr;
}

const MemberConfig* find_same(std::span<const MemberConfig> members, const MemberConfig& m) {
    const auto at = std::ranges::find_if(members, [&](const MemberConfig& o) {
        return o.name == m.name && o.device == m.device && o.driver == m.driver && o.carrier == m.carrier;
    });
    return at != members.end() ? &*at : nullptr;
}

Result<ReloadPlan> plan_reload(std::span<const BondAsItRuns> running, std::span<const BondConfig> wanted,
                               const MachineFacts& facts) {
    ReloadPlan plan;
    std::set<std::string> held;
    for (const BondAsItRuns& r : running) {
        if (!r.config.logical.device.empty())
            for (std::string& c : claims(r.config.logical.device)) held.insert(std::move(c));
        held.insert("netdev " + r.config.name);
        for (const MemberConfig& m : r.config.members)
            for (std::string& c : claims(m.device)) held.insert(std::move(c));
        for (const std::string& netdev : r.netdevs) held.insert("netdev " + netdev);
    }
    for (const BondConfig& b : wanted) {
        if (b.logical.mtu > facts.max_mtu)
            return Error{fmt::format("{}: logical.mtu: packet buffers of this run hold {} at most; restart",
                                     b.name, facts.max_mtu)};
        if (const std::string why = new_device_problem(running, b, facts); !why.empty()) return Error{why};
    }
    for (const BondAsItRuns& r : running) {
        const BondConfig* w = find_bond(wanted, r.config.name);
        if (w == nullptr || r.logical_gone) plan.bonds_leaving.push_back(r.config.name);
        if (w == nullptr || r.logical_gone) continue;
        if (const std::string why = why_not(r.config, *w); !why.empty()) return Error{why};
        BondPlan& p = plan.bonds.emplace_back();
        p.bond = w->name;
        p.options_change = r.config.mode != w->mode || !(r.config.options == w->options);
        p.changed_options = changed_options(r.config, *w);
        plan_members(r, *w, facts, held, p);
        remark(r, *w, p);
    }
    for (const BondConfig& b : wanted) {
        const auto runs =
            std::ranges::find_if(running, [&](const BondAsItRuns& r) { return r.config.name == b.name; });
        if (runs != running.end() && !runs->logical_gone) continue;
        NewBond& fresh = plan.new_bonds.emplace_back();
        fresh.config = b;
        fresh.remade = runs != running.end();
        fresh.devices_are_free = !fresh.remade && std::ranges::all_of(b.members, [&](const auto& m) {
            return is_free(m.device, held);
        }) && (b.logical.device.empty() || is_free(b.logical.device, held));
    }
    return plan;
}

std::string runtime_differences(const RuntimeConfig& a, const RuntimeConfig& b) {
    if (a == b) return {};
    std::vector<std::string> keys;
    if (a.control_lcore != b.control_lcore) keys.emplace_back("control_lcore");
    if (a.worker_lcores != b.worker_lcores) keys.emplace_back("worker_lcores");
    if (a.idle != b.idle) keys.emplace_back("idle");
    if (a.hugepages != b.hugepages) keys.emplace_back("hugepages");
    if (a.memory_mb != b.memory_mb) keys.emplace_back("memory_mb");
    if (a.file_prefix != b.file_prefix) keys.emplace_back("file_prefix");
    if (a.metrics != b.metrics) keys.emplace_back("metrics");
    if (a.socket_group != b.socket_group) keys.emplace_back("socket_group");
    if (a.eal_args != b.eal_args) keys.emplace_back("eal_args");
    if (keys.empty()) keys.emplace_back("one of its keys"); // one that is newer than this list
    return fmt::format("{}", fmt::join(keys, ", "));
}

AddressPlan plan_addresses(std::span<const IpPrefix> has, std::span<const IpPrefix> before,
                           std::span<const IpPrefix> wanted) {
    const auto in = [](std::span<const IpPrefix> list, const IpPrefix& a) {
        return std::ranges::find(list, a) != list.end();
    };
    AddressPlan plan;
    for (const IpPrefix& a : has) (in(before, a) && !in(wanted, a) ? plan.remove : plan.keep).push_back(a);
    for (const IpPrefix& a : wanted)
        if (!in(plan.keep, a)) plan.keep.push_back(a);
    return plan;
}

} // namespace dpdkbond
