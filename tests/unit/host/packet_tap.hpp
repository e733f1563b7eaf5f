// SPDX-License-Identifier: BSD-3-Clause
// A packet socket on one netdev, made in the namespace of the calling thread: what a socket driver would
// receive.
#pragma once

#include <arpa/inet.h>
#include <cstring>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdexcept>
#include <sys/socket.h>
#include <vector>

#include "base/bytes.hpp"
#include "base/fd.hpp"

namespace dpdkbond::testing {

using Frame = std::vector<std::uint8_t>;

class PacketTap {
public:
    explicit PacketTap(int ifindex) : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
        const int buffer = 64 << 20;
        (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(ETH_P_ALL);
        address.sll_ifindex = ifindex;
        if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("cannot bind a packet socket");
    }
    [[nodiscard]] int fd() const { return fd_.get(); }
    void send(const Frame& frame) const {
        if (::send(fd_.get(), frame.data(), frame.size(), 0) != static_cast<ssize_t>(frame.size()))
            throw std::runtime_error("cannot send a frame");
    }
    // The next frame that came in from the wire (not one sent on this netdev); empty if none is waiting.
    [[nodiscard]] Frame next() const {
        for (;;) {
            Frame frame(128 * 1024);
            sockaddr_ll from{};
            socklen_t size = sizeof from;
            const ssize_t n = ::recvfrom(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT,
                                         reinterpret_cast<sockaddr*>(&from), &size);
            if (n < 0) return {};
            if (from.sll_pkttype == PACKET_OUTGOING) continue;
            frame.resize(static_cast<std::size_t>(n));
            return frame;
        }
    }

private:
    Fd fd_;
};

inline std::uint16_t ether_type(const Frame& frame) { return frame.size() < 14 ? 0 : load_be16(&frame[12]); }

} // namespace dpdkbond::testing
