// SPDX-License-Identifier: BSD-3-Clause
#include "bond_life.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "proto/nd.hpp"

namespace dpdkbond::life {

namespace {

constexpr Mac kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr Mac kTargetMac{{2, 0xe, 0, 0, 0, 99}};
Mac own(unsigned n) { return n == 0 ? Mac{} : Mac{{2, 0xbd, 0, 0, 0, static_cast<std::uint8_t>(n)}}; }
Mac neighbor_mac(unsigned n) { return Mac{{2, 0xc, 0, 0, 0, static_cast<std::uint8_t>(n)}}; }
Ipv4 neighbor_ip(unsigned n) { return Ipv4{{192, 0, 2, static_cast<std::uint8_t>(11 + n)}}; }
std::string name_of(unsigned n) { return "m" + std::to_string(n); }

} // namespace

BondLife::BondLife(Mode mode, const BondOptions& options, bool mac_given, unsigned members)
    : mode_(mode), options_(options), controller_(find_mode(mode)->control_half()) {
    take_over_options(mode_, options_, given_, aside_);
    (void)check_options(mode_, options_, given_);
    partner_bond_ = *partner_.add_bond({}, Mac{{2, 0xa, 0, 0, 0, 1}});
    for (unsigned n = 0; n < kNames; ++n)
        partner_.add_port({partner_bond_, {static_cast<std::uint8_t>(n)}},
                          Mac{{2, 0xa, 0, 0, 1, static_cast<std::uint8_t>(n)}}, PortPriority{255}, now_);
    bond_ =
        std::make_unique<Bond>("b", parts(mode, *controller_), options_,
                               mac_given ? std::optional(Mac{{2, 0xaa, 0, 0, 0, 1}}) : std::nullopt, 1500);
    say(fmt::format("{} mac {} members {}", mode_name(mode), mac_given, members));
    set_addresses(0);
    for (unsigned n = 0; n < members; ++n) join(n, n + 1, true);
}

void BondLife::fail(const std::string& what) {
    if (broken_.empty())
        broken_ = fmt::format("{:.3f} s: {}", std::chrono::duration<double>(now_ - Time{}).count(), what);
}

void BondLife::say(const std::string& what) {
    if (broken_.empty())
        trace_ += fmt::format("{:.3f} {}\n", std::chrono::duration<double>(now_ - Time{}).count(), what);
}

ModeParts BondLife::parts(Mode mode, Controller& c) const {
    const ModeDescriptor* d = find_mode(mode);
    return {mode, &c, d->data_half(options_), d->punt};
}

BondLife::Port* BondLife::port_of(MemberId id) {
    const auto p = std::ranges::find_if(ports_, [&](const Port& q) { return q.present && q.id == id; });
    return p != ports_.end() ? p : nullptr;
}

bool BondLife::may_use(MemberId id) {
    const Port* p = port_of(id);
    return p != nullptr && !p->leaving && !p->admin_down;
}

void BondLife::join(unsigned name, unsigned perm_mac, bool carrier) {
    Port& p = ports_[name];
    if (p.present) return;
    const auto wears = bond_->mac_to_join(own(perm_mac));
    say(fmt::format("join {} {} {}: {}", name_of(name), own(perm_mac).to_string(), carrier,
                    wears ? wears.value().to_string() : wears.error()));
    MemberInfo info;
    info.name = name_of(name);
    info.perm_mac = own(perm_mac);
    info.data.port = static_cast<std::uint16_t>(100 + name);
    const auto joined = bond_->add_member(info, {carrier, 1000, Duplex::full}, now_);
    if (joined.ok() != wears.ok()) fail("a member joins exactly when there is a MAC for it");
    if (!joined) return;
    p = {true, false, false, joined.value(), info.perm_mac, {carrier, 1000, Duplex::full}};
    drain();
}

void BondLife::dismiss(unsigned name) {
    Port& p = ports_[name];
    if (!p.present || p.leaving) return;
    say("dismiss " + name_of(name));
    p.leaving = true;
    bond_->dismiss_member(p.id, now_);
    drain();
}

void BondLife::remove(unsigned name) {
    Port& p = ports_[name];
    dismiss(name); // as the program does
    if (!p.present) return;
    say("remove " + name_of(name));
    p.present = false;
    bond_->remove_member(p.id, now_);
    drain();
}

void BondLife::link(unsigned name, bool carrier, std::uint32_t speed, Duplex duplex) {
    Port& p = ports_[name];
    if (!p.present) return;
    say(fmt::format("link {} {} {} {}", name_of(name), carrier, speed, static_cast<unsigned>(duplex)));
    p.link = {carrier, speed, duplex};
    bond_->handle_link(p.id, p.link, now_);
    drain();
}

void BondLife::admin(unsigned name, bool up) {
    Port& p = ports_[name];
    if (!p.present) return;
    say(fmt::format("admin {} {}", name_of(name), up));
    p.admin_down = !up;
    bond_->set_link_admin(p.id, up, now_);
    drain();
}

void BondLife::change_mode(Mode mode) {
    if (mode == mode_) return;
    BondOptions options = options_;
    OptionSet given = given_;
    OptionsAside aside = aside_;
    take_over_options(mode, options, given, aside);
    if (!check_options(mode, options, given).empty()) return;
    say(fmt::format("mode {}", mode_name(mode)));
    options_ = options;
    given_ = given;
    aside_ = aside;
    auto next = find_mode(mode)->control_half();
    bond_->set_mode(parts(mode, *next), options_, now_);
    mode_ = mode;
    controller_ = std::move(next);
    drain();
}

void BondLife::set_option(std::string_view option, std::string_view value) {
    const OptionDef& def = *find_option(option);
    const bool members = std::ranges::any_of(ports_, &Port::present);
    if (!may_change_running(mode_, def, members).ok()) return;
    BondOptions options = options_;
    OptionSet given = given_;
    if (!set_bond_option(options, option, value).ok()) return fail("no such value");
    given |= option_bit(option_index(def));
    end_other_monitor(def, options, given);
    if (!check_options(mode_, options, given).empty()) return;
    say(fmt::format("{} {}", option, value));
    change_options(options, given);
}

void BondLife::change_options(const BondOptions& options, OptionSet given) {
    options_ = options;
    given_ = given;
    bond_->set_options(options_, find_mode(mode_)->data_half(options_), now_);
    drain();
}

void BondLife::set_member_option(unsigned name, std::string_view option, std::string_view value) {
    Port& p = ports_[name];
    if (!p.present) return;
    BondStatus status;
    bond_->fill(status);
    MemberOptions options;
    for (const MemberStatus& m : status.members)
        if (m.id == p.id) options = m.options;
    if (!dpdkbond::set_member_option(options, option, value).ok()) return fail("no such value");
    say(fmt::format("{} {} {}", name_of(name), option, value));
    bond_->set_member_options(p.id, options, now_);
    drain();
}

void BondLife::set_active(unsigned name) {
    const bool any = name >= kNames;
    say("active " + (any ? "any" : name_of(name)));
    const auto done = bond_->set_active(any ? "" : name_of(name), now_);
    drain();
    if (done.ok() && !any && bond_->active() != ports_[name].id) fail("the operator's choice is active");
}

void BondLife::set_up(bool up) {
    if (up == up_) return;
    say(fmt::format("logical {}", up));
    up_ = up;
    RxFilter filter;
    filter.up = up;
    bond_->set_filter(filter, now_);
    cache_.fill({}); // nothing was said meanwhile: neighbours ask again
    drain();
}

void BondLife::set_mac(unsigned number) {
    const Mac mac{{2, 0xaa, 0, 0, 0, static_cast<std::uint8_t>(number)}};
    say("mac " + mac.to_string());
    bond_->set_mac(mac, now_);
    cache_.fill({});
    drain();
}

void BondLife::set_addresses(unsigned how) {
    say(fmt::format("addresses {}", how));
    LocalAddresses all;
    all.push_back({.prefix = {false, kOurs, {}, 24}});
    tagged_ = (how & 1U) != 0;
    if (tagged_) {
        LocalAddress a{.prefix = {false, kOursTagged, {}, 24}};
        a.tags.push_back(kTag);
        all.push_back(a);
    }
    if ((how & 2U) != 0) {
        LocalAddress a{.prefix = {true, {}, *Ipv6::parse("fe80::1"), 64}};
        a.router = (how & 4U) != 0;
        all.push_back(a);
    }
    bond_->set_addresses(all);
}

void BondLife::neighbor_speaks(unsigned n) {
    Snapshot& s = *published_;
    if (!up_ || s.tx_count == 0) return;
    say(fmt::format("neighbor {} asks", n));
    std::uint8_t frame[64];
    // It asks by broadcast, which every member may hear.
    const auto asks = build_arp(frame, kBroadcast, neighbor_mac(n),
                                {ArpOp::request, neighbor_mac(n), neighbor_ip(n), {}, kOurs});
    if (mode_ == Mode::balance_alb)
        for (const Port& p : ports_)
            if (p.present && p.link.carrier) bond_->handle_frame(p.id, {frame, asks}, now_);
    const Mac ours = bond_->mac();
    const auto answer =
        build_arp(frame, neighbor_mac(n), ours, {ArpOp::reply, ours, kOurs, neighbor_mac(n), neighbor_ip(n)});
    if (mode_ == Mode::balance_alb)
        bond_->handle_frame(kNoMember, {frame, answer}, now_);
    else if (mode_ == Mode::balance_spray) // the data half names the active member's
        cache_[n] = Mac::from_bytes(&s.mac[s.active.value]);
    else
        cache_[n] = ours;
    drain();
}

void BondLife::kernel_asks(unsigned n) {
    if (mode_ != Mode::balance_alb || !up_) return;
    say(fmt::format("kernel asks {}", n));
    std::uint8_t frame[64];
    const Mac ours = bond_->mac();
    const auto length = build_arp(frame, kBroadcast, ours, {ArpOp::request, ours, kOurs, {}, neighbor_ip(n)});
    bond_->handle_frame(kNoMember, {frame, length}, now_);
    drain();
}

void BondLife::receive(unsigned name, Bytes frame) {
    if (!ports_[name].present) return;
    bond_->handle_frame(ports_[name].id, frame, now_);
    drain();
}

void BondLife::learn_all(const Mac& mac) { cache_.fill(mac); }

void BondLife::transmitted(const Bond::Transmit& t) {
    const Bytes frame{t.frame.data(), t.length};
    const auto eth = parse_eth(frame);
    if (!eth) return fail("a frame of ours is none");
    const Port* by = port_of(t.member);
    if (by == nullptr)
        return fail(fmt::format("a frame of ours (type {:04x}) for member {}, which is not there", eth->type,
                                +t.member.value));
    if (!up_) fail("a bond that is down says nothing");
    if (eth->type == ethertype::slow) {
        if (partner_answers_ && by->link.carrier)
            partner_.handle_frame({partner_bond_, t.member}, frame, now_);
        return;
    }
    if (by->leaving && mode_ == Mode::ieee8023ad) return;
    // What names a MAC of ours names one that a device wears, or is about to.
    const MacPlan plan = bond_->mac_plan();
    const auto names = [&](const Mac& mac, const char* what) {
        if (!is_worn(mac, plan))
            fail(fmt::format("{} by member {} names {}, which no device wears", what, +t.member.value,
                             mac.to_string()));
    };
    const bool guests = eth->source.bytes[1] == 0xc; // of the neighbours' MACs, in frames that are passed on
    if (!guests) names(eth->source, eth->type == ethertype::loopback ? "a learning frame" : "a frame");
    if (const auto arp = parse_arp_frame(frame)) {
        names(arp->sender_mac, "ARP");
        if (!by->link.carrier && !guests)
            cache_.fill({}); // without a monitor it is lost: neighbours ask again
        if (by->link.carrier && arp->sender_ip == kOurs) {
            if (eth->destination.is_multicast()) learn_all(arp->sender_mac);
            for (unsigned n = 0; n < kNeighbors; ++n)
                if (eth->destination == neighbor_mac(n)) cache_[n] = arp->sender_mac;
        }
        if (target_answers_ && by->link.carrier && arp->op == ArpOp::request && arp->target_ip == kTarget) {
            std::uint8_t answer[64];
            const auto length =
                build_arp(answer, arp->sender_mac, kTargetMac,
                          {ArpOp::reply, kTargetMac, kTarget, arp->sender_mac, arp->sender_ip});
            bond_->handle_frame(t.member, {answer, length}, now_);
        }
    } else if (const auto nd = parse_nd_frame(frame); nd && nd->link_address) {
        names(*nd->link_address, "neighbour discovery");
    }
}

void BondLife::partner_links() {
    for (unsigned n = 0; n < kNames; ++n) {
        const MemberId id{static_cast<std::uint8_t>(n)};
        const Port* p = port_of(id);
        partner_.handle_link({partner_bond_, id}, p != nullptr && p->link.carrier,
                             p != nullptr ? p->link.speed_mbps : 0,
                             p != nullptr && p->link.duplex != Duplex::half, now_);
    }
}

void BondLife::publish() {
    const bool changed = bond_->take_changed();
    auto fresh = std::make_unique<Snapshot>();
    bond_->fill(*fresh);
    BondStatus status;
    bond_->fill(status);
    const Snapshot &a = *published_, &b = *fresh;
    if (!changed && told_) {
        // What workers and readers should see has not changed.
        const auto same = [&](bool yes, const char* what) {
            if (!yes) fail(fmt::format("{} changed, and nobody was told", what));
        };
        same(a.tx_burst == b.tx_burst && a.senders == b.senders && a.tx == b.tx, "who sends");
        same(a.active == b.active, "the active member");
        same(a.buckets == b.buckets && a.bucket == b.bucket, "the buckets");
        same(a.by_queue == b.by_queue, "the members of queues");
        same(a.rx_accept == b.rx_accept && a.rx_groups == b.rx_groups && a.rx_count == b.rx_count &&
                 a.rx == b.rx,
             "who receives");
        same(a.punt == b.punt, "what is control's");
        same(a.filter.down == b.filter.down && a.filter.own == b.filter.own, "the filter");
        same(a.mac == b.mac && a.bond_mac == b.bond_mac, "MACs for workers");
        same(a.hold == b.hold && a.held == b.held, "what is held");
        same(told_->link_up == status.link_up && told_->active_member == status.active_member &&
                 told_->primary == status.primary && told_->mac == status.mac && told_->mode == status.mode &&
                 told_->speed_mbps == status.speed_mbps && told_->failovers == status.failovers,
             "the bond's status");
        same(std::ranges::equal(told_->members, status.members,
                                [](const MemberStatus& x, const MemberStatus& y) {
                                    return x.id == y.id && x.carrier == y.carrier && x.mii == y.mii &&
                                           x.active == y.active && x.usable == y.usable && x.mac == y.mac &&
                                           x.speed_mbps == y.speed_mbps && x.duplex == y.duplex &&
                                           x.admin_down == y.admin_down && x.objecting == y.objecting &&
                                           x.watching == y.watching && x.options == y.options &&
                                           x.link_failures == y.link_failures &&
                                           x.flap_suppressed == y.flap_suppressed;
                                }),
             "a member's status");
    }
    published_ = std::move(fresh);
    told_ = status;
}

void BondLife::drain() {
    for (int turns = 0;; ++turns) {
        if (turns == 100) return fail("what a bond has to say does not end");
        bool any = false;
        publish();
        int frames = 0;
        for (Bond::Transmit t; bond_->poll_transmit(t); ++frames) {
            transmitted(t);
            any = true;
            if (frames > 20'000) return fail("frames without end");
        }
        for (Event e; bond_->poll_event(e);) {
            if (e.kind == EventKind::bond_up || e.kind == EventKind::bond_down)
                carrier_event_ = e.kind == EventKind::bond_up;
            say(fmt::format("  {} {} {}", event_name(e.kind), e.member.view(), e.detail.view()));
        }
        partner_links();
        while (const auto f = partner_.poll_transmit()) {
            const Port* p = port_of(f->port.member);
            if (!partner_answers_ || p == nullptr || p->leaving || !p->link.carrier) continue;
            if (mode_ != Mode::ieee8023ad) continue; // workers punt LACPDUs in 802.3ad alone
            bond_->handle_frame(f->port.member, f->bytes, now_);
            any = true;
        }
        while (partner_.poll_event()) {
        }
        while (partner_.poll_marker()) {
        }
        if (bond_->wanted().macs != applied_.version && macs_at_ == kNever) macs_at_ = now_ + host_delay_;
        if (macs_at_ <= now_) {
            macs_at_ = kNever;
            applied_ = bond_->mac_plan();
            bond_->macs_applied(applied_.version, now_);
            any = true;
        }
        if (bond_->awaits_workers() && workers_at_ == kNever) workers_at_ = now_ + worker_delay_;
        if (workers_at_ <= now_) {
            workers_at_ = kNever;
            publish();
            bond_->handle_published(now_);
            any = true;
        }
        if (!any) break;
    }
    check();
}

Time BondLife::next() const {
    return std::min({bond_->next_deadline(), macs_at_, workers_at_, partner_.next_deadline()});
}

void BondLife::wake() {
    if (bond_->wants_load(now_)) {
        LoadTotals totals{};
        for (std::size_t b = 0; b < totals.size(); ++b) totals[b] = traffic_ * (b % 7) * 1000;
        bond_->handle_load(totals, now_);
    }
    if (bond_->wants_traffic(now_))
        for (const Port& p : ports_)
            if (p.present) {
                if (p.link.carrier) ++traffic_;
                bond_->handle_traffic(
                    p.id, {p.link.carrier && target_answers_ ? traffic_ : 0, p.link.carrier ? traffic_ : 0},
                    now_);
            }
    bond_->handle_timeout(now_);
    partner_.handle_timeout(now_);
    drain();
}

void BondLife::pass(Duration d) {
    const Time end = now_ + d;
    int at_once = 0;
    while (next() <= end && broken_.empty()) {
        if (next() > now_)
            at_once = 0;
        else if (++at_once > 100)
            return fail("time does not pass: a deadline that handle_timeout() leaves as it is");
        now_ = std::max(now_, next());
        wake();
    }
    now_ = end;
}

bool BondLife::is_worn(const Mac& mac, const MacPlan& plan) const {
    const auto wears = [&](const MemberMac& m) { return (m.mac.is_zero() ? plan.bond : m.mac) == mac; };
    return std::ranges::any_of(plan.members, wears);
}

} // namespace dpdkbond::life
