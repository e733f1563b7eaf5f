// SPDX-License-Identifier: BSD-3-Clause
#include "ops/telemetry.hpp"
#include "ops/health.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>

#include "ops/render.hpp"
#include "ops/render_lacp.hpp"
#include "ops/telemetry_compat.hpp"
#include "ops/telemetry_keys.hpp"
#include "ops/telemetry_lacp.hpp"
#include "ops/telemetry_spray.hpp"
#include "ops/telemetry_status.hpp"
#include "ops/wall_clock.hpp"

namespace dpdkbond {

namespace {

// The callbacks of 22.11 carry no argument. Held shared while a callback asks, exclusively to change.
std::shared_mutex instance_lock;
Instance* current_instance = nullptr;

constexpr std::size_t kAnswerBytes = 16384 - 128; // less the command's echo and the brackets

// "a,b,c" → "a", rest "b,c".
std::string_view next_param(std::string_view& rest) {
    const std::size_t comma = rest.find(',');
    const std::string_view first = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    return first;
}

void put_drops(tel::Dict& out, const std::array<std::uint64_t, kDropReasons>& drops) {
    tel::Dict dict = out.dict("drops");
    for (std::size_t i = 0; i < kDropReasons; ++i) dict.number(kDropReasonNames[i].data(), drops[i]);
}

template <class Counters> void put_traffic(tel::Dict& out, const Counters& c) {
    out.number("rx_packets", c.rx_packets);
    out.number("rx_bytes", c.rx_bytes);
    out.number("tx_packets", c.tx_packets);
    out.number("tx_bytes", c.tx_bytes);
}

void put_list(tel::Dict& out, const OptionDef& def, std::string_view text) {
    tel::Strings list = out.strings(def.name.data());
    while (!text.empty()) list.add(next_param(text));
}

// What is left of a command's parameters as the number of a page; none: the first, 0.
std::optional<std::size_t> page_of(std::string_view rest) {
    std::size_t page = 0;
    if (rest.empty()) return page;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), page);
    if (error != std::errc() || end != rest.data() + rest.size()) return std::nullopt;
    return page;
}

// A bond's options by Linux's name: numbers as numbers, lists as arrays, all else by name. A member's
// options, as Linux shows them for the bond: "MEMBER:VALUE" for each.
void put_options(tel::Dict& out, const BondView& view) {
    for (const OptionDef& def : option_table()) {
        if (def.of_member) {
            tel::Strings list = out.strings(def.name.data());
            for (const MemberView& m : view.members)
                list.add(m.status.name.str() + ":" + member_option_text(m.status.options, def));
            continue;
        }
        // As Linux shows it: a state.
        const std::string text = def.name == "active_slave"
                                     ? std::string(member_name(view.status, view.status.active_member))
                                     : bond_option_text(view.options, def);
        std::int64_t number = 0;
        const bool is_number =
            def.kind == ValueKind::number &&
            std::from_chars(text.data(), text.data() + text.size(), number).ptr != text.data();
        if (is_number && number >= 0)
            out.number(def.name.data(), static_cast<std::uint64_t>(number));
        else if (is_number)
            out.signed_number(def.name.data(), number);
        else if (def.kind == ValueKind::ipv4_list || def.kind == ValueKind::ipv6_list)
            put_list(out, def, text);
        else
            out.text(def.name.data(), text);
    }
}

int answer_list(Instance& instance, std::string_view, rte_tel_data* d) {
    tel::Strings list(d);
    for (const std::string& name : instance.bond_names()) list.add(name);
    return 0;
}

// Of a netdev; what is behind another device is not known.
void put_logical(tel::Dict& out, const BondView& view) {
    const LogicalView& l = view.logical;
    if (!l.known) return;
    out.flag("up", l.up);
    out.text("mac", l.mac.to_string());
    out.number("mtu", view.status.mtu);
    out.number("speed_mbps", view.status.speed_mbps);
    out.flag("promiscuous", l.promiscuous);
    out.flag("allmulticast", l.all_groups);
    out.number("unicast", l.unicast);
    out.number("groups", l.groups);
    out.number("addresses", l.addresses);
    tel::Strings vlans = out.strings("vlans");
    for (const std::uint16_t id : l.vlans) vlans.add(std::to_string(id));
}

// Nanoseconds, as this DPDK's telemetry has whole numbers only. Of the last one 0 stands for what is not
// known.
void put_gaps(tel::Dict& out, const GapHistogram& gaps) {
    const auto ns = [](Duration d) { return static_cast<std::uint64_t>(d.count()); };
    tel::Dict gap = out.dict("failover_gap");
    gap.number("count", gaps.count);
    gap.number("sum_ns", ns(gaps.sum));
    gap.number("longest_ns", ns(gaps.longest));
    gap.number("last_ns", ns(gaps.last.longest()));
    gap.number("last_received_ns", ns(gaps.last.received.value_or(Duration{0})));
    gap.number("last_sent_ns", ns(gaps.last.sent.value_or(Duration{0})));
}

int answer_info(Instance& instance, std::string_view params, rte_tel_data* d) {
    const auto view = instance.bond(params);
    if (!view) return -ENOENT;
    const BondStatus& s = view->status;
    tel::Dict out(d);
    out.text("name", s.name);
    out.text("mode", mode_name(s.mode));
    out.number("mode_id", static_cast<unsigned>(s.mode));
    out.flag("link_up", s.link_up);
    out.text("active_member", member_name(s, s.active_member));
    out.text("primary", member_name(s, s.primary));
    out.text("mac", s.mac.to_string());
    out.number("mtu", s.mtu);
    tel::Strings members = out.strings("members");
    for (const MemberView& m : view->members) members.add(m.status.name);
    out.number("usable_members", static_cast<std::uint64_t>(std::ranges::count_if(
                                     view->members, [](const MemberView& m) { return m.status.usable; })));
    if (const OptionDef* policy = find_option("xmit_hash_policy"))
        out.text("hash_policy", bond_option_text(view->options, *policy));
    out.number("failovers", s.failovers);
    put_gaps(out, s.gaps);
    if (view->health) {
        tel::Dict health = out.dict("health");
        health.text("state", health_name(view->health->state));
        health.text("since", utc_text(view->health->since_ns));
        health.text("why", short_why(view->health->why, RTE_TEL_MAX_STRING_LEN - 1));
    }
    tel::Dict logical = out.dict("logical");
    logical.text("backend", s.logical_backend);
    logical.text("name", s.logical_name);
    put_logical(logical, *view);
    tel::Dict options = out.dict("options");
    put_options(options, *view);
    return 0;
}

constexpr std::string_view duplex_name(Duplex duplex) {
    if (duplex == Duplex::full) return "full";
    return duplex == Duplex::half ? "half" : "unknown";
}

int answer_member(Instance& instance, std::string_view params, rte_tel_data* d) {
    const std::string_view bond = next_param(params);
    const auto view = instance.bond(bond);
    if (!view) return -ENOENT;
    const auto found = std::ranges::find_if(
        view->members, [&](const MemberView& m) { return m.status.name.view() == params; });
    if (found == view->members.end()) return -ENOENT;
    const MemberStatus& s = found->status;
    tel::Dict out(d);
    out.text("name", s.name);
    out.text("device", s.device);
    out.number("port_id", s.port_id);
    out.flag("carrier", s.carrier);
    out.text("mii_status", mii_status_name(s.mii));
    out.text("state", s.active ? "active" : "backup");
    out.flag("usable", s.usable);
    out.number("speed_mbps", s.speed_mbps);
    out.text("duplex", duplex_name(s.duplex));
    out.number("link_failures", s.link_failures);
    out.text("mac", s.mac.to_string());
    out.text("perm_mac", s.perm_mac.to_string());
    {
        tel::Dict watchers = out.dict("watchers");
        for (unsigned i = 0; i < static_cast<unsigned>(Watcher::count); ++i) {
            const auto w = static_cast<Watcher>(i);
            if (s.watching.has(w) || s.objecting.has(w))
                watchers.text(watcher_key(w).data(), s.objecting.has(w) ? "down" : "up");
        }
    }
    out.text("objection", s.objection);
    out.text("unusable_since",
             s.usable || s.usable_since == Time{} ? std::string() : utc_text(wall_ns(s.usable_since)));
    if (s.watching.has(Watcher::flapping)) {
        out.number("flap_penalty", static_cast<std::uint64_t>(s.flap_penalty));
        out.flag("flap_suppressed", s.flap_suppressed);
    }
    out.number("mtu", found->mtu);
    out.flag("promiscuous", found->promiscuous);
    out.flag("allmulticast", found->all_groups);
    out.text("filter", found->sorts_itself ? "hardware" : "software");
    out.text("control_rx", found->control_rx);
    out.text("control_tx", found->control_tx);
    if (const MemberCounters& c = found->counters; !found->tap.empty()) {
        tel::Dict tap = out.dict("tap");
        tap.text("name", found->tap);
        tap.number("to_host", c.tap_to_host);
        tap.number("from_host", c.tap_from_host);
        tel::Dict drops = tap.dict("drops");
        drops.number("refused", c.tap_refused);
        drops.number("foreign", c.tap_foreign);
        drops.number("oversize", c.tap_oversize);
    }
    if (found->offloads) {
        tel::Dict offloads = out.dict("offloads");
        const MemberOffloads by = member_offloads(*found);
        offloads.text("checksum", by.checksum);
        offloads.text("tcp_segmentation", by.tcp_segmentation);
        offloads.text("udp_segmentation", by.udp_segmentation);
        offloads.text("rx_checksum", by.rx_checksum);
        offloads.number("cut_in_software", found->counters.cut_in_software);
    }
    put_traffic(out, found->counters);
    put_drops(out, found->counters.drops);
    out.number("missed", found->counters.missed);
    out.number("no_buffer", found->counters.no_buffer);
    out.number("rx_errors", found->counters.rx_errors);
    out.number("tx_errors", found->counters.tx_errors);
    return 0;
}

int answer_stats(Instance& instance, std::string_view params, rte_tel_data* d) {
    const auto view = instance.bond(params);
    if (!view) return -ENOENT;
    tel::Dict out(d);
    put_traffic(out, view->counters);
    put_drops(out, view->counters.drops);
    out.number("punted", view->counters.punted);
    out.number("merged", view->counters.merged);
    out.number("reordered", view->counters.reordered);
    out.number("held", view->counters.held);
    out.number("held_overflow", view->counters.held_overflow);
    out.number("copied", view->counters.copied);
    out.number("copies_lost", view->counters.copies_lost);
    out.number("injected", view->counters.injected);
    out.number("answered", view->counters.answered);
    out.number("left_rx_packets", view->counters.left_rx_packets);
    out.number("left_tx_packets", view->counters.left_tx_packets);
    return 0;
}

int answer_events(Instance& instance, std::string_view params, rte_tel_data* d) {
    const std::string_view bond = next_param(params);
    const auto page = page_of(params);
    if (!page) return -EINVAL;
    if (!instance.bond(bond)) return -ENOENT;
    tel::Dicts out(d);
    for (const PastEvent& past : events_page(instance.events(bond), *page)) {
        const Event& event = past.event;
        tel::Dict entry = out.add();
        entry.number("t_ns", static_cast<std::uint64_t>(to_ns(event.at)));
        entry.text("time", utc_text(past.wall_ns, true));
        entry.text("member", event.member);
        entry.text("event", event_name(event.kind));
        entry.text("detail", event.detail);
        if (past.more != 0) entry.number("more", past.more);
    }
    return 0;
}

int answer_lacp(Instance& instance, std::string_view params, rte_tel_data* d) {
    const auto view = instance.bond(next_param(params));
    if (!view || !view->lacp) return -ENOENT;
    if (params.empty()) {
        tel::Dict out(d);
        put_lacp(out, *view);
        return 0;
    }
    for (const MemberView& m : view->members) {
        const lacp::PortStatus* port = lacp_port(*view, m.status.id);
        if (m.status.name.view() != params || port == nullptr) continue;
        tel::Dict out(d);
        put_lacp_port(out, m, *port);
        return 0;
    }
    return -ENOENT;
}

// The members, each with its busiest buckets: of all members' the first 256, or of another page the next
// ones.
int answer_load(Instance& instance, std::string_view params, rte_tel_data* d) {
    constexpr std::size_t kPage = 256; // what surely fits into an answer
    const std::string_view bond = next_param(params);
    const auto page = page_of(params);
    if (!page) return -EINVAL;
    const auto load = instance.load(bond);
    if (!load) return -ENOENT;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> shown; // rates and buckets
    for (const MemberLoad& entry : *load)
        for (const BucketLoad& b : entry.by_bucket) shown.emplace_back(b.bytes_per_s, b.bucket);
    std::ranges::sort(shown, std::greater{});
    shown.resize(std::min(shown.size(), (*page + 1) * kPage));
    shown.erase(shown.begin(),
                shown.begin() + static_cast<std::ptrdiff_t>(std::min(shown.size(), *page * kPage)));
    tel::Dicts out(d);
    for (const MemberLoad& entry : *load) {
        tel::Dict dict = out.add();
        dict.text("member", entry.member);
        dict.number("buckets", entry.buckets);
        if (entry.bytes_per_s) dict.number("bytes_per_s", *entry.bytes_per_s);
        if (!entry.biggest_flows.empty()) {
            tel::Dict flows = dict.dict("biggest_flows");
            for (std::size_t i = 0; i < entry.biggest_flows.size(); ++i) {
                tel::Dict flow = flows.dict(std::to_string(i + 1).c_str());
                flow.text("flow", entry.biggest_flows[i].flow);
                flow.number("bytes_per_s", entry.biggest_flows[i].bytes_per_s);
            }
        }
        if (entry.by_bucket.empty()) continue;
        tel::Dict by_bucket = dict.dict("by_bucket");
        for (const BucketLoad& b : entry.by_bucket)
            if (std::ranges::find(shown, std::pair{b.bytes_per_s, b.bucket}) != shown.end())
                by_bucket.number(b.bucket == kUnspreadFlows ? "unspread" : std::to_string(b.bucket).c_str(),
                                 b.bytes_per_s);
    }
    return 0;
}

// Clients by address; one that knows several of ours, or speaks in several VLANs, is one entry.
int answer_rlb(Instance& instance, std::string_view params, rte_tel_data* d) {
    constexpr std::size_t kPage = 100; // what surely fits into an answer
    const std::string_view bond = next_param(params);
    const auto page = page_of(params);
    if (!page) return -EINVAL;
    const auto clients = instance.rlb(bond);
    if (!clients) return -ENOENT;
    tel::Dict out(d);
    TelemetryKeys keys;
    std::size_t number = 0;
    for (auto c = clients->begin(); c != clients->end(); ++number) {
        const auto end =
            std::find_if(c, clients->end(), [&](const auto& o) { return o.client != c->client; });
        std::uint64_t updates = 0;
        for (auto o = c; o != end; ++o) updates += o->updates;
        if (number / kPage == *page) {
            const std::string key = keys.of(c->client);
            tel::Dict entry = out.dict(key.c_str());
            if (key != c->client) entry.text("client", c->client);
            entry.text("mac", c->mac.to_string());
            entry.text("member", c->member);
            entry.number("updates", updates);
        }
        c = end;
    }
    return 0;
}

// Text, a page of whole lines at a time. Each client has a thread of its own, which keeps the text from page
// to page: the pages of one client fit together. Empty: there is none.
template <class MakeText>
int answer_pages(Instance& instance, std::string_view params, rte_tel_data* d, MakeText make_text) {
    thread_local std::string kept_for, kept; // of each MakeText
    const std::string_view bond = next_param(params);
    const auto page = page_of(params);
    if (!page) return -EINVAL;
    if (*page == 0 || kept_for != bond) {
        auto view = instance.bond(bond);
        if (!view) return -ENOENT;
        kept = make_text(*view, bond);
        kept_for = bond;
    }
    const std::string text = status_page(kept, *page);
    return text.empty() ? -ENOENT : rte_tel_data_string(d, text.c_str());
}

int answer_status(Instance& instance, std::string_view params, rte_tel_data* d) {
    return answer_pages(instance, params, d, [&](BondView& view, std::string_view bond) {
        view.spray = instance.spray(bond);
        return render_proc(view);
    });
}

int answer_config(Instance& instance, std::string_view params, rte_tel_data* d) {
    return answer_pages(instance, params, d, [&](BondView&, std::string_view bond) {
        auto text = instance.config_text(bond);
        return text ? std::move(text).value() : std::string();
    });
}

int answer_capture(Instance& instance, std::string_view params, rte_tel_data* d) {
    if (!instance.bond(params)) return -ENOENT;
    const auto line = instance.show_capture(params);
    tel::Dict out(d);
    out.flag("any", line.ok());
    out.text("text", line ? line.value() : line.error());
    return 0;
}

int answer_program(Instance&, std::string_view, rte_tel_data* d) {
    tel::Dict out(d);
    out.text("version", program_version());
    out.text("dpdk", rte_version());
    out.text("since", utc_text(wall_ns(program_began())));
    return 0;
}

int answer_spray(Instance& instance, std::string_view params, rte_tel_data* d) {
    const std::string_view bond = next_param(params);
    const auto page = page_of(params);
    if (!page) return -EINVAL;
    const auto view = instance.spray(bond);
    if (!view) return -ENOENT;
    tel::Dict out(d);
    put_spray(out, *view, *page);
    return 0;
}

// {"hashed", "hash", "bucket", "buckets", "member", "reason"}, or {"error"} for a flow that cannot be read.
int answer_explain(Instance& instance, std::string_view params, rte_tel_data* d) {
    const std::string_view bond = next_param(params);
    if (!instance.bond(bond)) return -ENOENT;
    tel::Dict out(d);
    const auto flow = parse_flow(params);
    if (!flow) {
        out.text("error", flow.error());
        return 0;
    }
    const auto answer = instance.explain(bond, flow.value());
    if (!answer) {
        out.text("error", answer.error());
        return 0;
    }
    const Explanation& e = answer.value();
    out.flag("hashed", e.hashed);
    out.number("hash", e.hash);
    out.number("bucket", e.bucket);
    out.number("buckets", e.buckets);
    out.text("member", e.member);
    out.text("reason", e.reason);
    if (e.paths.empty()) return 0;
    tel::Strings paths = out.strings("paths");
    for (const std::string& path : e.paths) paths.add(path);
    return 0;
}

using Answer = int (*)(Instance&, std::string_view, rte_tel_data*);

template <Answer answer> int callback(const char*, const char* params, rte_tel_data* d) noexcept {
    try {
        const std::shared_lock lock(instance_lock);
        if (current_instance == nullptr) return -ENODEV;
        return answer(*current_instance, params != nullptr ? params : "", d);
    } catch (const std::exception&) {
        return -ENOMEM;
    }
}

struct Query {
    const char* name;
    telemetry_cb function;
    const char* help;
};
constexpr Query kQueries[] = {
    {"/bond/list", callback<answer_list>, "Names of the bonds. Takes no parameters"},
    {"/bond/info", callback<answer_info>, "What a bond is and does. Parameters: bond"},
    {"/bond/member", callback<answer_member>, "State and counters of a member. Parameters: bond,member"},
    {"/bond/stats", callback<answer_stats>, "Counters of the logical interface. Parameters: bond"},
    {"/bond/events", callback<answer_events>,
     "Last events, oldest first, as many as fit. Parameters: bond[,page]; page 1 precedes what page 0 shows"},
    {"/bond/lacp", callback<answer_lacp>,
     "802.3ad: the active aggregator and all ports, or all about one port. Parameters: bond[,member]"},
    {"/bond/load", callback<answer_load>,
     "Load by member and bucket, in modes that balance, measured now. Parameters: bond[,page]"},
    {"/bond/rlb", callback<answer_rlb>,
     "balance-alb: clients and their members, 100 at a time. Parameters: bond[,page]"},
    {"/bond/spray", callback<answer_spray>,
     "balance-spray: peers and their paths, some at a time. Parameters: bond[,page]"},
    {"/bond/status", callback<answer_status>,
     "The status text, in the layout of /proc/net/bonding. Parameters: bond[,page]; pages count from 0"},
    {"/bond/config", callback<answer_config>,
     "The configuration as it runs now, as YAML. Parameters: bond[,page]; pages count from 0"},
    {"/bond/capture", callback<answer_capture>, "What the last capture does, or has done. Parameters: bond"},
    {"/bond/program", callback<answer_program>, "Versions, and since when it runs. Takes no parameters"},
    {"/bond/explain", callback<answer_explain>,
     "By which member a flow leaves. Parameters: bond,src=,dst=,sport=,dport=,proto=,smac=,dmac=,vlan= or "
     "frame="},
};

// Bytes of the event in an answer, its comma included.
std::size_t json_bytes(const PastEvent& past) {
    const Event& event = past.event;
    std::size_t bytes =
        std::string_view(R"({"t_ns":,"time":"","member":"","event":"","detail":"","more":},)").size() + 48;
    bytes += std::to_string(to_ns(event.at)).size() + event_name(event.kind).size();
    for (const std::string_view text : {event.member.view(), event.detail.view()})
        bytes += text.size() + static_cast<std::size_t>(std::ranges::count_if(
                                   text, [](char c) { return c == '"' || c == '\\' || c == '/'; }));
    return bytes;
}

} // namespace

bool register_telemetry(Instance& instance) {
    static std::once_flag once;
    static bool registered = true;
    std::call_once(once, [] {
        for (const Query& query : kQueries)
            if (rte_telemetry_register_cmd(query.name, query.function, query.help) != 0) registered = false;
    });
    const std::unique_lock lock(instance_lock);
    current_instance = &instance;
    return registered;
}

void forget_telemetry() {
    const std::unique_lock lock(instance_lock);
    current_instance = nullptr;
}

std::vector<PastEvent> events_page(const std::vector<PastEvent>& oldest_first, std::size_t page) {
    auto end = oldest_first.end();
    for (;; --page) {
        auto begin = end;
        for (std::size_t bytes = 0; begin != oldest_first.begin(); --begin) {
            bytes += json_bytes(*(begin - 1));
            if (bytes > kAnswerBytes) break;
        }
        if (page == 0 || begin == end) return {begin, end};
        end = begin;
    }
}

} // namespace dpdkbond
