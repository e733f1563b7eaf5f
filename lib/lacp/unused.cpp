// SPDX-License-Identifier: BSD-3-Clause
// Why a port carries no data, for people.
#include <cstdio>

#include "lacp/format.hpp"
#include "lacp/status.hpp"

namespace dpdkbond::lacp {

namespace {

struct MacText {
    char text[18];
    explicit MacText(const Mac& mac) {
        const auto& b = mac.bytes;
        std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
    }
};

} // namespace

Unused why_unused(const BondStatus& bond, const PortStatus& p) {
    if (p.collecting && p.distributing) return Unused::none;
    if (!p.port_enabled) return Unused::link_down;
    if (!p.full_duplex) return Unused::half_duplex;
    if (p.hears_itself) return Unused::itself;
    if (p.partner.system.is_zero()) return p.had_partner ? Unused::partner_lost : Unused::no_partner;
    if (p.rx == RxState::EXPIRED || p.rx == RxState::DEFAULTED) return Unused::partner_lost;
    const bool elsewhere = bond.active_aggregator != kNoAggregator && p.selected != Selected::UNSELECTED &&
                           p.aggregator != bond.active_aggregator;
    if (elsewhere && !bond.partner_system.is_zero()) {
        if (p.partner.system != bond.partner_system) return Unused::other_partner;
        if (p.partner.key != bond.partner_key) return Unused::other_partner_key;
        if (p.actor.key != bond.actor_key) return Unused::other_key;
    }
    if (!p.partner.state.has(StateBit::aggregation)) return Unused::individual;
    if (!p.partner.state.has(StateBit::synchronization)) return Unused::partner_not_in_sync;
    return Unused::waiting;
}

FixedString<127> describe_unused(const BondStatus& bond, const PortStatus& p) {
    switch (why_unused(bond, p)) {
    case Unused::none:
    case Unused::link_down: break;
    case Unused::no_partner: return "lacp: no partner has been heard";
    case Unused::itself:
        return "lacp: it hears this bond's own LACPDUs: its link ends at another member, or a loop sends "
               "them back";
    case Unused::partner_lost: return "lacp: the partner is not heard any more";
    case Unused::half_duplex: return "lacp: half duplex, LACP needs full duplex";
    case Unused::other_partner:
        return format<127>("lacp: its partner is %s, the active aggregator's is %s",
                           MacText(p.partner.system).text, MacText(bond.partner_system).text);
    case Unused::other_partner_key:
        return format<127>("lacp: its partner's key is %u, the active aggregator's partner has key %u",
                           unsigned{p.partner.key.value}, unsigned{bond.partner_key.value});
    case Unused::other_key:
        return format<127>("lacp: its key is %u (speed %u Mbps), the active aggregator's is %u",
                           unsigned{p.actor.key.value}, p.speed_mbps, unsigned{bond.actor_key.value});
    case Unused::individual: return "lacp: the partner does not aggregate this link";
    case Unused::partner_not_in_sync: return "lacp: the partner says that it is not in sync";
    case Unused::waiting: return "lacp: waiting, the partner has been heard";
    }
    return {};
}

} // namespace dpdkbond::lacp
