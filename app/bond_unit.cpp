// SPDX-License-Identifier: BSD-3-Clause
#include "app/bond_unit.hpp"

#include "ops/wall_clock.hpp"

namespace dpdkbond {

namespace {

void subtract(std::uint64_t& from, std::uint64_t what) { from -= what < from ? what : from; }

} // namespace

MemberPort* BondUnit::find_member(std::string_view name) const {
    for (const auto& m : members)
        if (m->config.name == name) return m.get();
    return nullptr;
}

MemberCounters BondUnit::raw_counters(const MemberPort& member) const {
    MemberCounters sum;
    // What the port itself counted: the one source of bytes, so that the data path need not look at each
    // frame's length.
    const rte_eth_stats stats = member.port->stats();
    sum.rx_bytes = stats.ibytes;
    sum.tx_bytes = stats.obytes;
    sum.missed = stats.imissed;
    sum.no_buffer = stats.rx_nombuf;
    sum.rx_errors = stats.ierrors;
    sum.tx_errors = stats.oerrors;
    for (const auto& lane : lanes) {
        const MemberLaneCounters& c = lane->counters.member[member.id.value];
        sum.rx_packets += c.rx.get();
        sum.tx_packets += c.tx.get();
        for (std::size_t r = 0; r < kDropReasons; ++r) sum.drops[r] += c.drops[r].get();
    }
    return sum;
}

BondCounters BondUnit::raw_counters() const {
    BondCounters sum;
    const rte_eth_stats stats = logical->port().stats();
    sum.rx_bytes = stats.obytes; // what goes up is sent to the logical interface, and the other way round
    sum.tx_bytes = stats.ibytes;
    for (const auto& lane : lanes) {
        const LaneCounters& c = lane->counters;
        sum.rx_packets += c.up.get();
        sum.tx_packets += c.down.get();
        sum.injected += c.injected.get();
        sum.answered += c.answered.get();
        sum.punted += c.punted.get();
        sum.held += c.held.get();
        sum.held_overflow += c.held_overflow.get();
        sum.copied += c.copied.get();
        sum.copies_lost += c.copies_lost.get();
        for (std::size_t r = 0; r < kDropReasons; ++r) {
            sum.drops[r] += c.drops[r].get();
            for (const MemberLaneCounters& m : c.member) sum.drops[r] += m.drops[r].get();
        }
    }
    const auto lost = [&](DropReason reason,
                          std::uint64_t n) { // wanted on the wire, so injected, and dropped
        sum.injected += n;
        sum.drops[static_cast<std::size_t>(reason)] += n;
    };
    lost(DropReason::no_member, core->lost_no_member.get());
    lost(DropReason::no_buffer, core->lost_no_buffer.get());
    lost(DropReason::control_full, core->lost_ring_full.get());
    return sum;
}

MemberCounters BondUnit::counters(const MemberPort& member) const {
    MemberCounters c = raw_counters(member);
    const MemberCounters& b = member.baseline;
    subtract(c.rx_packets, b.rx_packets);
    subtract(c.rx_bytes, b.rx_bytes);
    subtract(c.tx_packets, b.tx_packets);
    subtract(c.tx_bytes, b.tx_bytes);
    subtract(c.missed, b.missed);
    subtract(c.no_buffer, b.no_buffer);
    subtract(c.rx_errors, b.rx_errors);
    subtract(c.tx_errors, b.tx_errors);
    for (std::size_t r = 0; r < kDropReasons; ++r) subtract(c.drops[r], b.drops[r]);
    return c;
}

BondCounters BondUnit::counters() const {
    BondCounters c = raw_counters();
    subtract(c.rx_packets, baseline_.rx_packets);
    subtract(c.rx_bytes, baseline_.rx_bytes);
    subtract(c.tx_packets, baseline_.tx_packets);
    subtract(c.tx_bytes, baseline_.tx_bytes);
    subtract(c.injected, baseline_.injected);
    subtract(c.answered, baseline_.answered);
    subtract(c.punted, baseline_.punted);
    subtract(c.held, baseline_.held);
    subtract(c.held_overflow, baseline_.held_overflow);
    subtract(c.copied, baseline_.copied);
    subtract(c.copies_lost, baseline_.copies_lost);
    for (std::size_t r = 0; r < kDropReasons; ++r) subtract(c.drops[r], baseline_.drops[r]);
    return c;
}

void BondUnit::start_counting(MemberPort& member) const { member.baseline = raw_counters(member); }

void BondUnit::clear_counters() {
    baseline_ = raw_counters();
    for (const auto& m : members) start_counting(*m);
    core->queries->clear(core->lanes);
}

void BondUnit::remember(const Event& event) {
    const std::lock_guard lock(history_mutex_);
    history_.add(event, wall_ns(event.at));
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
