// SPDX-License-Identifier: BSD-3-Clause
#include "host/lacp_socket.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <iterator>

#include "host/files.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint16_t kSlowProtocols = 0x8809;
constexpr std::uint8_t kLacp = 1;
constexpr unsigned kTypeAt = 12, kSubtypeAt = 14;
constexpr auto kTagBeside = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT);

#ifndef PACKET_IGNORE_OUTGOING
constexpr int PACKET_IGNORE_OUTGOING = 23;
#endif

} // namespace

Result<LacpSocket> LacpSocket::open(const std::string& netdev) {
    const auto failed = [&](const char* what) {
        return Error{netdev + ": a socket for LACPDUs: " + what + ": " + errno_text(errno)};
    };
    // Protocol 0: nothing comes before the filter is in place.
    Fd fd(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return failed("opening it");
    // The kernel has taken a tag (VID 0 too) out of the frame by then and says so beside it: such a frame is
    // nobody's LACPDU.
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kTagBeside),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5),
                          BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kTypeAt),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSlowProtocols, 0, 3),
                          BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kSubtypeAt),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kLacp, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, 0xffff),
                          BPF_STMT(BPF_RET | BPF_K, 0)};
    const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
    if (setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
        return failed("its filter");
    const int yes = 1;
    setsockopt(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL); // before anything else in the kernel takes them
    address.sll_ifindex = static_cast<int>(if_nametoindex(netdev.c_str()));
    if (address.sll_ifindex == 0 ||
        bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return failed("binding it");
    return LacpSocket(std::move(fd));
}

Bytes receive_lacpdu(int fd, std::span<std::uint8_t> room) noexcept {
    for (;;) {
        const ssize_t n = recv(fd, room.data(), room.size(), MSG_DONTWAIT);
        if (n > 0) return room.first(static_cast<std::size_t>(n));
        if (n < 0 && (errno == ENETDOWN || errno == EINTR)) continue; // the former is told once
        return {};
    }
}

} // namespace dpdkbond
