// SPDX-License-Identifier: BSD-3-Clause
#include "measure.hpp"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <tuple>

#include "datapath/rx_engine.hpp"
#include "datapath/tx_engine.hpp"

namespace dpdkbond::bench {

namespace {

// The least that a bond can do that chooses a member for each frame by its header: it looks at each header's
// type, deals the burst out by choices that were made before, and calls the members; together with the next
// bursts as ours does.
class LeastBond {
public:
    static constexpr unsigned kMost = 8; // members

    LeastBond(const std::uint16_t* members, unsigned count, bool waits)
        : ports_(members), count_(count),
          worth_(waits ? std::min(count * dpdkbond::Stage::kShare, dpdkbond::Stage::kFull) : 0) {
        std::mt19937 random(1);
        for (std::uint8_t& choice : choices_) choice = static_cast<std::uint8_t>(random() % count);
    }
    void send(rte_mbuf** frames, std::uint16_t n) noexcept {
        const std::uint8_t* const choice = &choices_[at_];
        at_ = (at_ + n) % kChoices;
        std::uint32_t types = 0;
        for (std::uint16_t i = 0; i < n; ++i) {
            types |= load_raw16(rte_pktmbuf_mtod(frames[i], const std::uint8_t*) + 12);
            const unsigned shift = choice[i] * 8U;
            rows_[choice[i]][counts_ >> shift & 0xffU] = frames[i];
            counts_ += std::uint64_t{1} << shift;
        }
        seen_ = types;
        if ((waiting_ += n) >= worth_) flush();
    }
    void flush() noexcept {
        for (unsigned k = 0; k < count_; ++k)
            if (const std::uint16_t n = counts_ >> k * 8U & 0xffU; n != 0)
                rte_eth_tx_burst(ports_[k], 0, rows_[k], n);
        counts_ = 0;
        waiting_ = 0;
    }

private:
    static constexpr unsigned kChoices = 8192;
    const std::uint16_t* const ports_;
    const unsigned count_, worth_;
    std::uint8_t choices_[kChoices + kMaxBurst];
    unsigned at_ = 0, waiting_ = 0;
    volatile std::uint32_t seen_ = 0; // what is looked at is used
    std::uint64_t counts_ = 0;
    rte_mbuf* rows_[kMost][dpdkbond::Stage::kRoom];
};

// What one call of an implementation works on. `members` is what the bare variants send by.
struct Stage {
    std::uint16_t members[kMostMembers];
    unsigned member_count;
    unsigned next = 0;
    std::uint16_t their_port, plugin_port;
    std::uint16_t logical;
    std::uint16_t burst;
    Lane* lane;
    const Snapshot* snapshot;
    LeastBond* least = nullptr;
};

// Takes ownership of n frames.
using TxCall = void (*)(Stage&, rte_mbuf** frames, std::uint16_t n);

void bare_tx(Stage& s, rte_mbuf** frames, std::uint16_t n) { rte_eth_tx_burst(s.members[0], 0, frames, n); }

// n bare bursts: the references that the members' queues will give up, then the bursts.
void bare_broadcast(Stage& s, rte_mbuf** frames, std::uint16_t n) {
    for (std::uint16_t i = 0; i < n; ++i)
        rte_pktmbuf_refcnt_update(frames[i], static_cast<std::int16_t>(s.member_count - 1));
    for (unsigned k = 0; k < s.member_count; ++k) rte_eth_tx_burst(s.members[k], 0, frames, n);
}

// The least that a bond can do with a burst: the calls, without a decision.
void split_tx(Stage& s, rte_mbuf** frames, std::uint16_t n) {
    const unsigned share = (n + s.member_count - 1) / s.member_count;
    for (unsigned k = 0, at = 0; at < n; ++k, at += share)
        rte_eth_tx_burst(s.members[k], 0, frames + at, static_cast<std::uint16_t>(std::min(share, n - at)));
}

void least_tx(Stage& s, rte_mbuf** frames, std::uint16_t n) { s.least->send(frames, n); }

void their_tx(Stage& s, rte_mbuf** frames, std::uint16_t n) { rte_eth_tx_burst(s.their_port, 0, frames, n); }
void plugin_tx(Stage& s, rte_mbuf** frames, std::uint16_t n) {
    rte_eth_tx_burst(s.plugin_port, 0, frames, n);
}
void our_tx(Stage& s, rte_mbuf** frames, std::uint16_t n) {
    s.snapshot->tx_burst(*s.lane, *s.snapshot, frames, n);
}

// Null ports take everything, so what was sent is back in the pool, behind what waits there.
[[gnu::noinline]] unsigned pass_tx(Stage& s, TxCall call, rte_mempool* pool, unsigned frames) {
    rte_mbuf* burst[kMaxBurst];
    unsigned done = 0;
    for (; done + s.burst <= frames; done += s.burst) {
        if (rte_pktmbuf_alloc_bulk(pool, burst, s.burst) != 0) throw std::runtime_error("a frame was lost");
        for (unsigned i = 0; i < s.burst; ++i)
            burst[i]->data_len = kFrameSize, burst[i]->pkt_len = kFrameSize;
        call(s, burst, s.burst);
    }
    flush(*s.lane);
    if (s.least != nullptr) s.least->flush();
    return done;
}

// Returns how many frames went from members to the logical port.
using RxCall = unsigned (*)(Stage&);

unsigned forward(Stage& s, std::uint16_t port) {
    rte_mbuf* frames[kBurst];
    const std::uint16_t n = rte_eth_rx_burst(port, 0, frames, kBurst);
    return rte_eth_tx_burst(s.logical, 0, frames, n);
}

unsigned bare_rx(Stage& s) {
    s.next = s.next + 1 < s.member_count ? s.next + 1 : 0;
    return forward(s, s.members[s.next]);
}
unsigned their_rx(Stage& s) { return forward(s, s.their_port); }
unsigned our_rx(Stage& s) { return receive(*s.lane, *s.snapshot); }

[[gnu::noinline]] unsigned pass_rx(Stage& s, RxCall call, unsigned frames) {
    unsigned done = 0;
    while (done < frames) done += call(s);
    return done;
}

Spread spread_of(std::vector<double> v) {
    if (v.empty()) return {};
    std::sort(v.begin(), v.end());
    const auto at = [&](double q) {
        return v[static_cast<std::size_t>(q * static_cast<double>(v.size() - 1))];
    };
    return {at(0.5), at(0.25), at(0.75)};
}

// A round's figure and the slower of the two bare ones beside it.
struct Sample {
    double value, bare;
};

struct Samples {
    std::vector<Sample> bare, theirs, ours, plugin, split, least, control;

    // Of the rounds in which bare took no more than `most` cycles.
    [[nodiscard]] Figures figures(double most) const {
        const auto spread = [most](const std::vector<Sample>& samples) {
            std::vector<double> quiet;
            for (const Sample& s : samples)
                if (s.bare <= most) quiet.push_back(s.value);
            return spread_of(std::move(quiet));
        };
        Figures f;
        f.bare = spread(bare).median;
        f.has_theirs = !theirs.empty();
        f.has_plugin = !plugin.empty();
        f.plugin = spread(plugin);
        f.theirs = spread(theirs);
        f.ours = spread(ours);
        f.split = spread(split);
        f.least = spread(least);
        f.has_least = !least.empty();
        f.control = spread(control);
        f.rounds = quiet_rounds(most);
        f.left_out = static_cast<unsigned>(ours.size()) - f.rounds;
        return f;
    }
    [[nodiscard]] unsigned quiet_rounds(double most) const {
        return static_cast<unsigned>(
            std::ranges::count_if(ours, [most](const Sample& s) { return s.bare <= most; }));
    }
};

constexpr double kUnknown = std::numeric_limits<double>::max();
constexpr double kDisturbed = 1.2; // times the quickest: not counted
constexpr double kFirstLook = 2;   // seconds
constexpr double kLongest = 5;     // seconds that one measurement looks for quiet rounds, at most

// The quickest bare rounds so far of this kind: what they take while nobody else has the processor or its
// other half.
double& quickest_bare(const Cell& cell) {
    static std::map<std::tuple<Direction, unsigned, unsigned>, double> quickest;
    const unsigned copies = cell.setting.mode == Mode::broadcast ? cell.members : 1;
    return quickest.try_emplace({cell.direction, cell.burst, copies}, kUnknown).first->second;
}

} // namespace

Figures measure(const Cell& cell, FramePool& pool, const Ports& ports, TheirBond& theirs,
                const Effort& effort) {
    const bool tx = cell.direction == Direction::tx, broadcast = cell.setting.mode == Mode::broadcast;
    const bool has_theirs = cell.setting.in_net_bonding();
    if (has_theirs) theirs.set(cell.setting);

    pool.fill(cell.traffic); // the one before has written its own addresses into some
    Samples samples;
    Stage s{};
    s.member_count = cell.members;
    std::vector<std::uint16_t> members;
    // Of an active-backup bond's members the backups have nothing to receive.
    const bool one_receives =
        !tx && (cell.setting.mode == Mode::active_backup || cell.setting.mode == Mode::balance_tlb);
    for (unsigned k = 0; k < cell.members; ++k)
        members.push_back(one_receives && k > 0 ? ports.idle[k].id() : ports.busy[k].id());
    std::copy(members.begin(), members.end(), s.members);
    if (one_receives) s.member_count = 1;
    OurBond ours(members, cell.setting, ports.logical.id());
    std::optional<PluginBond> plugin;
    if (effort.plugin && tx) plugin.emplace(cell.members, cell.setting, pool.get());
    s.their_port = theirs.port();
    s.plugin_port = plugin ? plugin->port() : s.their_port;
    s.logical = ports.logical.id();
    s.burst = cell.burst;
    s.lane = &ours.lane();
    s.snapshot = &ours.snapshot();
    s.lane->stage.more_to_come = !effort.at_once && cell.burst >= kWorthWaiting; // as transmit()

    // What leaves a bond of these modes comes from its own MAC, which is what both write over: each time
    // anew.
    const bool rewritten =
        tx && (cell.setting.mode == Mode::balance_tlb || cell.setting.mode == Mode::balance_alb);
    const Mac source = ports.busy[0].permanent_mac();
    // In balance-alb each member receives what its own MAC is told for, and ours writes the bond's over it.
    const bool by_member = !tx && cell.setting.mode == Mode::balance_alb;
    // In 802.3ad net_bonding takes what is for its own MAC alone, which null members cannot do for it.
    const bool to_the_bond =
        !tx && (cell.setting.mode == Mode::ieee8023ad || cell.setting.receiving == Receiving::filtered);
    std::vector<Mac> members_macs;
    for (unsigned k = 0; k < cell.members; ++k) members_macs.push_back(ports.busy[k].permanent_mac());
    if (to_the_bond) members_macs.resize(1);                // whose MAC it has
    const auto time = [&](TxCall tx_call, RxCall rx_call) { // cycles a packet
        pool.arrange();
        if (rewritten) pool.set_source(source);
        if (by_member || to_the_bond) pool.set_destinations(members_macs, kBurst);
        const std::uint64_t start = rte_rdtsc_precise();
        const unsigned n =
            tx ? pass_tx(s, tx_call, pool.get(), pool.size()) : pass_rx(s, rx_call, pool.size());
        return static_cast<double>(rte_rdtsc_precise() - start) / n;
    };
    struct {
        TxCall tx;
        RxCall rx;
        std::vector<Sample>* samples;
    } contenders[] = {{their_tx, their_rx, &samples.theirs},
                      {our_tx, our_rx, &samples.ours},
                      {split_tx, nullptr, &samples.split},
                      {least_tx, nullptr, &samples.least},
                      {plugin_tx, nullptr, &samples.plugin}};
    const TxCall bare_tx_call = broadcast ? bare_broadcast : bare_tx;
    const bool splits =
        tx && cell.setting.mode != Mode::active_backup && cell.setting.mode != Mode::broadcast;

    constexpr unsigned kContenders = std::size(contenders);
    LeastBond least(s.members, std::min(s.member_count, LeastBond::kMost), s.lane->stage.more_to_come);
    const bool has_least = splits && s.member_count > 1 && s.member_count <= LeastBond::kMost;
    if (has_least) s.least = &least;

    constexpr unsigned warm_up = 10;
    const auto seconds = [](double n) {
        return static_cast<std::uint64_t>(n * static_cast<double>(rte_get_tsc_hz()));
    };
    double& quickest = quickest_bare(cell);
    // What quiet is has to be known before the first of its kind.
    if (quickest == kUnknown && effort.seconds == 0 && effort.rounds >= 100)
        for (const std::uint64_t begin = rte_rdtsc(); rte_rdtsc() - begin < seconds(kFirstLook);)
            quickest = std::min(quickest, std::max(time(bare_tx_call, bare_rx), time(bare_tx_call, bare_rx)));
    const auto enough = [&, start = rte_rdtsc()](unsigned rounds) {
        const std::uint64_t taken = rte_rdtsc() - start;
        if (rounds <= warm_up) return false;
        if (effort.seconds > 0) return taken > seconds(effort.seconds);
        if (rounds < effort.rounds + warm_up) return false;
        return samples.quiet_rounds(kDisturbed * quickest) >= effort.rounds || taken > seconds(kLongest);
    };
    for (unsigned round = 0; !enough(round); ++round) {
        pool.shuffle();
        double last_bare = time(bare_tx_call, bare_rx);
        for (unsigned turn = 0; turn < kContenders; ++turn) {
            const auto& c = contenders[(round + turn) % kContenders]; // each goes first in its turn
            if ((c.tx == their_tx && !has_theirs) || (c.tx == split_tx && !splits) ||
                (c.tx == least_tx && !has_least) || (c.tx == plugin_tx && !plugin))
                continue;
            const double taken = time(c.tx, c.rx), bare = time(bare_tx_call, bare_rx);
            if (round >= warm_up) {
                const double slower = std::max(last_bare, bare);
                quickest = std::min(quickest, slower);
                c.samples->push_back({taken - (last_bare + bare) / 2, slower});
                samples.bare.push_back({bare, slower});
                samples.control.push_back({bare - last_bare, slower});
            }
            last_bare = bare;
        }
    }
    for (const Counter& dropped : ours.lane().counters.drops)
        if (dropped.get() != 0) throw std::runtime_error("ours has dropped frames");
    for (const MemberLaneCounters& member : ours.lane().counters.member)
        for (const Counter& dropped : member.drops)
            if (dropped.get() != 0) throw std::runtime_error("ours has dropped frames of a member");
    if (!pool.complete()) throw std::runtime_error("frames are missing after a measurement");
    if (samples.quiet_rounds(kDisturbed * quickest) == 0) { // nothing to choose from
        Figures f = samples.figures(kUnknown);
        f.left_out = f.rounds;
        return f;
    }
    return samples.figures(kDisturbed * quickest);
}

} // namespace dpdkbond::bench
