// SPDX-License-Identifier: BSD-3-Clause
#include "ports/packet_socket.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/fd.hpp"
#include "host/files.hpp"
#include "ports/netdev_port.hpp"
#include "ports/packet_queue.hpp"

namespace dpdkbond {

namespace {

constexpr int kSocketRoom = 4 << 20; // bytes, each way; the kernel counts its own overhead too

Result<void> set(const Fd& socket, int level, int option, int value, const char* what) {
    if (::setsockopt(socket.get(), level, option, &value, sizeof value) == 0) return {};
    return Error{fmt::format("the packet socket takes no {}: {}", what, errno_text(errno))};
}

// Receives what `protocol` says from its binding on.
Result<Fd> open_socket(int ifindex, std::uint16_t protocol, bool qdisc_bypass) {
    Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return Error{"cannot open a packet socket: " + errno_text(errno)};
    if (auto done = set(socket, SOL_PACKET, PACKET_VNET_HDR, 1, "virtio-net header"); !done)
        return Error{done.error()};
    if (auto done = set(socket, SOL_PACKET, PACKET_AUXDATA, 1, "auxiliary data"); !done)
        return Error{done.error()};
    if (auto done = set(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "filter of what is sent"); !done)
        return Error{done.error()};
    if (qdisc_bypass)
        if (auto done = set(socket, SOL_PACKET, PACKET_QDISC_BYPASS, 1, "qdisc_bypass"); !done)
            return Error{done.error()};
    for (const auto& [forced, plain] : {std::pair{SO_RCVBUFFORCE, SO_RCVBUF}, {SO_SNDBUFFORCE, SO_SNDBUF}})
        if (!set(socket, SOL_SOCKET, forced, kSocketRoom, "larger buffer"))
            (void)set(socket, SOL_SOCKET, plain, kSocketRoom, "larger buffer");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(protocol);
    address.sll_ifindex = ifindex;
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return Error{"the packet socket cannot be bound: " + errno_text(errno)};
    return socket;
}

class PacketSocket final : public NetdevPort {
public:
    PacketSocket(PacketSocketArgs args, HandedFds handed, const LinkEvent& link)
        : NetdevPort(link), args_(std::move(args)), handed_(std::move(handed)) {}

    [[nodiscard]] std::string_view driver() const override { return "packet_socket"; }
    [[nodiscard]] std::uint16_t max_rx_queues() const override { return args_.rx_queues; }
    [[nodiscard]] std::uint16_t max_tx_queues() const override { return kMostPacketQueues; }

    Result<void> start(std::uint16_t rx, std::uint16_t tx, rte_mempool* pool) override {
        const std::lock_guard lock(mutex_);
        // As many as before are in their fanout group still; what another number of them holds is lost.
        if (handed_.size() == rx)
            for (HandedFd& f : handed_) {
                received_.push_back(std::make_unique<PacketReceiveQueue>(std::move(f.fd), pool));
                rx_.push_back(received_.back().get());
            }
        handed_.clear();
        for (auto q = static_cast<std::uint16_t>(received_.size()); q < rx; ++q) {
            auto socket = open_socket(ifindex_, ETH_P_ALL, args_.qdisc_bypass);
            if (!socket) return Error{socket.error()};
            if (rx > 1)
                if (auto joined = join_fanout(socket.value(), q == 0); !joined) return joined;
            received_.push_back(std::make_unique<PacketReceiveQueue>(std::move(socket).value(), pool));
            rx_.push_back(received_.back().get());
        }
        for (std::uint16_t q = 0; q < tx; ++q) {
            auto socket = open_socket(ifindex_, 0, args_.qdisc_bypass);
            if (!socket) return Error{socket.error()};
            sent_.push_back(std::make_unique<PacketSendQueue>(std::move(socket).value()));
            tx_.push_back(sent_.back().get());
        }
        return {};
    }
    void stop() noexcept override {
        const std::lock_guard lock(mutex_);
        received_.clear();
        sent_.clear();
        rx_.clear();
        tx_.clear();
    }
    [[nodiscard]] eth_rx_burst_t rx_burst() const override { return receive_packets; }
    [[nodiscard]] eth_tx_burst_t tx_burst() const override { return send_packets; }
    [[nodiscard]] std::vector<int> rx_fds() const override {
        std::vector<int> fds;
        for (const auto& q : received_) fds.push_back(q->socket.get());
        return fds;
    }
    [[nodiscard]] rte_eth_stats stats() const override {
        const std::lock_guard lock(mutex_);
        rte_eth_stats sum{};
        for (const auto& q : received_) {
            tpacket_stats since{}; // the kernel begins anew with each reading
            socklen_t size = sizeof since;
            if (::getsockopt(q->socket.get(), SOL_PACKET, PACKET_STATISTICS, &since, &size) == 0)
                missed_ += since.tp_drops;
            add_received(sum, q->counters);
        }
        sum.imissed = missed_;
        for (const auto& q : sent_) add_sent(sum, q->counters);
        return sum;
    }

private:
    Result<void> join_fanout(const Fd& socket, bool first) {
        const int flow = PACKET_FANOUT_HASH | (first ? PACKET_FANOUT_FLAG_UNIQUEID : 0);
        if (auto done = set(socket, SOL_PACKET, PACKET_FANOUT, static_cast<int>(group_) | flow << 16,
                            "fanout (qpairs)");
            !done)
            return done;
        if (!first) return {};
        int group = 0;
        socklen_t size = sizeof group;
        if (::getsockopt(socket.get(), SOL_PACKET, PACKET_FANOUT, &group, &size) != 0)
            return Error{"the packet socket does not tell its fanout group: " + errno_text(errno)};
        group_ = static_cast<std::uint16_t>(group);
        return {};
    }

    PacketSocketArgs args_;
    HandedFds handed_;
    std::uint16_t group_ = 0;  // of the fanout
    mutable std::mutex mutex_; // the queues come and go, and readings of what the kernel dropped are added up
    mutable std::uint64_t missed_ = 0;
    std::vector<std::unique_ptr<PacketReceiveQueue>> received_;
    std::vector<std::unique_ptr<PacketSendQueue>> sent_;
};

} // namespace

Result<std::unique_ptr<PortOps>> open_packet_socket(PacketSocketArgs args, HandedFds handed) {
    const auto link = get_link(args.netdev);
    if (!link) return Error{link.error()};
    return std::unique_ptr<PortOps>(
        std::make_unique<PacketSocket>(std::move(args), std::move(handed), link.value()));
}

} // namespace dpdkbond
