// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include "ops/spray_view.hpp"

namespace dpdkbond {

namespace {

// "up of all" paths for which `counts` says yes.
template <class Counts> std::string up_of(const std::vector<SprayPeerView>& peers, Counts counts) {
    std::size_t up = 0, all = 0;
    for (const SprayPeerView& peer : peers)
        for (const SprayPathView& p : peer.paths) {
            if (!counts(peer, p)) continue;
            ++all;
            up += p.state == "up" ? 1 : 0;
        }
    return fmt::format("{} of {} paths up", up, all);
}

} // namespace

std::string spray_lines(const SprayView& view) {
    std::string out =
        fmt::format("\nSpray Granularity: {}\n", spray_granularity_name(view.options.granularity));
    for (const SprayPeerView& peer : view.peers)
        out += fmt::format(
            "Spray Peer: {}, {}\n", peer.address,
            up_of(view.peers, [&](const SprayPeerView& p, const SprayPathView&) { return &p == &peer; }));
    return out;
}

std::string spray_member_line(const SprayView& view, std::string_view member) {
    return fmt::format("Spray: {}\n", up_of(view.peers, [&](const SprayPeerView&, const SprayPathView& p) {
                           return p.member == member;
                       }));
}

std::string render_spray(const SprayView& view) {
    const SprayOptions& o = view.options;
    std::string out = fmt::format("Granularity: {}", spray_granularity_name(o.granularity));
    if (o.granularity == SprayGranularity::flowlet) out += fmt::format(" (gap {} us)", o.flowlet_gap_us);
    out += fmt::format("\nProbes: every {} ms, {} unanswered take a path out of use\n", o.probe_interval,
                       o.probe_missed);
    for (const SprayAddress& a : o.addresses)
        out += fmt::format("Address of {}: {}\n", a.member, a.prefix.to_string());
    for (const SprayPeerView& peer : view.peers) {
        out += fmt::format("\nPeer: {}\n", peer.address);
        for (const SprayPathView& p : peer.paths)
            out += fmt::format("  {:<12}  {:<7}  weight {:>5}  {:<15}  {}  {:>12} frames\n", p.member,
                               p.state, p.weight, p.via.empty() ? "-" : p.via,
                               p.mac.is_zero() ? "                -" : p.mac.to_string(), p.frames);
    }
    if (view.peers.empty()) out += "\nno peers: everything leaves by the active member\n";
    return out;
}

} // namespace dpdkbond
