// SPDX-License-Identifier: BSD-3-Clause
#include "ports/packet_queue.hpp"

#include <linux/if_ether.h>
#include <rte_byteorder.h>

#include <cerrno>
#include <cstring>

namespace dpdkbond {

namespace {

// The kernel takes the outermost tag off a frame and tells of it beside it: it is put back. Returns how many
// bytes that are.
unsigned put_tag_back(rte_mbuf* frame, msghdr& message) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
        tpacket_auxdata aux;
        std::memcpy(&aux, CMSG_DATA(c), sizeof aux);
        if ((aux.tp_status & TP_STATUS_VLAN_VALID) == 0) return 0;
        const std::uint16_t tpid =
            (aux.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? aux.tp_vlan_tpid : ETH_P_8021Q;
        const std::uint16_t tag[2] = {rte_cpu_to_be_16(tpid), rte_cpu_to_be_16(aux.tp_vlan_tci)};
        constexpr unsigned kAddresses = 2 * ETH_ALEN;
        char* const start = rte_pktmbuf_prepend(frame, sizeof tag);
        if (start == nullptr) return 0;
        std::memmove(start, start + sizeof tag, kAddresses);
        std::memcpy(start + kAddresses, tag, sizeof tag);
        return sizeof tag;
    }
    return 0;
}

rte_mbuf* frame_of(PacketReceiveQueue& q, unsigned i) noexcept {
    mmsghdr& message = q.messages[i];
    constexpr unsigned kHeader = sizeof(VnetHeader);
    if (message.msg_len < kHeader + ETH_HLEN || (message.msg_hdr.msg_flags & MSG_TRUNC) != 0) return nullptr;
    FrameBuffers& buffers = q.slots[i]->buffers;
    rte_mbuf* const frame = buffers.take(message.msg_len - kHeader);
    if (read_vnet_header(buffers.header, put_tag_back(frame, message.msg_hdr), frame)) [[likely]]
        return frame;
    rte_pktmbuf_free(frame);
    return nullptr;
}

// Nothing is wrong with the frame.
bool is_worth_another_try(int error) {
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == ENETDOWN || error == ENXIO ||
           error == EINTR;
}

} // namespace

std::uint16_t receive_packets(void* queue, rte_mbuf** frames, std::uint16_t room) noexcept {
    PacketReceiveQueue& q = *static_cast<PacketReceiveQueue*>(queue);
    std::uint16_t n = 0;
    std::uint32_t bytes = 0;
    while (n < room && bytes < kBytesALook) {
        unsigned ready = 0;
        const unsigned wanted = std::min<unsigned>(PacketReceiveQueue::kBatch, room - n);
        while (ready < wanted && q.slots[ready]->buffers.ready())
            q.messages[ready++].msg_hdr.msg_controllen = sizeof PacketReceiveQueue::Slot::auxiliary;
        if (ready == 0) [[unlikely]] {
            QueueCounters::add(q.counters.no_buffer, 1);
            break;
        }
        const int got = recvmmsg(q.socket.get(), q.messages.data(), ready, MSG_DONTWAIT, nullptr);
        if (got <= 0) break;
        for (unsigned i = 0; i < static_cast<unsigned>(got); ++i) {
            if (rte_mbuf* const frame = frame_of(q, i)) [[likely]] {
                bytes += frame->pkt_len;
                frames[n++] = frame;
            } else {
                QueueCounters::add(q.counters.errors, 1);
            }
        }
        if (static_cast<unsigned>(got) < ready) break;
    }
    if (n != 0) {
        QueueCounters::add(q.counters.packets, n);
        QueueCounters::add(q.counters.bytes, bytes);
    }
    return n;
}

std::uint16_t send_packets(void* queue, rte_mbuf** frames, std::uint16_t n) noexcept {
    PacketSendQueue& q = *static_cast<PacketSendQueue*>(queue);
    std::uint16_t done = 0;
    while (done < n) {
        unsigned count = 0, used = 0;
        for (; done + count < n && count < PacketSendQueue::kBatch; ++count) {
            rte_mbuf* const frame = frames[done + count];
            q.headers[count] = vnet_header_of(frame, false);
            const unsigned pieces =
                gather(frame, q.headers[count], &q.pieces[used], PacketSendQueue::kPieces - used);
            if (pieces == 0) break;
            q.messages[count].msg_hdr.msg_iov = &q.pieces[used];
            q.messages[count].msg_hdr.msg_iovlen = pieces;
            used += pieces;
        }
        const int sent = count == 0 ? -1 : sendmmsg(q.socket.get(), q.messages.data(), count, MSG_DONTWAIT);
        if (sent > 0) {
            std::uint64_t bytes = 0;
            for (int i = 0; i < sent; ++i) bytes += frames[done + i]->pkt_len;
            rte_pktmbuf_free_bulk(frames + done, static_cast<unsigned>(sent));
            done = static_cast<std::uint16_t>(done + sent);
            QueueCounters::add(q.counters.packets, static_cast<unsigned>(sent));
            QueueCounters::add(q.counters.bytes, bytes);
            continue;
        }
        if (count != 0 && is_worth_another_try(errno)) break;
        rte_pktmbuf_free(frames[done++]); // too long for the netdev, or in more pieces than there is room for
        QueueCounters::add(q.counters.errors, 1);
    }
    return done;
}

} // namespace dpdkbond
