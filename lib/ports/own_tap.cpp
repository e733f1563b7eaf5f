// SPDX-License-Identifier: BSD-3-Clause
#include "ports/own_tap.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/fd.hpp"
#include "base/strong_id.hpp"
#include "host/files.hpp"
#include "ports/netdev_port.hpp"

namespace dpdkbond {

namespace {

// Linux 6.2; older headers lack them.
constexpr unsigned kUso4 = 0x20, kUso6 = 0x40;
constexpr unsigned kSegmentation = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
constexpr unsigned kMostPieces = 128;

struct TapQueue {
    TapQueue(Fd d, rte_mempool* pool) : fd(std::move(d)), buffers(pool) {}
    Fd fd;
    FrameBuffers buffers;
    alignas(64) QueueCounters received;
    alignas(64) QueueCounters sent;
};

std::uint16_t read_tap(void* arg, rte_mbuf** frames, std::uint16_t room) noexcept {
    TapQueue& q = *static_cast<TapQueue*>(arg);
    std::uint16_t n = 0;
    std::uint32_t bytes = 0;
    while (n < room && bytes < kBytesALook) {
        if (!q.buffers.ready()) [[unlikely]] {
            QueueCounters::add(q.received.no_buffer, 1);
            break;
        }
        const ssize_t got = readv(q.fd.get(), q.buffers.pieces(), static_cast<int>(q.buffers.count()));
        if (got <= static_cast<ssize_t>(sizeof(VnetHeader))) break;
        const auto length = static_cast<std::uint32_t>(got) - static_cast<std::uint32_t>(sizeof(VnetHeader));
        rte_mbuf* const frame = q.buffers.take(length);
        if (!read_vnet_header(q.buffers.header, 0, frame)) [[unlikely]] {
            rte_pktmbuf_free(frame);
            QueueCounters::add(q.received.errors, 1);
            continue;
        }
        frames[n++] = frame;
        bytes += length;
    }
    if (n != 0) {
        QueueCounters::add(q.received.packets, n);
        QueueCounters::add(q.received.bytes, bytes);
    }
    return n;
}

bool netdev_may_take_it_later(int error) {
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == EIO || error == EINTR;
}

std::uint16_t write_tap(void* arg, rte_mbuf** frames, std::uint16_t n) noexcept {
    TapQueue& q = *static_cast<TapQueue*>(arg);
    std::uint16_t sent = 0, good = 0;
    std::uint64_t bytes = 0;
    for (; sent < n; ++sent) {
        rte_mbuf* const frame = frames[sent];
        VnetHeader header = vnet_header_of(frame, true);
        iovec pieces[kMostPieces];
        const unsigned count = gather(frame, header, pieces, kMostPieces);
        if (count != 0 && writev(q.fd.get(), pieces, static_cast<int>(count)) > 0) {
            ++good;
            bytes += frame->pkt_len;
        } else if (count != 0 && netdev_may_take_it_later(errno)) { // EIO: the netdev is down
            break;
        } else {
            QueueCounters::add(q.sent.errors, 1);
        }
        rte_pktmbuf_free(frame);
    }
    if (good != 0) {
        QueueCounters::add(q.sent.packets, good);
        QueueCounters::add(q.sent.bytes, bytes);
    }
    return sent;
}

Result<Fd> open_queue(const std::string& name) {
    Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return Error{"cannot open /dev/net/tun: " + errno_text(errno)};
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
    if (ioctl(fd.get(), TUNSETIFF, &request) != 0)
        return Error{"the kernel gives no tap of the name " + name + ": " + errno_text(errno)};
    return fd;
}

// As long as those of other Ethernet devices: it bridges a restart, too.
void lengthen_queue(const std::string& name) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_qlen = 1000;
    (void)ioctl(socket.get(), SIOCSIFTXQLEN, &request);
}

class OwnTap final : public NetdevPort {
public:
    // `open`: queues that there are; the first of them keeps the netdev.
    OwnTap(const LinkEvent& link, std::vector<Fd> open) : NetdevPort(link), open_(std::move(open)) {}

    [[nodiscard]] std::string_view driver() const override { return "tap"; }
    [[nodiscard]] std::uint16_t max_rx_queues() const override { return kMaxLogicalQueues; }
    [[nodiscard]] std::uint16_t max_tx_queues() const override { return kMaxLogicalQueues; }

    // A queue of the netdev's is one to receive from and one to send to: there are as many of each.
    Result<void> start(std::uint16_t rx, std::uint16_t tx, rte_mempool* pool) override {
        const auto link = get_link(ifindex_);
        if (!link) return Error{link.error()};
        for (unsigned i = 0; i < std::max(rx, tx); ++i) {
            auto fd = i < open_.size() ? Result<Fd>(std::move(open_[i])) : open_queue(link.value().name);
            if (!fd) return Error{fd.error()};
            queues_.push_back(std::make_unique<TapQueue>(std::move(fd).value(), pool));
        }
        open_.clear(); // those that nobody would read
        for (unsigned i = 0; i < rx; ++i) rx_.push_back(queues_[i].get());
        for (unsigned i = 0; i < tx; ++i) tx_.push_back(queues_[i].get());
        return {};
    }
    void stop() noexcept override { // the first queue keeps the netdev
        open_.clear();
        if (!queues_.empty()) open_.push_back(std::move(queues_.front()->fd));
        queues_.clear();
        rx_.clear();
        tx_.clear();
    }
    [[nodiscard]] eth_rx_burst_t rx_burst() const override { return read_tap; }
    [[nodiscard]] eth_tx_burst_t tx_burst() const override { return write_tap; }
    [[nodiscard]] std::vector<int> rx_fds() const override {
        std::vector<int> fds;
        for (std::size_t i = 0; i < rx_.size(); ++i) fds.push_back(queues_[i]->fd.get());
        return fds;
    }
    [[nodiscard]] rte_eth_stats stats() const override {
        rte_eth_stats sum{};
        for (const auto& q : queues_) {
            add_received(sum, q->received);
            add_sent(sum, q->sent);
        }
        return sum;
    }

private:
    std::vector<Fd> open_; // while no queue has them
    std::vector<std::unique_ptr<TapQueue>> queues_;
};

} // namespace

Result<std::unique_ptr<PortOps>> make_tap(TapSetup setup) {
    std::vector<Fd> open;
    for (HandedFd& f : setup.handed) open.push_back(std::move(f.fd));
    if (open.empty()) {
        auto fd = open_queue(setup.name);
        if (!fd) return Error{fd.error()};
        open.push_back(std::move(fd).value());
        lengthen_queue(setup.name);
    }
    const int queue = open.front().get();
    if (setup.offloads && ioctl(queue, TUNSETOFFLOAD, kSegmentation | kUso4 | kUso6) != 0 &&
        ioctl(queue, TUNSETOFFLOAD, kSegmentation) != 0)
        return Error{"the tap takes no segmentation offload: " + errno_text(errno)};
    const auto link = get_link(setup.name);
    if (!link) return Error{link.error()};
    return std::unique_ptr<PortOps>(std::make_unique<OwnTap>(link.value(), std::move(open)));
}

} // namespace dpdkbond
