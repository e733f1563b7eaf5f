// SPDX-License-Identifier: BSD-3-Clause
// No EAL and no pool: buffers are made by hand, and the logical interface is a function.
#include <rte_ethdev.h>

#include <map>
#include <memory>
#include <vector>

#include "datapath/lane.hpp"
#include "datapath/merger.hpp"
#include "datapath/offload.hpp"
#include "fuzz_reader.hpp"
#include "fuzz_targets.hpp"
#include "hand_mbuf.hpp"
#include "inet_sum.hpp"

namespace dpdkbond::fuzz {

namespace {

using testing::HandMbuf;
using testing::Octets;

constexpr std::size_t kEthernet = 14, kOptions = 12;

Octets octets_of(const rte_mbuf* m) {
    Octets all;
    for (; m != nullptr; m = m->next) {
        const auto* bytes = rte_pktmbuf_mtod(m, const std::uint8_t*);
        all.insert(all.end(), bytes, bytes + m->data_len);
    }
    return all;
}

void check_chain(const rte_mbuf* m) {
    std::uint32_t bytes = 0;
    unsigned parts = 0;
    for (const rte_mbuf* part = m; part != nullptr; part = part->next, ++parts) bytes += part->data_len;
    require(bytes == m->pkt_len && parts == m->nb_segs, "a frame is as long as its buffers");
}

// What a member that knows no offloads would send of it.
std::vector<Octets> finished(const rte_mbuf* m) {
    std::vector<Octets> all;
    if (is_super(m)) {
        Cutter cutter(m);
        for (unsigned i = cutter.count(); i != 0; --i) {
            HandMbuf piece = HandMbuf::with_room({}, 2048);
            if (!cutter.next(piece.get())) return {}; // longer than a buffer
            all.push_back(piece.bytes());
        }
        return all;
    }
    HandMbuf copy(octets_of(m));
    rte_mbuf* const c = copy.get();
    c->ol_flags = m->ol_flags;
    c->l2_len = m->l2_len;
    c->l3_len = m->l3_len;
    if ((m->ol_flags & kUndone) != 0) complete_undone(c);
    all.push_back(copy.bytes());
    return all;
}

// Any bytes as a frame whose sender, or whose driver, says anything of it.
void any_frame(Reader& in) {
    const std::uint8_t how = in.byte();
    const std::uint16_t start = in.byte();
    const std::uint8_t offset = in.byte();
    const std::uint16_t segment = in.word();
    const Bytes bytes = in.bytes(in.byte());
    Octets frame(bytes.begin(), bytes.end());
    frame.resize(std::max(frame.size(), kEthernet)); // a driver gives nothing shorter
    const std::size_t first = std::max<std::size_t>(kEthernet, in.byte());
    HandMbuf made = first < frame.size() ? HandMbuf(frame, first) : HandMbuf(frame);
    rte_mbuf* const m = made.get();
    TcpSegment s;
    if (read_tcp_segment(m, s)) {
        (void)flow_key(m, s).hash();
        require(s.headers() <= m->data_len && s.headers() + s.payload <= m->pkt_len, "headers lie in front");
        if (!s.padded) (void)has_good_checksums(m, s);
    }
    m->tso_segsz = static_cast<std::uint16_t>(segment % 1500);
    switch (how % 4) {
    case 0: m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_LRO; break;
    case 1: m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE; break;
    default: break;
    }
    if (how % 4 < 2)
        read_virtio_flags(m);
    else if (how % 4 == 3 && m->tso_segsz != 0)
        (void)describe_super(m, start, (offset & 1U) != 0);
    else
        (void)leave_checksum(m, start, offset);
    (void)longest_frame(m);
    if (is_super(m)) (void)is_plain_tcp_super(m);
    const auto all = finished(m);
    // What is made ready for a NIC, and refused by its driver, leaves as if nobody had asked.
    rte_mbuf_refcnt_set(m, 1);
    const std::uint8_t few = how >> 2U; // buffers
    (void)prepare_for_nic(
        m, Offloads::nic_tcp,
        {.buffers_a_segment = few == 0 ? std::uint8_t{255} : few, .ip_checksum = segment % 2 == 0});
    require(finished(m) == all, "a NIC that refuses a frame leaves it what it was");
    std::size_t payload = 0;
    if (!is_super(m) || all.empty()) return;
    for (const Octets& piece : all) payload += piece.size() - headers_of_super(m);
    require(payload == m->pkt_len - headers_of_super(m), "its segments have all bytes of it");
}

// ---- the merger

struct Up {
    std::map<const rte_mbuf*, bool> gone; // the frames taken, and whether they went up
    std::map<Octets, int> wanted;         // finished frames, less those that went up
    std::uint64_t frames = 0;

    // Less what may differ in a merged frame: the source's MAC, and IPv4's id where it may not become
    // fragments.
    static std::vector<Octets> comparable(const rte_mbuf* m) {
        TcpSegment s;
        const bool tcp = read_tcp_segment(m, s);
        std::vector<Octets> all = finished(m);
        for (Octets& f : all) {
            if (!tcp) continue;
            std::fill_n(&f[6], 6, 0);
            if (s.v6 || (f[s.l2 + 6U] & 0x40U) == 0) continue;
            std::fill_n(&f[s.l2 + 4U], 2, 0);
            std::fill_n(&f[s.l2 + 10U], 2, 0);
        }
        return all;
    }
    void take(rte_mbuf* m) {
        gone[m] = false;
        for (Octets& f : comparable(m)) ++wanted[std::move(f)];
    }
    void give(rte_mbuf* m) {
        ++frames;
        check_chain(m);
        for (const Octets& f : comparable(m))
            require(--wanted[f] >= 0, "what goes up is what came, and each once");
        for (const rte_mbuf* part = m; part != nullptr; part = part->next) {
            const auto at = gone.find(part);
            require(at == gone.end() || !std::exchange(at->second, true), "a frame goes up once");
        }
    }
};

Up* g_up = nullptr;

std::uint16_t take_up(void*, rte_mbuf** frames, std::uint16_t n) {
    for (std::uint16_t i = 0; i < n; ++i) g_up->give(frames[i]);
    return n;
}

void make_logical_interface() {
    static void* nothing[RTE_MAX_QUEUES_PER_PORT];
    rte_eth_fp_ops[0].tx_pkt_burst = take_up;
    rte_eth_fp_ops[0].txq.data = nothing;
    rte_eth_fp_ops[0].txq.clbk = nothing;
}

void put_sums(Octets& f, std::size_t ip, bool v6) {
    const std::size_t tcp = ip + (v6 ? 40 : 20);
    if (!v6) {
        store_be16(&f[ip + 10], 0);
        store_be16(&f[ip + 10], static_cast<std::uint16_t>(~testing::sum_pairs(f, ip, tcp)));
    }
    store_be16(&f[tcp + 16], 0);
    const std::uint32_t pseudo =
        (v6 ? testing::sum_pairs(f, ip + 8, tcp) : testing::sum_pairs(f, ip + 12, tcp)) + 6 +
        static_cast<std::uint32_t>(f.size() - tcp);
    store_be16(&f[tcp + 16], static_cast<std::uint16_t>(~testing::sum_pairs(f, tcp, f.size(), pseudo)));
}

class Merging {
public:
    Merging() {
        make_logical_interface();
        lane_->clock = 1'000'000;
    }
    ~Merging() { g_up = nullptr; }

    void segment(Reader& in) {
        const std::uint8_t what = in.byte(), size = in.byte();
        const bool v6 = (what & 4U) != 0, options = (what & 8U) != 0, tag = (what & 16U) != 0;
        std::uint32_t& next = next_[what & 7U];
        const std::size_t ip = kEthernet + (tag ? 4 : 0), l3 = v6 ? 40 : 20, tcp = ip + l3;
        const std::size_t l4 = 20 + (options ? kOptions : 0), payload = size & 63U;
        Octets f(tcp + l4 + payload);
        f[0] = f[6] = 2;
        if (tag) store_be16(&f[12], 0x8100);
        store_be16(&f[ip - 2], v6 ? 0x86dd : 0x0800);
        f[ip] = v6 ? 0x60 : 0x45;
        if (v6) {
            store_be16(&f[ip + 4], static_cast<std::uint16_t>(l4 + payload));
            f[ip + 6] = 6;
        } else {
            store_be16(&f[ip + 2], static_cast<std::uint16_t>(f.size() - ip));
            store_be16(&f[ip + 4], id_++);
            f[ip + 6] = (what & 1U) != 0 ? 0x40 : 0;
            f[ip + 9] = 6;
        }
        f[tcp + 1] = what & 3U; // whose flow it is
        store_be32(&f[tcp + 4], next + (what >> 6U) * payload);
        f[tcp + 12] = static_cast<std::uint8_t>(l4 / 4 << 4U);
        f[tcp + 13] = 0x10;
        for (std::size_t i = 0; i < payload; ++i) f[tcp + l4 + i] = static_cast<std::uint8_t>(next + i * 7);
        next += static_cast<std::uint32_t>(payload);
        const std::uint8_t changes = in.byte();
        for (unsigned i = 0; i < (changes & 3U); ++i) {
            const std::uint8_t at = in.byte();
            f[at % (tcp + l4)] ^= in.byte();
        }
        if ((changes & 4U) == 0) put_sums(f, ip, v6);
        if ((changes & 8U) != 0) f.resize(f.size() + 5); // padded
        const std::size_t first = (changes & 16U) != 0 ? tcp + l4 + payload / 2 : f.size();
        frames_.push_back(first < f.size() ? HandMbuf(f, first) : HandMbuf(f));
        rte_mbuf* m = frames_.back().get();
        for (rte_mbuf* part = m; part != nullptr; part = part->next) rte_mbuf_refcnt_set(part, 1);
        TcpSegment s;
        if ((changes & 32U) != 0 && payload > 1 && read_tcp_segment(m, s) && !s.padded &&
            s.payload == payload && has_good_checksums(m, s) &&
            describe_super(m, s.l2 + std::uint32_t{s.l3}, true))
            m->tso_segsz = static_cast<std::uint16_t>(1 + payload / 3);
        g_up = &up_;
        up_.take(m);
        ++taken_;
        merger_->take(*lane_, changes >> 6U, &m, 1);
    }
    void end_round() {
        g_up = &up_;
        merger_->end_round(*lane_);
        require(lane_->counters.up.get() + merger_->waiting() == taken_, "what does not wait has gone up");
        require(lane_->counters.up.get() - lane_->counters.merged.get() == up_.frames, "merged frames count");
    }
    void wait(std::uint64_t microseconds) { lane_->clock += microseconds; }
    void end() {
        end_round();
        wait(10'000);
        end_round();
        require(merger_->waiting() == 0, "nothing waits for ever");
        for (const auto& [frame, left] : up_.wanted) require(left == 0, "all that came goes up");
        for (const auto& [frame, went] : up_.gone) require(went, "no buffer is lost");
    }

private:
    std::atomic<const Snapshot*> slot_{nullptr};
    std::vector<HandMbuf> frames_; // outlive the merger
    Up up_;
    std::unique_ptr<Lane> lane_ =
        std::make_unique<Lane>(0, 1, slot_, LogicalQueue{.offloads = Offloads::all});
    std::unique_ptr<Merger> merger_ = std::make_unique<Merger>(1'000'000);
    std::uint32_t next_[8] = {0, 0xffff'ff80, 0x7fff'ffe0, 5, 0, 0xffff'ffff, 77, 0x8000'0000};
    std::uint16_t id_ = 0xfff0;
    std::uint64_t taken_ = 0;
};

} // namespace

void long_frames(Bytes input) {
    Reader in(input);
    if ((in.byte() & 1U) != 0) {
        while (!in.empty()) any_frame(in);
        return;
    }
    Merging merging;
    for (int steps = 0; !in.empty() && steps < 400; ++steps) {
        switch (const std::uint8_t op = in.byte(); op & 7U) {
        case 6: merging.end_round(); break;
        case 7: merging.wait((op >> 3U) * 250U); break;
        default: merging.segment(in);
        }
    }
    merging.end();
}

} // namespace dpdkbond::fuzz
