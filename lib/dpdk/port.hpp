// SPDX-License-Identifier: BSD-3-Clause
// One ethdev port from probe to removal. It asks the PMD what it can do, remembers what it cannot, and the
// rest of the program adapts. Ordinary threads only (probe, configure, start and stop may block); errors by
// Result.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac.hpp"
#include "base/offloads.hpp"
#include "base/result.hpp"
#include "base/strong_id.hpp"
#include "dpdk/port_ops.hpp"
#include "dpdk/slow_flow.hpp"

struct rte_eth_dev_info;
struct rte_mempool;

namespace dpdkbond {

inline constexpr std::uint16_t kQueueDescriptors = 1024; // of each queue, where the PMD has so many

// Its port is a netdev of the kernel, read by a socket: the driver knows no link state of its own.
bool is_kernel_socket_driver(std::string_view driver);

// How a device's transmit queues are set up: as its driver likes it, but for tx_free_thresh().
rte_eth_txconf tx_conf(const rte_eth_dev_info& info, std::uint64_t offloads);
// net_virtio_user takes back what was sent once fewer descriptors than this are free. By default that is 32,
// and what it takes back it takes at once: 990 buffers of a queue of 1,024, for which a burst waits 25 us.
// So: 64 are in use. `args`: the device's. 0: as the driver likes it.
std::uint16_t tx_free_thresh(std::string_view driver, std::string_view args);
// Its driver tells of each change of its link by an interrupt. With link interrupts on, ethdev answers from
// what the last one said and asks no register, so where one gets lost they stay off and the link is polled.
bool link_interrupts_work(const rte_eth_dev_info& info);
// Whether one more receive queue than these can be kept for the slow protocols alone (SlowFlow).
bool may_have_slow_queue(std::uint16_t port, std::string_view driver, std::uint16_t rx_queues);
// DPDK's net_tap has as many receive as transmit queues, and for each sends two descriptors in one message:
// how many of each there are when so many are wished for.
std::uint16_t net_tap_queues(std::uint16_t rx, std::uint16_t tx);
// It does not lose receive interrupts, if it has any.
bool rx_interrupts_work(std::string_view driver);

// What a device's hardware does of what is left undone, as its driver says. PCI and other buses of hardware;
// not virtio, whose driver passes the work on.
struct NicOffloads {
    Offloads offloads = Offloads::none; // nic_checksum, nic_tcp
    NicLimits limits;
    std::uint64_t tx = 0, rx = 0; // RTE_ETH_TX_OFFLOAD_ and RTE_ETH_RX_OFFLOAD_ to ask for
    bool checks_received = false; // rx makes it tell of received TCP checksums that they are right
};
NicOffloads nic_offloads(std::string_view bus, const rte_eth_dev_info& info);

struct PortSetup {
    std::uint16_t rx_queues = 1; // wished for; a PMD with fewer gets as many as it has
    std::uint16_t tx_queues = 1;
    std::uint32_t mtu = 0;      // 0: leave as it is
    bool rx_interrupts = false; // wished for, so that an idle worker can sleep
    bool link_interrupts = false;
    bool slow_queue = false; // wished for: one more receive queue, for the slow protocols alone, where the
                             // NIC can keep others out of it
    bool offloads = false; // wished for: Offloads::tcp where the driver is virtio's, what hardware does else
    rte_mempool* pool = nullptr; // for reception; outlives the port
};

struct PortLink {
    bool up = false;
    std::uint32_t speed_mbps = 0; // 0: unknown
    std::optional<bool> full_duplex;
};

class Port {
public:
    // Probes `device` (a PCI address or vdev devargs such as "net_af_packet0,iface=m0") and owns what
    // appears.
    static Result<Port> open(const std::string& device);
    // A port without a PMD. `device` names it.
    static Result<Port> open(const std::string& device, std::unique_ptr<PortOps> ops);
    Port(Port&& other) noexcept;
    Port& operator=(Port&& other) noexcept;
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;
    ~Port(); // stops, closes and removes the device

    Result<void> start(const PortSetup& setup); // configures, sets queues up, starts
    void stop();                                // gives the permanent MAC back, if it was changed, and stops
    Result<void> set_mac(const Mac& mac);       // one that it has already is no question to the PMD
    Result<void> set_mtu(std::uint32_t mtu);
    void set_promiscuous(bool on); // best effort; PMDs without it see everything anyway
    void set_allmulticast(bool on);
    [[nodiscard]] PortLink link() const;       // does not wait
    [[nodiscard]] std::uint32_t mtu() const;   // 0: not known
    [[nodiscard]] bool is_promiscuous() const; // by set_promiscuous()
    [[nodiscard]] rte_eth_stats stats() const;
    // What its receive queues wait on, in their order, where it has no PMD; else empty.
    [[nodiscard]] std::vector<int> rx_fds() const;

    [[nodiscard]] std::uint16_t id() const { return id_; }
    [[nodiscard]] std::string_view driver() const { return driver_; } // "net_af_packet", "net_virtio" …
    [[nodiscard]] const std::string& device() const { return device_; }
    [[nodiscard]] const Mac& permanent_mac() const { return permanent_mac_; }
    void set_permanent_mac(const Mac& mac) { permanent_mac_ = mac; }        // it was opened wearing another
    [[nodiscard]] const Mac& mac() const { return mac_; }                   // the one it has now
    [[nodiscard]] std::uint16_t rx_queues() const { return rx_queues_; }    // with the one for slow protocols
    [[nodiscard]] bool has_slow_queue() const { return slow_queues_ != 0; } // the last of them
    [[nodiscard]] std::uint16_t tx_queues() const { return tx_queues_; }
    [[nodiscard]] bool has_rx_interrupts() const { return rx_interrupts_; }
    [[nodiscard]] bool has_link_interrupts() const { return link_interrupts_; }
    // Which of its frames carry what is undone of them, both ways; a PMD's as PortSetup wished.
    [[nodiscard]] Offloads offloads() const { return ops_ ? Offloads::all : offloads_; }
    [[nodiscard]] const NicLimits& nic_limits() const { return nic_limits_; } // where is_nic(offloads())
    // Its hardware tells of received frames whether their TCP checksum is right.
    [[nodiscard]] bool checks_received() const { return checks_received_; }
    // Frames come out of a socket of the kernel's (af_packet, af_xdp): no link state of its own, checksums
    // unfinished.
    [[nodiscard]] bool is_kernel_socket() const; // see is_kernel_socket_driver()
    // What it has no notion of: link state comes from a netdev, or not at all.
    [[nodiscard]] bool has_link_state() const;

private:
    Port() = default;
    Result<void> configure(const PortSetup& setup, bool rx_interrupts, bool link_interrupts);
    Result<void> start_ops(const PortSetup& setup);
    Result<void> add_slow_queue(const PortSetup& setup);
    void halt() noexcept;
    void close() noexcept;

    bool open_ = false;
    bool started_ = false;
    bool rx_interrupts_ = false;
    bool link_interrupts_ = false;
    bool checks_received_ = false;
    Offloads offloads_ = Offloads::none;
    NicLimits nic_limits_;
    std::uint16_t id_ = 0;
    std::uint16_t rx_queues_ = 0;
    std::uint16_t tx_queues_ = 0;
    std::uint16_t slow_queues_ = 0; // 0 or 1
    SlowFlow slow_flow_;
    std::string device_, driver_;
    std::unique_ptr<PortOps> ops_; // nullptr: the device has a PMD
    Mac permanent_mac_{}, mac_{};
};

} // namespace dpdkbond
