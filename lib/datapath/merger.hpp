// SPDX-License-Identifier: BSD-3-Clause
// Received TCP segments on their way to a kernel that takes super-frames (offload.hpp): those of one flow
// that lie next to one another in its sequence go up as one frame, and those of a flow that comes over
// several members go up in order. Nothing waits for a neighbour: what a round has merged goes up at its end.
// A segment that came before an earlier one waits for that, kLongestWait at most; so it does only where
// frames of its flow have just come over different members, as a gap in what one member brings is a loss, of
// which TCP should hear at once.
//
// What goes up is what a kernel without a bond might have merged itself: headers equal but for what must
// differ, checksums right, sizes equal but for the last. All other frames go up as they are, none before an
// earlier segment of its flow that is being merged; a frame that read_tcp_segment() cannot read is of no
// flow. Owner: the worker of its lane, which owns all frames in here.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <span>

#include "base/time.hpp"
#include "datapath/tcp_segment.hpp"

namespace dpdkbond {

class Lane;

class Merger {
public:
    // Longer than full queues make equal links differ by; much less than TCP's shortest timeout (Linux: 200
    // ms).
    static constexpr Duration kLongestWait = std::chrono::milliseconds(4);
    static constexpr unsigned kFlows = 512; // known at a time, by when they were seen last
    static constexpr unsigned kRoom = 1024; // segments that wait, of all flows, and buffers of these

    explicit Merger(std::uint64_t cycles_a_second);
    ~Merger(); // frees what waits
    Merger(const Merger&) = delete;
    Merger& operator=(const Merger&) = delete;

    // Frames of one member, in the order in which they came; the lane's clock says when.
    void take(Lane& lane, std::uint8_t member, rte_mbuf** frames, std::uint16_t n) noexcept;
    // Hands up all that need not wait. Once a round.
    void end_round(Lane& lane) noexcept;
    [[nodiscard]] unsigned waiting() const noexcept { return kRoom - free_count_; }

private:
    static constexpr unsigned kWays = 4;        // places where a flow may be
    static constexpr unsigned kOut = 64;        // frames that go up at once
    static constexpr unsigned kMostPieces = 96; // of a frame; a tap takes some more
    // Waits in vain, one after the other, after which a flow rests: what is missing comes by another worker,
    // say.
    static constexpr std::uint8_t kVain = 4;
    static constexpr std::uint8_t kLongestRest = 6; // 64 seconds, beginning with one
    static constexpr std::uint16_t kNone = 0xffff;

    struct alignas(64) Flow {
        TcpFlowKey key;
        std::uint64_t seen = 0; // last; in cycles, like all times here
        std::uint32_t next = 0; // the sequence number that goes up next
        bool used = false;
        bool known = false;      // … and next says so
        bool waits = false;      // is listed in waiting_
        bool open = false;       // … in open_
        std::uint8_t member = 0; // that brought the last segment

        // The frame that is being made in this round; nullptr: none.
        rte_mbuf *head = nullptr, *tail = nullptr;
        std::uint16_t segment = 0;  // bytes of each of its segments but the last
        std::uint16_t frames = 0;   // received ones in it
        std::uint16_t segments = 0; // that it stands for
        TcpSegment form;            // of the first one
        bool closed = false;        // takes no more

        // Segments behind a gap.
        std::uint16_t first = kNone, last = kNone, held = 0;
        std::uint8_t vain = 0, rests = 0;
        std::uint64_t oldest = 0;        // none of them has waited for longer than since then
        std::uint64_t mixed_until = 0;   // frames come over several members
        std::uint64_t resting_until = 0; // nothing of it waits
    };
    struct Held {
        rte_mbuf* frame;
        TcpSegment segment;
        std::uint64_t since;
        std::uint16_t next;
    };

    void take_one(Lane& lane, std::uint8_t member, rte_mbuf* frame) noexcept;
    std::span<Flow, kWays> places_of(const TcpFlowKey& key) noexcept;
    Flow* find(const TcpFlowKey& key) noexcept;
    Flow* find_or_make(const TcpFlowKey& key) noexcept; // nullptr: others have all its places
    void take_data(Lane& lane, Flow& f, const TcpSegment& s, std::uint8_t member, rte_mbuf* frame) noexcept;
    void go_on(Lane& lane, Flow& f, const TcpSegment& s, rte_mbuf* frame) noexcept; // it is the next one
    bool join(Flow& f, const TcpSegment& s, rte_mbuf* frame) noexcept;
    bool hold(Flow& f, const TcpSegment& s, rte_mbuf* frame) noexcept;
    Held pop(Flow& f) noexcept;                                // the first one
    void release(Lane& lane, Flow& f, const Held& h) noexcept; // its turn has come
    // One that comes again or too late, or overlaps what has gone up: at once.
    void pass_late(Lane& lane, Flow& f, const TcpSegment& s, rte_mbuf* frame) noexcept;
    void release_next(Lane& lane, Flow& f) noexcept;  // the same, as a segment has come that they waited for
    void release_ready(Lane& lane, Flow& f) noexcept; // those to which no gap is left
    void release_old(Lane& lane, Flow& f) noexcept; // those that have waited for long enough, and before them
    void release_first(Lane& lane, Flow& f, unsigned count) noexcept; // whatever is missing before them
    void release_all(Lane& lane, Flow& f) noexcept;
    void skip_to(Lane& lane, Flow& f, std::uint32_t seq) noexcept; // what is missing before it was lost
    void finish(Lane& lane, Flow& f) noexcept;                     // its frame goes up
    void put(Lane& lane, rte_mbuf* frame, std::uint16_t frames) noexcept;
    void hand_up_all(Lane& lane) noexcept;
    std::uint16_t index(const Flow& f) const noexcept {
        return static_cast<std::uint16_t>(&f - flows_.data());
    }

    const std::uint64_t wait_, second_; // in cycles
    std::uint64_t now_ = 0;
    unsigned buffers_ = 0; // of frames that wait
    unsigned out_count_ = 0, open_count_ = 0, waiting_count_ = 0, free_count_ = 0;
    std::array<rte_mbuf*, kOut> out_;
    std::array<std::uint16_t, kOut> contained_; // received frames in each
    std::array<std::uint16_t, kFlows> open_;    // flows that have had a head in this round
    std::array<std::uint16_t, kFlows> waiting_; // … that hold segments
    std::array<std::uint16_t, kRoom> free_;
    std::array<Held, kRoom> held_;
    std::array<Flow, kFlows> flows_;
};

} // namespace dpdkbond
