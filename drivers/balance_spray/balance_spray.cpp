// SPDX-License-Identifier: BSD-3-Clause
// Mode 7, balance-spray (ours): to each of its peers there is a path by every member, to a next hop of the
// peer's own behind it, and the frames of one flow leave by all of them. Each member keeps its MAC, so that a
// switch sees each MAC on one port and needs to know nothing of it. Frames for no peer leave by an
// active member, as in active-backup.
#include "drivers/balance_spray/spray_queries.hpp"

#include <rte_cycles.h>

#include "bond/select_active.hpp"
#include "bond/snapshot.hpp"
#include "datapath/rx_engine.hpp"
#include "drivers/balance_spray/by_path.hpp"
#include "drivers/own_macs.hpp"
#include "drivers/registry.hpp"
#include "proto/nd.hpp"

namespace dpdkbond {

namespace {

class SprayController final : public Controller {
public:
    Decision decide(const ControllerInput& in) override {
        Decision d;
        d.active = select_active(
            {in.members, in.current_active, in.primary, in.options.primary_reselect, in.primary_is_new});
        for (const Candidate& c : in.members) {
            d.may_receive.add(c.id); // each hears what is sent to its MAC; take_by_mac() sorts it
            if (c.up) d.usable.add(c.id);
        }
        d.may_send = d.usable;
        return d;
    }
    void arrange(const Arrangement& a) override {
        members_ = &a.members;
        active_ = a.active;
        bond_mac_ = a.bond;
        for (const Candidate& m : a.members) paths_.set_member_mac(m.id, mac_of(m));
        redrawn_ = true;
    }
    [[nodiscard]] bool announces() const override { return true; }
    [[nodiscard]] bool has_active() const override { return true; }
    [[nodiscard]] MacPolicy mac_policy(const BondOptions&) const override { return MacPolicy::own; }

    void save(Saved& out) const override { paths_.save(out.add("paths")); }
    void restore(const Saved& saved, Time) override {
        if (const Saved* paths = saved.find("paths")) paths_.restore(*paths);
    }

    void set_options(const BondOptions& options, Time now) override {
        options_ = options;
        paths_.set_options(options.spray, now);
        redrawn_ = true;
    }
    void set_addresses(const LocalAddresses& addresses) override { paths_.set_addresses(addresses); }
    void member_joined(const JoiningMember& m, Time) override {
        paths_.member_joined(m.id, m.name, m.perm_mac);
    }
    void member_left(MemberId id, Time now) override { paths_.member_left(id, now); }
    void handle_link(MemberId id, bool up, std::uint32_t speed_mbps, Duplex, Time now) override {
        paths_.set_link(id, up, speed_mbps, now);
    }
    void handle_frame(MemberId id, Bytes frame, Time now) override { paths_.handle_frame(id, frame, now); }
    void handle_timeout(Time now) override { paths_.handle_timeout(now); }

    [[nodiscard]] Time next_deadline() const override { return paths_.next_deadline(); }
    bool poll_transmit(OwnFrame& out) override { return paths_.poll_transmit(out); }
    [[nodiscard]] std::uint64_t frames_lost() const override { return paths_.frames_lost(); }
    bool poll_event(ControllerEvent& out) override { return paths_.poll_event(out); }
    bool take_redrawn() override { return std::exchange(redrawn_, false) | paths_.take_redrawn(); }
    void fill(Snapshot& out) const override {
        out.bond_mac = mac_key(bond_mac_);
        if (members_ != nullptr)
            for (const Candidate& m : *members_) out.mac[m.id.value] = mac_key(mac_of(m));
        out.rx_groups = options_.all_slaves_active ? MemberSet::all() : MemberSet{active_};
        paths_.fill(out.spray, out.senders);
        out.spray.flowlet_gap = options_.spray.flowlet_gap_us * rte_get_tsc_hz() / 1'000'000;
    }
    [[nodiscard]] const SprayPaths& paths() const { return paths_; }

private:
    [[nodiscard]] Mac mac_of(const Candidate& m) const { // a ring has none of its own
        return m.mac.is_zero() ? bond_mac_ : m.mac;
    }

    SprayPaths paths_;
    BondOptions options_;
    const MembersView* members_ = nullptr; // the bond's
    MemberId active_ = kNoMember;
    Mac bond_mac_{};
    bool redrawn_ = false;
};

// ---- ARP as it lies behind an untagged header
constexpr std::size_t kOp = 20, kSenderMac = 22, kSenderIp = 28, kTargetMac = 32, kTargetIp = 38,
                      kArpFrame = 42;

std::uint32_t raw32(const std::uint8_t* p) noexcept { return load_raw32(p); }

// Gives control the ARP that is about members' own next-hop addresses, and what a probe without an address of
// its sender asks or answers. All other ARP is the kernel's, like any frame.
[[gnu::cold]] bool is_controls(const Snapshot& s, Bytes frame) noexcept {
    if (frame.size() < kArpFrame) return false;
    const std::uint32_t sender = raw32(frame.data() + kSenderIp), target = raw32(frame.data() + kTargetIp);
    const bool unicast = (frame[0] & 1U) == 0;
    return s.spray.is_own(target) || s.spray.is_own(sender) || (unicast && (sender == 0 || target == 0));
}

std::uint16_t receive_spray(Lane& lane, const Snapshot& s, std::uint8_t member, rte_mbuf** frames,
                            std::uint16_t n) noexcept {
    std::uint16_t kept = 0;
    for (std::uint16_t i = 0; i < n; ++i) {
        rte_mbuf* const m = frames[i];
        const auto* f = rte_pktmbuf_mtod(m, const std::uint8_t*);
        if (load_be16(f + 12) == ethertype::arp) [[unlikely]]
            if (is_controls(s, {f, m->data_len})) {
                if (!offer_to_control(lane, MemberId{member}, m))
                    drop(lane.counters.drops[static_cast<unsigned>(DropReason::control_full)], &frames[i], 1);
                continue;
            }
        frames[kept++] = m;
    }
    return take_by_mac(lane, s, member, frames, kept);
}

void answer_for_peer(Lane& lane, rte_mbuf* m) noexcept {
    auto* f = rte_pktmbuf_mtod(m, std::uint8_t*);
    const std::uint32_t asked = raw32(f + kTargetIp);
    const std::uint64_t mac = peer_mac(asked);
    std::memcpy(f + kTargetMac, f + kSenderMac, 10); // MAC and address
    std::memcpy(f + kSenderMac, &mac, 6);
    std::memcpy(f + kSenderIp, &asked, 4);
    store_be16(f + kOp, static_cast<std::uint16_t>(ArpOp::reply));
    std::memcpy(f, f + 6, 6);
    std::memcpy(f + 6, &mac, 6);
    lane.counters.answered.add(1);
    hand_up(lane, &m, 1);
}

TxBurstFn data_half(const BondOptions& options) {
    switch (options.spray.granularity) {
    case SprayGranularity::flow: return spray<PathByFlow>;
    case SprayGranularity::flowlet: return spray<PathByFlowlet>;
    case SprayGranularity::packet: break;
    }
    return spray<PathGivenLeast>;
}

} // namespace

std::uint64_t peer_mac(std::uint32_t address) noexcept { return 0x7302U | std::uint64_t{address} << 16U; }

Unsprayed tend_neighbor(Lane& lane, const Snapshot& s, rte_mbuf* m) noexcept {
    auto* f = rte_pktmbuf_mtod(m, std::uint8_t*);
    const MutableBytes frame{f, m->data_len};
    const auto eth = parse_eth(frame);
    const std::uint64_t active = s.mac[s.active.value];
    if (!eth) return Unsprayed::active;
    if (eth->type == ethertype::arp) {
        const auto arp = parse_arp(Bytes(frame).subspan(eth->payload_offset));
        if (!arp) return Unsprayed::active;
        if (eth->tag_count == 0 && arp->op == ArpOp::request && !arp->is_gratuitous() && m->nb_segs == 1 &&
            s.spray.find(ipv4_key(arp->target_ip)) != nullptr) {
            answer_for_peer(lane, m);
            return Unsprayed::gone;
        }
        if (mac_key(arp->sender_mac) == s.bond_mac) std::memcpy(f + eth->payload_offset + 8, &active, 6);
    } else if (eth->type == ethertype::ipv6 && active != s.bond_mac) {
        const auto nd = parse_nd(Bytes(frame).subspan(eth->payload_offset));
        if (nd && nd->link_address && mac_key(*nd->link_address) == s.bond_mac)
            (void)set_nd_link_address(frame, Mac::from_bytes(&active));
    }
    return Unsprayed::active;
}

const SprayPaths* spray_paths_of(const Controller& controller) {
    const auto* spray = dynamic_cast<const SprayController*>(&controller);
    return spray != nullptr ? &spray->paths() : nullptr;
}

const ModeDescriptor balance_spray_mode{
    .number = Mode::balance_spray,
    .data_half = data_half,
    .control_half = []() -> std::unique_ptr<Controller> { return std::make_unique<SprayController>(); },
    .hashes = false,
    .punt = receive_spray,
    .unplaced = [](const BondOptions&) -> Unplaced {
        return {false, "not for one of the peers: the active member sends it"};
    },
    .queries = spray_queries,
};

} // namespace dpdkbond
