// SPDX-License-Identifier: BSD-3-Clause
#include "ops/render.hpp"

#include <algorithm>
#include <array>

#include "ops/health.hpp"
#include "ops/put.hpp"
#include "ops/render_lacp.hpp"
#include "ops/spray_view.hpp"
#include "ops/wall_clock.hpp"

namespace dpdkbond {

namespace {

std::string_view name_or_none(std::string_view name) { return name.empty() ? "None" : name; }

std::string_view mii_words(MiiStatus mii) {
    constexpr std::string_view words[] = {"up", "going down", "down", "going back"};
    return words[static_cast<unsigned>(mii)];
}

std::string_view duplex_words(Duplex duplex) {
    if (duplex == Duplex::full) return "full";
    return duplex == Duplex::half ? "half" : "Unknown";
}

template <class List> std::string address_list(const List& addresses) { // " a, b", empty for none
    std::string text;
    for (const auto& address : addresses) text += (text.empty() ? " " : ", ") + address.to_string();
    return text;
}

void put_mode(Out& out, const BondView& view) {
    const ModeDef& mode = mode_def(view.status.mode);
    put(out, "Bonding Mode: {}", mode.title);
    if (mode.has(Trait::backups) && view.options.fail_over_mac != FailOverMac::none)
        put(out, " (fail_over_mac {})", option_text(view, "fail_over_mac"));
    put(out, "\n");

    if (mode.shows_hash != nullptr && mode.shows_hash(view.options))
        put(out, "Transmit Hash Policy: {} ({})\n", option_text(view, "xmit_hash_policy"),
            static_cast<unsigned>(view.options.xmit_hash_policy));

    if (!mode.has(Trait::one_active)) return;
    const std::string_view primary = member_name(view.status, view.status.primary);
    put(out, "Primary Slave: {}", name_or_none(primary));
    if (!primary.empty()) put(out, " (primary_reselect {})", option_text(view, "primary_reselect"));
    put(out, "\nCurrently Active Slave: {}\n",
        name_or_none(member_name(view.status, view.status.active_member)));
}

void put_monitoring(Out& out, const BondView& view) {
    const BondOptions& o = view.options;
    put(out, "MII Status: {}\n", view.status.link_up ? "up" : "down");
    put(out, "MII Polling Interval (ms): {}\n", o.miimon);
    put(out, "Up Delay (ms): {}\nDown Delay (ms): {}\n", o.updelay, o.downdelay);
    put(out, "Peer Notification Delay (ms): {}\n", o.peer_notif_delay);
    if (o.arp_interval == 0) return;
    put(out, "ARP Polling Interval (ms): {}\nARP Missed Max: {}\n", o.arp_interval, o.arp_missed_max);
    put(out, "ARP IP target/s (n.n.n.n form):{}\n", address_list(o.arp_ip_target));
    put(out, "NS IPv6 target/s (xx::xx form):{}\n", address_list(o.ns_ip6_target));
}

// Lines that Linux does not have; parsers of the others pass over them.
void put_watchers(Out& out, const MemberStatus& member) {
    if (!member.objection.empty()) put(out, "Not usable: {}\n", member.objection.view());
    if (!member.usable && member.usable_since != Time{})
        put(out, "Not usable since: {}\n", utc_text(wall_ns(member.usable_since)));
    if (member.watching.has(Watcher::flapping))
        put(out, "Flap penalty: {:.0f}{}\n", member.flap_penalty,
            member.flap_suppressed ? " (suppressed)" : "");
}

void put_member(Out& out, const MemberStatus& member) {
    put(out, "\nSlave Interface: {}\n", member.name.view());
    put(out, "MII Status: {}\n", mii_words(member.mii));
    if (member.speed_mbps == 0)
        put(out, "Speed: Unknown\n");
    else
        put(out, "Speed: {} Mbps\n", member.speed_mbps);
    put(out, "Duplex: {}\n", duplex_words(member.duplex));
    put(out, "Link Failure Count: {}\n", member.link_failures);
    put(out, "Permanent HW addr: {}\n", member.perm_mac.to_string());
    put(out, "Slave queue ID: {}\n", member.options.queue_id);
    put_watchers(out, member);
}

using Drops = std::array<std::uint64_t, kDropReasons>;

void put_drops(Out& out, const Drops& drops) {
    for (std::size_t i = 0; i < kDropReasons; ++i)
        if (drops[i] != 0)
            put(out, "  dropped {:>20}  {}: {}\n", drops[i], kDropReasonNames[i], kDropReasonTexts[i]);
}

void put_device_losses(Out& out, const MemberCounters& c) {
    const auto line = [&](std::uint64_t n, std::string_view name, std::string_view text) {
        if (n != 0) put(out, "  lost by the device {:>9}  {}: {}\n", n, name, text);
    };
    line(c.missed, "missed", "received faster than the workers read");
    line(c.no_buffer, "no_buffer", "received while no packet buffer was left");
    line(c.rx_errors, "rx_errors", "received with an error");
    line(c.tx_errors, "tx_errors", "not sent for an error");
}

void put_tap(Out& out, const MemberCounters& c) {
    put(out, "  to the tap {:>17} frames\n  from the tap {:>15} frames\n", c.tap_to_host, c.tap_from_host);
    const auto line = [&](std::uint64_t n, std::string_view name, std::string_view text) {
        if (n != 0) put(out, "  dropped at the tap {:>9}  {}: {}\n", n, name, text);
    };
    line(c.tap_refused, "refused", "received while the tap was set down, or gone");
    line(c.tap_foreign, "foreign", "written by the host to an address that the tap does not carry");
    line(c.tap_oversize, "oversize", "written by the host and longer than the MTU allows");
}

// What it does itself.
void put_offloads(Out& out, const MemberOffloads& by) {
    std::string own;
    const auto add = [&](std::string_view who, std::string_view what) {
        if (who == "member") own += fmt::format("{}{}", own.empty() ? "" : ", ", what);
    };
    add(by.checksum, "checksum");
    add(by.tcp_segmentation, "tcp_segmentation");
    add(by.udp_segmentation, "udp_segmentation");
    add(by.rx_checksum, "rx_checksum");
    put(out, "Offloads: {}\n", own.empty() ? "none" : own);
}

template <class Counters> void put_counters(Out& out, std::string_view name, const Counters& c) {
    put(out, "{}\n  received {:>19} frames {:>22} bytes\n", name, c.rx_packets, c.rx_bytes);
    put(out, "  sent {:>23} frames {:>22} bytes\n", c.tx_packets, c.tx_bytes);
}

} // namespace

MemberOffloads member_offloads(const MemberView& member) {
    const Offloads does = member.offloads.value_or(Offloads::none);
    const auto by = [](bool member_does) { return member_does ? "member" : "software"; };
    return {by(does != Offloads::none), by(does >= Offloads::nic_tcp), by(does == Offloads::all),
            by(member.checks_received)};
}

std::string_view program_version() { return DPDKBOND_VERSION; }

namespace {

const Time began = monotonic_now();

} // namespace

Time program_began() { return began; }

std::string_view member_name(const BondStatus& status, MemberId id) {
    for (const MemberStatus& member : status.members)
        if (id != kNoMember && member.id == id) return member.name;
    return {};
}

std::string render_proc(const BondView& view) {
    Out out;
    put(out, "Ethernet Channel Bonding Driver: dpdk-bond {}\n\n", program_version());
    put_mode(out, view);
    put_monitoring(out, view);
    if (view.health) put(out, "Health: {}\n", health_text(*view.health));
    out += lacp_info_lines(view);
    if (view.spray) out += spray_lines(*view.spray);
    for (const MemberView& member : view.members) {
        put_member(out, member.status);
        out += lacp_port_lines(view, member.status.id);
        if (view.spray) out += spray_member_line(*view.spray, member.status.name);
    }
    return out;
}

std::string render_events(const std::vector<PastEvent>& events) {
    Out out;
    for (const PastEvent& past : events) {
        const Event& event = past.event;
        put(out, "{}  {:<12}  {:<14}", utc_text(past.wall_ns, true),
            event.member.empty() ? "-" : event.member.view(), event_name(event.kind));
        if (!event.detail.empty()) put(out, "  {}", event.detail.view());
        while (out.back() == ' ') out.pop_back();
        if (past.more != 0) put(out, "  (and {} more like it)", past.more);
        put(out, "\n");
    }
    return out;
}

std::string render_stats(const BondView& view) {
    Out out;
    put_counters(out, view.status.name, view.counters);
    put(out, "  given to control {:>11} frames\n", view.counters.punted);
    put(out, "  sent by control {:>12} frames\n", view.counters.injected);
    if (const BondCounters& c = view.counters; c.left_rx_packets != 0 || c.left_tx_packets != 0)
        put(out, "  by members that have left: {} frames received, {} sent\n", c.left_rx_packets,
            c.left_tx_packets);
    put_drops(out, view.counters.drops);
    for (const MemberView& member : view.members) {
        put_counters(out, member.status.name, member.counters);
        put_drops(out, member.counters.drops);
        put_device_losses(out, member.counters);
    }
    return out;
}

std::string render_member(const MemberView& member) {
    const MemberStatus& s = member.status;
    Out out;
    put(out, "Member: {}\nDevice: {}\n", s.name.view(), s.device.view());
    if (s.id != kNoMember) put(out, "Port: {}\n", s.port_id); // else its device is not there
    put(out, "Carrier: {}{}\n", s.carrier ? "up" : "down", s.admin_down ? " (taken down by command)" : "");
    put(out, "MII Status: {}\n", mii_words(s.mii));
    put(out, "State: {}{}\n", s.active ? "active" : "backup", s.usable ? ", usable" : "");
    put_watchers(out, s);
    put(out, "Speed: {}\n", s.speed_mbps == 0 ? "Unknown" : fmt::format("{} Mbps", s.speed_mbps));
    put(out, "Duplex: {}\nLink Failure Count: {}\n", duplex_words(s.duplex), s.link_failures);
    put(out, "HW addr: {}\nPermanent HW addr: {}\n", s.mac.to_string(), s.perm_mac.to_string());
    for (const OptionDef& def : option_table())
        if (def.of_member) put(out, "{}: {}\n", def.name, member_option_text(s.options, def));
    if (!member.tap.empty()) put(out, "Tap: {}\n", member.tap);
    if (member.offloads) put_offloads(out, member_offloads(member));
    put_counters(out, "Frames:", member.counters);
    if (member.counters.cut_in_software != 0)
        put(out, "  cut in software {:>12} frames\n", member.counters.cut_in_software);
    if (!member.tap.empty()) put_tap(out, member.counters);
    put_drops(out, member.counters.drops);
    put_device_losses(out, member.counters);
    return out;
}

namespace {

double percent(std::uint64_t part, std::uint64_t all) {
    return all == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(all);
}

// How far the shares are apart: the busiest member against the mean of those that carry or could carry
// something, and what a single bucket adds, as nothing but its own flows can part it.
void put_imbalance(Out& out, const std::vector<MemberLoad>& load, std::uint64_t all) {
    const MemberLoad* busiest = nullptr;
    std::uint64_t members = 0;
    std::pair<std::uint64_t, std::string> bucket; // rate and name
    for (const MemberLoad& m : load) {
        if (m.buckets == 0 && m.bytes_per_s.value_or(0) == 0) continue;
        ++members;
        if (busiest == nullptr || m.bytes_per_s.value_or(0) > busiest->bytes_per_s.value_or(0)) busiest = &m;
        for (const BucketLoad& b : m.by_bucket)
            if (b.bucket != kUnspreadFlows && b.bytes_per_s > bucket.first)
                bucket = {b.bytes_per_s, fmt::format("bucket {} of {}", b.bucket, m.member)};
    }
    if (busiest == nullptr || all == 0) return;
    put(out, "imbalance: {} carries {:.2f} times the mean of {} members", busiest->member,
        percent(busiest->bytes_per_s.value_or(0), all) / 100 * static_cast<double>(members), members);
    if (bucket.first != 0) put(out, "; {}: {:.1f} % of all", bucket.second, percent(bucket.first, all));
    put(out, "\n");
}

} // namespace

std::string render_load(const std::vector<MemberLoad>& load) {
    Out out;
    std::uint64_t all = 0;
    for (const MemberLoad& entry : load) all += entry.bytes_per_s.value_or(0);
    for (const MemberLoad& entry : load) {
        put(out, "{:<12}  {:>5} buckets", entry.member.empty() ? "-" : entry.member, entry.buckets);
        if (entry.bytes_per_s)
            put(out, "  {:>12} bytes/s  {:>5.1f} %", *entry.bytes_per_s, percent(*entry.bytes_per_s, all));
        put(out, "\n");
    }
    put_imbalance(out, load, all);
    constexpr std::size_t kBusiest = 8; // of a member
    for (const MemberLoad& entry : load)
        for (std::size_t i = 0; i < std::min(kBusiest, entry.by_bucket.size()); ++i) {
            const auto [bucket, rate] = entry.by_bucket[i];
            put(out, "{:<12}  {:>12}  {:>12} bytes/s  {:>5.1f} %\n", entry.member,
                bucket == kUnspreadFlows ? "not spread" : fmt::format("bucket {}", bucket), rate,
                percent(rate, all));
        }
    for (const MemberLoad& entry : load)
        for (const FlowLoad& f : entry.biggest_flows)
            put(out, "{:<12}  {:>12}  {:>12} bytes/s  {:>5.1f} %  {}\n", entry.member, "flow", f.bytes_per_s,
                percent(f.bytes_per_s, all), f.flow);
    return out;
}

std::string render_rlb(const std::vector<RlbClientView>& clients) {
    Out out;
    for (const RlbClientView& c : clients) {
        put(out, "{:<15}  {}  by {:<12}  knows {}", c.client, c.mac.to_string(),
            c.member.empty() ? "-" : c.member, c.ours);
        if (c.vlan) put(out, "  vlan {}", *c.vlan);
        put(out, "  {} updates\n", c.updates);
    }
    if (clients.empty()) put(out, "no clients yet\n");
    return out;
}

std::string render_explain(const Explanation& e) {
    std::string member = e.member.empty() ? "no member" : e.member;
    if (e.member == "*") member = "every usable member";
    Out out;
    if (e.hashed) put(out, "hash {:#010x}, bucket {} of {}: ", e.hash, e.bucket, e.buckets);
    put(out, "{}\n", member);
    if (!e.reason.empty()) put(out, "{}\n", e.reason);
    for (const std::string& path : e.paths) put(out, "  {}\n", path);
    return out;
}

} // namespace dpdkbond
