// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/own_macs.hpp"

namespace dpdkbond {

namespace {

void put_destination(rte_mbuf* m, std::uint64_t mac) noexcept {
    std::memcpy(rte_pktmbuf_mtod(m, std::uint8_t*), &mac, 6);
}

enum class Whose : std::uint8_t { nobodys, a_members, a_lost_members };
Whose whose(const Snapshot& s, std::uint64_t mac) noexcept {
    for (unsigned k = 0; k < s.rx_count; ++k)
        if (s.mac[s.rx[k].id] == mac)
            return s.senders.has(MemberId{s.rx[k].id}) ? Whose::a_members : Whose::a_lost_members;
    return Whose::nobodys;
}

// take_by_mac() from frame `from` on: those before it stay.
[[gnu::noinline]] std::uint16_t take_rest(Lane& lane, const Snapshot& s, std::uint8_t member,
                                          rte_mbuf** frames, std::uint16_t from, std::uint16_t n) noexcept {
    const bool active = member == s.active.value, groups = s.rx_groups.has(MemberId{member});
    std::uint16_t kept = from;
    for (std::uint16_t i = from; i < n; ++i) {
        rte_mbuf* const m = frames[i];
        const std::uint64_t to = mac_key(rte_pktmbuf_mtod(m, const std::uint8_t*));
        bool up = groups;
        if (to == s.mac[member]) {
            if (to != s.bond_mac) put_destination(m, s.bond_mac);
            up = true;
        } else if ((to & 1U) == 0 && active) {
            const Whose w = whose(s, to);
            if (w == Whose::a_lost_members) put_destination(m, s.bond_mac);
            up = w != Whose::a_members;
        }
        if (up)
            frames[kept++] = m;
        else
            drop(lane.counters.member[member].drops[static_cast<unsigned>(DropReason::inactive_member)],
                 &frames[i], 1);
    }
    return kept;
}

} // namespace

std::uint16_t take_by_mac(Lane& lane, const Snapshot& s, std::uint8_t member, rte_mbuf** frames,
                          std::uint16_t n) noexcept {
    const std::uint16_t i = take_own(s, member, frames, n, [](const std::uint8_t*) { return 0U; });
    return i == n ? n : take_rest(lane, s, member, frames, i, n);
}

} // namespace dpdkbond
