// SPDX-License-Identifier: BSD-3-Clause
#include <cstdlib>

#include "fuzz_targets.hpp"
#include "proto/arp.hpp"
#include "proto/igmp.hpp"
#include "proto/marker.hpp"
#include "proto/nd.hpp"

namespace dpdkbond::fuzz {

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

} // namespace

void pdu(Bytes input) {
    slow_frame_subtype(input);
    SlowFrame out;
    if (const auto decoded = decode_lacpdu(input)) {
        encode_lacpdu(out, Mac{}, *decoded);
        require(decode_lacpdu(out) == decoded);
    }
    if (const auto decoded = decode_marker(input)) {
        encode_marker(out, Mac{}, *decoded);
        require(decode_marker(out) == decoded);
        build_marker_response(out, Mac{}, input);
        require(decode_marker(out)->transaction == decoded->transaction);
    }
    std::array<std::uint8_t, 96> small;
    if (const auto decoded = parse_arp_frame(input))
        require(parse_arp_frame(Bytes(small).first(build_arp(small, Mac{}, Mac{}, *decoded))) == decoded);
    if (const auto decoded = parse_nd_frame(input)) {
        require(input.size() >= kEthHeaderSize + 64);
        build_ns(small, Mac{}, decoded->source, decoded->target);
    }
    is_igmp_frame(input);
}

} // namespace dpdkbond::fuzz
