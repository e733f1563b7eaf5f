// SPDX-License-Identifier: BSD-3-Clause
// What operators and scripts ask of the running program without changing it (class Program as an Instance).
#include <rte_cycles.h>

#include <algorithm>
#include <thread>

#include "app/program.hpp"
#include "config/dump.hpp"
#include "dpdk/clock.hpp"
#include "drivers/lacp.hpp"
#include "ops/health.hpp"

namespace dpdkbond {

std::vector<std::string> Program::bond_names() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& unit : units_) names.push_back(unit->config.name);
    return names;
}

namespace {

constexpr std::uint16_t kNoPort = 65535; // of a member whose device is not there

MemberView member_view(const BondUnit& unit, const MemberPort& member, const MemberStatus& status) {
    const MemberPort::ReceiveMode mode = member.receive_mode();
    MemberView view{status,     unit.counters(member), mode.mtu, mode.promiscuous, mode.all_groups,
                    mode.sorts, member.tap_name()};
    view.offloads = member.port->offloads();
    view.checks_received = member.port->checks_received() || *view.offloads >= Offloads::tcp;
    if (member.lacp_socket) view.control_rx = "socket";
    if (member.port->has_slow_queue()) view.control_rx = "queue";
    return view;
}

MemberView waiting_view(const WaitingMember& waiting) {
    MemberView view;
    MemberStatus& s = view.status;
    s.id = kNoMember;
    s.name = waiting.config.name;
    s.device = waiting.config.device;
    s.port_id = kNoPort;
    s.options = waiting.config.options;
    s.objection = waiting.reason;
    s.usable_since = waiting.since;
    s.link_failures = waiting.had.link_failures;
    view.counters = waiting.had.counters;
    return view;
}

} // namespace

std::optional<BondView> Program::bond(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const BondUnit* unit = find(name);
    if (unit == nullptr) return std::nullopt;
    BondView view;
    unit->core->status.load(view.status);
    view.status.link_up = view.status.link_up && unit->carrier_set; // up is what can carry frames now
    view.status.logical_backend = unit->logical->backend();
    view.status.logical_name = unit->logical->name();
    view.options = unit->config.options;
    const LogicalFacts at = host_->logical(unit->number);
    view.logical = {at.known,      at.up,      at.gone,   at.mac,       at.promiscuous,
                    at.all_groups, at.unicast, at.groups, at.addresses, at.vlans};
    view.status.link_up = view.status.link_up && !at.gone;
    if (at.known) view.status.logical_name = at.name;
    if (lacp::BondStatus lacp; lacp_status(*unit->core->controller, lacp)) view.lacp = lacp;
    view.counters = unit->counters();
    for (MemberStatus& s : view.status.members) { // a penalty sinks without anybody saying so
        const Time present = now();
        s.flap_penalty = decayed(s.flap_penalty, present - s.flap_penalty_at,
                                 std::chrono::seconds(view.options.damping_half_life));
        s.flap_penalty_at = present;
    }
    for (const MemberStatus& s : view.status.members)
        if (const MemberPort* m = unit->find_member(s.name.view()))
            view.members.push_back(member_view(*unit, *m, s));
    // It was degraded until the last one that was waited for came.
    if (view.status.health == Health::ok)
        view.status.health_since = std::max(view.status.health_since, unit->waiting.last_left());
    for (const WaitingMember& w : unit->waiting.all()) {
        if (unit->find_member(w.config.name) != nullptr) continue; // it is just leaving
        view.members.push_back(waiting_view(w));
        if (view.status.health != Health::ok) continue;
        view.status.health = Health::degraded;
        view.status.health_since = w.since;
    }
    std::ranges::stable_sort(view.members, {},
                             [&](const MemberView& m) { return unit->order_of(m.status.name.view()); });
    view.health = health_of(view);
    return view;
}

std::vector<WorkerView> Program::workers() {
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    const auto ns = [&](std::uint64_t cycles) {
        return static_cast<std::uint64_t>(static_cast<double>(cycles) * 1e9 / hz);
    };
    const std::uint64_t alive = ns(rte_rdtsc() - workers_began_);
    std::vector<WorkerView> views;
    for (std::size_t i = 0; i < workers_.size(); ++i)
        views.push_back({config_.runtime.worker_lcores[i], ns(workers_[i]->busy_cycles()), alive});
    return views;
}

std::vector<PastEvent> Program::events(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const BondUnit* unit = find(name);
    return unit != nullptr ? unit->history() : std::vector<PastEvent>{};
}

Result<Explanation> Program::explain(std::string_view name, const FlowSpec& flow) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(name);
    if (!unit) return Error{unit.error()};
    return queries(*unit.value()).explain(flow);
}

BondQueries Program::queries(BondUnit& unit) {
    return {*control_, *unit.core, unit.config.options, [&unit](MemberId id) {
                for (const auto& member : unit.members)
                    if (member->id == id) return member->port->stats().obytes;
                return std::uint64_t{0};
            }};
}

std::optional<std::vector<MemberLoad>> Program::load(std::string_view name) {
    std::unique_lock lock(mutex_);
    auto unit = find_or_error(name);
    if (!unit || ending_) return std::nullopt;
    const std::uint64_t serial = unit.value()->core->serial;
    const auto begun = queries(*unit.value()).begin_load();
    lock.unlock();
    std::this_thread::sleep_for(kLoadWindow);
    lock.lock();
    unit = find_or_error(name);
    if (!unit || unit.value()->core->serial != serial) return std::nullopt;
    return queries(*unit.value()).load(begun);
}

std::optional<std::vector<RlbClientView>> Program::rlb(std::string_view name) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(name);
    return unit ? queries(*unit.value()).rlb() : std::nullopt;
}

std::optional<SprayView> Program::spray(std::string_view name) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(name);
    return unit ? queries(*unit.value()).spray() : std::nullopt;
}

Result<std::string> Program::config_text(std::string_view name) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(name);
    if (!unit) return Error{unit.error()};
    BondConfig all = unit.value()->config;
    for (const MemberConfig& m : unit.value()->waiting.configs()) all.members.push_back(m);
    // `ip link` has a say in these, and a file made of this text is to start the bond as it is.
    BondStatus status;
    unit.value()->core->status.load(status);
    if (status.mtu != 0) all.logical.mtu = status.mtu;
    if (const LogicalFacts at = host_->logical(unit.value()->number); at.mac_before_hand)
        all.logical.mac = at.mac;
    return dump_runtime(config_.runtime) + dump_bond(all);
}

} // namespace dpdkbond
