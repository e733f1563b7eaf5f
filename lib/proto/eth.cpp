// SPDX-License-Identifier: BSD-3-Clause
#include "proto/eth.hpp"

namespace dpdkbond {

std::optional<EthView> parse_eth(Bytes frame) {
    if (frame.size() < kEthHeaderSize) return std::nullopt;
    EthView view;
    view.destination = Mac::from_bytes(frame.data());
    view.source = Mac::from_bytes(frame.data() + 6);
    std::size_t at = 12;
    view.type = load_be16(frame.data() + at);
    while (is_vlan_ethertype(view.type) && view.tag_count < kMaxVlanTags) {
        if (frame.size() < at + 2 + kVlanTagSize) return std::nullopt;
        view.tags[view.tag_count++] = {view.type, load_be16(frame.data() + at + 2)};
        at += kVlanTagSize;
        view.type = load_be16(frame.data() + at);
    }
    view.payload_offset = at + 2;
    return view;
}

std::size_t build_eth(MutableBytes out, Mac destination, Mac source, std::uint16_t type, const VlanTag* tags,
                      std::size_t tag_count) {
    const std::size_t length = kEthHeaderSize + tag_count * kVlanTagSize;
    if (out.size() < length) return 0;
    std::memcpy(out.data(), destination.data(), 6);
    std::memcpy(out.data() + 6, source.data(), 6);
    std::size_t at = 12;
    for (std::size_t i = 0; i < tag_count; ++i, at += kVlanTagSize) {
        store_be16(out.data() + at, tags[i].tpid);
        store_be16(out.data() + at + 2, tags[i].tci);
    }
    store_be16(out.data() + at, type);
    return length;
}

} // namespace dpdkbond
