// SPDX-License-Identifier: BSD-3-Clause
// Mode 4, 802.3ad: LACP agrees with the partner on the members that form one link; flows are spread over them
// as in balance-xor. The one place that joins the LACP engine to a bond: the bond does not know LACP, the
// engine does not know bonds.
#include "drivers/lacp.hpp"

#include <bit>

#include <fmt/format.h>

#include "base/seq_box.hpp"
#include "datapath/holding.hpp"
#include "datapath/rx_engine.hpp"
#include "drivers/by_hash.hpp"
#include "drivers/registry.hpp"
#include "lacp/engine.hpp"
#include "proto/nd.hpp"

namespace dpdkbond {

namespace {

// broadcast_neighbor (Linux: for partners that keep a neighbour table for each link, as an ECMP fabric
// does): ARP and neighbour discovery leave by every active member, all else by hash.
template <HashPolicy Policy> struct NeighborsByAll {
    // Copies all other frames to `others`, in order, and returns how many they are.
    static std::uint16_t send_neighbors(Lane& lane, const Snapshot& s, rte_mbuf* const* frames,
                                        std::uint16_t n, rte_mbuf** others) noexcept {
        rte_mbuf* neighbors[kMaxBurst];
        std::uint16_t count = 0, rest = 0;
        for (std::uint16_t i = 0; i < n; ++i) {
            rte_mbuf* const m = frames[i];
            if (is_neighbor_frame({rte_pktmbuf_mtod(m, const std::uint8_t*), m->data_len}))
                neighbors[count++] = m;
            else
                others[rest++] = m;
        }
        if (count != 0) send_to_all(lane, s, neighbors, count);
        return rest;
    }

    static void send(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
        rte_mbuf* others[kMaxBurst];
        n = send_neighbors(lane, s, frames, n, others);
        if (n != 0) send_by_choice<ByHash<Policy>>(lane, s, others, n);
    }
    static void send_holding(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
        rte_mbuf* others[kMaxBurst];
        n = send_neighbors(lane, s, frames, n, others);
        if (n != 0) tx_burst_holding<ByHash<Policy>>(lane, s, others, n);
    }
};

TxBurstFn data_half(const BondOptions& options) {
    return with_policy(options.xmit_hash_policy, [&]<HashPolicy Policy>() -> TxBurstFn {
        return options.broadcast_neighbor ? tx_burst<NeighborsByAll<Policy>> : tx_burst<ByHash<Policy>>;
    });
}

TxBurstFn holding_half(const BondOptions& options) {
    return with_policy(options.xmit_hash_policy, [&]<HashPolicy Policy>() -> TxBurstFn {
        return options.broadcast_neighbor ? NeighborsByAll<Policy>::send_holding
                                          : tx_burst_holding<ByHash<Policy>>;
    });
}

lacp::LacpOptions engine_options(const BondOptions& o) {
    lacp::LacpOptions e;
    e.rate = static_cast<lacp::Rate>(o.lacp_rate);
    e.active = o.lacp_active;
    e.select = static_cast<lacp::Select>(o.ad_select);
    e.actor_system = o.ad_actor_system;
    e.actor_system_priority = SystemPriority{o.ad_actor_sys_prio};
    e.user_port_key = o.ad_user_port_key;
    e.coupled_control = o.coupled_control;
    e.strict = o.lacp_strict;
    return e;
}

bool enters(const lacp::Event& event, lacp::RxState state) {
    return event.to == static_cast<std::uint32_t>(state);
}

// The engine's events that an operator should see; the others are steps on the way to one of these, or say
// what a carrier has said.
std::optional<EventKind> event_of(const lacp::Event& event) {
    const auto attached = static_cast<std::uint32_t>(lacp::MuxState::ATTACHED);
    const auto churned = static_cast<std::uint32_t>(lacp::ChurnState::CHURN);
    switch (event.kind) {
    case lacp::EventKind::rx_state:
        if (enters(event, lacp::RxState::CURRENT) || enters(event, lacp::RxState::DEFAULTED) ||
            event.from == static_cast<std::uint32_t>(lacp::RxState::CURRENT))
            return EventKind::lacp_receive;
        return std::nullopt;
    case lacp::EventKind::mux_state:
        if (event.from < attached && event.to <= attached) return std::nullopt;
        return EventKind::lacp_mux;
    case lacp::EventKind::actor_churn:
    case lacp::EventKind::partner_churn:
        if (event.from != churned && event.to != churned) return std::nullopt;
        return EventKind::lacp_churn;
    case lacp::EventKind::partner: return EventKind::lacp_partner;
    case lacp::EventKind::selected:
        if (event.to == lacp::kNoAggregator.value) return std::nullopt;
        return EventKind::lacp_selected;
    case lacp::EventKind::active_aggregator: return EventKind::lacp_aggregator;
    case lacp::EventKind::black_hole: return EventKind::lacp_no_partner;
    case lacp::EventKind::bad_pdu:
    case lacp::EventKind::loopback: return EventKind::lacp_bad_frame;
    case lacp::EventKind::left: return EventKind::lacp_left;
    case lacp::EventKind::unsettled: return EventKind::warning;
    case lacp::EventKind::periodic_state:
    case lacp::EventKind::forwarding:
    case lacp::EventKind::marker: break;
    }
    return std::nullopt;
}

// The machines' own words, and what they mean where they do not say so.
std::string text_of(const lacp::Event& event) {
    const std::string text = event.text.str();
    switch (event.kind) {
    case lacp::EventKind::rx_state:
        if (enters(event, lacp::RxState::DEFAULTED)) return text + ": no partner is heard";
        if (enters(event, lacp::RxState::EXPIRED)) return text + ": the partner has fallen silent";
        return text;
    case lacp::EventKind::actor_churn:
    case lacp::EventKind::partner_churn: {
        const char* whose = event.kind == lacp::EventKind::actor_churn ? "actor" : "partner";
        return fmt::format("{}: {}", whose,
                           event.to == static_cast<std::uint32_t>(lacp::ChurnState::CHURN)
                               ? "not in sync for a minute"
                               : text);
    }
    default: return text;
    }
}

// The marker run that is waited for, and whether the partner answers markers at all.
class MarkerAsks {
public:
    // After so many runs in a row that the partner left unanswered it is not waited for, and asked once more
    // each kAskAgain.
    static constexpr unsigned kPatience = 3;
    static constexpr Duration kAskAgain = std::chrono::minutes(1);

    [[nodiscard]] bool given_up(const Mac& partner) const {
        return unanswered_ >= kPatience && partner == partner_;
    }
    [[nodiscard]] bool open() const { return run_.has_value(); }
    void begin(std::optional<lacp::MarkerRunId> run, const Mac& partner, Time deadline) {
        run_ = run;
        deadline_ = deadline;
        if (partner != partner_) {
            unanswered_ = 0;
            warned_ = false;
        }
        partner_ = partner;
    }
    void handle_time(Time now) {
        if (unanswered_ >= kPatience && now >= deadline_ + kAskAgain) unanswered_ = kPatience - 1;
    }
    void end(const lacp::MarkerResult& result) {
        if (!run_ || *run_ != result.run) return;
        run_.reset();
        if (!result.answered.empty()) {
            unanswered_ = 0;
            warned_ = false;
        }
        if (result.answered.empty() && !result.ignored().empty() && ++unanswered_ == kPatience)
            told_ = std::exchange(warned_, true);
    }
    bool poll_event(ControllerEvent& out) {
        if (std::exchange(told_, true)) return false;
        out = {};
        out.at = deadline_;
        out.kind = EventKind::warning;
        out.detail = "the LACP partner answers no markers: flows move without waiting for it";
        return true;
    }

private:
    std::optional<lacp::MarkerRunId> run_;
    Mac partner_{};
    Time deadline_{};
    unsigned unanswered_ = 0;
    bool warned_ = false; // of this partner, since it last answered
    bool told_ = true;
};

class LacpController final : public Controller {
public:
    LacpController() : engine_(1), bond_(*engine_.add_bond({}, {})) {}

    Decision decide(const ControllerInput& in) override {
        MemberSet all, up;
        for (const Candidate& c : in.members) {
            all.add(c.id);
            if (c.up) up.add(c.id);
        }
        Decision d;
        const lacp::Forwarding& f = status_.forwarding;
        d.usable = f.collecting & f.distributing & up;
        // Coupled control lets data out as soon as the partner is in sync, which may be a PDU before the
        // partner takes any in. As long as it does on other links, those carry the lot.
        const MemberSet heard = d.usable & taken_in_;
        d.may_send = !heard.empty() ? heard : d.usable;
        d.may_receive = in.options.all_slaves_active ? all : f.collecting & all;
        for (const Candidate& c : in.members) {
            if (!d.may_send.has(c.id)) continue;
            if (d.active == kNoMember || c.id == in.current_active) d.active = c.id;
        }
        // Linux gives carrier as soon as the active aggregator has a port that is up, or min_links of them,
        // before the partner has agreed to anything; lacp_strict waits for that.
        const unsigned links = (in.options.lacp_strict ? d.usable : aggregated() & up).size();
        d.carrier = links != 0 && links >= in.options.min_links;
        return d;
    }

    // A partner that is there has agreed by then, and one that is not is given up: 3 s, 2 s to wait for
    // others, one to spare.
    [[nodiscard]] Duration start_up(const BondOptions& options) const override {
        return options.lacp_strict ? Duration{} : std::chrono::seconds(6);
    }
    // A partner that keeps a neighbour table for each link has none yet for a new one.
    [[nodiscard]] bool announces_members() const override { return tells_neighbors_; }

    void save(Saved& out) const override { engine_.save(bond_, out.add("lacp")); }
    void restore(const Saved& saved, Time) override {
        if (const Saved* lacp = saved.find("lacp")) engine_.restore(bond_, *lacp);
    }
    void resume(Time now) override {
        engine_.resume(bond_, now);
        refresh();
    }

    void speak_before_leaving(Time now) override {
        engine_.speak_before_leaving(bond_, now);
        refresh();
    }

    void set_options(const BondOptions& options, Time now) override {
        hold_ = dpdkbond::holding_half(options);
        engine_.set_options(bond_, engine_options(options), now);
        tells_neighbors_ = options.broadcast_neighbor;
        refresh();
    }
    void set_mac(const Mac& mac, Time now) override {
        mac_ = mac;
        engine_.set_system_mac(bond_, mac, now);
        refresh();
    }
    void member_joined(const JoiningMember& m, Time now) override {
        // A port speaks from its own address, not from that of the bond, which all of them share.
        const Mac source = m.perm_mac.is_valid_unicast() ? m.perm_mac : mac_;
        engine_.add_port({bond_, m.id}, source, PortPriority{m.options.actor_port_prio}, now);
        refresh();
    }
    void member_left(MemberId id, Time now) override {
        engine_.remove_port({bond_, id}, now);
        refresh();
    }
    void farewell(const Mac&, Time now) override {
        for (const lacp::PortStatus& p : status_.ports) engine_.remove_port({bond_, p.member}, now);
        refresh();
    }
    void set_member_options(MemberId id, const MemberOptions& options, Time now) override {
        engine_.set_port_priority({bond_, id}, PortPriority{options.actor_port_prio}, now);
        refresh();
    }
    void handle_link(MemberId id, bool up, std::uint32_t speed, Duplex duplex, Time now) override {
        asks_.handle_time(now);
        engine_.handle_link({bond_, id}, up, speed, duplex != Duplex::half, now);
        refresh();
    }
    void handle_frame(MemberId id, Bytes frame, Time now) override {
        asks_.handle_time(now);
        engine_.handle_frame({bond_, id}, frame, now);
        refresh();
    }
    void handle_timeout(Time now) override {
        asks_.handle_time(now);
        engine_.handle_timeout(now);
        refresh();
    }

    [[nodiscard]] Time next_deadline() const override { return engine_.next_deadline(); }

    [[nodiscard]] FlowMeans flow_means() const override {
        FlowMeans means{{}, hold_};
        for (const lacp::PortStatus& p : status_.ports)
            if (p.port_enabled && p.rx == lacp::RxState::CURRENT && !asks_.given_up(p.partner.system))
                means.can_ask.add(p.member);
        return means;
    }
    void ask_arrival(MemberSet members, Time deadline, Time now) override {
        Mac partner{}; // of all of them: they were one aggregator
        for (const lacp::PortStatus& p : status_.ports)
            if (members.has(p.member)) partner = p.partner.system;
        asks_.begin(engine_.start_marker(bond_, members, deadline, now), partner, deadline);
        refresh();
    }
    [[nodiscard]] bool all_arrived() const override { return !asks_.open(); }

    bool poll_transmit(OwnFrame& out) override {
        const auto frame = engine_.poll_transmit();
        if (!frame) return false;
        static_assert(kSlowFrameSize <= sizeof out.frame);
        out.member = frame->port.member;
        out.length = kSlowFrameSize;
        std::copy(frame->bytes.begin(), frame->bytes.end(), out.frame.begin());
        return true;
    }

    bool poll_event(ControllerEvent& out) override {
        while (const auto event = engine_.poll_event()) {
            const auto kind = event_of(*event);
            if (!kind) continue;
            out.at = event->time;
            out.kind = *kind;
            out.member = event->port.member;
            out.detail = text_of(*event);
            return true;
        }
        return asks_.poll_event(out);
    }

    bool take_changed() override {
        const State now{status_.forwarding, taken_in_, aggregated()};
        return std::exchange(decided_, now) != now;
    }

    [[nodiscard]] FixedString<127> why_unused(MemberId id) const override {
        for (const lacp::PortStatus& p : status_.ports)
            if (p.member == id) return lacp::describe_unused(status_, p);
        return {};
    }

    void load_status(lacp::BondStatus& out) const { box_.load(out); }

private:
    struct State {
        lacp::Forwarding forwarding{};
        MemberSet taken_in, aggregated;
        bool operator==(const State&) const = default;
    };

    // After every input: refreshes what decide() and the readers of the status use.
    void refresh() {
        while (const auto result = engine_.poll_marker()) asks_.end(*result);
        engine_.status(bond_, status_);
        taken_in_ = {};
        for (const lacp::PortStatus& p : status_.ports)
            if (p.partner.state.has(StateBit::collecting)) taken_in_.add(p.member);
        box_.store(status_);
    }

    // Ports of the active aggregator that are up.
    [[nodiscard]] MemberSet aggregated() const {
        MemberSet ports;
        for (const lacp::PortStatus& p : status_.ports)
            if (p.port_enabled && p.aggregator != lacp::kNoAggregator &&
                p.aggregator == status_.active_aggregator)
                ports.add(p.member);
        return ports;
    }

    lacp::Engine engine_;
    const lacp::BondId bond_;
    Mac mac_{};
    lacp::BondStatus status_{};
    MemberSet taken_in_; // the partner says that it collects there
    State decided_{};
    bool tells_neighbors_ = false;
    TxBurstFn hold_ = nullptr;
    MarkerAsks asks_;
    SeqBox<lacp::BondStatus> box_;
};

} // namespace

bool lacp_status(const Controller& controller, lacp::BondStatus& out) {
    const auto* lacp = dynamic_cast<const LacpController*>(&controller);
    if (lacp == nullptr) return false;
    lacp->load_status(out);
    return true;
}

const ModeDescriptor ieee8023ad_mode{
    .number = Mode::ieee8023ad,
    .data_half = data_half,
    .control_half = []() -> std::unique_ptr<Controller> { return std::make_unique<LacpController>(); },
    .hashes = true,
    .punt = punt_lacp,
    .counting = counting_by_hash,
};

} // namespace dpdkbond
