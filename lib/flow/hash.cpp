// SPDX-License-Identifier: BSD-3-Clause
#include "flow/hash.hpp"

#include "flow/dissect.hpp"

namespace dpdkbond {

using namespace flow_hash_detail;

namespace {

constexpr unsigned kMaxTags = 15; // as many headers as the encap policies walk

std::uint32_t vlan_srcmac(const std::uint8_t* frame, std::uint32_t tci) {
    return tci ^ (load_be32(frame + 6) >> 8U) ^ (load_be32(frame + 8) & 0xffffffU);
}

} // namespace

std::uint32_t flow_hash_slow(HashPolicy p, const std::uint8_t* frame, std::uint32_t len) noexcept {
    if (len < 14) return 0;
    const FrameView view{frame, len};
    std::uint16_t type = load_be16(frame + 12);
    std::uint32_t offset = 14, tci = 0;
    if (is_tag(type) && view.has(offset, 4)) { // the outermost tag lies beside the frame
        tci = load_be16(frame + 14);
        type = load_be16(frame + 16);
        offset = 18;
    }
    const std::uint32_t layer2 = layer2_value(frame, type);

    FlowKeys keys;
    switch (p) {
    case HashPolicy::layer2: return layer2;
    case HashPolicy::vlan_srcmac: return vlan_srcmac(frame, tci);
    case HashPolicy::layer23:
    case HashPolicy::layer34:
        for (unsigned tags = 1; is_tag(type) && tags < kMaxTags && view.has(offset, 4); ++tags) {
            type = load_be16(frame + offset + 2);
            offset += 4;
        }
        if (!read_plain_flow(view, type, offset, p == HashPolicy::layer34, keys)) return layer2;
        break;
    case HashPolicy::encap23:
    case HashPolicy::encap34:
        if (!read_inner_flow(view, type, offset, keys)) return layer2;
        break;
    }
    if (uses_layer2(p)) return fold(layer2 ^ keys.addresses);
    const std::uint32_t start = (keys.icmp >> 16U) != 0 ? keys.icmp : keys.ports;
    return fold(start ^ keys.addresses) >> 1U;
}

std::uint32_t flow_hash(HashPolicy p, const std::uint8_t* frame, std::uint32_t len) noexcept {
    switch (p) {
    case HashPolicy::layer2: return flow_hash<HashPolicy::layer2>(frame, len);
    case HashPolicy::layer34: return flow_hash<HashPolicy::layer34>(frame, len);
    case HashPolicy::layer23: return flow_hash<HashPolicy::layer23>(frame, len);
    case HashPolicy::encap23: return flow_hash<HashPolicy::encap23>(frame, len);
    case HashPolicy::encap34: return flow_hash<HashPolicy::encap34>(frame, len);
    case HashPolicy::vlan_srcmac: return flow_hash<HashPolicy::vlan_srcmac>(frame, len);
    }
    return 0;
}

} // namespace dpdkbond
