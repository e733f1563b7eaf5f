// SPDX-License-Identifier: BSD-3-Clause
// The ways through a lane that no mode shapes: members → logical interface, logical interface → the mode's
// data half, control's frames → their member. Each takes one burst and returns how many frames it saw. Worker
// threads only; every frame is handed on, or freed and counted.
#pragma once

#include "datapath/lane.hpp"

namespace dpdkbond {

unsigned receive(Lane& lane, const Snapshot& s) noexcept; // one burst of each of this worker's member queues
// Counts a burst that the member has received and takes out of it what is not for the logical interface:
// control's frames, and those that are dropped. Returns how many stay, in front and in order.
std::uint16_t take_in(Lane& lane, const Snapshot& s, std::uint8_t id, rte_mbuf** frames,
                      std::uint16_t n) noexcept;
// Frames found at a look at the logical interface after which it is worth to look again at once: they leave
// together (Stage), and what a round costs besides is shared by more of them.
inline constexpr std::uint16_t kWorthWaiting = 8;
// … until a round has taken this many from a queue: then it is the members' turn.
inline constexpr unsigned kMostARound = Stage::kFull;
// One burst of each of this worker's queues of the logical interface, or several, one after the other, while
// looks find many frames. Nothing is staged when it returns.
unsigned transmit(Lane& lane, const Snapshot& s) noexcept;
// The bond's newest snapshot.
const Snapshot& newest(Lane& lane) noexcept;
// Gives control the LACP and marker frames (PuntFn), whatever their destination: link-local groups differ
// between networks. Other slow protocols (OAM, SyncE's) stay.
std::uint16_t punt_lacp(Lane& lane, const Snapshot&, std::uint8_t member, rte_mbuf** frames,
                        std::uint16_t n) noexcept;
// Hands a frame to control (of kNoMember: one of the logical interface's) and counts it as punted. False:
// there is no room; the frame stays the caller's.
bool offer_to_control(Lane& lane, MemberId from, rte_mbuf* frame) noexcept;
// Gives frames to the logical interface and counts them; what it does not take after a bounded retry is freed
// and counted.
void hand_up(Lane& lane, rte_mbuf** frames, std::uint16_t n) noexcept;
// The same where frame i stands for contained[i] received ones, by which it counts.
void hand_up_merged(Lane& lane, rte_mbuf** frames, const std::uint16_t* contained, std::uint16_t n) noexcept;
unsigned inject(Lane& lane, const Snapshot& s) noexcept; // what control wants sent

} // namespace dpdkbond
