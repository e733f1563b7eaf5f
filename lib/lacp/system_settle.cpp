// SPDX-License-Identifier: BSD-3-Clause
// Running the machines to rest, and what goes out then.
#include <algorithm>
#include <cstdio>

#include "lacp/format.hpp"
#include "lacp/machines.hpp"
#include "lacp/system.hpp"

namespace dpdkbond::lacp {

namespace {

// The longest chain, a port that finds another partner, takes about ten.
constexpr int kMaxRounds = 40;
constexpr Duration kFullOutboxRetry = 10ms;

FixedString<80> arrow(std::string_view from, std::string_view to) {
    return format<80>("%.*s -> %.*s", static_cast<int>(from.size()), from.data(), static_cast<int>(to.size()),
                      to.data());
}

FixedString<80> describe(const LacpInfo& partner) {
    if (partner.system.is_zero()) return "no partner";
    const auto& m = partner.system.bytes;
    return format<80>("%02x:%02x:%02x:%02x:%02x:%02x priority %u key %u port %u", m[0], m[1], m[2], m[3],
                      m[4], m[5], unsigned{partner.system_priority.value}, unsigned{partner.key.value},
                      unsigned{partner.port.value});
}

bool same_partner(LacpInfo a, const LacpInfo& b) {
    a.state = b.state;
    return a == b;
}

} // namespace

// --- settling

void System::settle(Time now) {
    if (before_) return;
    int rounds = 0;
    while (step(now))
        if (++rounds == kMaxRounds) {
            tell(now, kNoMember, EventKind::unsettled, 0, 0, "the machines did not come to rest");
            break;
        }
    tell_periodic(now);
    transmit(now);
    update_forwarding(now);
    finish_markers(now);
    update_deadline(now);
}

// One round: each machine of each port takes at most one arrow.
bool System::step(Time now) {
    const std::span<Port> ports = places();
    bool moved = false;
    for (Port& port : ports) {
        if (!port.in_use) continue;
        moved |= run_rx(port, now);
        moved |= run<PeriodicMachine>(port, now);
        moved |= run_selection(port, now);
    }
    moved |= run_choice(now);
    selection_.update_ready(ports, now);
    for (Port& port : ports) {
        if (!port.in_use) continue;
        moved |= run_and_tell<MuxMachine>(port, EventKind::mux_state, now);
        moved |= run_and_tell<ActorChurnMachine>(port, EventKind::actor_churn, now);
        moved |= run_and_tell<PartnerChurnMachine>(port, EventKind::partner_churn, now);
    }
    return moved;
}

template <class Machine> bool System::run_and_tell(Port& port, EventKind kind, Time now) {
    const auto before = Machine::state(port);
    if (!run<Machine>(port, now)) return false;
    const auto after = Machine::state(port);
    if (after != before)
        tell(now, port.member, kind, static_cast<std::uint32_t>(before), static_cast<std::uint32_t>(after),
             arrow(name(before), name(after)));
    return true;
}

bool System::run_rx(Port& port, Time now) {
    const LacpInfo partner = port.partner;
    const bool moved = run_and_tell<RxMachine>(port, EventKind::rx_state, now);
    if (moved && !same_partner(partner, port.partner))
        tell(now, port.member, EventKind::partner, partner.port.value, port.partner.port.value,
             describe(port.partner));
    return moved;
}

bool System::run_selection(Port& port, Time now) {
    const AggregatorId before = port.attached ? port.aggregator : kNoAggregator;
    if (!selection_.select(port)) return false;
    const AggregatorId after = port.attached ? port.aggregator : kNoAggregator;
    if (after != before)
        tell(now, port.member, EventKind::selected, before.value, after.value,
             format<80>("aggregator %u -> %u", unsigned{before.value}, unsigned{after.value}));
    return true;
}

bool System::run_choice(Time now) {
    const AggregatorId before = selection_.active();
    const bool moved = selection_.choose(places(), options_.select);
    const AggregatorId after = selection_.active();
    if (after != before)
        tell(now, kNoMember, EventKind::active_aggregator, before.value, after.value,
             format<80>("aggregator %u -> %u", unsigned{before.value}, unsigned{after.value}));
    return moved;
}

void System::tell_periodic(Time now) {
    for (Port& port : places()) {
        if (!port.in_use || port.periodic == port.told_periodic) continue;
        tell(now, port.member, EventKind::periodic_state, static_cast<std::uint32_t>(port.told_periodic),
             static_cast<std::uint32_t>(port.periodic), arrow(name(port.told_periodic), name(port.periodic)));
        port.told_periodic = port.periodic;
    }
}

void System::transmit(Time now) {
    for (Port& port : places()) {
        if (!port.in_use) continue;
        port.pdu.reset(); // one that came while the port could not take it
        drop_needless_ntt(port);
        if (!must_transmit(port, now)) continue;
        SlowFrame frame;
        encode_lacpdu(frame, port.mac, compose(port));
        if (outbox_.frames.full()) continue; // NTT stays, see update_deadline()
        send(port, frame);
        ++port.counters.lacpdu_tx;
        port.pdu_window.note(now);
        port.ntt = false;
    }
}

void System::update_forwarding(Time now) {
    Forwarding result;
    for (Port& port : places()) {
        if (!port.in_use) continue;
        // Linux: the active aggregator carries traffic though no partner answers, unless lacp_strict forbids
        // it. Only once it is certain that there is none, and as one port: ports without a partner never
        // share an aggregator.
        port.without_partner = !options_.strict && port.port_enabled && port.mux == MuxState::ATTACHED &&
                               port.selected == Selected::SELECTED && port.partner.system.is_zero() &&
                               (port.rx == RxState::DEFAULTED || port.rx == RxState::LACP_DISABLED);
        port.collecting = port.without_partner || port.actor.state.has(StateBit::collecting);
        port.distributing = port.without_partner || port.actor.state.has(StateBit::distributing);
        if (port.collecting) result.collecting.add(port.member);
        if (port.distributing) result.distributing.add(port.member);
        if (port.without_partner) result.without_partner.add(port.member);
    }
    if (result == forwarding_) return;
    const bool black_hole = !result.without_partner.empty();
    if (black_hole == forwarding_.without_partner.empty())
        tell(now, kNoMember, EventKind::black_hole, black_hole ? 0 : 1, black_hole ? 1 : 0,
             black_hole ? "no LACP partner: traffic may be black-holed (lacp_strict prevents it)"
                        : "no longer sends without an LACP partner");
    forwarding_ = result;
    tell(now, kNoMember, EventKind::forwarding, result.collecting.bits(), result.distributing.bits(),
         format<80>("collecting %#x distributing %#x", result.collecting.bits(), result.distributing.bits()));
}

void System::finish_markers(Time now) {
    while (const auto result = markers_.finish(now)) {
        outbox_.markers.push(*result);
        tell(now, kNoMember, EventKind::marker, result->run.value, result->timed_out().bits(),
             result->all_answered() ? "all answered" : "timed out");
    }
}

void System::update_deadline(Time now) {
    deadline_ = markers_.deadline();
    for (const Port& port : std::span(ports_.data(), end_))
        if (port.in_use) deadline_ = std::min(deadline_, port_deadline(port));
    if (deadline_ <= now)
        deadline_ = now + kFullOutboxRetry; // only NTT that found the outbox full is left over
}

// --- output

bool System::send(Port& port, const SlowFrame& frame) {
    if (outbox_.frames.push({{id_, port.member}, frame})) return true;
    ++outbox_.frames_lost;
    return false;
}

void System::tell(Time now, MemberId member, EventKind kind, std::uint32_t from, std::uint32_t to,
                  std::string_view text) {
    if (outbox_.events.full()) {
        outbox_.events.pop();
        ++outbox_.events_lost;
    }
    outbox_.events.push({now, {id_, member}, kind, from, to, text});
}

} // namespace dpdkbond::lacp
