// SPDX-License-Identifier: BSD-3-Clause
#include "host/memberships.hpp"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "host/files.hpp"

namespace dpdkbond {

Result<Memberships> Memberships::open(int ifindex) {
    Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)); // protocol 0: it receives nothing
    if (!socket) return Error{"cannot open a packet socket: " + errno_text(errno)};
    return Memberships(std::move(socket), ifindex);
}

Result<void> Memberships::change(bool on, Kind kind, const Mac& mac) {
    packet_mreq wish{};
    wish.mr_ifindex = ifindex_;
    wish.mr_type = kind == kPromiscuous ? PACKET_MR_PROMISC
                   : kind == kAllGroups ? PACKET_MR_ALLMULTI
                   : mac.is_multicast() ? PACKET_MR_MULTICAST
                                        : PACKET_MR_UNICAST;
    if (kind == kAddress) {
        wish.mr_alen = static_cast<unsigned short>(mac.bytes.size());
        std::memcpy(wish.mr_address, mac.data(), mac.bytes.size());
    }
    const int option = on ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP;
    if (::setsockopt(socket_.get(), SOL_PACKET, option, &wish, sizeof wish) == 0) return {};
    const int why = errno;
    const char* what = kind == kPromiscuous ? "all frames"
                       : kind == kAllGroups ? "all groups"
                                            : "another address";
    return Error{fmt::format("{}: {}", kind == kAddress && mac.is_multicast() ? "another group" : what,
                             errno_text(why))};
}

} // namespace dpdkbond
