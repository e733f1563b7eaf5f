// SPDX-License-Identifier: BSD-3-Clause
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netconf.h>
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
constexpr unsigned kDatagramsAtOnce = 64;    // others of the caller's thread wait meanwhile

// Younger than the headers: Linux 6.14.
constexpr int kIpv4Groups = 37, kIpv6Groups = 38; // RTNLGRP_IPV4_MCADDR, RTNLGRP_IPV6_MCADDR
constexpr int kNewMulticast = 56, kDelMulticast = 57;

bool join(const Fd& fd, int group) {
    return ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0;
}

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
    for (const int group : {RTNLGRP_NEIGH, RTNLGRP_NSID, RTNLGRP_IPV6_NETCONF}) (void)join(fd, group);
    const int on = 1; // Linux 4.2; without it stacked devices in other namespaces go unheard
    (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof on);
    return fd;
}

// The namespace that a datagram came from.
int origin(msghdr& message) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c))
        if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_LISTEN_ALL_NSID) {
            int nsid = kOwnNamespace;
            std::memcpy(&nsid, CMSG_DATA(c), sizeof nsid);
            return nsid;
        }
    return kOwnNamespace;
}

// The number that our namespace has for itself; kUnknownNamespace: none.
int own_number(RtSocket& socket) {
    const Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!here) return kUnknownNamespace;
    RtMessage message(RTM_GETNSID, 0, rtgenmsg{});
    message.put_u32(NETNSA_FD, static_cast<std::uint32_t>(here.get()));
    const auto answer = socket.get<int>(message, parse_nsid);
    return answer && answer.value() && *answer.value() >= 0 ? *answer.value() : kUnknownNamespace;
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
    const bool tells_groups = join(socket.value(), kIpv4Groups) && join(socket.value(), kIpv6Groups);
    NetlinkWatcher watcher(std::move(socket).value(), std::make_unique<RtSocket>(std::move(query).value()),
                           std::move(callbacks));
    watcher.tells_groups_ = tells_groups;
    return watcher;
}

void NetlinkWatcher::take_link(const LinkEvent& link) {
    if (link.nsid != kOwnNamespace) {
        // theirs are not kept: resync() is about this namespace
    } else if (link.deleted) {
        links_.erase(link.ifindex);
    } else {
        links_[link.ifindex] = link;
    }
    if (callbacks_.on_link) callbacks_.on_link(link);
}

void NetlinkWatcher::take_address(const AddressEvent& address) {
    const std::pair key{address.ifindex, address.prefix};
    if (address.nsid != kOwnNamespace) {
        // as above
    } else if (address.added) {
        addresses_.insert(key);
    } else {
        addresses_.erase(key);
    }
    if (callbacks_.on_address) callbacks_.on_address(address);
}

// The number that another namespace has for ours; kUnknownNamespace: none, or it does not tell.
int NetlinkWatcher::our_number_in(int nsid) {
    const auto known = our_numbers_.find(nsid);
    if (known != our_numbers_.end()) return known->second;
    int number = kUnknownNamespace;
    if (const Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); here) {
        RtMessage message(RTM_GETNSID, 0, rtgenmsg{});
        message.put_u32(NETNSA_FD, static_cast<std::uint32_t>(here.get()))
            .put_u32(NETNSA_TARGET_NSID, static_cast<std::uint32_t>(nsid));
        if (auto answer = query_->get<int>(message, parse_nsid); answer && answer.value())
            number = *answer.value() >= 0 ? *answer.value() : kUnknownNamespace;
    }
    // A number is given once and kept; that there is none yet may change.
    if (number != kUnknownNamespace) our_numbers_[nsid] = number;
    return number;
}

void NetlinkWatcher::take(nlmsghdr* header, int nsid) {
    if (auto link = parse_link(header)) {
        link->nsid = nsid;
        if (nsid != kOwnNamespace) {
            if (link->lower_nsid == kOwnNamespace)
                link->lower_nsid = nsid; // lives where its lower device does
            else
                link->lower_nsid =
                    link->lower_nsid == our_number_in(nsid) ? kOwnNamespace : kUnknownNamespace;
        }
        take_link(*link);
    } else if (auto address = parse_address(header)) {
        address->nsid = nsid;
        take_address(*address);
    } else if (auto forwarding = parse_forwarding(header)) {
        forwarding->nsid = nsid;
        if (callbacks_.on_forwarding) callbacks_.on_forwarding(*forwarding);
    } else if (header->nlmsg_type == kNewMulticast || header->nlmsg_type == kDelMulticast ||
               parse_listed_mac(header)) {
        if (callbacks_.on_receive_list) callbacks_.on_receive_list();
    } else if (const auto gone = parse_nsid(header);
               gone && header->nlmsg_type == RTM_DELNSID && nsid == kOwnNamespace) {
        our_numbers_.erase(*gone);
        if (callbacks_.on_lost) callbacks_.on_lost(*gone);
    }
}

Result<void> NetlinkWatcher::dispatch() {
    for (unsigned n = 0; n < kDatagramsAtOnce;) {
        iovec data{buffer_.data(), buffer_.size()};
        alignas(cmsghdr) char extra[128];
        msghdr message{};
        message.msg_iov = &data;
        message.msg_iovlen = 1;
        message.msg_control = extra;
        message.msg_controllen = sizeof extra;
        const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_TRUNC);
        if (got < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return behind_ ? catch_up() : Result<void>{};
            if (errno != ENOBUFS) return Error{"cannot receive from netlink: " + errno_text(errno)};
            behind_ = true;
            continue;
        }
        ++n;
        if (static_cast<std::size_t>(got) > buffer_.size()) {
            behind_ = true;
            continue;
        }
        const int nsid = origin(message);
        int left = static_cast<int>(got);
        for (auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(header, left);
             header = nlmsg_next(header, &left))
            take(header, nsid);
    }
    return {};
}

// The kernel drops everything until the queue has been emptied once; it is empty now, so a dump misses
// nothing.
Result<void> NetlinkWatcher::catch_up() {
    auto done = resync();
    if (!done) return done;
    behind_ = false;
    ++overruns_;
    return {};
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
    take_others();
    if (!callbacks_.on_forwarding) return {};
    // A kernel without IPv6 has none to tell of.
    RtMessage get_forwarding(RTM_GETNETCONF, NLM_F_DUMP, netconfmsg{.ncm_family = AF_INET6});
    if (auto all = query_->dump<ForwardingEvent>(get_forwarding, parse_forwarding))
        for (const ForwardingEvent& forwarding : all.value()) callbacks_.on_forwarding(forwarding);
    return {};
}

// What is in other namespaces; of one that cannot be asked nothing is said. Of IPv6 forwarding there the
// kernel tells only when it changes.
void NetlinkWatcher::take_others() {
    auto strict = RtSocket::open();
    if (!strict || !strict.value().be_strict()) return;
    RtSocket& socket = strict.value();
    RtMessage get_numbers(RTM_GETNSID, NLM_F_DUMP, rtgenmsg{});
    const auto numbers = socket.dump<int>(get_numbers, parse_nsid);
    if (!numbers) return;
    int ours = own_number(socket);
    for (const int nsid : numbers.value()) {
        if (nsid < 0 || nsid == ours) continue;
        RtMessage get_links(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
        get_links.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
            .put_u32(IFLA_TARGET_NETNSID, static_cast<std::uint32_t>(nsid));
        auto links = socket.dump<LinkEvent>(get_links, parse_link);
        RtMessage get_addresses(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
        get_addresses.put_u32(IFA_TARGET_NETNSID, static_cast<std::uint32_t>(nsid));
        auto addresses = socket.dump<AddressEvent>(get_addresses, parse_address);
        if (!links || !addresses) continue;
        if (ours == kUnknownNamespace)
            ours = own_number(socket); // these links may have been the first to need it
        if (callbacks_.on_lost) callbacks_.on_lost(nsid);
        for (LinkEvent& link : links.value()) {
            link.nsid = nsid;
            // Our numbers, as it was we who asked.
            if (link.lower_nsid == kOwnNamespace)
                link.lower_nsid = nsid;
            else if (link.lower_nsid == ours)
                link.lower_nsid = kOwnNamespace;
            take_link(link);
        }
        for (AddressEvent& address : addresses.value()) {
            address.nsid = nsid;
            take_address(address);
        }
    }
}

} // namespace dpdkbond
