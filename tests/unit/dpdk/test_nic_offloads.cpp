// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <rte_ethdev.h>

#include "dpdk/port.hpp"

using namespace dpdkbond;

namespace {

constexpr std::uint64_t kChecksums = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
constexpr std::uint64_t kVmxnet3 =
    kChecksums | RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
constexpr std::uint64_t kEm = kChecksums | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
                              RTE_ETH_TX_OFFLOAD_VLAN_INSERT;

NicOffloads asked(std::uint64_t tx, const char* driver = "net_x", const char* bus = "pci",
                  std::uint16_t buffers = 0, std::uint16_t a_segment = 0) {
    rte_eth_dev_info info{};
    info.driver_name = driver;
    info.tx_offload_capa = tx;
    info.rx_offload_capa = RTE_ETH_RX_OFFLOAD_CHECKSUM | RTE_ETH_RX_OFFLOAD_VLAN_STRIP |
                           RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER;
    info.tx_desc_lim.nb_seg_max = buffers;
    info.tx_desc_lim.nb_mtu_seg_max = a_segment;
    return nic_offloads(bus, info);
}

} // namespace

TEST_CASE("a NIC is asked for what its driver says that it does, and for no more") {
    // As the drivers of 22.11 say.
    NicOffloads nic = asked(kVmxnet3, "net_vmxnet3", "pci", 255, 16);
    CHECK(nic.offloads == Offloads::nic_tcp);
    CHECK(nic.tx == (kVmxnet3 & ~RTE_ETH_TX_OFFLOAD_VLAN_INSERT));
    CHECK(nic.rx == RTE_ETH_RX_OFFLOAD_CHECKSUM);
    CHECK(nic.checks_received);
    CHECK(nic.limits == NicLimits{.buffers = 255, .buffers_a_segment = 16, .ip_checksum = false});
    nic = asked(kEm, "net_e1000_em");
    CHECK(nic.offloads == Offloads::nic_checksum);
    CHECK(nic.tx == kChecksums);
    CHECK(nic.rx == RTE_ETH_RX_OFFLOAD_CHECKSUM);
    CHECK_FALSE(nic.checks_received);
    CHECK(nic.limits == NicLimits{});
    nic = asked(kEm | RTE_ETH_TX_OFFLOAD_TCP_TSO, "net_e1000_igb");
    CHECK(nic.offloads == Offloads::nic_tcp);
    CHECK(nic.tx == ((kEm | RTE_ETH_TX_OFFLOAD_TCP_TSO) & ~RTE_ETH_TX_OFFLOAD_VLAN_INSERT));
    CHECK(nic.limits.ip_checksum);
    CHECK(asked(kVmxnet3, "net_x", "pci", 1000, 8).limits ==
          NicLimits{.buffers = 255, .buffers_a_segment = 8, .ip_checksum = false});
}

TEST_CASE("what is no hardware, or not enough of it, is asked for nothing") {
    for (const auto& [driver, bus] : {std::pair{"net_tap", "vdev"}, {"net_virtio", "pci"}}) {
        const NicOffloads none = asked(kVmxnet3, driver, bus);
        CHECK(none.offloads == Offloads::none);
        CHECK(none.tx == 0);
        CHECK(none.rx == 0);
        CHECK_FALSE(none.checks_received);
    }
    const NicOffloads half = asked(kVmxnet3 & ~RTE_ETH_TX_OFFLOAD_UDP_CKSUM);
    CHECK(half.offloads == Offloads::none);
    CHECK(half.tx == 0);
    CHECK(half.rx == RTE_ETH_RX_OFFLOAD_CHECKSUM);
    CHECK(asked(kVmxnet3 & ~RTE_ETH_TX_OFFLOAD_MULTI_SEGS).offloads == Offloads::nic_checksum);
}
