// SPDX-License-Identifier: BSD-3-Clause
#include "balance/spray_paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "bond/path_shares.hpp"
#include "bond/rx_filter.hpp"

namespace dpdkbond {

namespace {

constexpr Duration kFirstAgain = std::chrono::milliseconds(100); // then twice that, up to the interval
constexpr Mac kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

bool is_same(const SprayPath& a, const SprayPath& b) {
    return a.peer == b.peer && a.member_name == b.member_name && a.via == b.via && (a.via || a.mac == b.mac);
}

} // namespace

std::string_view spray_state_name(SprayState state) {
    constexpr std::string_view names[] = {"no_link", "asking", "up", "silent"};
    return names[static_cast<unsigned>(state)];
}

SprayPaths::SprayPaths() {
    free_counters_.resize(kMaxSprayPaths);
    std::iota(free_counters_.begin(), free_counters_.end(), std::uint16_t{0});
}

SprayPaths::Member* SprayPaths::find(MemberId id) {
    const auto it = std::ranges::find(members_, id, &Member::id);
    return it != members_.end() ? it : nullptr;
}

void SprayPaths::set_options(const SprayOptions& options, Time now) {
    redrawn_ = true; // the gap too
    if (options == options_) return;
    const bool same_pace = options.probe_interval == options_.probe_interval;
    options_ = options;
    take_addresses();
    std::vector<SprayPath> before = std::exchange(paths_, {});
    std::vector<SprayPath>
        wanted; // in the order of the options; a path that stays keeps all that is known of it
    for (const SprayPeerOptions& peer : options.peers) {
        for (const SprayPathOptions& o : peer.paths) {
            SprayPath path{.member_name = o.member, .peer = peer.address, .via = o.via, .mac = o.mac};
            const auto old =
                std::ranges::find_if(before, [&](const SprayPath& b) { return is_same(b, path); });
            if (old != before.end()) {
                path = std::move(*old);
                before.erase(old);
            }
            path.weight = o.weight;
            wanted.push_back(std::move(path));
        }
    }
    // Those that are gone give their counters back before the new ones take theirs.
    for (const SprayPath& gone : before) free_counters_.push_back(gone.counter);
    for (SprayPath& path : wanted) {
        if (path.serial == 0) {
            if (free_counters_.empty()) continue; // more than a configuration may have
            path.counter = free_counters_.front();
            free_counters_.erase(free_counters_.begin());
            path.serial = ++serial_;
            bind(path, now);
        }
        if (!same_pace && path.state != SprayState::no_link) {
            path.next = now;
            path.awaited = false;
        }
        paths_.push_back(std::move(path));
    }
    probing_ = 0;
    next_due_ = now;
}

void SprayPaths::take_addresses() {
    for (Member& m : members_) {
        const auto own = std::ranges::find(options_.addresses, m.name(),
                                           [](const SprayAddress& a) { return std::string_view(a.member); });
        const Ipv4 address = own != options_.addresses.end() ? own->prefix.v4 : Ipv4{};
        if (address != m.own) m.claimed = false;
        m.own = address;
    }
}

void SprayPaths::member_joined(MemberId id, std::string_view name, const Mac& mac) {
    Member m;
    m.id = id;
    m.name_ = name;
    m.mac = mac;
    members_.push_back(m);
    take_addresses();
    for (SprayPath& path : paths_)
        if (path.member_name == name) path.member = id;
    redrawn_ = true;
}

void SprayPaths::member_left(MemberId id, Time now) {
    set_link(id, false, 0, now);
    for (SprayPath& path : paths_)
        if (path.member == id) path.member = kNoMember;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (members_[i].id != id) continue;
        members_.erase_at(i);
        break;
    }
    redrawn_ = true;
}

void SprayPaths::set_member_mac(MemberId id, const Mac& mac) {
    if (Member* m = find(id)) m->mac = mac;
}

void SprayPaths::bind(SprayPath& path, Time now) {
    for (const Member& m : members_) {
        if (m.name() != path.member_name) continue;
        path.member = m.id;
        if (m.up) start(path, now);
    }
}

void SprayPaths::set_link(MemberId id, bool up, std::uint32_t speed_mbps, Time now) {
    Member* m = find(id);
    if (m == nullptr) return;
    redrawn_ |= m->speed_mbps != speed_mbps;
    m->speed_mbps = speed_mbps;
    if (std::exchange(m->up, up) == up) return;
    for (SprayPath& path : paths_) {
        if (path.member != id) continue;
        if (up)
            start(path, now);
        else
            change(path, SprayState::no_link, now);
    }
    redrawn_ = true;
}

void SprayPaths::start(SprayPath& path, Time now) {
    path.missed = path.asked = 0;
    path.awaited = path.heard = false;
    const Mac known = std::exchange(path.known, Mac{});
    if (path.via && !known.is_zero()) path.mac = known;
    change(path, path.via && known.is_zero() ? SprayState::asking : SprayState::up, now);
    path.next = now;
    next_due_ = std::min(next_due_, now);
}

void SprayPaths::change(SprayPath& path, SprayState state, Time now) {
    const bool was_up = path.state == SprayState::up, is_up = state == SprayState::up;
    path.state = state;
    if (state == SprayState::no_link) {
        path.next = kNever;
        path.owed = false;
    }
    if (was_up == is_up) return;
    path.untold = any_untold_ = true;
    path.untold_of = path.member;
    path.asked = 0;
    told_at_ = now;
    redrawn_ = true;
}

void SprayPaths::handle_timeout(Time now) {
    if (now < next_due_) return;
    next_due_ = kNever;
    std::uint32_t begun = 0;
    for (SprayPath& path : paths_) {
        if (now >= path.next) {
            if (begun == kAtOnce)
                path.next = now + std::chrono::milliseconds(1);
            else if (ask(path, now); path.owed)
                ++begun;
        }
        next_due_ = std::min(next_due_, path.next);
    }
}

// The time of the next probe has come: the last one had until now to be answered.
void SprayPaths::ask(SprayPath& path, Time now) {
    if (path.awaited && path.state == SprayState::up && (path.via || path.heard) &&
        ++path.missed >= options_.probe_missed)
        change(path, SprayState::silent, now);
    path.awaited = path.owed = any_owed_ = true;
    const unsigned doublings = std::min(path.asked++, 16U);
    path.next = now + (path.state == SprayState::up ? interval()
                                                    : std::min(kFirstAgain * (1 << doublings), interval()));
}

void SprayPaths::answered(SprayPath& path, const Mac& mac, Time now) {
    // While the one we know answers, another that claims its address is not believed; except that a host with
    // several cards on one network answers for all of them on each (Linux: arp_ignore 0), and then every path
    // is to have a card of its own.
    if (path.state == SprayState::up && path.via && path.mac != mac && path.missed == 0 &&
        (!is_shared(path, path.mac) || is_shared(path, mac)))
        return;
    redrawn_ |= path.mac != mac;
    path.mac = mac;
    path.heard = true;
    path.awaited = false;
    path.missed = path.asked = 0;
    if (path.state == SprayState::up) return;
    change(path, SprayState::up, now);
    path.next = now + interval();
}

bool SprayPaths::is_shared(const SprayPath& path, const Mac& mac) const {
    return std::ranges::any_of(paths_, [&](const SprayPath& p) {
        return &p != &path && p.peer == path.peer && p.state == SprayState::up && p.mac == mac;
    });
}

bool SprayPaths::is_local(Ipv4 address) const {
    return std::ranges::any_of(local_, [&](const LocalAddress& a) {
        return !a.prefix.is_v6 && a.prefix.v4 == address && a.mac.is_zero() && a.tags.empty();
    });
}

void SprayPaths::handle_frame(MemberId id, Bytes frame, Time now) {
    Member* m = find(id);
    const auto eth = m != nullptr ? parse_eth(frame) : std::nullopt;
    if (!eth || eth->type != ethertype::arp || eth->tag_count != 0) return;
    const auto arp = parse_arp(frame.subspan(eth->payload_offset));
    if (!arp || !arp->sender_mac.is_valid_unicast()) return;
    const bool ours =
        std::ranges::any_of(members_, [&](const Member& o) { return o.mac == arp->sender_mac; });
    if (ours) return;
    if (m->own != Ipv4{} && arp->sender_ip == m->own) { // somebody else has it
        if (!std::exchange(m->claimed, true)) {
            m->claim_untold = any_untold_ = true;
            told_at_ = now;
        }
        return;
    }
    if (m->up)
        for (SprayPath& path : paths_) {
            if (path.member != id) continue;
            if (path.via ? *path.via == arp->sender_ip
                         : path.peer == arp->sender_ip && path.mac == arp->sender_mac)
                answered(path, arp->sender_mac, now);
        }
    if (arp->op != ArpOp::request) return;
    // An address of ours is answered for on its own member's wire alone. The bond's address by whoever is
    // asked under a MAC of its own: that is how a peer that was told MACs sees whether they are there.
    const bool own = m->own != Ipv4{} && arp->target_ip == m->own;
    if (own || (eth->destination == m->mac && is_local(arp->target_ip))) answer(*m, *arp);
}

void SprayPaths::answer(const Member& m, const ArpPacket& request) {
    OwnFrame f;
    f.member = m.id;
    f.length = static_cast<std::uint16_t>(
        build_arp(f.frame, request.sender_mac, m.mac,
                  {ArpOp::reply, m.mac, request.target_ip, request.sender_mac, request.sender_ip}));
    lost_ += answers_.push_back(f) ? 0 : 1; // it will ask again
}

void SprayPaths::probe(const SprayPath& path, OwnFrame& out) const {
    const Member& m = *find(path.member);
    // Who is known is asked alone; the network only when that one does not answer, or is another path's as
    // well, so that the card that it should be can say so. A peer with given MACs is asked for its virtual
    // address, without a word about ours (RFC 5227).
    const bool alone =
        !path.via || (path.state == SprayState::up && path.missed == 0 && !is_shared(path, path.mac));
    const ArpPacket request{ArpOp::request, m.mac, path.via ? m.own : Ipv4{}, Mac{},
                            path.via ? *path.via : path.peer};
    out.member = m.id;
    out.length =
        static_cast<std::uint16_t>(build_arp(out.frame, alone ? path.mac : kBroadcast, m.mac, request));
}

bool SprayPaths::poll_transmit(OwnFrame& out) {
    if (!answers_.empty()) {
        out = answers_[0];
        answers_.erase_at(0);
        return true;
    }
    for (; any_owed_ && probing_ < paths_.size(); ++probing_) {
        SprayPath& path = paths_[probing_];
        if (!std::exchange(path.owed, false) || find(path.member) == nullptr) continue;
        probe(path, out);
        return true;
    }
    probing_ = 0;
    any_owed_ = false;
    return false;
}

bool SprayPaths::poll_event(ControllerEvent& out) {
    if (!any_untold_) return false;
    for (Member& m : members_) {
        if (!std::exchange(m.claim_untold, false)) continue;
        out = {told_at_, EventKind::warning, m.id,
               fmt::format("another host claims its {}", m.own.to_string())};
        return true;
    }
    for (SprayPath& path : paths_) {
        if (!std::exchange(path.untold, false)) continue;
        out.at = told_at_;
        out.member = path.untold_of;
        out.kind = path.state == SprayState::up ? EventKind::path_up : EventKind::path_down;
        const std::string by = path.via
                                   ? fmt::format("{} via {}", path.peer.to_string(), path.via->to_string())
                                   : fmt::format("{} at {}", path.peer.to_string(), path.mac.to_string());
        switch (path.state) {
        case SprayState::up:
            out.detail = path.via ? fmt::format("{} at {}", by, path.mac.to_string()) : by;
            break;
        case SprayState::no_link: out.detail = by + ": no link"; break;
        case SprayState::asking: out.detail = by + ": not resolved yet"; break;
        case SprayState::silent: out.detail = fmt::format("{}: {} probes unanswered", by, path.missed); break;
        }
        return true;
    }
    any_untold_ = false;
    return false;
}

std::span<const SprayPath> SprayPaths::peer_at(std::size_t begin) const {
    std::size_t n = 1;
    while (begin + n < paths_.size() && paths_[begin + n].peer == paths_[begin].peer) ++n;
    return std::span<const SprayPath>(paths_).subspan(begin, std::min(n, kMaxMembers));
}

void SprayPaths::weights(std::span<const SprayPath> peer, std::span<std::uint32_t> out) const {
    const auto speed = [&](const SprayPath& p) {
        const Member* m = find(p.member);
        return m != nullptr ? m->speed_mbps : 0;
    };
    std::uint32_t slowest = 0, divisor = 0;
    for (const SprayPath& p : peer)
        if (const std::uint32_t s = speed(p); s != 0) {
            slowest = slowest == 0 ? s : std::min(slowest, s);
            divisor = std::gcd(divisor, s);
        }
    for (std::size_t i = 0; i < peer.size(); ++i) {
        const std::uint32_t s = speed(peer[i]) != 0 ? speed(peer[i]) : slowest;
        out[i] = peer[i].weight != 0 ? peer[i].weight : slowest == 0 ? 1 : s / divisor;
    }
}

void SprayPaths::fill(SprayTable& out, MemberSet may_send) const {
    out.clear();
    for (const Member& m : members_) out.own[m.id.value] = ipv4_key(m.own);
    std::array<std::uint32_t, kMaxMembers> room{};
    for (std::size_t begin = 0; begin < paths_.size();) {
        const auto paths = peer_at(begin);
        const std::span<std::uint32_t> weight(room.data(), paths.size());
        weights(paths, weight);
        SprayPeer* peer = out.add(ipv4_key(paths[0].peer));
        if (peer == nullptr || out.paths + paths.size() > kMaxSprayPaths) return;
        for (std::size_t i = 0; i < paths.size(); ++i) {
            const SprayPath& p = paths[i];
            const bool usable = p.state == SprayState::up && may_send.has(p.member);
            out.path[out.paths++] = {mac_key(p.mac), p.counter, usable ? p.member.value : std::uint8_t{0}};
            if (usable)
                peer->live |= 1U << i;
            else if (options_.granularity != SprayGranularity::flow)
                weight[i] = 0;
        }
        peer->slots = options_.granularity == SprayGranularity::flow
                          ? make_spray_map(weight, peer->live, peer->slot)
                          : make_spray_round(weight, peer->slot);
        const std::uint64_t most = std::ranges::max(weight);
        for (std::size_t i = 0; i < paths.size(); ++i)
            if (weight[i] != 0)
                out.path[peer->first + i].octet = static_cast<std::uint16_t>(std::min<std::uint64_t>(
                    (most * PathShares::kOctet + weight[i] / 2) / weight[i], PathShares::kMostAnOctet));
        begin += paths.size();
    }
}

} // namespace dpdkbond
