// SPDX-License-Identifier: BSD-3-Clause
// The queues of a packet-socket port: batches of recvmmsg() and sendmmsg(), which never wait. Worker threads
// only, one at a time for each queue.
#pragma once

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <utility>

#include "base/fd.hpp"
#include "ports/frame_buffers.hpp"

namespace dpdkbond {

struct PacketReceiveQueue {
    static constexpr unsigned kBatch = 8; // frames a call
    struct Slot {                         // room for a frame, its header and its tag
        explicit Slot(rte_mempool* pool) : buffers(pool) {}
        FrameBuffers buffers;
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))> auxiliary{};
    };
    PacketReceiveQueue(Fd fd, rte_mempool* pool) : socket(std::move(fd)) {
        for (unsigned i = 0; i < kBatch; ++i) {
            slots[i] = std::make_unique<Slot>(pool);
            msghdr& m = messages[i].msg_hdr;
            m.msg_iov = slots[i]->buffers.pieces();
            m.msg_iovlen = slots[i]->buffers.count();
            m.msg_control = slots[i]->auxiliary.data();
        }
    }
    Fd socket;
    std::array<std::unique_ptr<Slot>, kBatch> slots;
    std::array<mmsghdr, kBatch> messages{};
    QueueCounters counters;
};

struct PacketSendQueue {
    static constexpr unsigned kBatch = 32;
    static constexpr unsigned kPieces = 512;
    explicit PacketSendQueue(Fd fd) : socket(std::move(fd)) {}
    Fd socket;
    std::array<VnetHeader, kBatch> headers;
    std::array<iovec, kPieces> pieces;
    std::array<mmsghdr, kBatch> messages{};
    QueueCounters counters;
};

// eth_rx_burst_t of a PacketReceiveQueue and eth_tx_burst_t of a PacketSendQueue. A frame that the kernel
// does not take because there is no room or no link stays the caller's; one that it will never take is freed
// and counted as an error.
std::uint16_t receive_packets(void* queue, rte_mbuf** frames, std::uint16_t room) noexcept;
std::uint16_t send_packets(void* queue, rte_mbuf** frames, std::uint16_t n) noexcept;

} // namespace dpdkbond
