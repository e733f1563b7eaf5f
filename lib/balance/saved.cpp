// SPDX-License-Identifier: BSD-3-Clause
// What a warm restart carries over of the balancing modes: owners of buckets, neighbours and their members,
// next hops.
#include <algorithm>

#include "balance/load_table.hpp"
#include "balance/rlb.hpp"
#include "balance/spray_paths.hpp"

namespace dpdkbond {

namespace {

constexpr bool is_member(std::uint8_t id) { return id < kMaxMembers; }

} // namespace

// Runs of buckets with one owner: "0 128", "1 128".
void LoadTable::save(Saved& out) const {
    for (const BalancedMember& m : given_) {
        Saved& s = out.add("member", std::to_string(m.id.value));
        s.put("speed", m.speed_mbps);
    }
    for (std::size_t begin = 0; begin <= kLoadBuckets;) {
        std::size_t end = begin;
        while (end <= kLoadBuckets && buckets_[end].owner == buckets_[begin].owner) ++end;
        Saved& s = out.add("run");
        s.put("owner", unsigned{buckets_[begin].owner.value});
        s.put("buckets", end - begin);
        begin = end;
    }
}

void LoadTable::restore(const Saved& saved) {
    std::size_t at = 0;
    for (const Saved& s : saved.sections()) {
        if (s.kind() == "member") {
            const auto id = Saved::number_of<std::uint8_t>(s.label());
            if (id && is_member(*id) && !given_.full())
                given_.push_back({MemberId{*id}, s.number<std::uint32_t>("speed", 0)});
            continue;
        }
        const auto owner = s.number<std::uint8_t>("owner", kNoMember.value);
        const auto count = s.number<std::size_t>("buckets", 0);
        for (std::size_t n = 0; n < count && at <= kLoadBuckets; ++n)
            buckets_[at++].owner = is_member(owner) ? MemberId{owner} : kNoMember;
    }
}

void Rlb::save(Saved& out) const {
    clients_.each([&](const Client& c) {
        Saved& s = out.add("neighbor", c.key.client.to_string());
        s.put("of", std::string_view(c.key.ours.to_string()));
        for (const VlanTag& t : c.key.tags) {
            Saved& tag = s.add("tag");
            tag.put("tpid", t.tpid);
            tag.put("tci", t.tci);
        }
        s.put("mac", c.mac);
        s.put("member", unsigned{c.member.value});
        s.put("told", c.told);
        s.put("heard", c.heard);
        s.put("taught_at", c.taught_at);
        s.put("due", c.due);
        s.put("rounds", unsigned{c.rounds});
        s.put("updates", c.updates);
    });
}

void Rlb::restore(const Saved& saved) {
    for (const Saved& s : saved.sections()) {
        const auto client = Ipv6::parse(s.label());
        const auto ours = Ipv6::parse(s.text("of").value_or(""));
        const auto member = s.number<std::uint8_t>("member");
        if (!client || !ours || !member || !is_member(*member) || clients_.size() == Clients::kMost) continue;
        ClientKey key{*client, *ours, {}};
        for (const Saved& t : s.sections())
            (void)key.tags.push_back({t.number<std::uint16_t>("tpid", 0), t.number<std::uint16_t>("tci", 0)});
        Client gone;
        bool fresh = false;
        Client& c = clients_.at(key, s.time("heard", Time{}), &gone, &fresh);
        c.mac = s.mac("mac");
        c.member = MemberId{*member};
        c.told = s.mac("told");
        c.taught_at = s.time("taught_at", Time{});
        c.due = s.time("due", kNever);
        c.rounds = s.number<std::uint8_t>("rounds", 0);
        c.updates = s.number<std::uint32_t>("updates", 0);
    }
    next_due_ = clients_.size() != 0 ? Time{} : kNever; // the next look finds out
}

void SprayPaths::save(Saved& out) const {
    for (const SprayPath& p : paths_) {
        if (p.state != SprayState::up || !p.via) continue;
        Saved& s = out.add("path", p.member_name);
        s.put("peer", std::string_view(p.peer.to_string()));
        s.put("via", std::string_view(p.via->to_string()));
        s.put("mac", p.mac);
    }
}

void SprayPaths::restore(const Saved& saved) {
    for (const Saved& s : saved.sections())
        for (SprayPath& p : paths_)
            if (p.via && p.member_name == s.label() && s.text("peer") == p.peer.to_string() &&
                s.text("via") == p.via->to_string())
                p.known = s.mac("mac");
}

} // namespace dpdkbond
