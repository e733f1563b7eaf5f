// SPDX-License-Identifier: BSD-3-Clause
#include <map>
#include <vector>

#include "balance/rlb.hpp"
#include "fuzz_reader.hpp"
#include "fuzz_targets.hpp"
#include "proto/nd.hpp"

namespace dpdkbond::fuzz {

namespace {

Mac mac(std::uint8_t kind, std::uint8_t n) { return Mac{{2, kind, 0, 0, 0, n}}; }
Ipv4 ip(std::uint8_t n) { return Ipv4{{192, 0, 2, n}}; }

void check(const Rlb& rlb, const std::vector<RlbMember>& members) {
    std::map<Ipv6, MemberId> of;
    std::uint32_t counted = 0;
    std::map<Ipv6, bool> known;
    rlb.clients().each([&](const Client& c) {
        const auto [at, fresh] = of.emplace(c.key.client, c.member);
        require(fresh || at->second == c.member, "a neighbour has one member by all our addresses");
        if (!c.mac.is_zero()) known[c.key.client] = true;
    });
    for (const RlbMember& m : members) counted += rlb.clients_of(m.id);
    if (!members.empty()) require(counted == known.size(), "each neighbour with a MAC counts once");
    require(rlb.clients().size() <= Clients::kMost, "the table is bounded");
}

} // namespace

void rlb_events(Bytes input) {
    Reader in(input);
    Rlb rlb;
    Time now = time_from_ns(1'000'000'000);
    std::vector<RlbMember> members;
    std::vector<Mac> own;
    for (std::uint8_t m = 0; m < 4; ++m) own.push_back(mac(0xbd, m));
    rlb.set_own_macs(own);
    rlb.set_ipv6(true);
    for (int steps = 0; !in.empty() && steps < 300; ++steps) {
        std::uint8_t frame[160];
        const std::uint8_t op = in.byte();
        const std::uint8_t who = in.byte();
        const auto ours = static_cast<std::uint8_t>(100 + (op >> 6U));
        switch (op & 15U) {
        case 0:
        case 1: { // which members can receive, how fast, and the active one
            members.clear();
            for (std::uint8_t m = 0; m < 4; ++m)
                if ((who >> m & 1U) != 0) members.push_back({MemberId{m}, own[m], in.byte() * 100U});
            const MemberId active = members.empty()
                                        ? kNoMember
                                        : members[static_cast<std::size_t>(who >> 4U) % members.size()].id;
            rlb.set_members(members, active, now);
            break;
        }
        case 2: { // our kernel answers a neighbour
            const ArpPacket reply{ArpOp::reply, own[0], ip(ours), mac(0xc, who), ip(who)};
            rlb.handle_own({frame, build_arp(frame, mac(0xc, who), own[0], reply)}, now);
            break;
        }
        case 3: { // and asks for one
            const ArpPacket request{ArpOp::request, own[0], ip(ours), Mac{}, ip(who)};
            const Mac all{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
            rlb.handle_own({frame, build_arp(frame, all, own[0], request)}, now);
            break;
        }
        case 4: { // a neighbour speaks, possibly of an address of ours
            const ArpPacket reply{ArpOp::reply, mac(0xc, in.byte()), ip(who), own[0], ip(ours)};
            rlb.handle_received({frame, build_arp(frame, own[0], reply.sender_mac, reply)}, now);
            break;
        }
        case 5: {
            Ipv6 from{{0x20, 1, 0xd, 0xb8}}, to = from;
            from.bytes[15] = ours;
            to.bytes[15] = who;
            rlb.handle_own({frame, build_ns(frame, own[0], from, to)}, now);
            rlb.handle_received({frame, build_na(frame, own[0], mac(0xc, who), from, to, false)}, now);
            break;
        }
        case 6: rlb.handle_own(in.bytes(who % RlbFrame::kMost), now); break;
        case 7: rlb.handle_received(in.bytes(who), now); break;
        default:
            now += std::chrono::milliseconds(who * 20);
            rlb.handle_timeout(now);
            require(rlb.next_deadline() > now, "time that has passed is no deadline any more");
        }
        for (RlbFrame f; rlb.poll_transmit(f);) require(f.length <= RlbFrame::kMost, "a frame fits");
        check(rlb, members);
    }
}

} // namespace dpdkbond::fuzz
