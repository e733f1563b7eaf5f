// SPDX-License-Identifier: BSD-3-Clause
// What libFuzzer drives and the corpus replay repeats: each takes any bytes and must neither crash nor break
// a rule.
#pragma once

#include "base/bytes.hpp"

namespace dpdkbond::fuzz {

// The bytes as a frame: every decoder of lib/proto; what decodes must encode to a frame that decodes to the
// same.
void pdu(Bytes input);
// The bytes as frames, link changes, options and time for one engine whose rules are checked at every step.
void lacp_events(Bytes input);
// The bytes as a configuration file: problems are whole lines, and a good file's dump loads again.
void yaml_config(Bytes input);
// The bytes as members, links, modes, options, frames and time for one bond of any mode; its snapshot and its
// status are checked at every step.
void bond_events(Bytes input);
// The bytes as neighbours, members and time for balance-alb's table; its counts are checked at every step.
void rlb_events(Bytes input);
// The bytes as received frames of any headers, whose senders left anything undone; or as segments of TCP
// flows, members and time for a merger, which must give up what it took, byte for byte.
void long_frames(Bytes input);
// The bytes as one line of the console, run and completed.
void console_line(Bytes input);

} // namespace dpdkbond::fuzz
