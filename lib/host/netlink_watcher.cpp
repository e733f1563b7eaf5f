// SPDX-License-Identifier: BSD-3-Clause
#include <cerrno>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "host/files.hpp"
#include "host/netlink.hpp"
#include "host/netlink_parse.hpp"
#include "host/netlink_socket.hpp"

namespace dpdkbond {

namespace {

constexpr std::size_t kDatagram = 64 * 1024; // more than the kernel puts into one

Result<Fd> subscribe(int receive_buffer) {
    Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!fd) return Error{"cannot open a netlink socket: " + errno_text(errno)};
    // Beyond net.core.rmem_max where we may; less only means re-reading the tables more often.
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) != 0)
        (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_nl local{};
    local.nl_family = AF_NETLINK;
    local.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) != 0)
        return Error{"cannot subscribe to link and address changes: " + errno_text(errno)};
    return fd;
}

} // namespace

NetlinkWatcher::NetlinkWatcher(Fd socket, std::unique_ptr<RtSocket> query, Callbacks callbacks)
    : socket_(std::move(socket)), query_(std::move(query)), callbacks_(std::move(callbacks)),
      buffer_(kDatagram) {}
NetlinkWatcher::NetlinkWatcher(NetlinkWatcher&&) noexcept = default;
NetlinkWatcher& NetlinkWatcher::operator=(NetlinkWatcher&&) noexcept = default;
NetlinkWatcher::~NetlinkWatcher() = default;

Result<NetlinkWatcher> NetlinkWatcher::open(Callbacks callbacks, int receive_buffer) {
    auto query = RtSocket::open();
    if (!query) return Error{query.error()};
    auto socket = subscribe(receive_buffer);
    if (!socket) return Error{socket.error()};
    return NetlinkWatcher(std::move(socket).value(), std::make_unique<RtSocket>(std::move(query).value()),
                          std::move(callbacks));
}

void NetlinkWatcher::take_link(const LinkEvent& link) {
    if (link.deleted) {
        links_.erase(link.ifindex);
    } else {
        links_[link.ifindex] = link;
    }
    if (callbacks_.on_link) callbacks_.on_link(link);
}

void NetlinkWatcher::take_address(const AddressEvent& address) {
    const std::pair key{address.ifindex, address.prefix};
    if (address.added) {
        addresses_.insert(key);
    } else {
        addresses_.erase(key);
    }
    if (callbacks_.on_address) callbacks_.on_address(address);
}

Result<void> NetlinkWatcher::dispatch() {
    bool lost = false;
    for (;;) {
        const ssize_t n = ::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) break;
            if (errno != ENOBUFS) return Error{"cannot receive from netlink: " + errno_text(errno)};
            lost = true;
            continue;
        }
        if (static_cast<std::size_t>(n) > buffer_.size()) {
            lost = true;
            continue;
        }
        int left = static_cast<int>(n);
        for (auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(header, left);
             header = nlmsg_next(header, &left)) {
            if (const auto link = parse_link(header)) take_link(*link);
            if (const auto address = parse_address(header)) take_address(*address);
        }
    }
    if (!lost) return {};
    // The kernel drops everything until the queue has been emptied once; it is empty now, so a dump misses
    // nothing.
    ++overruns_;
    return resync();
}

Result<void> NetlinkWatcher::resync() {
    RtMessage get_links(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
    get_links.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    auto links = query_->dump<LinkEvent>(get_links, parse_link);
    if (!links) return Error{"cannot list netdevs: " + links.error()};
    RtMessage get_addresses(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
    auto addresses = query_->dump<AddressEvent>(get_addresses, parse_address);
    if (!addresses) return Error{"cannot list addresses: " + addresses.error()};

    auto gone_links = links_;
    for (const LinkEvent& link : links.value()) gone_links.erase(link.ifindex);
    auto gone_addresses = addresses_;
    for (const AddressEvent& address : addresses.value())
        gone_addresses.erase({address.ifindex, address.prefix});

    for (const auto& [ifindex, prefix] : gone_addresses)
        take_address({.ifindex = ifindex, .prefix = prefix, .added = false});
    for (auto& [ifindex, link] : gone_links) {
        link.deleted = true;
        link.carrier = false;
        take_link(link);
    }
    for (const LinkEvent& link : links.value()) take_link(link);
    for (const AddressEvent& address : addresses.value()) take_address(address);
    return {};
}

} // namespace dpdkbond
