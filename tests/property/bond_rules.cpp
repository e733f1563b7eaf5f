// SPDX-License-Identifier: BSD-3-Clause
// The rules that hold for a bond of any mode at any time.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "bond_life.hpp"

namespace dpdkbond::life {

namespace {

bool is_live(const SprayPeer& peer, std::size_t path) { return path < 32 && (peer.live >> path & 1U) != 0; }

} // namespace

void BondLife::check() {
    const Snapshot& s = *published_;
    const BondStatus& status = *told_;
    check_snapshot(s, status);
    check_macs(s, status);

    // Carrier: one truth.
    const Wanted wanted = bond_->wanted();
    if (wanted.carrier != bond_->link_up() || status.link_up != wanted.carrier)
        fail("carrier, link_up and status agree");
    if (bond_->events_lost() == 0 && carrier_event_.value_or(false) != wanted.carrier)
        fail("the last event of the bond's says its carrier");
    if (mode_ != Mode::ieee8023ad && wanted.carrier != (s.tx_count != 0))
        fail("a bond has carrier while a member may send");
    if (wanted.speed_mbps != status.speed_mbps) fail("one speed");

    // Health, of the members that the status lists.
    const auto usable =
        static_cast<std::size_t>(std::ranges::count_if(status.members, &MemberStatus::usable));
    const Health health = !status.link_up || !up_ || usable == 0 ? Health::down
                          : usable == status.members.size()      ? Health::ok
                                                                 : Health::degraded;
    if (status.health != health) fail("health says whether all, some or none of the members are of use");

    // A monitor, unless the user said that there is to be none.
    const bool by_choice = options_.miimon == 0 && options_.arp_interval == 0 &&
                           (given_ & option_bit(option_index(*find_option("miimon")))) != 0;
    for (const MemberStatus& m : status.members) {
        const bool watched = m.watching.has(Watcher::carrier) || m.watching.has(Watcher::arp);
        if (!watched && !by_choice) fail("nothing monitors the members, and nobody wanted that");
    }
}

void BondLife::check_snapshot(const Snapshot& s, const BondStatus& status) {
    MemberSet present, usable, may;
    for (const Port& p : ports_)
        if (p.present) present.add(p.id);
    for (const MemberStatus& m : status.members) {
        if (m.usable) usable.add(m.id);
        if (m.usable && !m.objecting.empty()) fail("no watcher objects to a usable member");
        if (may_use(m.id)) may.add(m.id);
        const Port* p = port_of(m.id);
        if (p == nullptr) return fail("the status lists members only");
        if (m.carrier != p->link.carrier || m.speed_mbps != p->link.speed_mbps ||
            m.admin_down != p->admin_down || m.port_id != s.member[m.id.value].port)
            fail("the status says what the member is");
        // A downdelay that runs ends as it began, whatever the option says meanwhile.
        if (m.usable && !m.carrier && m.watching.has(Watcher::carrier) && m.mii != MiiStatus::going_down)
            fail("a usable member has a carrier");
    }
    if (s.rx_count != status.members.size() || s.rx_count != present.size()) fail("every member is polled");
    if (usable != bond_->usable()) fail("usable: status and bond agree");
    if (!(usable - may).empty()) fail("a member that leaves or was taken out is not usable");
    if (!(s.senders - usable).empty()) fail("who sends is usable");
    if (s.tx_count != s.senders.size()) fail("tx_count counts senders");
    for (unsigned i = 0; i < s.tx_count; ++i)
        if (!s.senders.has(MemberId{s.tx[i]})) fail("tx lists senders");
    for (std::size_t b = 0; b < s.buckets; ++b)
        if (!s.senders.has(MemberId{s.bucket[b]})) {
            fail(fmt::format("bucket {} belongs to {}, which may not send ({:x})", b, s.bucket[b],
                             s.senders.bits()));
            break;
        }
    if (s.tx_count != 0 && s.buckets == 0) fail("while members send there are buckets");
    if (s.tx_count != 0 && s.buckets == kLoadBuckets && !s.senders.has(MemberId{s.bucket[kUnspread]}))
        fail("what is not spread leaves by a member that sends");
    for (const std::uint8_t id : s.by_queue)
        if (id != kNoMember.value && !usable.has(MemberId{id})) fail("a queue's member is usable");
    if (s.active != kNoMember && !s.senders.has(s.active)) fail("the active member sends");
    if (s.active == kNoMember && s.tx_count != 0) fail("while members send one is for single frames");
    if (s.active != bond_->active()) fail("one active member");
    if (controller_->has_active() && status.active_member != s.active)
        fail("status and snapshot name one active member");
    if (!(s.rx_accept - present).empty()) fail("members receive");
    if (controller_->has_active() && s.active != kNoMember && !s.rx_accept.has(s.active))
        fail("the active member receives");
    for (const MemberStatus& m : status.members)
        if (m.active && !s.rx_accept.has(m.id)) fail("an active member's frames go up");
    if (s.filter.down == up_) fail("down: nothing goes up");
    for (std::size_t i = 0; i < s.spray.paths; ++i) {
        const SprayTarget& t = s.spray.path[i];
        for (const SprayPeer& peer : std::span(s.spray.peer).first(s.spray.peers))
            if (i >= peer.first && is_live(peer, i - peer.first) && !s.senders.has(MemberId{t.member}))
                fail("a usable path leaves by a member that sends");
    }
}

void BondLife::check_macs(const Snapshot& s, const BondStatus& status) {
    const MacPlan plan = bond_->mac_plan();
    const MacPolicy policy = controller_->mac_policy(options_);
    if (plan.bond != bond_->mac() || status.mac != plan.bond || s.filter.own != mac_key(plan.bond))
        fail("the bond has one MAC");
    const auto worn = [&](MemberId id) {
        for (const MemberMac& m : plan.members)
            if (m.id == id) return m.mac;
        return Mac{};
    };
    if (plan.members.size() != status.members.size()) fail("the plan names every member");
    for (const MemberStatus& m : status.members) {
        const Port& p = *port_of(m.id);
        if (m.mac != worn(m.id) || m.perm_mac != p.perm) fail("status and plan name one MAC of a member's");
        if (p.leaving || m.perm_mac.is_zero()) continue;
        if (policy == MacPolicy::same && m.mac != plan.bond) fail("all members wear the bond's MAC");
        if ((policy == MacPolicy::own || policy == MacPolicy::active) && m.mac != p.perm)
            fail("each member wears its own MAC");
        if (policy != MacPolicy::follow && policy != MacPolicy::swap) continue;
        for (const MemberStatus& o : status.members)
            if (o.id != m.id && !m.mac.is_zero() && !port_of(o.id)->leaving && o.mac == m.mac)
                fail("no two members wear one MAC");
    }
    if (s.active == kNoMember || plan.bond.is_zero()) return;
    const Mac active = worn(s.active);
    if ((policy == MacPolicy::follow || policy == MacPolicy::swap) && !active.is_zero() &&
        active != plan.bond)
        fail("the active member wears the bond's MAC");
    if (policy == MacPolicy::active && !active.is_zero() && active != plan.bond)
        fail("the bond's MAC is the active member's");
    if (policy == MacPolicy::swap || policy == MacPolicy::own) {
        const std::uint64_t bond_key = mac_key(plan.bond);
        if (s.bond_mac != bond_key) fail("workers know the bond's MAC");
        const bool told = applied_.version == plan.version;
        for (const MemberMac& m : plan.members)
            if (told && !port_of(m.id)->leaving &&
                s.mac[m.id.value] != (m.mac.is_zero() ? bond_key : mac_key(m.mac)))
                fail(fmt::format("workers know what member {} wears", +m.id.value));
        if (policy == MacPolicy::swap && s.mac[s.active.value] != bond_key)
            fail("under the bond's MAC the active member sends");
    }
}

void BondLife::check_neighbors() {
    const MacPlan plan = bond_->mac_plan();
    for (unsigned n = 0; n < kNeighbors; ++n) {
        if (cache_[n].is_zero()) continue;
        if (!is_worn(cache_[n], plan))
            fail(fmt::format("neighbour {} sends to {}, which no device wears", n, cache_[n].to_string()));
    }
}

void BondLife::heal() {
    say("heal");
    set_up(true);
    host_delay_ = worker_delay_ = {};
    partner_answers_ = target_answers_ = true;
    for (unsigned n = 0; n < kNames; ++n) {
        if (ports_[n].leaving) remove(n);
        admin(n, true);
        link(n, true, 1000, Duplex::full);
    }
    pass(std::chrono::seconds(1));
    if (std::ranges::none_of(ports_, &Port::present)) join(0, 1, true);
    // LACP with a slow partner 90 s, the longest updelay, damping to the end of its suppression.
    pass(std::chrono::seconds(400));
    if (!broken_.empty()) return;
    const Snapshot& s = *published_;
    if (bond_->mac().is_zero()) return; // LACP says nothing without an address
    if (s.tx_count == 0) fail("a healed bond carries");
    if (s.hold != 0 || bond_->awaits_workers()) fail("moves of flows end");
    if (!bond_->link_up() && options_.min_links <= 1) fail("a healed bond has carrier");
    check_neighbors();
}

void BondLife::end() {
    say("end");
    BondStatus before, after;
    bond_->fill(before);
    for (Port& p : ports_) p.leaving = p.present;
    bond_->dismiss_all(now_);
    for (Bond::Transmit t; bond_->poll_transmit(t);) {
        const auto eth = parse_eth({t.frame.data(), t.length});
        if (!eth || eth->type != ethertype::slow)
            fail(fmt::format("a bond that ends tells by member {} of what is none", +t.member.value));
    }
    bond_->fill(after);
    Snapshot s;
    bond_->fill(s);
    if (after.failovers != before.failovers || s.tx_count != 0) fail("when a bond ends nobody takes over");
}

} // namespace dpdkbond::life
