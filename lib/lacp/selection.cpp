// SPDX-License-Identifier: BSD-3-Clause
// Selection logic, 802.1AX-2014 6.4.14, and the choice of the active aggregator (Linux's ad_select).
#include "lacp/selection.hpp"

#include <algorithm>
#include <tuple>

namespace dpdkbond::lacp {

LagId lag_of(const Port& port) {
    return {port.actor.system_priority,   port.actor.system,   port.actor.key,
            port.partner.system_priority, port.partner.system, port.partner.key};
}

bool is_individual(const Port& port) {
    return !port.actor.state.has(StateBit::aggregation) || !port.partner.state.has(StateBit::aggregation) ||
           port.partner.system.is_zero();
}

void Selection::leave(Port& port) {
    if (!port.attached) return;
    aggregators_[port.aggregator.value - 1U].ports.remove(port.member);
    port.attached = false;
}

AggregatorId Selection::find(const Port& port, const LagId& lag, bool individual) const {
    if (!individual)
        for (std::uint8_t i = 0; i < kMaxPorts; ++i)
            if (const Aggregator& a = aggregators_[i]; !a.ports.empty() && !a.individual && a.lag == lag)
                return {static_cast<std::uint8_t>(i + 1)};
    if (port.aggregator != kNoAggregator && at(port.aggregator).ports.empty()) return port.aggregator;
    for (std::uint8_t i = 0; i < kMaxPorts; ++i)
        if (aggregators_[i].ports.empty()) return {static_cast<std::uint8_t>(i + 1)};
    return kNoAggregator; // cannot be: there are as many as ports
}

bool Selection::select(Port& port) {
    if (port.selected != Selected::UNSELECTED) return false;
    const bool left = port.attached;
    leave(port);
    // 6.4.14.1: a port selects anew only after it is detached from the aggregator that it had.
    // One that was never up has no key to select by.
    if (port.mux != MuxState::DETACHED || !port.port_enabled) return left;
    const LagId lag = lag_of(port);
    const bool individual = is_individual(port);
    const AggregatorId id = find(port, lag, individual);
    if (id == kNoAggregator) return left;
    Aggregator& aggregator = aggregators_[id.value - 1U];
    aggregator.lag = lag;
    aggregator.individual = individual;
    aggregator.ports.add(port.member);
    port.aggregator = id;
    port.attached = true;
    port.selected = Selected::STANDBY; // choose() says more
    return true;
}

// What the candidates are compared by.
struct Selection::Score {
    AggregatorId id{};
    std::uint32_t ports = 0;     // that could carry traffic: up, and not waiting for a silent partner
    std::uint64_t bandwidth = 0; // of those, Mbit/s
    std::uint64_t priority = 0;  // of those, sum
    bool individual = false;     // our end cannot aggregate (half duplex)
    bool has_partner = false;
    bool had_partner = false; // one has spoken on one of those ports
    bool awaits = false;      // a port has not heard its partner for a while and has not given it up yet
    bool carries = false;     // a port distributes, or would without a partner
    std::uint16_t first_actor_port = 0xffff, first_partner_port = 0xffff;
    const LagId* lag = nullptr;
};

namespace {

// Both ends of a LAG must come to the same choice among equals, or each selects one that the other has in
// standby and neither ever carries a frame. So equals are ranked by what both see alike: the pair of systems,
// then the key and the port number of the better system.
auto common_rank(const auto& score) {
    const auto actor = std::tuple(score.lag->actor_system_priority, score.lag->actor_system);
    const auto partner = std::tuple(score.lag->partner_system_priority, score.lag->partner_system);
    const bool ours = actor < partner;
    return std::tuple(ours ? actor : partner, ours ? partner : actor,
                      ours ? score.lag->actor_key : score.lag->partner_key,
                      ours ? score.first_actor_port : score.first_partner_port);
}

// Larger is better.
auto policy_rank(const auto& score, Select policy) {
    // A port on which a partner has spoken before is likelier to lead anywhere than one that never heard any.
    using Ranks = std::tuple<bool, bool, bool, std::uint64_t, std::uint64_t, std::uint64_t>;
    const auto ranks = [&](std::uint64_t first, std::uint64_t second, std::uint64_t third) {
        return Ranks(!score.individual, score.has_partner, score.had_partner, first, second, third);
    };
    switch (policy) {
    case Select::count: return ranks(score.ports, score.bandwidth, 0);
    case Select::actor_port_prio: return ranks(score.priority, score.ports, score.bandwidth);
    case Select::stable:
    case Select::bandwidth: break;
    }
    return ranks(score.bandwidth, 0, 0);
}

// Up, and either heard by its partner or known to have none. A link that is heard only one way is no reason
// to choose an aggregator.
bool could_carry(const Port& port) {
    if (!port.port_enabled) return false;
    if (port.rx == RxState::CURRENT) return port.partner_hears_us;
    return port.rx == RxState::DEFAULTED || port.rx == RxState::LACP_DISABLED;
}

} // namespace

AggregatorId Selection::best(std::span<const Score> scores, Select policy) const {
    const Score* present = nullptr;
    const Score* best = nullptr;
    bool present_awaits = false;
    for (const Score& score : scores) {
        present_awaits |= score.id == active_ && score.awaits && score.has_partner;
        if (score.ports == 0) continue;
        if (score.id == active_) present = &score;
        if (best == nullptr) {
            best = &score;
            continue;
        }
        const auto a = policy_rank(score, policy), b = policy_rank(*best, policy);
        if (a > b || (a == b && score.has_partner && common_rank(score) < common_rank(*best))) best = &score;
    }
    // Without a candidate the present one stays: its ports have the shortest way back.
    if (best == nullptr)
        return active_ != kNoAggregator && !at(active_).ports.empty() ? active_ : kNoAggregator;
    // Its partner is late and not given up: no reason to prefer one that has no partner at all.
    if (present_awaits && !best->has_partner) return active_;
    if (present != nullptr && present->carries) {
        const bool equal = policy_rank(*present, policy) == policy_rank(*best, policy);
        const bool stable =
            policy == Select::stable && std::tuple(present->has_partner, present->had_partner) >=
                                            std::tuple(best->has_partner, best->had_partner);
        if (equal || stable) best = present;
    }
    return best->id;
}

bool Selection::choose(std::span<Port> ports, Select policy) {
    std::array<Score, kMaxPorts> scores;
    std::uint8_t used = 0;
    for (const Port& port : ports) {
        if (!port.in_use || !port.attached) continue;
        const std::uint8_t id = port.aggregator.value;
        used = std::max(used, id);
        Score& score = scores[id - 1U];
        if (score.lag == nullptr) {
            score.id = {id};
            score.lag = &aggregators_[id - 1U].lag;
            score.has_partner = score.lag->has_partner();
        }
        score.awaits |= port.port_enabled && port.rx == RxState::EXPIRED;
        if (!could_carry(port)) continue;
        score.had_partner |= port.had_partner;
        ++score.ports;
        score.bandwidth += port.speed_mbps;
        score.priority += port.actor.port_priority.value;
        score.individual |= !port.actor.state.has(StateBit::aggregation);
        score.carries |= !score.has_partner || port.actor.state.has(StateBit::distributing);
        score.first_actor_port = std::min(score.first_actor_port, port.actor.port.value);
        score.first_partner_port = std::min(score.first_partner_port, port.partner.port.value);
    }
    const AggregatorId chosen = best({scores.data(), used}, policy);
    bool changed = chosen != active_;
    active_ = chosen;
    for (Port& port : ports) {
        if (!port.in_use || !port.attached || port.selected == Selected::UNSELECTED) continue;
        const Selected selected = port.aggregator == active_ ? Selected::SELECTED : Selected::STANDBY;
        changed |= selected != port.selected;
        port.selected = selected;
    }
    return changed;
}

void Selection::update_ready(std::span<Port> ports, Time now) const {
    std::uint32_t waiting = 0; // bit: aggregators with a port that waits and is not ready
    bool any = false;
    for (Port& port : ports) {
        if (!port.in_use || port.mux != MuxState::WAITING || !port.attached) continue;
        any = true;
        if (port.wait_while <= now) {
            port.ready_n = true;
            port.wait_while = kNever;
        }
        if (!port.ready_n) waiting |= 1U << (port.aggregator.value - 1U);
    }
    if (!any) return;
    for (Port& port : ports)
        if (port.in_use && port.mux == MuxState::WAITING && port.attached)
            port.ready = ((waiting >> (port.aggregator.value - 1U)) & 1U) == 0;
}

} // namespace dpdkbond::lacp
