// SPDX-License-Identifier: BSD-3-Clause
// The far ends of a forwarder's ports in one process and on one processor: sends frames into the one
// (net_memif) by a schedule, takes them from the others (net_vhost, whose other ends are net_virtio_user:
// net_bonding of DPDK 22.11 takes no memif, which has no MAC to set), and tells how long they were under way.
// A frame carries the moment at which it was due, so what the sender or a full ring delays counts as well,
// and a stall is seen in all frames that it met. Driven by load.py.
#include <fmt/format.h>
#include <getopt.h>
#include <poll.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "dpdk/eal.hpp"
#include "dpdk/port.hpp"

namespace {

using namespace dpdkbond;

constexpr const char* kHelp =
    R"(memif_load: loads a forwarder by memif and measures how long frames take through it

  --folder FOLDER  of the sockets: memif, which frames are sent into, and member1, member2 …, from which they come
  --members N      2 by default; 0: nothing comes back, so frames are sent as cheaply as it goes, without a stamp
  --cpu N          to run on (default 0)
  --flows N        256 by default
  --hugepages      instead of ordinary pages

Prints "listening", and "ready" once the other ends are connected. Then a line on stdin is a run, whose figures are a line of JSON:
RATE SECONDS       frames a second by a schedule; RATE 0: as many as are taken
)";

constexpr std::uint16_t kFrameSize = 60, kBurst = 32;
constexpr std::uint32_t kMagic = 0x6d656d69;

struct Stamp {             // behind the UDP header
    std::uint64_t due = 0; // TSC
    std::uint32_t magic = kMagic;
} __attribute__((packed));

constexpr std::size_t kStampAt = sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr);
static_assert(kStampAt + sizeof(Stamp) <= kFrameSize);

using Frame = std::array<std::uint8_t, kFrameSize>;

// UDP of `count` flows, with addresses and ports at random.
std::vector<Frame> make_flows(unsigned count) {
    std::mt19937 random(1);
    std::vector<Frame> frames(count);
    for (Frame& frame : frames) {
        frame.fill(0);
        rte_ether_hdr eth{};
        eth.dst_addr = {{2, 0, 0, 0, 2, 2}};
        eth.src_addr = {{2, 0, 0, 0, 1, 1}};
        eth.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
        rte_ipv4_hdr ip{};
        ip.version_ihl = 0x45;
        ip.total_length = rte_cpu_to_be_16(kFrameSize - sizeof eth);
        ip.time_to_live = 64;
        ip.next_proto_id = IPPROTO_UDP;
        ip.src_addr = rte_cpu_to_be_32(RTE_IPV4(192, 0, 2, 1 + random() % 250));
        ip.dst_addr = rte_cpu_to_be_32(RTE_IPV4(198, 51, 100, 1 + random() % 250));
        ip.hdr_checksum = rte_ipv4_cksum(&ip);
        rte_udp_hdr udp{};
        udp.src_port = rte_cpu_to_be_16(static_cast<std::uint16_t>(1024 + random() % 60000));
        udp.dst_port = rte_cpu_to_be_16(443);
        udp.dgram_len = rte_cpu_to_be_16(kFrameSize - sizeof eth - sizeof ip); // no checksum
        std::memcpy(frame.data(), &eth, sizeof eth);
        std::memcpy(frame.data() + sizeof eth, &ip, sizeof ip);
        std::memcpy(frame.data() + sizeof eth + sizeof ip, &udp, sizeof udp);
    }
    return frames;
}

// Counts of durations in nanoseconds, each to a part of 64 exact.
class Histogram {
public:
    void add(std::uint64_t ns) {
        ++counts_[index(ns)];
        ++total_;
        most_ = std::max(most_, ns);
    }

    // Nanoseconds which so many percent of all do not exceed.
    [[nodiscard]] double quantile(double percent) const {
        const auto wanted = static_cast<std::uint64_t>(static_cast<double>(total_) * percent / 100);
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > wanted) return middle(i);
        }
        return static_cast<double>(most_);
    }
    [[nodiscard]] std::uint64_t total() const { return total_; }
    [[nodiscard]] std::uint64_t most() const { return most_; }

private:
    static std::size_t index(std::uint64_t ns) {
        const auto shift = static_cast<unsigned>(std::bit_width(ns | 64U)) - 7U;
        return std::min<std::size_t>(shift * 64U + (ns >> shift), kPlaces - 1);
    }
    static double middle(std::size_t i) {
        if (i < 128) return static_cast<double>(i);
        const std::size_t shift = i / 64 - 1;
        return (static_cast<double>(i - shift * 64) + 0.5) * static_cast<double>(1ULL << shift);
    }

    static constexpr std::size_t kPlaces = std::size_t{64} * 36;
    std::array<std::uint64_t, kPlaces> counts_{};
    std::uint64_t total_ = 0, most_ = 0;
};

class Load {
public:
    Load(const std::string& folder, unsigned members, unsigned flows)
        : pool_(rte_pktmbuf_pool_create("frames", 16383, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                        static_cast<int>(rte_socket_id()))),
          flows_(make_flows(flows)) {
        if (pool_ == nullptr) throw std::runtime_error("no memory for the frames");
        for (unsigned id = 0; id <= members; ++id) {
            auto port = Port::open(
                id == 0 ? fmt::format("net_memif0,role=server,socket={}/memif,socket-abstract=no", folder)
                        : fmt::format("net_vhost{},iface={}/member{}", id, folder, id));
            if (!port) throw std::runtime_error(port.error());
            ports_.push_back(std::move(port).value());
            PortSetup setup;
            setup.pool = pool_;
            const auto started = ports_.back().start(setup);
            if (!started) throw std::runtime_error(started.error());
        }
        for (std::size_t i = 0; members == 0 && i < flows_.size(); ++i) made_before_.push_back(new_frame(i));
    }

    [[nodiscard]] bool connected() const {
        return std::ranges::all_of(ports_, [](const Port& port) { return port.link().up; });
    }

    // Takes what comes from the members.
    void receive() {
        rte_mbuf* frames[2 * kBurst];
        for (std::size_t i = 1; i < ports_.size(); ++i) {
            const std::uint16_t got = rte_eth_rx_burst(ports_[i].id(), 0, frames, 2 * kBurst);
            if (got == 0) continue;
            const std::uint64_t now = rte_rdtsc();
            for (std::uint16_t k = 0; k < got; ++k) note(frames[k], now);
            rte_pktmbuf_free_bulk(frames, got);
        }
    }

    // A run; its figures. The first tenth is not measured.
    std::string run(double rate, double seconds) {
        const double hz = static_cast<double>(rte_get_tsc_hz());
        histogram_ = {};
        ns_per_cycle_ = 1e9 / hz;
        const std::uint64_t start = rte_rdtsc();
        const auto length = static_cast<std::uint64_t>(seconds * hz);
        measured_from_ = start + length / 10;
        measured_to_ = start + length;
        began_ = start;
        received_ = measured_ = tries_ = refused_ = 0;
        std::uint64_t made = 0, sent = 0;
        for (std::uint64_t now = start; now < start + length; now = rte_rdtsc()) {
            const std::uint64_t due =
                rate > 0 ? static_cast<std::uint64_t>(static_cast<double>(now - start) * rate / hz)
                         : made + kBurst;
            while (waiting_ < kBurst && made < due) {
                const std::uint64_t at =
                    rate > 0 ? start + static_cast<std::uint64_t>(static_cast<double>(made + 1) * hz / rate)
                             : now;
                if (!make(at)) break;
                ++made;
            }
            sent += send();
            receive();
        }
        const std::uint64_t over = rte_rdtsc();
        while (rte_rdtsc() - over < static_cast<std::uint64_t>(hz / 20)) receive();
        const auto unsent = static_cast<std::uint64_t>(rate * seconds) > sent
                                ? static_cast<std::uint64_t>(rate * seconds) - sent
                                : 0;
        rte_pktmbuf_free_bulk(waiting_frames_.data(), waiting_);
        waiting_ = 0;
        const auto us = [this](double percent) { return histogram_.quantile(percent) / 1000; };
        return fmt::format(
            R"({{"sent": {}, "unsent": {}, "refused": {:.4f}, "received": {}, "rate": {:.0f}, )"
            R"("p50": {:.3f}, "p99": {:.3f}, "p99.9": {:.3f}, "most": {:.3f}}})",
            sent, unsent,
            static_cast<double>(refused_) / static_cast<double>(std::max<std::uint64_t>(tries_, 1)),
            received_, static_cast<double>(measured_) / (seconds * 0.9), us(50), us(99), us(99.9),
            static_cast<double>(histogram_.most()) / 1000);
    }

private:
    bool make(std::uint64_t due) {
        rte_mbuf* m = nullptr;
        if (!made_before_.empty()) {
            m = made_before_[next_flow_];
            rte_mbuf_refcnt_update(m, 1);
        } else {
            m = new_frame(next_flow_);
            if (m == nullptr) return false;
            const Stamp stamp{.due = due};
            std::memcpy(rte_pktmbuf_mtod_offset(m, char*, kStampAt), &stamp, sizeof stamp);
        }
        next_flow_ = next_flow_ + 1 == flows_.size() ? 0 : next_flow_ + 1;
        waiting_frames_[waiting_++] = m;
        return true;
    }

    rte_mbuf* new_frame(std::size_t flow) {
        rte_mbuf* m = rte_pktmbuf_alloc(pool_);
        if (m != nullptr) std::memcpy(rte_pktmbuf_append(m, kFrameSize), flows_[flow].data(), kFrameSize);
        return m;
    }

    unsigned send() {
        if (waiting_ == 0) return 0;
        const std::uint16_t took = rte_eth_tx_burst(ports_[0].id(), 0, waiting_frames_.data(), waiting_);
        std::copy(waiting_frames_.begin() + took, waiting_frames_.begin() + waiting_,
                  waiting_frames_.begin());
        ++tries_;
        if (took < waiting_) ++refused_;
        waiting_ = static_cast<std::uint16_t>(waiting_ - took);
        return took;
    }

    // What is not of this run, or not of ours (a bond announces itself), does not count.
    void note(const rte_mbuf* m, std::uint64_t now) {
        if (now >= measured_from_ && now < measured_to_) ++measured_;
        ++received_;
        if (rte_pktmbuf_data_len(m) < kStampAt + sizeof(Stamp)) return;
        Stamp stamp;
        std::memcpy(&stamp, rte_pktmbuf_mtod_offset(m, const char*, kStampAt), sizeof stamp);
        if (stamp.magic != kMagic || stamp.due < began_) return;
        if (stamp.due >= measured_from_)
            histogram_.add(now > stamp.due ? static_cast<std::uint64_t>(static_cast<double>(now - stamp.due) *
                                                                        ns_per_cycle_)
                                           : 0);
    }

    rte_mempool* pool_;
    std::vector<Frame> flows_;
    std::size_t next_flow_ = 0;
    std::vector<rte_mbuf*> made_before_; // where nothing comes back: a frame of each flow, sent over and over
    std::vector<Port> ports_;            // 0: what is sent into; then the members

    std::array<rte_mbuf*, kBurst> waiting_frames_{}; // made, and not taken yet
    std::uint16_t waiting_ = 0;
    Histogram histogram_;
    double ns_per_cycle_ = 0;
    std::uint64_t began_ = 0, measured_from_ = 0, measured_to_ = 0; // TSC
    std::uint64_t received_ = 0, measured_ = 0;
    std::uint64_t tries_ = 0, refused_ = 0; // bursts sent; those not taken whole, as the forwarder is behind
};

// A line of stdin, while `meanwhile` is called every 100 us; false at the end of it.
template <class Meanwhile> bool read_line(std::string& line, const Meanwhile& meanwhile) {
    static std::string read_already;
    for (;;) {
        if (const auto end = read_already.find('\n'); end != std::string::npos) {
            line = read_already.substr(0, end);
            read_already.erase(0, end + 1);
            return true;
        }
        pollfd in{STDIN_FILENO, POLLIN, 0};
        if (poll(&in, 1, 0) > 0) {
            char part[256];
            const ssize_t got = read(STDIN_FILENO, part, sizeof part);
            if (got <= 0) return false;
            read_already.append(part, static_cast<std::size_t>(got));
            continue;
        }
        meanwhile();
        usleep(100);
    }
}

struct Wishes {
    std::string folder;
    unsigned members = 2, cpu = 0, flows = 256;
    bool hugepages = false;
};

Wishes parse(int argc, char** argv) {
    const option options[] = {{"folder", required_argument, nullptr, 's'},
                              {"members", required_argument, nullptr, 'm'},
                              {"cpu", required_argument, nullptr, 'c'},
                              {"flows", required_argument, nullptr, 'f'},
                              {"hugepages", no_argument, nullptr, 'g'},
                              {"help", no_argument, nullptr, 'h'},
                              {}};
    Wishes w;
    for (int c; (c = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
        switch (c) {
        case 's': w.folder = optarg; break;
        case 'm': w.members = static_cast<unsigned>(std::stoul(optarg)); break;
        case 'c': w.cpu = static_cast<unsigned>(std::stoul(optarg)); break;
        case 'f': w.flows = std::max(1U, static_cast<unsigned>(std::stoul(optarg))); break;
        case 'g': w.hugepages = true; break;
        case 'h': fmt::print("{}", kHelp); std::exit(0);
        default: throw std::runtime_error("--help lists the options");
        }
    }
    if (w.folder.empty()) throw std::runtime_error("--folder is missing");
    return w;
}

void serve(const Wishes& w) {
    EalOptions eal_options;
    eal_options.file_prefix = fmt::format("memif_load{}", getpid());
    eal_options.control_cpu = w.cpu;
    eal_options.memory_mb = 192;
    eal_options.hugepages = w.hugepages;
    eal_options.extra_args = {"--no-telemetry"};
    const Eal eal(eal_options);
    Load load(w.folder, w.members, w.flows);
    fmt::print("listening\n");
    std::fflush(stdout);
    for (int tries = 0; tries < 3000 && !load.connected(); ++tries) usleep(10'000);
    if (!load.connected()) throw std::runtime_error("the other ends do not connect");
    fmt::print("ready\n");
    std::fflush(stdout);
    for (std::string line; read_line(line, [&] { load.receive(); });) {
        double rate = 0, seconds = 0;
        if (!(std::istringstream(line) >> rate >> seconds) || seconds <= 0 || rate < 0)
            throw std::runtime_error(fmt::format("'{}' is not RATE SECONDS", line));
        fmt::print("{}\n", load.run(rate, seconds));
        std::fflush(stdout);
    }
}

} // namespace

int main(int argc, char** argv) {
    try {
        serve(parse(argc, argv));
    } catch (const std::exception& e) {
        fmt::print(stderr, "memif_load: {}\n", e.what());
        return 1;
    }
    return 0;
}
