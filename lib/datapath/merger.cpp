// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/merger.hpp"

#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include <algorithm>
#include <cstring>

#include "base/bytes.hpp"
#include "datapath/checksum.hpp"
#include "datapath/lane.hpp"
#include "datapath/offload.hpp"
#include "datapath/rx_engine.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint32_t kMostBytes = 65535; // that a length in an IP header can say
// Bytes; a segment further on than that, or further back, belongs to no order that is known: it is followed.
constexpr std::int32_t kMostAhead = 16U << 20U;

std::uint8_t* bytes_of(rte_mbuf* m) noexcept { return rte_pktmbuf_mtod(m, std::uint8_t*); }

std::int32_t distance(std::uint32_t from, std::uint32_t to) noexcept {
    return static_cast<std::int32_t>(to - from);
}

bool may_be_changed(const rte_mbuf* m) noexcept { return RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1; }

// How many segments it stands for, of `segment` bytes each but the last. A division is made for super-frames
// alone.
std::uint32_t segments_of(const rte_mbuf* m, const TcpSegment& s, std::uint32_t segment) noexcept {
    return is_super(m) ? (s.payload + segment - 1) / segment : 1;
}
// Whether nothing may be joined to it: it says so, or is shorter than `segment` bytes at its end.
bool ends_a_frame(const rte_mbuf* m, const TcpSegment& s, std::uint32_t segment) noexcept {
    if ((s.flags & (tcp_flag::psh | tcp_flag::fin)) != 0) return true;
    return is_super(m) ? s.payload % segment != 0 : s.payload != segment;
}

// Whether all is equal that segments of one merged frame share. The source's MAC may differ, as a peer has
// one a member.
bool have_like_headers(rte_mbuf* a, rte_mbuf* b, const TcpSegment& s) noexcept {
    const std::uint8_t *const x = bytes_of(a), *const y = bytes_of(b);
    if (std::memcmp(x, y, 6) != 0 || std::memcmp(x + 12, y + 12, s.l2 - 12U) != 0) return false;
    const std::uint8_t *const ip = x + s.l2, *const jp = y + s.l2;
    if (s.v6) { // version, class, label; hop limit
        if (std::memcmp(ip, jp, 4) != 0 || ip[7] != jp[7]) return false;
    } else { // class; flags; time to live
        if (ip[1] != jp[1] || ip[6] != jp[6] || ip[8] != jp[8]) return false;
    }
    const std::uint8_t *const tcp = ip + s.l3, *const ucp = jp + s.l3;
    constexpr std::uint8_t last_only = tcp_flag::psh | tcp_flag::fin;
    return std::memcmp(tcp + 8, ucp + 8, 5) == 0 && // acknowledged, length of the header
           ((tcp[13] ^ ucp[13]) & ~last_only) == 0 && (ucp[13] & tcp_flag::cwr) == 0 &&
           std::memcmp(tcp + 14, ucp + 14, 2) == 0 &&        // window
           std::memcmp(tcp + 18, ucp + 18, s.l4 - 18U) == 0; // urgent pointer, options
}

// IPv4 only: an id means something where a frame may become fragments.
bool has_the_next_id(rte_mbuf* first, unsigned segments, rte_mbuf* frame, const TcpSegment& s) noexcept {
    constexpr std::uint8_t dont_fragment = 0x40;
    const std::uint8_t *const ip = bytes_of(first) + s.l2, *const jp = bytes_of(frame) + s.l2;
    if (s.v6 || (ip[6] & dont_fragment) != 0) return true;
    return static_cast<std::uint16_t>(load_be16(ip + 4) + segments) == load_be16(jp + 4);
}

// Makes one frame of it: lengths, checksums, what is left undone.
void write_headers(rte_mbuf* m, const TcpSegment& s, std::uint16_t segment) noexcept {
    std::uint8_t* const ip = bytes_of(m) + s.l2;
    const std::uint32_t total = m->pkt_len - s.l2;
    m->l2_len = s.l2;
    m->l3_len = s.l3;
    m->l4_len = s.l4;
    m->tso_segsz = segment;
    m->ol_flags &= ~(RTE_MBUF_F_RX_L4_CKSUM_MASK | kUndone | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6);
    m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
    if (s.v6) {
        m->ol_flags |= RTE_MBUF_F_TX_IPV6;
        store_be16(ip + 4, static_cast<std::uint16_t>(total - s.l3));
    } else {
        m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
        store_be16(ip + 2, static_cast<std::uint16_t>(total));
        store_be16(ip + 10, 0);
        const auto header = static_cast<std::uint16_t>(~rte_raw_cksum(ip, s.l3));
        std::memcpy(ip + 10, &header, sizeof header);
    }
    const std::uint16_t pseudo = __rte_raw_cksum_reduce(pseudo_sum(ip, s.v6, IPPROTO_TCP, total - s.l3));
    std::memcpy(ip + s.l3 + 16, &pseudo, sizeof pseudo);
}

} // namespace

Merger::Merger(std::uint64_t cycles_a_second)
    : wait_(cycles_a_second / (std::chrono::seconds(1) / kLongestWait)), second_(cycles_a_second) {
    for (; free_count_ < kRoom; ++free_count_) free_[free_count_] = static_cast<std::uint16_t>(free_count_);
}

Merger::~Merger() {
    for (unsigned i = 0; i < out_count_; ++i) rte_pktmbuf_free(out_[i]);
    for (Flow& f : flows_) {
        rte_pktmbuf_free(f.head);
        while (f.held != 0) rte_pktmbuf_free(pop(f).frame);
    }
}

// ---- frames that go up

void Merger::hand_up_all(Lane& lane) noexcept {
    if (out_count_ != 0)
        hand_up_merged(lane, out_.data(), contained_.data(), static_cast<std::uint16_t>(out_count_));
    out_count_ = 0;
}

void Merger::put(Lane& lane, rte_mbuf* frame, std::uint16_t frames) noexcept {
    if (out_count_ == kOut) hand_up_all(lane);
    out_[out_count_] = frame;
    contained_[out_count_++] = frames;
}

void Merger::finish(Lane& lane, Flow& f) noexcept {
    if (f.head == nullptr) return;
    if (f.frames > 1) write_headers(f.head, f.form, f.segment);
    put(lane, f.head, f.frames);
    f.head = nullptr;
}

bool Merger::join(Flow& f, const TcpSegment& s, rte_mbuf* frame) noexcept {
    const TcpSegment& form = f.form;
    const std::uint32_t segment = is_super(frame) ? frame->tso_segsz : s.payload;
    if (f.closed || s.padded || s.v6 != form.v6 || s.l2 != form.l2 || s.l4 != form.l4 || s.payload == 0 ||
        segment > f.segment || (is_super(frame) && segment != f.segment) ||
        f.head->pkt_len - form.l2 + s.payload > kMostBytes ||
        f.head->nb_segs + frame->nb_segs > kMostPieces || !may_be_changed(f.head) || !may_be_changed(frame) ||
        !have_like_headers(f.head, frame, form) || !has_the_next_id(f.head, f.segments, frame, form) ||
        (f.frames == 1 && !has_good_checksums(f.head, form)) || !has_good_checksums(frame, s))
        return false;
    bytes_of(f.head)[form.l2 + form.l3 + 13U] |= s.flags;
    rte_pktmbuf_adj(frame, static_cast<std::uint16_t>(s.headers()));
    f.tail->next = frame;
    f.tail = rte_pktmbuf_lastseg(frame);
    f.head->nb_segs = static_cast<std::uint16_t>(f.head->nb_segs + frame->nb_segs);
    f.head->pkt_len += s.payload;
    f.segments = static_cast<std::uint16_t>(f.segments + segments_of(frame, s, segment));
    ++f.frames;
    f.closed = ends_a_frame(frame, s, f.segment);
    return true;
}

void Merger::go_on(Lane& lane, Flow& f, const TcpSegment& s, rte_mbuf* frame) noexcept {
    f.next = s.end();
    if (f.head != nullptr && join(f, s, frame)) return;
    finish(lane, f);
    f.head = frame;
    f.tail = rte_pktmbuf_lastseg(frame);
    f.form = s;
    f.segment = is_super(frame) ? frame->tso_segsz : static_cast<std::uint16_t>(s.payload);
    f.frames = 1;
    f.closed =
        f.segment == 0 || s.padded || (s.flags & tcp_flag::cwr) != 0 || ends_a_frame(frame, s, f.segment);
    f.segments = f.closed ? 1 : static_cast<std::uint16_t>(segments_of(frame, s, f.segment));
    if (!f.open) open_[open_count_++] = index(f);
    f.open = true;
}

// ---- segments behind a gap

bool Merger::hold(Flow& f, const TcpSegment& s, rte_mbuf* frame) noexcept {
    if (free_count_ == 0 || buffers_ + frame->nb_segs > kRoom) return false;
    buffers_ += frame->nb_segs;
    std::uint16_t before = kNone, after = f.first;
    if (f.held != 0 && distance(held_[f.last].segment.seq, s.seq) > 0) { // as most do
        before = f.last;
        after = kNone;
    }
    for (; after != kNone && distance(held_[after].segment.seq, s.seq) > 0; after = held_[after].next)
        before = after;
    const std::uint16_t at = free_[--free_count_];
    held_[at] = {frame, s, now_, after};
    (before == kNone ? f.first : held_[before].next) = at;
    if (after == kNone) f.last = at;
    if (f.held++ == 0) f.oldest = now_;
    if (!f.waits) {
        f.waits = true;
        waiting_[waiting_count_++] = index(f);
    }
    return true;
}

void Merger::skip_to(Lane& lane, Flow& f, std::uint32_t seq) noexcept {
    if (distance(f.next, seq) <= 0) return;
    finish(lane, f);
    f.next = seq;
}

Merger::Held Merger::pop(Flow& f) noexcept {
    const std::uint16_t at = f.first;
    f.first = held_[at].next;
    if (--f.held == 0) f.first = f.last = kNone;
    free_[free_count_++] = at;
    buffers_ -= held_[at].frame->nb_segs;
    return held_[at];
}

void Merger::release(Lane& lane, Flow& f, const Held& h) noexcept {
    if (h.segment.seq == f.next) {
        lane.counters.reordered.add(1);
        go_on(lane, f, h.segment, h.frame);
    } else {
        pass_late(lane, f, h.segment, h.frame);
    }
}

void Merger::pass_late(Lane& lane, Flow& f, const TcpSegment& s, rte_mbuf* frame) noexcept {
    finish(lane, f);
    put(lane, frame, 1);
    if (distance(f.next, s.end()) > 0) f.next = s.end();
}

void Merger::release_next(Lane& lane, Flow& f) noexcept {
    if (f.held == 0 || distance(f.next, held_[f.first].segment.seq) > 0) return;
    f.vain = f.rests = 0; // the gap was none
    release_ready(lane, f);
}

void Merger::release_ready(Lane& lane, Flow& f) noexcept {
    while (f.held != 0 && distance(f.next, held_[f.first].segment.seq) <= 0) release(lane, f, pop(f));
}

void Merger::release_old(Lane& lane, Flow& f) noexcept {
    unsigned count = 0, place = 0;
    std::uint64_t oldest = now_;
    for (std::uint16_t i = f.first; i != kNone; i = held_[i].next) {
        ++place;
        if (now_ - held_[i].since >= wait_) count = place;
    }
    release_first(lane, f, count);
    release_ready(lane, f);
    for (std::uint16_t i = f.first; i != kNone; i = held_[i].next) oldest = std::min(oldest, held_[i].since);
    f.oldest = oldest;
}

void Merger::release_first(Lane& lane, Flow& f, unsigned count) noexcept {
    for (; count != 0; --count) {
        const Held h = pop(f);
        skip_to(lane, f, h.segment.seq);
        release(lane, f, h);
    }
}

void Merger::release_all(Lane& lane, Flow& f) noexcept { release_first(lane, f, f.held); }

// ---- frames that come

std::span<Merger::Flow, Merger::kWays> Merger::places_of(const TcpFlowKey& key) noexcept {
    static_assert(kFlows == 512 && kWays == 4);
    return std::span<Flow, kWays>(&flows_[(key.hash() >> 25U) * kWays], kWays);
}

Merger::Flow* Merger::find(const TcpFlowKey& key) noexcept {
    for (Flow& f : places_of(key))
        if (f.used && f.key == key) return &f;
    return nullptr;
}

Merger::Flow* Merger::find_or_make(const TcpFlowKey& key) noexcept {
    Flow* place = nullptr;
    for (Flow& f : places_of(key)) {
        if (f.used && f.key == key) return &f;
        if (f.waits || f.open) continue;
        if (place == nullptr || !f.used || (place->used && f.seen < place->seen)) place = &f;
    }
    if (place == nullptr) return nullptr;
    *place = {};
    place->key = key;
    place->used = true;
    return place;
}

void Merger::take_data(Lane& lane, Flow& f, const TcpSegment& s, std::uint8_t member,
                       rte_mbuf* frame) noexcept {
    if (f.known && f.member != member) f.mixed_until = now_ + second_;
    f.member = member;
    const std::int32_t ahead = f.known ? distance(f.next, s.seq) : 0;
    f.known = true;
    const bool ordered =
        f.mixed_until > now_ && f.resting_until <= now_ && ahead <= kMostAhead && ahead >= -kMostAhead;
    if (ahead > 0 && ordered && hold(f, s, frame)) return;
    if (ahead < 0 && ordered) { // sent again, or too late
        pass_late(lane, f, s, frame);
    } else {
        if (ahead != 0) { // it is followed, wherever it goes
            release_all(lane, f);
            finish(lane, f);
        }
        go_on(lane, f, s, frame);
    }
    release_next(lane, f);
}

void Merger::take_one(Lane& lane, std::uint8_t member, rte_mbuf* frame) noexcept {
    TcpSegment s;
    if (!read_tcp_segment(frame, s)) {
        put(lane, frame, 1);
        return;
    }
    const bool special = (s.flags & (tcp_flag::syn | tcp_flag::rst | tcp_flag::urg)) != 0;
    if (s.length() != 0 && !special) {
        if (Flow* f = find_or_make(flow_key(frame, s))) {
            f->seen = now_;
            take_data(lane, *f, s, member, frame);
        } else {
            put(lane, frame, 1);
        }
        return;
    }
    const bool begins = (s.flags & tcp_flag::syn) != 0;
    Flow* const f = begins ? find_or_make(flow_key(frame, s)) : find(flow_key(frame, s));
    if (f != nullptr) {
        if (special) release_all(lane, *f);
        finish(lane, *f);
        if (special) f->known = begins;
        if (begins) {
            f->next = s.seq + 1 + s.payload;
            f->seen = now_;
            f->member = member;
        }
    }
    put(lane, frame, 1);
}

void Merger::take(Lane& lane, std::uint8_t member, rte_mbuf** frames, std::uint16_t n) noexcept {
    now_ = lane.clock;
    for (std::uint16_t i = 0; i < n; ++i) take_one(lane, member, frames[i]);
}

void Merger::end_round(Lane& lane) noexcept {
    now_ = lane.clock;
    for (unsigned i = 0; i < waiting_count_;) {
        Flow& f = flows_[waiting_[i]];
        if (f.held != 0 && now_ - f.oldest >= wait_) {
            const unsigned before = f.held;
            release_old(lane, f);
            if (f.held != before && ++f.vain >= kVain) {
                f.resting_until = now_ + (second_ << f.rests);
                f.rests = std::min<std::uint8_t>(f.rests + 1U, kLongestRest);
                f.vain = 0;
                release_all(lane, f);
            }
        }
        if (f.held != 0) {
            ++i;
            continue;
        }
        f.waits = false;
        waiting_[i] = waiting_[--waiting_count_];
    }
    for (unsigned i = 0; i < open_count_; ++i) {
        finish(lane, flows_[open_[i]]);
        flows_[open_[i]].open = false;
    }
    open_count_ = 0;
    hand_up_all(lane);
}

} // namespace dpdkbond
