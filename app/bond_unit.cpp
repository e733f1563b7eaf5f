// SPDX-License-Identifier: BSD-3-Clause
#include "app/bond_unit.hpp"

#include <algorithm>

#include "engine/lane_sums.hpp"
#include "ops/wall_clock.hpp"

namespace dpdkbond {

MemberPort* BondUnit::find_member(std::string_view name) const {
    for (const auto& m : members)
        if (m->config.name == name) return m.get();
    return nullptr;
}

MemberCounters BondUnit::raw_counters(const MemberPort& member) const {
    MemberCounters sum = sum_of_member(*core, member.id);
    // What the port itself counted: the one source of bytes, so that the data path need not look at each
    // frame's length.
    put_device_counts(sum, member.port->stats());
    return sum;
}

BondCounters BondUnit::raw_counters() const {
    BondCounters sum = sum_of_bond(*core);
    const rte_eth_stats stats = logical->port().stats();
    sum.rx_bytes = stats.obytes; // what goes up is sent to the logical interface, and the other way round
    sum.tx_bytes = stats.ibytes;
    sum.left_rx_packets = left_rx_;
    sum.left_tx_packets = left_tx_;
    return sum;
}

MemberCounters BondUnit::counters(const MemberPort& member) const {
    MemberCounters c = raw_counters(member);
    subtract(c, member.baseline);
    return c;
}

BondCounters BondUnit::counters() const {
    BondCounters c = raw_counters();
    subtract(c, baseline_);
    return c;
}

void BondUnit::start_counting(MemberPort& member, const MemberCounters& had) const {
    member.baseline = raw_counters(member);
    subtract(member.baseline, had);
}

LeftBehind BondUnit::left_behind(const MemberPort& member) const {
    LeftBehind left{counters(member)};
    BondStatus status;
    core->status.load(status);
    for (const MemberStatus& s : status.members)
        if (s.id == member.id) left.link_failures = s.link_failures;
    return left;
}

void BondUnit::set_order(std::span<const MemberConfig> file) {
    order.clear();
    for (const MemberConfig& m : file) order.push_back(m.name);
}

std::size_t BondUnit::order_of(std::string_view member) const {
    return static_cast<std::size_t>(std::ranges::find(order, member) - order.begin());
}

std::vector<std::unique_ptr<MemberPort>>::iterator BondUnit::place_of(std::string_view member) {
    return std::ranges::find_if(
        members, [&, at = order_of(member)](const auto& m) { return order_of(m->config.name) > at; });
}

void BondUnit::clear_counters() {
    baseline_ = raw_counters();
    for (const auto& m : members) start_counting(*m);
    waiting.clear_counters();
    core->queries->clear(core->lanes);
}

void BondUnit::count_left(const MemberCounters& had) {
    left_rx_ += had.rx_packets;
    left_tx_ += had.tx_packets;
}

bool BondUnit::give_up_waiting(std::string_view member, Time now) {
    if (const WaitingMember* w = waiting.find(member)) count_left(w->had.counters);
    return waiting.remove(member, now);
}

void BondUnit::remember(const Event& event) {
    const std::lock_guard lock(history_mutex_);
    history_.add(event, wall_ns(event.at));
}

bool BondUnit::lists(std::string_view member) {
    return find_member(member) != nullptr || waiting.find(member) != nullptr;
}

void BondUnit::record_members() {
    config.members.clear();
    for (const auto& m : members) config.members.push_back(m->config);
}

void BondUnit::put_history_before(std::vector<PastEvent> older) {
    const std::lock_guard lock(history_mutex_);
    history_.put_before(std::move(older));
}

std::vector<PastEvent> BondUnit::history() const {
    const std::lock_guard lock(history_mutex_);
    return history_.list();
}

} // namespace dpdkbond
