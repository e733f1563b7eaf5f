// SPDX-License-Identifier: BSD-3-Clause
#include "engine/queries.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "datapath/sampling.hpp"
#include "flow/flow_text.hpp"
#include "flow/hash.hpp"

namespace dpdkbond {

namespace {

// Of a mode that says nothing by itself of where the frame goes.
Placing place(const ModeDescriptor& mode, const BondOptions& options, Bytes frame) {
    if (mode.place != nullptr) return mode.place(options, frame);
    const std::uint32_t hash =
        flow_hash(options.xmit_hash_policy, frame.data(), static_cast<std::uint32_t>(frame.size()));
    return {true, seeded_hash(hash, options.hash_seed),
            bond_option_text(options, *find_option("xmit_hash_policy"))};
}

// A frame that a member has sent in balance-tlb or balance-alb has that member's address; it was the bond's
// when the frame was hashed.
void put_own_source(MutableBytes frame, const BondStatus& status) {
    const MutableBytes source = frame.subspan(6, 6);
    for (const MemberStatus& m : status.members)
        if (std::ranges::equal(source, m.mac.bytes)) {
            std::ranges::copy(status.mac.bytes, source.begin());
            return;
        }
}

// Why it is none of the others, and what the flow leaves open.
void remark(Explanation& out, const FlowSpec& flow, const BondStatus& status) {
    if (out.hashed && flow.frame.empty() && !flow.is_v6 && flow.src4 == Ipv4{} && flow.dst4 == Ipv4{})
        out.paths.emplace_back("the flow names no address: 0.0.0.0 to 0.0.0.0 is meant");
    for (const MemberStatus& m : status.members)
        if (!m.usable)
            out.paths.push_back(fmt::format("not by {}{}{}", m.name.view(), m.objection.empty() ? "" : ": ",
                                            m.objection.view()));
}

} // namespace

std::optional<std::vector<RlbClientView>> BondQueries::rlb() {
    return with_bond([&](const RunningBond& b) { return core_.queries->rlb(b); });
}

std::optional<SprayView> BondQueries::spray() {
    return with_bond([&](const RunningBond& b) { return core_.queries->spray(b); });
}

Explanation BondQueries::explain(const FlowSpec& flow) {
    return with_bond([&](const RunningBond& b) { return explain(b, flow); });
}

Explanation BondQueries::explain(const RunningBond& bond, const FlowSpec& flow) {
    FlowSpec whole = flow;
    if (!whole.smac) whole.smac = bond.status.mac; // what the logical interface sends has its own address
    if (!whole.frame.empty()) put_own_source(whole.frame, bond.status);
    std::uint8_t bytes[kMaxFlowFrame];
    const Bytes frame{bytes, build_flow_frame(whole, bytes)};
    if (auto own = core_.queries->explain(bond, frame)) return *std::move(own);

    const ModeDescriptor& mode = *core_.mode;
    const Placing placing = place(mode, options_, frame);
    Explanation out;
    out.hashed = mode.hashes && placing.spread;
    MemberId member = kNoMember;
    unsigned usable = 0;
    bond.look([&](const Controller&, const Snapshot& s) {
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
    remark(out, flow, bond.status);
    if (usable == 0) {
        out.reason = "no member is usable: the frame is dropped and counted as no_member";
        return out;
    }
    out.member = bond.member_name(member);
    if (out.hashed) {
        out.reason = fmt::format("{0} hashes to {1} ({1:#010x}), bucket {2} of {3} belongs to {4}",
                                 placing.by, out.hash, out.bucket, out.buckets, out.member);
    } else if (mode.hashes) {
        out.reason = "only unicast IP is spread; all else leaves by the active member";
    } else {
        Unplaced how{false, "the active member sends everything"};
        if (mode.unplaced != nullptr) how = mode.unplaced(options_);
        if (how.by_all) out.member = "*";
        out.reason = std::move(how.reason);
    }
    return out;
}

BondQueries::LoadBegun BondQueries::begin_load() {
    constexpr Duration kCountFor = 8 * kLoadWindow;
    const ModeDescriptor& mode = *core_.mode;
    LoadBegun begun{.mode = &mode};
    const TxBurstFn by_bucket = mode.counting != nullptr ? mode.counting(options_) : nullptr;
    const TxBurstFn counting = by_bucket != nullptr ? by_bucket : sample_flows;
    control_.call([&] { core_.bond.count_flows(counting, now() + kCountFor); });
    if (by_bucket != nullptr) begun.by_bucket = bytes_by_bucket();
    for (const Lane* lane : core_.lanes) begun.samples.push_back(lane->samples.taken());
    begun.by_member = with_bond([&](const RunningBond& b) { return bytes_by_member(b); });
    begun.at = now();
    return begun;
}

std::vector<std::uint64_t> BondQueries::bytes_by_bucket() const {
    std::vector<std::uint64_t> sum(kMaxBuckets + 1);
    for (const Lane* lane : core_.lanes)
        for (std::size_t b = 0; b < sum.size(); ++b) sum[b] += lane->flows.bytes[b].get();
    return sum;
}

MemberMap<std::uint64_t> BondQueries::bytes_by_member(const RunningBond& bond) const {
    MemberMap<std::uint64_t> bytes;
    for (const MemberStatus& m : bond.status.members) bytes[m.id] = sent_(m.id);
    return bytes;
}

std::optional<std::vector<MemberLoad>> BondQueries::load(const LoadBegun& begun) {
    return with_bond([&](const RunningBond& bond) {
        auto out = core_.queries->load(bond);
        if (!out) out = load_by_map(bond, begun);
        if (!out || begun.mode != core_.mode) return out;
        const auto bytes = bytes_by_member(bond);
        const double seconds = std::chrono::duration<double>(now() - begun.at).count();
        for (std::size_t i = 0; i < out->size() && seconds > 0; ++i) {
            const MemberId id = bond.status.members[i].id;
            if (MemberLoad& m = (*out)[i]; !m.bytes_per_s)
                m.bytes_per_s = static_cast<std::uint64_t>(
                    static_cast<double>(bytes[id] - std::min(begun.by_member[id], bytes[id])) / seconds);
        }
        add_flows(bond, begun, *out);
        return out;
    });
}

// A flow's part of the samples is its part of what all members send, by whoever counts that.
void BondQueries::add_flows(const RunningBond& bond, const LoadBegun& begun, std::vector<MemberLoad>& load) {
    constexpr std::size_t kBiggest = 8;
    struct Flow {
        std::uint64_t bytes = 0;
        std::vector<std::uint8_t> frame; // one of it
    };
    std::map<std::string, Flow> flows;
    std::uint64_t sampled = 0;
    for (std::size_t i = 0; i < std::min(begun.samples.size(), core_.lanes.size()); ++i)
        core_.lanes[i]->samples.each_since(begun.samples[i], [&](Bytes header, std::uint64_t bytes) {
            Flow& flow = flows[flow_text(header)];
            if (flow.bytes == 0) flow.frame.assign(header.begin(), header.end());
            flow.bytes += bytes;
            sampled += bytes;
        });
    double all = 0;
    for (const MemberLoad& m : load) all += static_cast<double>(m.bytes_per_s.value_or(0));
    if (const double seconds = std::chrono::duration<double>(now() - begun.at).count();
        all == 0 && seconds > 0)
        all = static_cast<double>(sampled) / seconds;
    if (sampled == 0) return;
    std::vector<std::pair<std::uint64_t, const std::string*>> biggest;
    for (const auto& [text, flow] : flows) biggest.emplace_back(flow.bytes, &text);
    std::ranges::sort(biggest, std::greater{}, [](const auto& b) { return b.first; });
    biggest.resize(std::min(biggest.size(), kBiggest));
    for (const auto& [bytes, text] : biggest) {
        FlowSpec spec;
        spec.frame = flows[*text].frame;
        const std::string member = explain(bond, spec).member;
        const bool by_one =
            std::ranges::find(load, member, [](const MemberLoad& m) { return m.member; }) != load.end();
        const double rate = static_cast<double>(bytes) / static_cast<double>(sampled) * all;
        for (MemberLoad& m : load)
            if (!by_one || m.member == member)
                m.biggest_flows.push_back(
                    {*text,
                     static_cast<std::uint64_t>(by_one ? rate : rate / static_cast<double>(load.size()))});
    }
}

std::optional<std::vector<MemberLoad>> BondQueries::load_by_map(const RunningBond& bond,
                                                                const LoadBegun& begun) const {
    if (!core_.mode->hashes) return std::nullopt;
    std::array<std::uint8_t, kMaxBuckets + 1> owner{};
    std::uint32_t buckets = 0;
    bond.look([&](const Controller&, const Snapshot& s) {
        buckets = s.buckets;
        std::copy_n(s.bucket.begin(), kMaxBuckets, owner.begin());
        owner[kMaxBuckets] = s.active.value;
    });
    const double seconds = std::chrono::duration<double>(now() - begun.at).count();
    const bool counted = !begun.by_bucket.empty() && begun.mode == core_.mode && seconds > 0;
    const std::vector<std::uint64_t> bytes = counted ? bytes_by_bucket() : std::vector<std::uint64_t>{};
    std::vector<MemberLoad> out;
    for (const MemberStatus& m : bond.status.members) {
        MemberLoad& load = out.emplace_back(MemberLoad{m.name.str()});
        std::uint64_t sum = 0;
        const auto add = [&](std::size_t b, std::uint32_t name) {
            if (owner[b] != m.id.value || !counted) return;
            const auto rate =
                static_cast<std::uint64_t>(static_cast<double>(bytes[b] - begun.by_bucket[b]) / seconds);
            sum += rate;
            if (rate != 0) load.by_bucket.push_back({name, rate});
        };
        for (std::uint32_t b = 0; b < buckets; ++b) {
            load.buckets += owner[b] == m.id.value ? 1 : 0;
            add(b, b);
        }
        add(kMaxBuckets, kUnspreadFlows);
        if (counted) load.bytes_per_s = sum;
        std::ranges::stable_sort(load.by_bucket, std::greater{}, &BucketLoad::bytes_per_s);
    }
    return out;
}

void set_options(Control& control, BondCore& core, const ModeDescriptor& mode, const BondOptions& options,
                 std::string_view named) {
    if (&mode == core.mode) {
        const TxBurstFn data_half = mode.data_half(options);
        control.call([&] { core.bond.set_options(options, data_half, now(), named); });
        return;
    }
    auto controller = mode.control_half();
    const ModeParts parts = parts_of(mode, *controller, options);
    control.call([&] {
        core.bond.set_mode(parts, options, now());
        core.controller.swap(controller);
    });
    core.mode = &mode;
    core.queries = make_queries(mode);
    core.queries->clear(core.lanes);
}

} // namespace dpdkbond
