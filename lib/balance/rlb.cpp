// SPDX-License-Identifier: BSD-3-Clause
#include "balance/rlb.hpp"

#include <algorithm>
#include <utility>

#include "proto/nd.hpp"

namespace dpdkbond {

namespace {

VlanTags tags_of(const EthView& eth) {
    VlanTags tags;
    for (unsigned i = 0; i < eth.tag_count; ++i) {
        VlanTag t = eth.tags[i];
        t.tci = t.id(); // a priority is a frame's own affair
        tags.push_back(t);
    }
    return tags;
}

void set_source(RlbFrame& f, const Mac& mac) {
    std::copy(mac.bytes.begin(), mac.bytes.end(), f.bytes.begin() + 6);
}

} // namespace

const Rlb::Member* Rlb::find(MemberId id) const {
    for (const Member& m : members_)
        if (m.is.id == id) return &m;
    return nullptr;
}

Rlb::Member* Rlb::find(MemberId id) { return const_cast<Member*>(std::as_const(*this).find(id)); }

void Rlb::set_own_macs(std::span<const Mac> macs) {
    own_macs_.clear();
    for (const Mac& m : macs) own_macs_.push_back(m);
}

bool Rlb::is_ours(const Mac& mac) const { return std::ranges::find(own_macs_, mac) != own_macs_.end(); }

const Rlb::Member* Rlb::fewest_clients() const {
    const Member* best = nullptr;
    for (const Member& m : members_)
        if (best == nullptr || (m.clients + 1) / m.speed < (best->clients + 1) / best->speed) best = &m;
    return best;
}

Rlb::Member* Rlb::fewest_clients() { return const_cast<Member*>(std::as_const(*this).fewest_clients()); }

const Rlb::Member* Rlb::member_for_new(const Member* given) const {
    const Member* best = fewest_clients();
    const bool better =
        given == nullptr || (given->clients + 1) / given->speed > (best->clients + 1) / best->speed;
    return better ? best : given;
}

// A neighbour counts once, however many of our addresses it knows, and only once its MAC is known.
void Rlb::count_clients() {
    for (Member& m : members_) m.clients = 0;
    clients_.each([&](Client& c) {
        Member* m = find(c.member);
        if (m != nullptr && stands_for_neighbor(c)) ++m->clients;
    });
}

// Of the entries of one neighbour that has a MAC exactly one, so that it can be counted.
bool Rlb::stands_for_neighbor(const Client& c) const {
    const Client* first = nullptr;
    clients_.each_of(c.key.client, [&](const Client& other) {
        if (first == nullptr && !other.mac.is_zero()) first = &other;
    });
    return first == &c;
}

std::uint32_t Rlb::clients_of(MemberId id) const {
    std::uint32_t n = 0;
    clients_.each([&](const Client& c) { n += c.member == id && stands_for_neighbor(c) ? 1U : 0U; });
    return n;
}

void Rlb::set_members(std::span<const RlbMember> members, MemberId active, Time now) {
    const bool same = active == active_ && std::ranges::equal(members, members_, {}, {}, &Member::is);
    if (same) return;
    active_ = active;
    members_.clear();
    std::uint32_t slowest = 0;
    for (const RlbMember& m : members)
        if (m.speed_mbps != 0 && (slowest == 0 || m.speed_mbps < slowest)) slowest = m.speed_mbps;
    for (const RlbMember& m : members) {
        const std::uint32_t speed = m.speed_mbps != 0 ? m.speed_mbps : std::max(slowest, 1U);
        members_.push_back({m, static_cast<double>(speed), 0});
    }
    if (members_.empty()) return; // they are told when one is back
    count_clients();
    clients_.each([&](Client& c) {
        if (find(c.member) != nullptr) return;
        move(c.key.client, *fewest_clients(), now, kRoundsOnLoss);
    });
    even_out(now);
    // A member that wears another MAC than it did is told of under that, and what could not be told while
    // there was no member is told now.
    clients_.each([&](Client& c) {
        const bool waits = c.due == kNever && c.rounds != 0;
        if (c.told.is_zero() || (c.told == find(c.member)->is.mac && !waits)) return;
        c.taught_at = now;
        update(c, now, 1);
    });
}

// Assigns a neighbour to `to` by all of our addresses that it knows, and has it told.
void Rlb::move(const Ipv6& client, Member& to, Time now, std::uint8_t rounds) {
    Member* from = nullptr;
    bool counted = false;
    clients_.each_of(client, [&](Client& c) {
        if (Member* m = find(c.member)) from = m;
        counted |= !c.mac.is_zero();
        c.member = to.is.id;
        c.taught_at = now;
        update(c, now, rounds);
    });
    if (!counted) return;
    if (from != nullptr) --from->clients;
    ++to.clients;
}

// Moves a neighbour at a time from the member with most for its speed to the one with least, while the larger
// load of the two becomes smaller by it. No more moves than there are entries, whatever the numbers are.
void Rlb::even_out(Time now) {
    for (std::size_t moves = clients_.size(); moves != 0; --moves) {
        Member* to = fewest_clients();
        Member* from =
            &*std::ranges::max_element(members_, {}, [](const Member& m) { return m.clients / m.speed; });
        if (to == from || (to->clients + 1) / to->speed >= from->clients / from->speed) return;
        Client* moving = nullptr; // the one that was not heard of for longest is least likely to be busy
        clients_.each([&](Client& c) {
            if (c.member == from->is.id && !c.mac.is_zero() && (moving == nullptr || c.heard < moving->heard))
                moving = &c;
        });
        if (moving == nullptr) return;
        move(moving->key.client, *to, now, 1);
    }
}

void Rlb::update(Client& c, Time at, std::uint8_t rounds) {
    c.rounds = std::max(c.rounds, rounds);
    c.due = std::min(c.due, at);
    next_due_ = std::min(next_due_, c.due);
}

// The entry for a neighbour and one of our addresses. One that knows us by several addresses is sent to one
// member by all of them.
Client& Rlb::client_at(const ClientKey& key, Time now) {
    Client gone;
    bool fresh = false;
    Client& c = clients_.at(key, now, &gone, &fresh);
    if (!fresh) return c;
    next_due_ = std::min(next_due_, now + kUnanswered);
    if (gone.in_use) {
        count_clients();
        // The evicted neighbour would not be told when its member is lost, so it is told the active member's
        // MAC, which stays valid over a failover.
        Member* active = find(active_);
        if (active != nullptr && gone.told != active->is.mac && !gone.mac.is_zero())
            send_update(gone, active_, active->is.mac);
    }
    const Client* sibling = nullptr;
    clients_.each_of(key.client, [&](const Client& other) {
        if (&other != &c && find(other.member) != nullptr) sibling = &other;
    });
    Member* m = sibling != nullptr ? find(sibling->member) : fewest_clients();
    if (m != nullptr) c.member = m->is.id;
    return c;
}

// By a frame of our kernel's. The neighbour has not taken it if it took another one just before.
void Rlb::was_told(Client& c, const Mac& mac, Time now) {
    if (c.told != mac && is_locked(c, now)) update(c, c.taught_at + kAfterRequest, 1);
    c.told = mac;
}

// The neighbour takes no change within a second of another one: a broadcast's, or one that its own timers
// made.
bool Rlb::is_locked(const Client& c, Time now) {
    return c.taught_at != Time{} && now < c.taught_at + kAfterRequest;
}

// The neighbour's MAC is known from a frame that our kernel addressed to it.
void Rlb::set_mac(Client& c, const Mac& mac) {
    bool known = false;
    clients_.each_of(c.key.client, [&](const Client& other) { known |= !other.mac.is_zero(); });
    if (!known) choose_for_new_neighbor(c.key.client);
    c.mac = mac;
    if (!known) count_clients();
}

RlbFrame& Rlb::send(MemberId by, Bytes frame) {
    if (queued_ == kRoom) { // more than control drains: the oldest gives way
        first_ = (first_ + 1) % kRoom;
        --queued_;
        ++lost_;
    }
    RlbFrame& f = (*queue_)[(first_ + queued_++) % kRoom];
    f.member = by;
    f.length = static_cast<std::uint16_t>(std::min(frame.size(), RlbFrame::kMost));
    std::copy_n(frame.begin(), f.length, f.bytes.begin());
    return f;
}

void Rlb::handle_own(Bytes frame, Time now) {
    const auto eth = members_.empty() ? std::nullopt : parse_eth(frame);
    if (eth && eth->type == ethertype::arp) {
        const auto arp = parse_arp(frame.subspan(eth->payload_offset));
        if (arp && is_ours(arp->sender_mac) && arp->sender_ip != Ipv4{}) {
            own_arp(frame, *eth, *arp, now);
            return;
        }
    }
    if (eth && ipv6_ && own_nd(frame, *eth, now)) return;
    send(active_, frame); // a guest's, a probe, or none that we read: as it is
}

std::optional<RlbWay> Rlb::way_of(Bytes frame) const {
    const auto eth = members_.empty() ? std::nullopt : parse_eth(frame);
    if (!eth || !(ipv6_ ? is_neighbor_frame(frame) : eth->type == ethertype::arp)) return std::nullopt;
    RlbWay way{.member = active_};
    ClientKey key{.tags = tags_of(*eth)};
    if (eth->type == ethertype::arp) {
        const auto arp = parse_arp(frame.subspan(eth->payload_offset));
        if (!arp || !is_ours(arp->sender_mac) || arp->sender_ip == Ipv4{}) return way;
        way.why = RlbWay::Why::to_everybody;
        if (arp->is_gratuitous() || eth->destination.is_multicast()) return way;
        key.client = mapped(arp->target_ip);
    } else {
        const auto nd = parse_nd(frame.subspan(eth->payload_offset));
        if (!nd || !nd->link_address || !is_ours(*nd->link_address)) return way;
        way.why = RlbWay::Why::to_everybody;
        const bool solicitation = nd->type == NdType::solicitation;
        if (!solicitation && eth->destination.is_multicast()) return way;
        key.client = solicitation ? nd->target : nd->destination;
    }
    // One that knows us by several addresses is sent to one member by all of them.
    const Client* known = nullptr;
    clients_.each_of(key.client, [&](const Client& c) {
        if (find(c.member) != nullptr && (known == nullptr || known->mac.is_zero())) known = &c;
    });
    way.neighbor = key.client;
    way.why = known != nullptr && !known->mac.is_zero() ? RlbWay::Why::given : RlbWay::Why::to_be_given;
    way.member = way.why == RlbWay::Why::given
                     ? known->member
                     : member_for_new(known != nullptr ? find(known->member) : nullptr)->is.id;
    return way;
}

void Rlb::own_arp(Bytes frame, const EthView& eth, const ArpPacket& arp, Time now) {
    const ClientKey key{mapped(arp.target_ip), mapped(arp.sender_ip), tags_of(eth)};
    if (arp.is_gratuitous() || eth.destination.is_multicast()) {
        if (!arp.is_gratuitous()) client_at(key, now);
        everyone_was_taught(key.ours, key.tags, arp.sender_mac, now);
        send(active_, frame);
        return;
    }
    // To one neighbour alone, an answer or a question whether it is still there: it hears of its member.
    Client& c = client_at(key, now);
    set_mac(c, eth.destination);
    const Member& m = *find(c.member);
    RlbFrame& f = send(m.is.id, frame);
    set_source(f, m.is.mac);
    std::copy(m.is.mac.bytes.begin(), m.is.mac.bytes.end(),
              f.bytes.begin() + static_cast<std::ptrdiff_t>(eth.payload_offset) + 8);
    was_told(c, m.is.mac, now);
}

// False: no neighbour discovery with an address of ours in it.
bool Rlb::own_nd(Bytes frame, const EthView& eth, Time now) {
    const auto nd = eth.type == ethertype::ipv6 ? parse_nd(frame.subspan(eth.payload_offset)) : std::nullopt;
    if (!nd || !nd->link_address || !is_ours(*nd->link_address)) return false;
    const bool solicitation = nd->type == NdType::solicitation;
    const Ipv6& ours = solicitation ? nd->source : nd->target;
    if (!solicitation && eth.destination.is_multicast()) {
        everyone_was_taught(ours, tags_of(eth), *nd->link_address, now);
        send(active_, frame);
        return true;
    }
    // Only the node that is asked for learns from a solicitation, to its group as well as to itself.
    Client& c = client_at({solicitation ? nd->target : nd->destination, ours, tags_of(eth)}, now);
    if (!eth.destination.is_multicast()) set_mac(c, eth.destination);
    const Member& m = *find(c.member);
    RlbFrame& f = send(m.is.id, frame);
    set_source(f, m.is.mac);
    set_nd_link_address({f.bytes.data(), f.length}, m.is.mac);
    was_told(c, m.is.mac, now);
    return true;
}

// A broadcast of ours named `mac`: whoever knew another one of ours knows this now.
void Rlb::everyone_was_taught(const Ipv6& ours, const VlanTags& tags, const Mac& mac, Time now) {
    clients_.each([&](Client& c) {
        if (c.key.ours != ours || !std::ranges::equal(c.key.tags, tags)) return;
        c.taught_at = now;
        c.told = mac;
        const Member* m = find(c.member);
        if (m != nullptr && m->is.mac != mac && !c.mac.is_zero()) update(c, now + kAfterRequest, 1);
    });
}

void Rlb::handle_received(Bytes frame, Time now) {
    const auto eth = parse_eth(frame);
    if (!eth) return;
    if (eth->type == ethertype::arp) {
        const auto arp = parse_arp(frame.subspan(eth->payload_offset));
        if (!arp || arp->sender_ip == Ipv4{} || is_ours(arp->sender_mac) ||
            !arp->sender_mac.is_valid_unicast())
            return;
        heard({{mapped(arp->sender_ip), mapped(arp->target_ip), tags_of(*eth)}, arp->sender_mac}, now);
    } else if (ipv6_ && eth->type == ethertype::ipv6) {
        const auto nd = parse_nd(frame.subspan(eth->payload_offset));
        if (!nd || !nd->link_address || is_ours(*nd->link_address)) return;
        const bool solicitation = nd->type == NdType::solicitation;
        heard({{solicitation ? nd->source : nd->target, solicitation ? nd->target : nd->destination,
                tags_of(*eth)},
               *nd->link_address},
              now);
    }
}

void Rlb::heard(const Heard& h, Time now) {
    purge(h.key.client);
    bool asked = false, known = false;
    clients_.each_of(h.key.client, [&](const Client& c) {
        asked |= std::ranges::equal(c.key.tags, h.key.tags);
        known |= !c.mac.is_zero();
    });
    if (!asked) return;
    if (!known) choose_for_new_neighbor(h.key.client);
    // Whichever of our addresses it spoke to, it is at this MAC now.
    clients_.each_of(h.key.client, [&](Client& c) {
        if (!std::ranges::equal(c.key.tags, h.key.tags)) return;
        c.heard = now;
        const bool moved = !c.mac.is_zero() && c.mac != h.mac;
        c.mac = h.mac;
        const Member* m = find(c.member);
        if (m == nullptr) return;
        if (moved || c.told != m->is.mac) update(c, std::max(now, c.taught_at + kAfterRequest), 1);
    });
    if (!known) count_clients();
}

// A neighbour answers for the first time: others may have answered since it was asked, so the member with
// fewest is chosen only now, unless the one that it was assigned to is as good.
void Rlb::choose_for_new_neighbor(const Ipv6& client) {
    if (members_.empty()) return;
    clients_.each_of(client, [&](Client& c) { c.member = member_for_new(find(c.member))->is.id; });
}

// Another host has an address that was ours: neighbours must not be told that it is here.
void Rlb::purge(const Ipv6& ours) {
    if (!clients_.may_know(ours)) return;
    clients_.each([&](Client& c) {
        if (c.key.ours == ours) clients_.erase(c);
    });
    count_clients();
}

void Rlb::handle_timeout(Time now) {
    if (now < next_due_) return;
    next_due_ = kNever;
    std::uint32_t begun = 0;
    clients_.each([&](Client& c) {
        if (c.mac.is_zero()) {
            if (now >= c.heard + kUnanswered) {
                clients_.erase(c);
                return;
            }
            next_due_ = std::min(next_due_, c.heard + kUnanswered);
        }
        if (c.due == kNever) return;
        if (now < c.due) {
            next_due_ = std::min(next_due_, c.due);
            return;
        }
        const Member* m = find(c.member);
        if (c.mac.is_zero() || m == nullptr) { // its MAC is not known; or it is told when a member is back
            c.due = kNever;
            c.rounds = c.mac.is_zero() ? 0 : std::max<std::uint8_t>(c.rounds, 1);
            return;
        }
        if (begun++ >= kAtOnce) {
            c.due = now + kBreath;
        } else {
            for (unsigned i = 0; i < kBurst; ++i) send_update(c, m->is.id, m->is.mac);
            c.updates += kBurst;
            c.told = m->is.mac;
            if (c.rounds != 0) --c.rounds;
            c.due = c.rounds != 0       ? now + kBetweenRounds
                    : is_locked(c, now) ? c.taught_at + kAfterRequest
                                        : kNever;
        }
        next_due_ = std::min(next_due_, c.due);
    });
}

bool Rlb::is_router(const ClientKey& key) const {
    return std::ranges::any_of(addresses_, [&](const LocalAddress& a) {
        return a.router && a.prefix.is_v6 && a.prefix.v6 == key.ours && std::ranges::equal(a.tags, key.tags);
    });
}

void Rlb::send_update(const Client& c, MemberId by, const Mac& mac) {
    RlbFrame& out = send(by, {});
    out.length = static_cast<std::uint16_t>(
        is_mapped_v4(c.key.client)
            ? build_arp(out.bytes, c.mac, mac,
                        {ArpOp::reply, mac, unmapped(c.key.ours), c.mac, unmapped(c.key.client)}, c.key.tags)
            : build_na(out.bytes, c.mac, mac, c.key.client, c.key.ours, is_router(c.key), c.key.tags));
}

void Rlb::farewell(const Mac& reached_at) {
    clients_.each([&](const Client& c) {
        if (!c.mac.is_zero() && !c.told.is_zero() && c.told != reached_at)
            send_update(c, active_, reached_at);
    });
}

bool Rlb::poll_transmit(RlbFrame& out) {
    if (queued_ == 0) return false;
    out = (*queue_)[first_];
    first_ = (first_ + 1) % kRoom;
    --queued_;
    return true;
}

} // namespace dpdkbond
