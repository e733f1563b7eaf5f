// SPDX-License-Identifier: BSD-3-Clause
// What a bond costs above its bare members, ours beside librte_net_bond's: one process, the same null
// members, the same frames, in turn. See docs/performance.md.
#include <fmt/format.h>
#include <getopt.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "dpdk/eal.hpp"
#include "host/hugepage_lease.hpp"
#include "measure.hpp"
#include "report.hpp"

namespace {

using namespace dpdkbond;
using namespace dpdkbond::bench;

constexpr const char* kHelp = R"(vs_net_bonding: cycles a packet that a bond adds to its members' bursts

  --modes LIST     parts of names, comma separated: balance-rr,layer3+4 … (default: all)
  --direction D    tx, rx or both (default: both)
  --members LIST   2,4,8 by default; at most 30, with silent ones or the plug-in's 8
  --bursts LIST    8,32,64 by default (tx; rx is always 32); at most 64
  --flows N        frames, each of a flow and in a buffer of its own (default 1024: they fit the L2 cache)
  --traffic LIST   mixed (default), ipv4, ipv6, one-flow, runs, fragments, tagged, encapsulated, or all (tx)
  --rounds N       of each measurement (default 1000)
  --seconds S      for each measurement, instead of --rounds
  --at-once        ours sends each burst at once instead of several together, as when no more come
  --plugin FILE    besides, ours through rte_eth_tx_burst() on a port of this librte_net_dpdkbond.so
  --pages KIND     huge or ordinary, where buffers lie (default: huge if enough are free)
  --cpu N          to run on (default: the last that this process may use)
  --json           JSON instead of the table
  --quick          a second's run that only shows that it works
)";

struct Wishes {
    std::vector<std::string> modes;
    std::vector<unsigned> members{2, 4, 8}, bursts{8, 32, 64};
    bool tx = true, rx = true, json = false;
    std::vector<Traffic> traffic{Traffic::mixed};
    unsigned flows = 1024;
    std::optional<unsigned> cpu;
    std::string plugin;
    std::optional<bool> huge;
    Effort effort;
};

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        parts.emplace_back(text.substr(at, comma - at));
        at = comma + 1;
    }
    return parts;
}

unsigned number(std::string_view text, unsigned min, unsigned max) {
    unsigned n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || end != text.data() + text.size() || n < min || n > max)
        throw std::runtime_error(fmt::format("'{}' is not a number from {} to {}", text, min, max));
    return n;
}

std::vector<unsigned> numbers(std::string_view text, unsigned min, unsigned max) {
    std::vector<unsigned> list;
    for (const std::string& part : split(text)) list.push_back(number(part, min, max));
    return list;
}

std::vector<Traffic> traffics(std::string_view text) {
    std::vector<Traffic> list;
    for (const std::string& part : split(text)) {
        const std::size_t before = list.size();
        for (std::size_t k = 0; k < kTrafficNames.size(); ++k)
            if (part == kTrafficNames[k] || part == "all") list.push_back(static_cast<Traffic>(k));
        if (list.size() == before) throw std::runtime_error(fmt::format("--traffic {}: see --help", part));
    }
    return list;
}

Wishes parse(int argc, char** argv) {
    const option options[] = {
        {"modes", required_argument, nullptr, 'm'},   {"direction", required_argument, nullptr, 'd'},
        {"members", required_argument, nullptr, 'n'}, {"bursts", required_argument, nullptr, 'b'},
        {"flows", required_argument, nullptr, 'f'},   {"rounds", required_argument, nullptr, 'r'},
        {"seconds", required_argument, nullptr, 's'}, {"cpu", required_argument, nullptr, 'c'},
        {"json", no_argument, nullptr, 'j'},          {"at-once", no_argument, nullptr, 'a'},
        {"traffic", required_argument, nullptr, 't'}, {"quick", no_argument, nullptr, 'q'},
        {"plugin", required_argument, nullptr, 'p'},  {"pages", required_argument, nullptr, 'P'},
        {"help", no_argument, nullptr, 'h'},          {}};
    Wishes w;
    for (int c; (c = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
        switch (c) {
        case 'm': w.modes = split(optarg); break;
        case 'd':
            w.tx = std::string_view(optarg) != "rx";
            w.rx = std::string_view(optarg) != "tx";
            break;
        case 'n': w.members = numbers(optarg, 1, kMostMembers); break;
        case 'b': w.bursts = numbers(optarg, 1, kMaxBurst); break;
        case 'f': w.flows = number(optarg, 256, 1U << 20U); break;
        case 'r': w.effort.rounds = number(optarg, 1, 1'000'000); break;
        case 's': w.effort.seconds = number(optarg, 1, 3600); break;
        case 'c': w.cpu = number(optarg, 0, CPU_SETSIZE - 1); break;
        case 't': w.traffic = traffics(optarg); break;
        case 'a': w.effort.at_once = true; break;
        case 'j': w.json = true; break;
        case 'p':
            w.plugin = optarg;
            w.effort.plugin = true;
            break;
        case 'P':
            if (optarg != std::string_view("huge") && optarg != std::string_view("ordinary"))
                throw std::runtime_error(fmt::format("--pages {}: huge or ordinary", optarg));
            w.huge = optarg == std::string_view("huge");
            break;
        case 'q':
            w.members = {2};
            w.bursts = {32};
            w.effort.rounds = 20;
            break;
        case 'h': fmt::print("{}", kHelp); std::exit(0);
        default: throw std::runtime_error("--help lists the options");
        }
    }
    return w;
}

unsigned last_cpu() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    for (unsigned cpu = CPU_SETSIZE; cpu-- > 0;)
        if (CPU_ISSET(cpu, &set)) return cpu;
    return 0;
}

std::vector<Setting> wanted_settings(const Wishes& w) {
    std::vector<Setting> all{
        {.mode = Mode::balance_rr}, {.mode = Mode::active_backup}, {.mode = Mode::broadcast}};
    for (const HashPolicy p : {HashPolicy::layer2, HashPolicy::layer23, HashPolicy::layer34,
                               HashPolicy::encap23, HashPolicy::encap34, HashPolicy::vlan_srcmac})
        all.push_back({.mode = Mode::balance_xor, .policy = p});
    for (const HashPolicy p : {HashPolicy::layer2, HashPolicy::layer23, HashPolicy::layer34})
        all.push_back({.mode = Mode::ieee8023ad, .policy = p});
    all.push_back({.mode = Mode::balance_tlb});
    all.push_back({.mode = Mode::balance_alb});
    all.push_back({.mode = Mode::balance_rr, .packets_per_slave = 0});
    all.push_back({.mode = Mode::balance_rr, .packets_per_slave = 4});
    all.push_back({.mode = Mode::balance_rr, .receiving = Receiving::filtered});
    all.push_back({.mode = Mode::balance_rr, .receiving = Receiving::kernel_sockets});
    if (w.modes.empty()) return all;
    std::vector<Setting> some;
    for (const Setting& s : all)
        for (const std::string& part : w.modes)
            if (s.name().find(part) != std::string::npos) {
                some.push_back(s);
                break;
            }
    return some;
}

// The cells for one set of members, which net_bonding holds while they are measured.
std::vector<Cell> cells(const Wishes& w, unsigned members, bool rx_of_one) {
    std::vector<Cell> list;
    for (const Setting& s : wanted_settings(w)) {
        if (w.tx && !rx_of_one && s.receiving == Receiving::plain)
            for (const Traffic traffic : w.traffic)
                for (const unsigned burst : w.bursts)
                    list.push_back({Direction::tx, s, members, static_cast<std::uint16_t>(burst), traffic});
        const bool by_one = s.mode == Mode::active_backup || s.mode == Mode::balance_tlb;
        // Which member sends what makes no difference to reception.
        const bool plain = s.packets_per_slave == 1 && s.policy == HashPolicy::layer2;
        if (w.rx && plain && by_one == rx_of_one) list.push_back({Direction::rx, s, members, kBurst});
    }
    return list;
}

// What is asked for, or hugepages if there are enough.
std::optional<HugepageLease> lease_hugepages(const Wishes& w, unsigned memory_mb) {
    if (w.huge == false) return std::nullopt;
    HugepageWish wish;
    wish.memory_mb = memory_mb;
    wish.reserve = w.huge.has_value();
    auto lease = HugepageLease::take(wish);
    if (lease) return std::move(lease).value();
    if (w.huge) throw std::runtime_error(lease.error());
    return std::nullopt;
}

void run(const Wishes& w) {
    EalOptions eal_options;
    eal_options.file_prefix = fmt::format("vs_net_bonding{}", getpid());
    eal_options.control_cpu = w.cpu.value_or(last_cpu());
    eal_options.memory_mb = 192 + w.flows / 1024; // net_bonding makes a pool for balance-alb
    const auto hugepages = lease_hugepages(w, eal_options.memory_mb); // until EAL has ended
    eal_options.hugepages = hugepages.has_value();
    // Null ports refuse what a bond asks of its members (promiscuity and the like), which net_bonding reports
    // each time.
    eal_options.extra_args = {"--no-telemetry", "--log-level", "pmd.net.bond*:critical"};
    if (w.effort.plugin) eal_options.extra_args.insert(eal_options.extra_args.end(), {"-d", w.plugin});
    const Eal eal(eal_options);
    FramePool pool(w.flows);
    const unsigned most = std::ranges::max(w.members);
    const unsigned silent = w.rx ? std::min(most, kMostOfAKind) : 0; // for receiving by one of several
    if (most + silent + 2 > RTE_MAX_ETHPORTS)
        throw std::runtime_error("DPDK has no ports for so many members: --direction tx takes the most");
    const Ports ports(pool.get(), most, silent);
    if (w.effort.plugin && most > kMostOfAKind)
        throw std::runtime_error(fmt::format("--plugin takes {} members at most", kMostOfAKind));
    if (w.effort.plugin) make_plugin_members();

    std::vector<Row> rows;
    if (!w.json) fmt::print("{}", table_head(eal_options.hugepages));
    for (const unsigned members : w.members) {
        for (const bool rx_of_one : {false, true}) {
            if (rx_of_one && members > kMostOfAKind) continue;
            const std::vector<Cell> todo = cells(w, members, rx_of_one);
            if (todo.empty()) continue;
            std::vector<std::uint16_t> ids;
            for (unsigned k = 0; k < members; ++k)
                ids.push_back(rx_of_one && k > 0 ? ports.idle[k].id() : ports.busy[k].id());
            TheirBond theirs(ids, pool.get());
            theirs.set({});
            for (const Cell& cell : todo) {
                rows.push_back({cell, measure(cell, pool, ports, theirs, w.effort)});
                if (!w.json) fmt::print("{}", table_row(rows.back()));
            }
        }
    }
    fmt::print("{}", w.json ? json(rows, w.flows, eal_options.hugepages) : table_foot(rows));
}

} // namespace

int main(int argc, char** argv) {
    try {
        run(parse(argc, argv));
    } catch (const std::exception& e) {
        fmt::print(stderr, "vs_net_bonding: {}\n", e.what());
        return 1;
    }
    return 0;
}
