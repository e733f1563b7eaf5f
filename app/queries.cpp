// SPDX-License-Identifier: BSD-3-Clause
// What operators and scripts ask of the running program without changing it (class Program as an Instance).
#include <fmt/format.h>
#include <rte_cycles.h>

#include <algorithm>

#include "app/program.hpp"
#include "config/dump.hpp"
#include "dpdk/clock.hpp"
#include "drivers/balance.hpp"
#include "drivers/lacp.hpp"
#include "drivers/registry.hpp"
#include "flow/hash.hpp"

namespace dpdkbond {

std::vector<std::string> Program::bond_names() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& unit : units_) names.push_back(unit->config.name);
    return names;
}

namespace {

MemberView member_view(const BondUnit& unit, const MemberPort& member, const MemberStatus& status) {
    const MemberPort::ReceiveMode mode = member.receive_mode();
    return {status, unit.counters(member), mode.mtu, mode.promiscuous, mode.all_groups, mode.sorts};
}

} // namespace

std::optional<BondView> Program::bond(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const BondUnit* unit = find(name);
    if (unit == nullptr) return std::nullopt;
    BondView view;
    unit->core->status.load(view.status);
    view.status.link_up = view.status.link_up && unit->carrier_set; // up is what can carry frames now
    view.status.logical_backend = unit->logical->backend();
    view.status.logical_name = unit->logical->name();
    view.options = unit->config.options;
    view.logical = host_->logical(unit->number);
    if (lacp::BondStatus lacp; lacp_status(*unit->core->controller, lacp)) view.lacp = lacp;
    view.counters = unit->counters();
    for (MemberStatus& s : view.status.members) { // a penalty sinks without anybody saying so
        const Time at = now();
        s.flap_penalty = decayed(s.flap_penalty, at - s.flap_penalty_at,
                                 std::chrono::seconds(view.options.damping_half_life));
        s.flap_penalty_at = at;
    }
    for (const MemberStatus& s : view.status.members)
        if (const MemberPort* m = unit->find_member(s.name.view()))
            view.members.push_back(member_view(*unit, *m, s));
    return view;
}

std::vector<WorkerView> Program::workers() {
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    const auto ns = [&](std::uint64_t cycles) {
        return static_cast<std::uint64_t>(static_cast<double>(cycles) * 1e9 / hz);
    };
    const std::uint64_t alive = ns(rte_rdtsc() - workers_began_);
    std::vector<WorkerView> views;
    for (std::size_t i = 0; i < workers_.size(); ++i)
        views.push_back({config_.runtime.worker_lcores[i], ns(workers_[i]->busy_cycles()), alive});
    return views;
}

std::vector<Event> Program::events(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const BondUnit* unit = find(name);
    return unit != nullptr ? unit->history() : std::vector<Event>{};
}

Result<Explanation> Program::explain(std::string_view name, const FlowSpec& flow) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(name);
    if (!unit) return Error{unit.error()};
    BondUnit& u = *unit.value();
    BondStatus status;
    u.core->status.load(status);
    FlowSpec whole = flow;
    if (!whole.smac) whole.smac = status.mac; // what the logical interface sends has its own address
    std::uint8_t frame[kMaxFlowFrame];
    const std::size_t length = build_flow_frame(whole, frame);

    const Bytes bytes{frame, length};
    if (auto sprayed = explain_spray(u, bytes)) return *std::move(sprayed);
    const HashPolicy policy = u.config.options.xmit_hash_policy;
    Explanation out;
    const ModeDescriptor& mode = *find_mode(u.config.mode);
    const OptionDef* def = find_option("xmit_hash_policy");
    Placing placing = mode.place != nullptr
                          ? mode.place(u.config.options, bytes)
                          : Placing{true, flow_hash(policy, frame, static_cast<std::uint32_t>(length)),
                                    bond_option_text(u.config.options, *def)};
    out.hashed = mode.hashes && placing.spread;
    MemberId member = kNoMember;
    unsigned usable = 0;
    control_->call([&] {
        const Snapshot& s = *u.core->publisher.slot().load(std::memory_order_acquire);
        usable = s.tx_count;
        out.buckets = out.hashed ? s.buckets : 0;
        if (out.hashed && s.buckets != 0) {
            out.hash = placing.hash;
            out.bucket = out.hash % s.buckets;
            member = MemberId{s.bucket[out.bucket]};
        } else {
            member = s.active;
        }
    });
    for (const MemberStatus& m : status.members)
        if (m.id == member) out.member = m.name.str();
    if (usable == 0) {
        out.member.clear();
        out.reason = "no member is usable: the frame is dropped and counted as no_member";
    } else if (out.hashed) {
        out.reason = fmt::format("{} hashes to {}, bucket {} of {} belongs to {}", placing.by, out.hash,
                                 out.bucket, out.buckets, out.member);
    } else if (mode.hashes) {
        out.reason = "only unicast IP is spread; all else leaves by the active member";
    } else if (u.config.mode == Mode::broadcast) {
        out.member = "*";
        out.reason = "every usable member sends every frame";
    } else if (u.config.mode == Mode::balance_rr) {
        out.member = "*";
        out.reason = u.config.options.packets_per_slave == 0
                         ? "each frame leaves by a usable member at random"
                         : fmt::format("the usable members take turns of {} frame(s), whatever the flow",
                                       u.config.options.packets_per_slave);
    } else {
        out.reason = u.config.mode == Mode::balance_spray
                         ? "not for one of the peers: the active member sends it"
                         : "the active member sends everything";
    }
    return out;
}

std::optional<std::vector<MemberLoad>> Program::load(std::string_view name) {
    const std::lock_guard lock(mutex_);
    BondUnit* unit = find(name);
    if (unit == nullptr || ending_ ||
        (!find_mode(unit->config.mode)->hashes && unit->config.mode != Mode::balance_spray))
        return std::nullopt;
    std::array<std::uint32_t, kMaxMembers> buckets{};
    std::array<std::optional<std::uint64_t>, kMaxMembers> rates{};
    control_->call([&] {
        if (const LoadTable* table = load_table_of(*unit->core->controller))
            for (std::uint8_t m = 0; m < kMaxMembers; ++m)
                rates[m] = static_cast<std::uint64_t>(table->member_rate(MemberId{m}));
        const Snapshot& s = *unit->core->publisher.slot().load(std::memory_order_acquire);
        if (unit->config.mode == Mode::balance_spray) return count_spray_slots(s.spray, buckets);
        for (std::uint32_t b = 0; b < s.buckets; ++b) ++buckets[s.bucket[b]];
    });
    std::vector<MemberLoad> out;
    for (const auto& m : unit->members)
        out.push_back({m->config.name, buckets[m->id.value], rates[m->id.value]});
    return out;
}

std::optional<std::vector<RlbClientView>> Program::rlb(std::string_view name) {
    const std::lock_guard lock(mutex_);
    BondUnit* unit = find(name);
    if (unit == nullptr || ending_) return std::nullopt;
    std::vector<Client> clients;
    clients.reserve(Clients::kMost); // control does not allocate
    bool balances = false;
    control_->call([&] {
        const Rlb* rlb = rlb_of(*unit->core->controller);
        balances = rlb != nullptr;
        if (balances) rlb->clients().each([&](const Client& c) { clients.push_back(c); });
    });
    if (!balances) return std::nullopt;
    std::vector<RlbClientView> out;
    for (const Client& c : clients) {
        const auto m = std::ranges::find(unit->members, c.member, [](const auto& p) { return p->id; });
        out.push_back({ip_text(c.key.client), ip_text(c.key.ours), c.mac,
                       m != unit->members.end() ? (*m)->config.name : std::string{}, c.updates,
                       c.key.tags.empty() ? std::nullopt : std::optional(c.key.tags.back().id())});
    }
    std::ranges::sort(out, {}, &RlbClientView::client);
    return out;
}

Result<std::string> Program::config_text(std::string_view name) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(name);
    if (!unit) return Error{unit.error()};
    return dump_bond(unit.value()->config);
}

} // namespace dpdkbond
