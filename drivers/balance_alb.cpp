// SPDX-License-Identifier: BSD-3-Clause
// Mode 6, balance-alb: balance-tlb, and neighbours are told different MACs of ours, so that the bond receives
// by all members too. ARP of the logical interface's is handed to control, which rewrites it and sends it
// (lib/balance/rlb); what neighbours say is copied to control.
#include "balance/rlb.hpp"
#include "bond/announcer.hpp"
#include "bond/rx_filter.hpp"
#include "bond/snapshot.hpp"
#include "datapath/punt_neighbors.hpp"
#include "datapath/rx_engine.hpp"
#include "drivers/balance.hpp"
#include "drivers/by_hash.hpp"
#include "drivers/by_load.hpp"
#include "drivers/own_macs.hpp"
#include "drivers/registry.hpp"
#include "proto/nd.hpp"

namespace dpdkbond {

namespace {

class AlbController final : public BalanceController {
public:
    void save(Saved& out) const override {
        BalanceController::save(out);
        rlb_.save(out.add("neighbors"));
    }
    void restore(const Saved& saved, Time now) override {
        BalanceController::restore(saved, now);
        if (const Saved* neighbors = saved.find("neighbors")) rlb_.restore(*neighbors);
    }

    void set_options(const BondOptions& options, Time now) override {
        BalanceController::set_options(options, now);
        rlb_.set_ipv6(options.rlb_ipv6);
    }
    void set_addresses(const LocalAddresses& addresses) override {
        BalanceController::set_addresses(addresses);
        rlb_.set_addresses(addresses);
    }
    void arrange(const Arrangement& a) override {
        BalanceController::arrange(a);
        FixedVec<RlbMember, kMaxMembers> receivers;
        FixedVec<Mac, kMaxMembers + 1> own;
        own.push_back(bond_mac_);
        for (const Candidate& m : a.members) {
            const Mac mac = m.mac.is_zero() ? bond_mac_ : m.mac; // a ring has none of its own
            own.push_back(mac);
            if (m.up) receivers.push_back({m.id, mac, m.speed_mbps});
        }
        teach_lost(a);
        rlb_.set_own_macs({own.begin(), own.size()});
        rlb_.set_members({receivers.begin(), receivers.size()}, active_, a.now);
        rlb_.handle_timeout(a.now); // neighbours of a lost member are told before anything else
    }
    void farewell(const Mac& reached_at, Time) override { rlb_.farewell(reached_at); }
    void handle_frame(MemberId id, Bytes frame, Time now) override {
        if (id == kNoMember)
            rlb_.handle_own(frame, now);
        else
            rlb_.handle_received(frame, now);
    }
    void handle_timeout(Time now) override {
        BalanceController::handle_timeout(now);
        rlb_.handle_timeout(now);
    }
    [[nodiscard]] Time next_deadline() const override {
        return std::min(BalanceController::next_deadline(), rlb_.next_deadline());
    }
    bool poll_transmit(OwnFrame& out) override {
        if (BalanceController::poll_transmit(out))
            return true; // first the switch learns the MACs, then the neighbours
        if (!taught_.empty()) {
            out = taught_[0];
            taught_.erase_at(0);
            return true;
        }
        RlbFrame f;
        if (!rlb_.poll_transmit(f)) return false;
        out.member = f.member;
        out.length = f.length;
        static_assert(sizeof out.frame >= sizeof f.bytes);
        std::copy_n(f.bytes.begin(), f.length, out.frame.begin());
        return true;
    }
    [[nodiscard]] std::uint64_t frames_lost() const override { return rlb_.frames_lost(); }
    void fill(Snapshot& out) const override {
        BalanceController::fill(out);
        // What a switch sends out of several ports at once is heard on the active member alone.
        out.rx_groups = options_.all_slaves_active ? MemberSet::all() : MemberSet{active_};
    }
    [[nodiscard]] const Rlb& rlb() const { return rlb_; }

private:
    // Each hears what is sent to its own MAC; receive_alb() sorts it.
    [[nodiscard]] MemberSet receivers(const Decision&, MemberSet all) const override { return all; }

    // Linux: until neighbours have heard where they are to send, the switch brings what they send to a lost
    // member to the active one, which takes it (take_by_mac()).
    void teach_lost(const Arrangement& a) {
        MemberSet up;
        for (const Candidate& m : a.members) {
            if (m.up) up.add(m.id);
            const bool lost = !m.up && up_.has(m.id);
            if (!lost || a.active == kNoMember || !m.mac.is_valid_unicast()) continue;
            for (const VlanTags& tags : tags_)
                (void)taught_.push_back(dpdkbond::learning_frame(a.active, m.mac, tags));
        }
        up_ = up;
    }

    Rlb rlb_;
    MemberSet up_; // members that were up at the last arrange()
    FixedVec<OwnFrame, 2 * kMaxMembers> taught_;
};

// ---- sending

// Hands ARP (and neighbour discovery) to control and copies the other frames to `others`, in order. Returns
// how many these are. What finds no room there leaves as it is, by the active member.
template <bool Ipv6>
[[gnu::cold]] std::uint16_t give_neighbor_frames(Lane& lane, rte_mbuf* const* frames, std::uint16_t n,
                                                 rte_mbuf** others) noexcept {
    std::uint16_t kept = 0;
    for (std::uint16_t i = 0; i < n; ++i) {
        rte_mbuf* const m = frames[i];
        const Bytes frame{rte_pktmbuf_mtod(m, const std::uint8_t*), m->data_len};
        const auto eth = parse_eth(frame);
        const bool wanted = Ipv6 ? is_neighbor_frame(frame) : eth && eth->type == ethertype::arp;
        if (wanted && m->nb_segs == 1 && frame.size() <= RlbFrame::kMost &&
            offer_to_control(lane, kNoMember, m))
            continue;
        others[kept++] = m;
    }
    return kept;
}

template <class Way, bool Ipv6>
void send_alb(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
    if (s.tx_count == 0) [[unlikely]] {
        drop(lane.counters.drops[static_cast<unsigned>(DropReason::no_member)], frames, n);
        return;
    }
    std::uint32_t places[kMaxBurst];
    rte_mbuf* others[kMaxBurst];
    if (Way::sort(frames, n, places) != ~std::uint64_t{0} >> (64U - n)) [[unlikely]] {
        n = give_neighbor_frames<Ipv6>(lane, frames, n, others);
        if (n == 0) return;
        frames = others;
        (void)Way::sort(frames, n, places);
    }
    if (s.tx_count == 1)
        send(lane, s, s.tx[0], frames, n);
    else
        Way::send(lane, s, frames, n, places);
}

template <class Way> TxBurstFn with_ipv6(const BondOptions& options) {
    return options.rlb_ipv6 ? send_alb<Way, true> : send_alb<Way, false>;
}

TxBurstFn data_half(const BondOptions& options) {
    if (options.tlb_dynamic_lb) return with_ipv6<ByLoad<ByDestination>>(options);
    return with_policy(options.xmit_hash_policy, [&]<HashPolicy Policy>() -> TxBurstFn {
        return with_ipv6<ByMap<ByPolicy<Policy>>>(options);
    });
}

Placing place(const BondOptions& options, Bytes frame) {
    if (options.tlb_dynamic_lb) return {is_spread(frame), destination_hash(frame), "the destination address"};
    return place_by_hash(options, frame);
}

// ---- receiving

std::uint16_t receive_alb(Lane& lane, const Snapshot& s, std::uint8_t member, rte_mbuf** frames,
                          std::uint16_t n) noexcept {
    const std::uint16_t own = take_own_ip(s, member, frames, n);
    if (own == n) return n;
    const std::uint16_t rest =
        punt_neighbors(lane, s, member, frames + own, static_cast<std::uint16_t>(n - own));
    return static_cast<std::uint16_t>(own + take_by_mac(lane, s, member, frames + own, rest));
}

} // namespace

const Rlb* rlb_of(const Controller& controller) {
    const auto* alb = dynamic_cast<const AlbController*>(&controller);
    return alb != nullptr ? &alb->rlb() : nullptr;
}

const ModeDescriptor balance_alb_mode{
    .number = Mode::balance_alb,
    .data_half = data_half,
    .control_half = []() -> std::unique_ptr<Controller> { return std::make_unique<AlbController>(); },
    .hashes = true,
    .punt = receive_alb,
    .place = place,
    .counting = counting_by_map,
    .queries = balance_queries,
};

} // namespace dpdkbond
