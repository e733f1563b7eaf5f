// SPDX-License-Identifier: BSD-3-Clause
#include "ops/telemetry_spray.hpp"

#include "ops/telemetry_keys.hpp"

namespace dpdkbond {

void put_spray(tel::Dict& out, const SprayView& view, std::size_t page) {
    constexpr std::size_t kPage = 64; // paths: what surely fits into an answer
    const SprayOptions& o = view.options;
    out.text("granularity", spray_granularity_name(o.granularity));
    out.number("flowlet_gap_us", o.flowlet_gap_us);
    out.number("probe_interval", o.probe_interval);
    out.number("probe_missed", o.probe_missed);
    tel::Dict addresses = out.dict("addresses");
    TelemetryKeys address_keys, peer_keys;
    for (const SprayAddress& a : o.addresses)
        addresses.text(address_keys.of(a.member).c_str(), a.prefix.to_string());
    tel::Dict peers = out.dict("peers");
    std::size_t before = 0, shown_on = 0;
    for (const SprayPeerView& p : view.peers) { // a peer is not parted
        if (before + p.paths.size() > kPage) {
            ++shown_on;
            before = 0;
        }
        before += p.paths.size();
        if (shown_on != page) continue;
        tel::Dict peer = peers.dict(peer_keys.of(p.address).c_str());
        peer.text("address", p.address);
        tel::Dict paths = peer.dict("paths");
        TelemetryKeys path_keys;
        for (const SprayPathView& path : p.paths) {
            tel::Dict entry = paths.dict(path_keys.of(path.member).c_str());
            entry.text("member", path.member);
            entry.text("next_hop", path.via);
            entry.text("mac", path.mac.to_string());
            entry.text("state", path.state);
            entry.number("weight", path.weight);
            entry.number("frames", path.frames);
        }
    }
}

} // namespace dpdkbond
