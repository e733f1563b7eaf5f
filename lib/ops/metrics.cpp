// SPDX-License-Identifier: BSD-3-Clause
#include "ops/metrics.hpp"

#include <rte_version.h>

#include <algorithm>

#include "ops/put.hpp"
#include "ops/render.hpp"
#include "ops/render_lacp.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint64_t kShortestLookNs = 1'000'000'000;

// A label's value between its quotes.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

std::string of_bond(const BondView& b) { return fmt::format("bond=\"{}\"", escaped(b.status.name.view())); }

std::string of_member(const BondView& b, const MemberView& m) {
    return fmt::format("{},member=\"{}\"", of_bond(b), escaped(m.status.name.view()));
}

std::string with_reason(const std::string& labels, std::size_t reason) {
    return fmt::format("{},reason=\"{}\"", labels, kDropReasonNames[reason]);
}

class Page {
public:
    explicit Page(std::span<const BondView> bonds) : bonds_(bonds) {}

    // Starts a family: all its samples follow before the next one. A unit is the end of the name.
    void family(std::string_view name, std::string_view type, std::string_view help,
                std::string_view unit = {}) {
        name_ = name;
        put(out_, "# TYPE {} {}\n", name, type);
        if (!unit.empty()) put(out_, "# UNIT {} {}\n", name, unit);
        put(out_, "# HELP {} {}\n", name, help);
    }
    template <class Value> void sample(std::string_view suffix, const std::string& labels, Value value) {
        put(out_, "{}{}{{{}}} {}\n", name_, suffix, labels, value);
    }

    // A family with one sample for each bond; `value` takes a BondView.
    template <class Value> void bond_gauge(std::string_view name, std::string_view help, Value value) {
        family(name, "gauge", help);
        for (const BondView& b : bonds_) sample("", of_bond(b), value(b));
    }
    template <class Value>
    void bond_counter(std::string_view name, std::string_view help, Value value, std::string_view unit = {}) {
        family(name, "counter", help, unit);
        for (const BondView& b : bonds_) sample("_total", of_bond(b), value(b));
    }
    // … for each member; `value` takes a MemberView.
    template <class Value> void member_gauge(std::string_view name, std::string_view help, Value value) {
        family(name, "gauge", help);
        each_member([&](const BondView& b, const MemberView& m) { sample("", of_member(b, m), value(m)); });
    }
    template <class Value>
    void member_counter(std::string_view name, std::string_view help, Value value,
                        std::string_view unit = {}) {
        family(name, "counter", help, unit);
        each_member(
            [&](const BondView& b, const MemberView& m) { sample("_total", of_member(b, m), value(m)); });
    }
    // … for each port of LACP, which bonds of 802.3ad have; `value` takes a lacp::PortStatus.
    template <class Value>
    void lacp(std::string_view name, std::string_view type, std::string_view help, Value value) {
        family(name, type, help);
        each_member([&](const BondView& b, const MemberView& m) {
            if (const lacp::PortStatus* port = lacp_port(b, m.status.id))
                sample(type == "counter" ? "_total" : "", of_member(b, m), value(*port));
        });
    }
    template <class Do> void each_member(Do act) {
        for (const BondView& b : bonds_)
            for (const MemberView& m : b.members) act(b, m);
    }
    std::string end() && {
        out_ += "# EOF\n";
        return std::move(out_);
    }

private:
    std::span<const BondView> bonds_;
    std::string_view name_;
    std::string out_;
};

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

void put_gaps(Page& page, const BondView& b) {
    const GapHistogram& gaps = b.status.gaps;
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < kGapBounds.size(); ++i) {
        so_far += gaps.classes[i];
        // OpenMetrics writes bounds as numbers with a point or an exponent.
        const std::string bound = fmt::format("{:#.6g}", seconds(kGapBounds[i]));
        const std::size_t last = bound.find_last_not_of('0');
        const std::size_t digits = bound[last] == '.' ? last + 2 : last + 1;
        page.sample("_bucket", fmt::format("{},le=\"{}\"", of_bond(b), bound.substr(0, digits)), so_far);
    }
    page.sample("_bucket", of_bond(b) + ",le=\"+Inf\"", gaps.count);
    page.sample("_sum", of_bond(b), seconds(gaps.sum));
    page.sample("_count", of_bond(b), gaps.count);
}

void put_bonds(Page& page, std::span<const BondView> bonds) {
    page.bond_gauge(
        "dpdkbond_bond_up", "1 while the logical interface of the bond can carry frames.",
        [](const BondView& b) { return b.status.link_up && (b.logical.up || !b.logical.known) ? 1 : 0; });
    page.bond_gauge("dpdkbond_members", "Members of the bond.",
                    [](const BondView& b) { return b.members.size(); });
    page.bond_gauge("dpdkbond_members_usable", "Members that may send data now.", [](const BondView& b) {
        return std::ranges::count_if(b.members, [](const MemberView& m) { return m.status.usable; });
    });
    page.bond_counter("dpdkbond_failovers", "Changes of the active member; the first choice is not counted.",
                      [](const BondView& b) { return b.status.failovers; });
    page.family("dpdkbond_failover_gap_seconds", "histogram",
                "From the last frame of members that were lost to the first of those in their place.",
                "seconds");
    for (const BondView& b : bonds) put_gaps(page, b);
    page.bond_counter("dpdkbond_rx_packets", "Frames handed up to the logical interface.",
                      [](const BondView& b) { return b.counters.rx_packets; });
    page.bond_counter(
        "dpdkbond_rx_bytes", "Bytes handed up to the logical interface.",
        [](const BondView& b) { return b.counters.rx_bytes; }, "bytes");
    page.bond_counter("dpdkbond_tx_packets", "Frames taken from the logical interface.",
                      [](const BondView& b) { return b.counters.tx_packets; });
    page.bond_counter(
        "dpdkbond_tx_bytes", "Bytes taken from the logical interface.",
        [](const BondView& b) { return b.counters.tx_bytes; }, "bytes");
    page.family("dpdkbond_drops", "counter",
                "Frames dropped by the bond, by reason; those of its members are among them.");
    for (const BondView& b : bonds)
        for (std::size_t i = 0; i < kDropReasons; ++i)
            page.sample("_total", with_reason(of_bond(b), i), b.counters.drops[i]);
}

void put_members(Page& page) {
    page.member_gauge("dpdkbond_member_up", "1 while the link monitor of the bond takes the member as up.",
                      [](const MemberView& m) { return m.status.mii == MiiStatus::up ? 1 : 0; });
    page.member_gauge("dpdkbond_member_active", "1 while the state of the member is active, 0 for a backup.",
                      [](const MemberView& m) { return m.status.active ? 1 : 0; });
    page.member_gauge("dpdkbond_member_usable", "1 while the member may send data.",
                      [](const MemberView& m) { return m.status.usable ? 1 : 0; });
    page.member_counter("dpdkbond_member_link_failures", "Times that the member went down.",
                        [](const MemberView& m) { return m.status.link_failures; });
    page.member_counter("dpdkbond_member_rx_packets", "Frames received from the member.",
                        [](const MemberView& m) { return m.counters.rx_packets; });
    page.member_counter(
        "dpdkbond_member_rx_bytes", "Bytes received from the member.",
        [](const MemberView& m) { return m.counters.rx_bytes; }, "bytes");
    page.member_counter("dpdkbond_member_tx_packets", "Frames sent by the member.",
                        [](const MemberView& m) { return m.counters.tx_packets; });
    page.member_counter(
        "dpdkbond_member_tx_bytes", "Bytes sent by the member.",
        [](const MemberView& m) { return m.counters.tx_bytes; }, "bytes");
    page.member_counter("dpdkbond_member_missed",
                        "Frames that the device lost because nobody took them out of its queues in time.",
                        [](const MemberView& m) { return m.counters.missed; });
    page.member_counter("dpdkbond_member_no_buffer",
                        "Frames that the device lost because there was no packet buffer for them.",
                        [](const MemberView& m) { return m.counters.no_buffer; });
    page.member_counter("dpdkbond_member_rx_errors", "Frames that the device received with an error.",
                        [](const MemberView& m) { return m.counters.rx_errors; });
    page.member_counter("dpdkbond_member_tx_errors", "Frames that the device failed to send.",
                        [](const MemberView& m) { return m.counters.tx_errors; });
    page.family("dpdkbond_member_drops", "counter", "Frames dropped on account of the member, by reason.");
    page.each_member([&](const BondView& b, const MemberView& m) {
        for (std::size_t i = 0; i < kDropReasons; ++i)
            page.sample("_total", with_reason(of_member(b, m), i), m.counters.drops[i]);
    });
}

// Of members that have a tap (member_taps).
void put_taps(Page& page) {
    const auto counter = [&](std::string_view name, std::string_view help, auto samples) {
        page.family(name, "counter", help);
        page.each_member([&](const BondView& b, const MemberView& m) {
            if (!m.tap.empty()) samples(of_member(b, m), m.counters);
        });
    };
    counter("dpdkbond_member_tap_to_host", "Frames of the member that its tap gave to the host.",
            [&](const std::string& labels, const MemberCounters& c) {
                page.sample("_total", labels, c.tap_to_host);
            });
    counter("dpdkbond_member_tap_from_host", "Frames that the host wrote to the tap of the member.",
            [&](const std::string& labels, const MemberCounters& c) {
                page.sample("_total", labels, c.tap_from_host);
            });
    counter("dpdkbond_member_tap_drops", "Frames dropped at the tap of the member, by reason.",
            [&](const std::string& labels, const MemberCounters& c) {
                const auto drops = [&](std::string_view reason, std::uint64_t n) {
                    page.sample("_total", fmt::format("{},reason=\"{}\"", labels, reason), n);
                };
                drops("refused", c.tap_refused);
                drops("foreign", c.tap_foreign);
                drops("oversize", c.tap_oversize);
            });
}

void put_lacp(Page& page) {
    page.lacp("dpdkbond_lacp_actor_state", "gauge", "State bits that the member tells its partner.",
              [](const lacp::PortStatus& p) { return unsigned{p.actor.state.value}; });
    page.lacp("dpdkbond_lacp_partner_state", "gauge", "State bits that the partner of the member told last.",
              [](const lacp::PortStatus& p) { return unsigned{p.partner.state.value}; });
    page.lacp("dpdkbond_lacp_churned", "gauge",
              "1 while the actor or the partner side of the member has not settled for too long.",
              [](const lacp::PortStatus& p) {
                  return p.actor_churn == lacp::ChurnState::CHURN ||
                                 p.partner_churn == lacp::ChurnState::CHURN
                             ? 1
                             : 0;
              });
    page.lacp("dpdkbond_lacpdu_rx", "counter", "Well-formed LACPDUs received from the member.",
              [](const lacp::PortStatus& p) { return p.counters.lacpdu_rx; });
    page.lacp("dpdkbond_lacpdu_tx", "counter", "LACPDUs sent by the member.",
              [](const lacp::PortStatus& p) { return p.counters.lacpdu_tx; });
}

void put_workers(Page& page, std::span<const WorkerShare> workers) {
    const auto of_worker = [](const WorkerShare& w) { return fmt::format("lcore=\"{}\"", w.lcore); };
    page.family("dpdkbond_worker_busy_ratio", "gauge",
                "Share of the last second or more that the worker spent in rounds that found frames.",
                "ratio");
    for (const WorkerShare& w : workers) page.sample("", of_worker(w), w.ratio);
    page.family("dpdkbond_worker_busy_seconds", "counter",
                "Time that the worker has spent in rounds that found frames.", "seconds");
    for (const WorkerShare& w : workers) page.sample("_total", of_worker(w), w.busy_seconds);
}

} // namespace

std::vector<WorkerShare> BusyShares::update(std::span<const WorkerView> workers) {
    std::vector<WorkerShare> out;
    for (const WorkerView& w : workers) {
        Last& last = last_[w.lcore];
        const std::uint64_t time = w.alive_ns - std::min(last.alive_ns, w.alive_ns);
        if (time >= kShortestLookNs || (!last.seen && time != 0)) {
            const std::uint64_t busy = w.busy_ns - std::min(last.busy_ns, w.busy_ns);
            const double ratio = static_cast<double>(busy) / static_cast<double>(time);
            last = {w.busy_ns, w.alive_ns, std::min(ratio, 1.0), true};
        }
        out.push_back({w.lcore, static_cast<double>(w.busy_ns) / 1e9, last.ratio});
    }
    return out;
}

std::string metrics_page(std::span<const BondView> bonds, std::span<const WorkerShare> workers) {
    Page page(bonds);
    put_bonds(page, bonds);
    put_members(page);
    put_taps(page);
    put_lacp(page);
    put_workers(page, workers);
    page.family("dpdkbond_build", "info", "The version of dpdk-bond and of the DPDK that it was built with.");
    page.sample("_info",
                fmt::format("version=\"{}\",dpdk=\"{}.{:02}.{}\"", escaped(program_version()), RTE_VER_YEAR,
                            RTE_VER_MONTH, RTE_VER_MINOR),
                1);
    return std::move(page).end();
}

} // namespace dpdkbond
