// SPDX-License-Identifier: BSD-3-Clause
// The Ethernet frames of a capture file: pcap (times in microseconds or nanoseconds) and pcapng, of either
// byte order, told apart by their first bytes. Ordinary threads; memory for one frame.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace dpdkbond {

struct CapturedFrame {
    Bytes bytes;              // from the Ethernet header on, as much as was kept
    std::uint32_t length = 0; // of the frame on the wire
    bool inbound = false;     // the file says that it was received (pcapng's epb_flags)
};

struct CaptureSummary {
    std::uint64_t frames = 0;       // that were given out
    std::uint64_t not_ethernet = 0; // left out, as their interface has another link type
    std::string cut; // not empty: where and why the file ends too early; what came before is good
};

// Gives each frame to `take`, in the file's order. The error, one line: it is no such file, or it has no
// Ethernet.
Result<CaptureSummary> read_capture(std::istream& file,
                                    const std::function<void(const CapturedFrame&)>& take);

} // namespace dpdkbond
