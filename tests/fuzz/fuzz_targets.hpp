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

} // namespace dpdkbond::fuzz
