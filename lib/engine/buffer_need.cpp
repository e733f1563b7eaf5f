// SPDX-License-Identifier: BSD-3-Clause
#include "engine/buffer_need.hpp"

#include <fmt/format.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "datapath/lane.hpp"
#include "datapath/merger.hpp"
#include "dpdk/port.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint64_t kRing = kQueueDescriptors;
constexpr std::uint64_t kXdpQueue = 4096;      // the driver's fill, receive and transmit rings share so many
constexpr std::uint64_t kPacketQueue = 8 * 33; // room for so many frames of 64 KB
constexpr std::uint64_t kPuntedRoom = 256;     // BondCore::punted
constexpr std::uint64_t kForLane =
    Stage::kFull + kMaxBurst + HeldFrames::kRoom + kMaxBurst + kPuntedRoom + kBurst;

unsigned number_of(const std::string& device, const std::string& key, unsigned otherwise) {
    const std::string text = devargs_value(device, key);
    unsigned n = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), n);
    return n;
}

} // namespace

std::string BufferNeed::text() const {
    return fmt::format(
        "{} are needed: {} in receive and transmit queues, {} staged, held or punted by workers, {} in "
        "their caches",
        total(), queues, lanes, caches);
}

std::uint64_t buffers_in_queues(const std::string& device, unsigned rx_queues, unsigned tx_queues) {
    const auto is = [&](const char* driver) { return device.starts_with(driver); };
    if (is("net_af_packet")) return number_of(device, "qpairs", 1) * kPacketQueue;
    if (is("net_null") || is("net_pcap")) return 0; // they copy
    if (is("net_tap"))                              // copies what it sends
        return std::min(std::max(rx_queues, tx_queues), kMaxNetTapQueues) * kRing;
    if (is("tap_"))
        return std::max(rx_queues, tx_queues) * kRing; // pieces of super-frames that are on the way
    if (is("net_af_xdp")) return number_of(device, "queue_count", 1) * kXdpQueue;
    if (is("net_ring")) return kRing;
    if (is("net_memif")) return 2 * kRing;
    std::uint16_t port = 0;
    rte_eth_dev_info info;
    const std::string head = devargs_head(device);
    for (const std::string& name : {head, "0000:" + head})
        if (rte_eth_dev_get_port_by_name(name.c_str(), &port) == 0 &&
            rte_eth_dev_info_get(port, &info) == 0) {
            rx_queues = std::min<unsigned>(rx_queues, info.max_rx_queues);
            tx_queues = std::min<unsigned>(tx_queues, info.max_tx_queues);
            break;
        }
    return (rx_queues + tx_queues) * kRing;
}

BufferNeed buffer_need(const Config& config, const std::function<bool(const MemberConfig&)>& here,
                       bool logical) {
    BufferNeed need;
    const auto workers = static_cast<unsigned>(config.runtime.worker_lcores.size());
    for (const BondConfig& b : config.bonds) {
        need.lanes += workers * (kForLane + (b.logical.may_take_super_frames() ? Merger::kRoom : 0));
        for (const MemberConfig& m : b.members)
            if (here(m))
                need.queues += buffers_in_queues(m.device, workers + 1, workers); // one for slow protocols
        if (!logical) continue;
        const std::string device = b.logical.backend == LogicalBackend::device ? b.logical.device
                                   : b.logical.backend == LogicalBackend::tap  ? "tap_"
                                                                               : "net_virtio_user";
        need.queues += buffers_in_queues(device, b.logical.queues, b.logical.queues);
    }
    need.caches = std::uint64_t{workers} * kBufferCache * 3 / 2; // which is as far as a cache grows
    return need;
}

} // namespace dpdkbond
