// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <rte_mbuf_ptype.h>

#include "hand_mbuf.hpp"
#include "ports/vnet_header.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

TEST_CASE("the kernel hears of a checksum that was found right, but for one inside of a tunnel") {
    const auto flags = [](std::uint64_t told, std::uint32_t type, bool valid = true) {
        HandMbuf m(Octets(60));
        m.get()->ol_flags = told;
        m.get()->packet_type = type;
        return vnet_header_of(m.get(), valid).flags;
    };
    constexpr std::uint32_t plain = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_UDP;
    for (const std::uint32_t type : {0U, plain}) { // a driver need not know types
        CHECK(flags(RTE_MBUF_F_RX_L4_CKSUM_GOOD, type) == VnetHeader::kDataValid);
        CHECK(flags(RTE_MBUF_F_RX_L4_CKSUM_GOOD, type, false) == 0);
        for (const std::uint64_t other :
             {std::uint64_t{RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN}, std::uint64_t{RTE_MBUF_F_RX_L4_CKSUM_BAD},
              std::uint64_t{RTE_MBUF_F_RX_L4_CKSUM_NONE}})
            CHECK(flags(other, type) == 0);
    }
    CHECK(flags(RTE_MBUF_F_RX_L4_CKSUM_GOOD,
                plain | RTE_PTYPE_TUNNEL_VXLAN | RTE_PTYPE_INNER_L3_IPV4 | RTE_PTYPE_INNER_L4_TCP) == 0);
}
