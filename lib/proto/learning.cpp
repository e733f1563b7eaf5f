// SPDX-License-Identifier: BSD-3-Clause
#include "proto/learning.hpp"

namespace dpdkbond {

std::size_t build_learning(MutableBytes out, Mac mac, const VlanTags& tags) {
    const std::size_t length = kEthMinFrame + tags.size() * kVlanTagSize;
    if (out.size() < length) return 0;
    std::memset(out.data(), 0, length);
    build_eth(out, mac, mac, ethertype::loopback, tags.begin(), tags.size());
    return length;
}

} // namespace dpdkbond
