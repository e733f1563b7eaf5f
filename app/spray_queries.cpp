// SPDX-License-Identifier: BSD-3-Clause
// What operators ask of a balance-spray bond: its peers' paths, and by which of them a flow leaves.
#include <fmt/format.h>

#include <algorithm>

#include "app/program.hpp"
#include "drivers/balance_spray.hpp"
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

std::vector<Row> rows_of(Control& control, const BondUnit& unit) {
    std::vector<Row> rows;
    rows.reserve(kMaxSprayPaths);
    control.call([&] {
        const SprayPaths* spray = spray_paths_of(*unit.core->controller);
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

} // namespace

std::uint64_t BondUnit::sprayed(std::uint16_t counter, std::uint64_t serial) const {
    std::uint64_t sum = 0;
    for (const auto& lane : lanes) sum += lane->spray.frames[counter].get();
    SprayBase& base = spray_base_[counter];
    if (base.serial != serial) { // what its counter was used for before, if it was, does not count
        base.frames = base.serial == 0 ? 0 : sum;
        base.serial = serial;
    }
    return sum - std::min(base.frames, sum);
}

void BondUnit::clear_sprayed() {
    for (auto& [counter, base] : spray_base_) {
        base.frames = 0;
        for (const auto& lane : lanes) base.frames += lane->spray.frames[counter].get();
    }
}

std::optional<SprayView> Program::spray(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const BondUnit* unit = find(name);
    if (unit == nullptr || ending_ || unit->config.mode != Mode::balance_spray) return std::nullopt;
    SprayView view;
    view.options = unit->config.options.spray;
    for (const Row& r : rows_of(*control_, *unit)) {
        const std::string address = r.peer.to_string();
        if (view.peers.empty() || view.peers.back().address != address) view.peers.push_back({address, {}});
        view.peers.back().paths.push_back({r.member.str(), r.via ? r.via->to_string() : "", r.mac,
                                           std::string(spray_state_name(r.state)), r.weight,
                                           unit->sprayed(r.counter, r.serial)});
    }
    return view;
}

// How many places in the rounds or maps of all peers each member has.
void Program::count_spray_slots(const SprayTable& table, std::array<std::uint32_t, kMaxMembers>& of) {
    for (std::size_t p = 0; p < table.peers; ++p) {
        const SprayPeer& peer = table.peer[p];
        for (std::size_t i = 0; i < peer.slots; ++i) ++of[table.path[peer.first + peer.slot[i]].member];
    }
}

// What is sprayed is IPv4 without a tag, by the destination.
std::optional<Explanation> Program::explain_spray(BondUnit& unit, Bytes frame) {
    const auto eth = parse_eth(frame);
    if (unit.config.mode != Mode::balance_spray || !eth || eth->destination.is_multicast() ||
        eth->tag_count != 0 || eth->type != ethertype::ipv4 || frame.size() < eth->payload_offset + 20)
        return std::nullopt;
    Ipv4 to;
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(eth->payload_offset) + 16, 4, to.bytes.begin());
    std::vector<Row> rows = rows_of(*control_, unit);
    std::erase_if(rows, [&](const Row& r) { return r.peer != to; });
    if (rows.empty()) return std::nullopt;

    Explanation out;
    std::uint32_t used = 0, may_send = 0;
    for (const Row& r : rows) {
        const bool up = r.state == SprayState::up;
        out.paths.push_back(where(r) + (up ? fmt::format(", weight {}", r.weight)
                                           : fmt::format(": {}", spray_state_name(r.state))));
        if (!up) continue;
        used |= 1U << r.id.value;
        out.member += (out.member.empty() ? "" : ",") + r.member.str();
    }
    const SprayOptions& options = unit.config.options.spray;
    const std::string peer =
        fmt::format("peer {}, granularity {}", to.to_string(), spray_granularity_name(options.granularity));
    if (used == 0) {
        out.reason = peer + ": no usable path, the frame is dropped and counted as no_path";
        return out;
    }
    std::optional<std::size_t> chosen;
    control_->call([&] {
        const Snapshot& s = *unit.core->publisher.slot().load(std::memory_order_acquire);
        may_send = s.tx_mask;
        const SprayPeer* p = s.spray.find(ipv4_key(to));
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
                     : peer + ": its packets take turns over the usable paths, by weight";
    return out;
}

} // namespace dpdkbond
