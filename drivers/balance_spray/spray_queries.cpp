// SPDX-License-Identifier: BSD-3-Clause
// What operators ask of a balance-spray bond: its peers' paths, and by which of them a flow leaves.
#include "drivers/balance_spray/spray_queries.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "datapath/lane.hpp"
#include "flow/hash.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

namespace {

// A path as control shows it: no text of its own, as control does not allocate.
struct Row {
    FixedString<63> member;
    MemberId id{};
    Ipv4 peer{};
    std::optional<Ipv4> via;
    Mac mac{};
    SprayState state{};
    std::uint32_t weight = 0;
    std::uint16_t counter = 0;
    std::uint64_t serial = 0;
};

std::vector<Row> rows_of(const RunningBond& bond) {
    std::vector<Row> rows;
    rows.reserve(kMaxSprayPaths);
    bond.look([&](const Controller& controller, const Snapshot&) {
        const SprayPaths* spray = spray_paths_of(controller);
        if (spray == nullptr) return;
        std::array<std::uint32_t, kMaxMembers> weight{};
        for (std::size_t begin = 0; begin < spray->paths().size();) {
            const auto paths = spray->peer_at(begin);
            spray->weights(paths, {weight.data(), paths.size()});
            for (std::size_t i = 0; i < paths.size(); ++i) {
                const SprayPath& p = paths[i];
                rows.push_back(
                    {p.member_name, p.member, p.peer, p.via, p.mac, p.state, weight[i], p.counter, p.serial});
            }
            begin += paths.size();
        }
    });
    return rows;
}

std::string where(const Row& r) {
    return r.via ? fmt::format("{} via {}", r.member.view(), r.via->to_string())
                 : fmt::format("{} at {}", r.member.view(), r.mac.to_string());
}

// The first address of a frame's IPv4 header without a tag before it: what is sprayed, by the destination.
std::optional<Ipv4> destination_of(Bytes frame) {
    const auto eth = parse_eth(frame);
    if (!eth || eth->destination.is_multicast() || eth->tag_count != 0 || eth->type != ethertype::ipv4 ||
        frame.size() < eth->payload_offset + 20)
        return std::nullopt;
    Ipv4 to;
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(eth->payload_offset) + 16, 4, to.bytes.begin());
    return to;
}

class SprayQueries final : public ModeQueries {
public:
    std::optional<Explanation> explain(const RunningBond& bond, Bytes frame) override;
    std::optional<std::vector<MemberLoad>> load(const RunningBond& bond) override;
    std::optional<SprayView> spray(const RunningBond& bond) override;
    void clear(std::span<const Lane* const> lanes) override {
        for (std::uint16_t c = 0; c < kMaxSprayPaths; ++c) base_[c].frames = sum(lanes, c);
    }

private:
    struct Base {                             // of a counter of the lanes
        std::uint64_t serial = 0, frames = 0; // 0: no path that was asked for has used it
    };
    static std::uint64_t sum(std::span<const Lane* const> lanes, std::uint16_t counter) {
        std::uint64_t frames = 0;
        for (const Lane* lane : lanes) frames += lane->spray.frames[counter].get();
        return frames;
    }
    // Frames that left by a path since it was configured or statistics were cleared.
    std::uint64_t sprayed(std::span<const Lane* const> lanes, std::uint16_t counter, std::uint64_t serial) {
        const std::uint64_t frames = sum(lanes, counter);
        Base& base = base_[counter];
        if (base.serial != serial) { // what its counter was used for before, if it was, does not count
            if (base.serial != 0) base.frames = frames;
            base.serial = serial;
        }
        return frames - std::min(base.frames, frames);
    }

    std::vector<Base> base_{kMaxSprayPaths};
};

std::optional<SprayView> SprayQueries::spray(const RunningBond& bond) {
    SprayView view;
    view.options = bond.options.spray;
    for (const Row& r : rows_of(bond)) {
        const std::string address = r.peer.to_string();
        if (view.peers.empty() || view.peers.back().address != address) view.peers.push_back({address, {}});
        view.peers.back().paths.push_back({r.member.str(), r.via ? r.via->to_string() : "", r.mac,
                                           std::string(spray_state_name(r.state)), r.weight,
                                           sprayed(bond.lanes, r.counter, r.serial)});
    }
    return view;
}

// How many places in the rounds or maps of all peers each member has.
std::optional<std::vector<MemberLoad>> SprayQueries::load(const RunningBond& bond) {
    std::array<std::uint32_t, kMaxMembers> places{};
    bond.look([&](const Controller&, const Snapshot& s) {
        const SprayTable& table = s.spray;
        for (std::size_t p = 0; p < table.peers; ++p) {
            const SprayPeer& peer = table.peer[p];
            for (std::size_t i = 0; i < peer.slots; ++i)
                ++places[table.path[peer.first + peer.slot[i]].member];
        }
    });
    std::vector<MemberLoad> out;
    for (const MemberStatus& m : bond.status.members)
        out.push_back({m.name.str(), places[m.id.value], std::nullopt});
    return out;
}

std::optional<Explanation> SprayQueries::explain(const RunningBond& bond, Bytes frame) {
    const auto to = destination_of(frame);
    if (!to) return std::nullopt;
    std::vector<Row> rows = rows_of(bond);
    std::erase_if(rows, [&](const Row& r) { return r.peer != *to; });
    if (rows.empty()) return std::nullopt;

    Explanation out;
    MemberSet used, may_send;
    for (const Row& r : rows) {
        const bool up = r.state == SprayState::up;
        out.paths.push_back(where(r) + (up ? fmt::format(", weight {}", r.weight)
                                           : fmt::format(": {}", spray_state_name(r.state))));
        if (!up) continue;
        used.add(r.id);
        out.member += (out.member.empty() ? "" : ",") + r.member.str();
    }
    const SprayOptions& options = bond.options.spray;
    const std::string peer =
        fmt::format("peer {}, granularity {}", to->to_string(), spray_granularity_name(options.granularity));
    if (used.empty()) {
        out.reason = peer + ": no usable path, the frame is dropped and counted as no_path";
        return out;
    }
    std::optional<std::size_t> chosen;
    bond.look([&](const Controller&, const Snapshot& s) {
        may_send = s.senders;
        const SprayPeer* p = s.spray.find(ipv4_key(*to));
        if (options.granularity != SprayGranularity::flow || p == nullptr || p->slots == 0) return;
        out.hash = flow_hash<HashPolicy::layer34>(frame.data(), static_cast<std::uint32_t>(frame.size()));
        out.buckets = p->slots;
        out.bucket = static_cast<std::uint32_t>(spray_bucket(out.hash));
        chosen = p->slot[out.bucket];
    });
    if (chosen && *chosen < rows.size()) {
        out.hashed = true;
        out.member = rows[*chosen].member.str();
        out.reason = fmt::format("{}: layer3+4 hashes to {}, bucket {} of {} goes by {}", peer, out.hash,
                                 out.bucket, out.buckets, out.member);
        return out;
    }
    if (used == may_send) out.member = "*";
    out.reason = options.granularity == SprayGranularity::flowlet
                     ? fmt::format("{}: after each pause of {} us the flow takes the next path", peer,
                                   options.flowlet_gap_us)
                     : peer + ": each packet takes the usable path that was given least, in octets by weight";
    return out;
}

} // namespace

std::unique_ptr<ModeQueries> spray_queries() { return std::make_unique<SprayQueries>(); }

} // namespace dpdkbond
