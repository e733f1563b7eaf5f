// SPDX-License-Identifier: BSD-3-Clause
#include "report.hpp"

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_version.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace dpdkbond::bench {

namespace {

const char* direction(const Cell& c) { return c.direction == Direction::tx ? "tx" : "rx"; }

std::string name_of(const Cell& c) {
    const std::string mode = c.setting.name();
    return c.traffic == Traffic::mixed
               ? mode
               : fmt::format("{}, {}", mode, kTrafficNames[static_cast<unsigned>(c.traffic)]);
}

// A ratio to almost nothing says nothing.
bool has_ratio(const Figures& f) {
    return f.has_theirs && f.theirs.median > std::max(1.0, f.control.width() / 2);
}

} // namespace

// What ours costs through the plug-in, as a share of what it costs alone: bare and what is added.
double plugin_share(const Figures& f) { return (f.bare + f.plugin.median) / (f.bare + f.ours.median); }

std::string table_head(bool hugepages) {
    return fmt::format(
        "buffers in {} pages\n{:3} {:36} {:>7} {:>5} | {:>8} {:>13} {:>12} {:>6} | {:>7} {:>7} "
        "{:>8} {:>6}\n{:-<134}\n",
        hugepages ? "huge" : "ordinary", "", "mode", "members", "burst", "bare", "net_bonding +",
        "dpdk-bond +", "ratio", "split +", "least +", "control", "noise", "");
}

std::string table_row(const Row& r) {
    const Figures& f = r.figures;
    const std::string theirs = f.has_theirs ? fmt::format("{:.1f}", f.theirs.median) : "-";
    const std::string ratio = has_ratio(f) ? fmt::format("{:.2f}", f.ours.median / f.theirs.median) : "-";
    const std::string plugin =
        f.has_plugin ? fmt::format(" | plug-in {:>5.1f}, whole {:.3f}", f.plugin.median, plugin_share(f))
                     : "";
    return fmt::format(
        "{:3} {:36} {:>7} {:>5} | {:>8.1f} {:>13} {:>12.1f} {:>6} | {:>7.1f} {:>7} {:>8.1f} {:>6.1f}{}\n",
        direction(r.cell), name_of(r.cell), r.cell.members, r.cell.burst, f.bare, theirs, f.ours.median,
        ratio, f.split.median, f.has_least ? fmt::format("{:.1f}", f.least.median) : "-", f.control.median,
        f.control.width() / 2, plugin);
}

std::string table_foot(const std::vector<Row>& rows) {
    std::map<std::string, std::pair<double, double>> range;
    double noise = 0, rounds = 0, left_out = 0;
    for (const Row& r : rows) {
        rounds += r.figures.rounds;
        left_out += r.figures.left_out;
        noise = std::max(noise, r.figures.control.width() / 2);
        if (!has_ratio(r.figures)) continue;
        const double ratio = r.figures.ours.median / r.figures.theirs.median;
        const std::string key = fmt::format("{} {}", direction(r.cell), name_of(r.cell));
        const auto [at, fresh] = range.try_emplace(key, ratio, ratio);
        if (!fresh) at->second = {std::min(at->second.first, ratio), std::max(at->second.second, ratio)};
    }
    std::string text = fmt::format(
        "\nTSC cycles a packet ({:.0f} MHz); medians. bare: the member's own burst, taking the buffers "
        "included (broadcast: as many\nbursts as members); +: above it; split: the calls alone, the burst "
        "cut into "
        "equal parts; least: dealt out by choices made before, each header looked at. control: bare above "
        "bare; "
        "noise: half its interquartile range, at most {:.1f}.\n{:.0f} % of the rounds were disturbed and are "
        "left out.\n\n",
        static_cast<double>(rte_get_tsc_hz()) / 1e6, noise,
        100 * left_out / std::max(1.0, rounds + left_out));
    for (const auto& [name, r] : range)
        text += fmt::format("{:40} ratio {:.2f} to {:.2f}\n", name, r.first, r.second);
    return text;
}

std::string json(const std::vector<Row>& rows, unsigned flows, bool hugepages) {
    const auto spread = [](const Spread& s) {
        return fmt::format(R"({{"median": {:.2f}, "low": {:.2f}, "high": {:.2f}}})", s.median, s.low, s.high);
    };
    std::string text = fmt::format(
        "{{\"unit\": \"TSC cycles per packet\", \"tsc_mhz\": {:.0f}, \"dpdk\": \"{}\", "
        "\"flows\": {}, \"pages\": \"{}\", \"measurements\": [",
        static_cast<double>(rte_get_tsc_hz()) / 1e6, rte_version(), flows, hugepages ? "huge" : "ordinary");
    bool first = true;
    for (const Row& r : rows) {
        const Figures& f = r.figures;
        text += fmt::format("{}\n  {{\"direction\": \"{}\", \"mode\": \"{}\", \"members\": {}, \"traffic\": "
                            "\"{}\", \"burst\": "
                            "{}, \"rounds\": {}, \"left_out\": {}, "
                            "\"bare\": {:.2f}, \"control\": {}, \"split\": {}, \"dpdk_bond\": {}",
                            first ? "" : ",", direction(r.cell), r.cell.setting.name(), r.cell.members,
                            kTrafficNames[static_cast<unsigned>(r.cell.traffic)], r.cell.burst, f.rounds,
                            f.left_out, f.bare, spread(f.control), spread(f.split), spread(f.ours));
        if (f.has_theirs) text += fmt::format(", \"net_bonding\": {}", spread(f.theirs));
        if (f.has_plugin)
            text +=
                fmt::format(", \"plugin\": {}, \"plugin_share\": {:.3f}", spread(f.plugin), plugin_share(f));
        if (f.has_least) text += fmt::format(", \"least\": {}", spread(f.least));
        if (has_ratio(f)) text += fmt::format(", \"ratio\": {:.3f}", f.ours.median / f.theirs.median);
        text += "}";
        first = false;
    }
    return text + "\n]}\n";
}

} // namespace dpdkbond::bench
