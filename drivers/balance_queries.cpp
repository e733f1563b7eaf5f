// SPDX-License-Identifier: BSD-3-Clause
// What operators ask of a balance-tlb or balance-alb bond: load by member, and neighbours.
#include <algorithm>

#include <fmt/format.h>

#include "datapath/mode.hpp"
#include "drivers/balance.hpp"

namespace dpdkbond {

namespace {

// Why a frame that tells neighbours our MAC leaves by the member of that name.
std::string reason_of(const RlbWay& way, const std::string& member) {
    switch (way.why) {
    case RlbWay::Why::as_it_is:
        return fmt::format("it tells no MAC of this bond, so it leaves as it is, by the active member {}",
                           member);
    case RlbWay::Why::to_everybody:
        return fmt::format(
            "it tells everybody the bond's MAC, by the active member {}; neighbours that were given "
            "to another member are told that one's MAC two seconds later",
            member);
    case RlbWay::Why::given:
        return fmt::format("the neighbour {} was given to {}: it is told that member's MAC, by that member",
                           ip_text(way.neighbor), member);
    case RlbWay::Why::to_be_given:
        return fmt::format(
            "the neighbour {} has not answered yet: it would be given to {}, which has the fewest "
            "neighbours for its speed, and be told that member's MAC",
            ip_text(way.neighbor), member);
    }
    return {};
}

class BalanceQueries final : public ModeQueries {
public:
    // What neighbours are told in balance-alb; all else is explained as in other modes that hash.
    std::optional<Explanation> explain(const RunningBond& bond, Bytes frame) override {
        std::optional<RlbWay> way;
        unsigned usable = 0;
        bond.look([&](const Controller& controller, const Snapshot& s) {
            usable = s.tx_count;
            if (const Rlb* rlb = rlb_of(controller)) way = rlb->way_of(frame);
        });
        if (!way || usable == 0) return std::nullopt;
        Explanation out;
        out.member = bond.member_name(way->member);
        out.reason = reason_of(*way, out.member);
        return out;
    }

    std::optional<std::vector<MemberLoad>> load(const RunningBond& bond) override {
        std::array<std::uint32_t, kMaxMembers> buckets{};
        std::array<std::uint64_t, kMaxMembers> rates{};
        std::array<std::uint64_t, kLoadBuckets + 1> by_bucket{};
        std::array<std::uint8_t, kLoadBuckets + 1> owner{};
        bool measured = false;
        bond.look([&](const Controller& controller, const Snapshot& s) {
            const LoadTable* table = load_table_of(controller);
            measured = table != nullptr;
            for (std::uint8_t m = 0; measured && m < kMaxMembers; ++m)
                rates[m] = static_cast<std::uint64_t>(table->member_rate(MemberId{m}));
            for (std::size_t b = 0; measured && b <= kLoadBuckets; ++b) {
                by_bucket[b] = static_cast<std::uint64_t>(table->rate(b));
                owner[b] = table->owner(b).value;
            }
            for (std::uint32_t b = 0; b < s.buckets; ++b) ++buckets[s.bucket[b]];
        });
        if (!measured) return std::nullopt; // by the bucket map, as other modes that hash
        std::vector<MemberLoad> out;
        for (const MemberStatus& m : bond.status.members) {
            MemberLoad& load =
                out.emplace_back(MemberLoad{m.name.str(), buckets[m.id.value], rates[m.id.value]});
            for (std::uint32_t b = 0; b <= kLoadBuckets; ++b)
                if (owner[b] == m.id.value && by_bucket[b] != 0)
                    load.by_bucket.push_back({b == kUnspread ? kUnspreadFlows : b, by_bucket[b]});
            std::ranges::stable_sort(load.by_bucket, std::greater{}, &BucketLoad::bytes_per_s);
        }
        return out;
    }

    std::optional<std::vector<RlbClientView>> rlb(const RunningBond& bond) override {
        std::vector<Client> clients;
        clients.reserve(Clients::kMost); // control does not allocate
        bool balances = false;
        bond.look([&](const Controller& controller, const Snapshot&) {
            const Rlb* rlb = rlb_of(controller);
            balances = rlb != nullptr;
            if (balances) rlb->clients().each([&](const Client& c) { clients.push_back(c); });
        });
        if (!balances) return std::nullopt;
        std::vector<RlbClientView> out;
        for (const Client& c : clients)
            out.push_back({ip_text(c.key.client), ip_text(c.key.ours), c.mac, bond.member_name(c.member),
                           c.updates,
                           c.key.tags.empty() ? std::nullopt : std::optional(c.key.tags.back().id())});
        std::ranges::sort(out, {}, &RlbClientView::client);
        return out;
    }
};

} // namespace

std::unique_ptr<ModeQueries> balance_queries() { return std::make_unique<BalanceQueries>(); }

} // namespace dpdkbond
