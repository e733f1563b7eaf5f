// SPDX-License-Identifier: BSD-3-Clause
#include "host/netdev_by_index.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "host/netlink.hpp"
#include "host/netlink_socket.hpp"

namespace dpdkbond {

namespace {

Result<void> change_link(const char* act, int ifindex, int attribute, const void* data, std::size_t size) {
    const auto link = get_link(ifindex);
    if (!link) return Error{link.error()};
    auto socket = RtSocket::open();
    if (!socket) return Error{socket.error()};
    ifinfomsg info{};
    info.ifi_index = ifindex;
    RtMessage message(RTM_NEWLINK, 0, info);
    message.put(attribute, data, size);
    auto done = socket.value().request(message);
    if (done) return done;
    return Error{std::string("cannot ") + act + " netdev " + link.value().name + ": " + done.error()};
}

} // namespace

Result<void> set_mac_of(int ifindex, const Mac& mac) {
    return change_link("set the MAC of", ifindex, IFLA_ADDRESS, mac.data(), mac.bytes.size());
}

Result<void> set_mtu_of(int ifindex, std::uint32_t mtu) {
    return change_link("set the MTU of", ifindex, IFLA_MTU, &mtu, sizeof mtu);
}

} // namespace dpdkbond
