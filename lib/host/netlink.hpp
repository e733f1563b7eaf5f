// SPDX-License-Identifier: BSD-3-Clause
// The netdevs of this network namespace: what they are, changing them, and hearing of changes (rtnetlink).
// Ordinary threads only. The free functions open a socket of their own each time, in the namespace of the
// calling thread, and may be called from any number of threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/ip.hpp"
#include "base/mac.hpp"
#include "base/result.hpp"

struct nlmsghdr;

namespace dpdkbond {

class RtSocket;

inline constexpr int kOwnNamespace = -1, kUnknownNamespace = -2; // other namespaces have numbers from 0

struct LinkEvent {
    int ifindex = 0;
    std::string name;
    bool admin_up = false;
    bool carrier = false; // IFF_LOWER_UP: the carrier itself, not the operational state derived from it
    Mac mac{};            // zero where the device has no Ethernet address
    std::uint32_t mtu = 0;
    int master_ifindex = 0; // bridge, bond, … that it is enslaved to; 0: none
    bool promisc =
        false; // set by an administrator (`ip link set promisc on`); packet sockets do not show here
    bool allmulti = false; // likewise
    bool deleted = false;  // gone, or moved to another namespace; the other fields are the last known ones
    int iflink = 0;        // IFLA_LINK: lower device or peer, numbered in ITS namespace; 0: none
    std::string kind;      // "veth", "tun", "bridge", …; empty for hardware
    // How many ask for it, whoever they are: an administrator, a bridge, packet sockets. A driver that cannot
    // filter addresses counts as one while it has a list of them. 0 where the kernel is too old to tell.
    std::uint32_t promiscuity = 0, allmulti_count = 0;
    std::uint16_t vlan_id = 0, vlan_protocol = 0; // kind "vlan"
    Mac perm_mac{};                               // burnt into hardware; zero: there is none (Linux 5.6)
    bool moved = false;                           // `deleted`: it is in another namespace now
    int nsid = kOwnNamespace;       // namespace that it lives in, by the number that ours gives it
    int lower_nsid = kOwnNamespace; // … that `iflink` is a number of

    bool operator==(const LinkEvent&) const = default;
};

struct AddressEvent {
    int ifindex = 0;
    int nsid = kOwnNamespace; // whose number ifindex is
    IpPrefix prefix{};
    bool added = true;
    bool tentative = false; // IPv6: duplicate address detection has not finished, or has failed
    bool permanent = true;  // not of a lease or a router's advertisement
    bool secondary = false, deprecated = false; // the kernel prefers others as a source

    // fe80::/10: comes by itself with every device that speaks IPv6.
    [[nodiscard]] bool is_v6_link_local() const {
        return prefix.is_v6 && prefix.v6.bytes[0] == 0xfe && (prefix.v6.bytes[1] & 0xc0U) == 0x80;
    }
};

// Whether a device forwards IPv6, which makes it a router to the neighbours.
struct ForwardingEvent {
    int ifindex = 0;
    int nsid = kOwnNamespace; // whose number ifindex is
    bool on = false;
};

// Link and address changes as they happen, also in the namespaces that ours has a number for: that is where
// devices that were stacked on ours and then moved (macvlans of containers) go on. Owned and used by one
// thread, which polls fd() and calls dispatch(); the callbacks run inside dispatch() and resync() and must
// not call back into the watcher.
class NetlinkWatcher {
public:
    struct Callbacks {
        std::function<void(const LinkEvent&)> on_link;
        std::function<void(const AddressEvent&)> on_address;
        std::function<void()> on_receive_list = {}; // some device's groups or further MACs have changed
        std::function<void(int nsid)> on_lost = {}; // that namespace is not heard of any more
        std::function<void(const ForwardingEvent&)> on_forwarding = {}; // IPv6, of one device
    };
    // Subscribes at once; what happens from now on is heard, what is already there comes with resync().
    // receive_buffer: bytes of socket buffer.
    static Result<NetlinkWatcher> open(Callbacks callbacks, int receive_buffer = 1 << 20);
    NetlinkWatcher(NetlinkWatcher&&) noexcept;
    NetlinkWatcher& operator=(NetlinkWatcher&&) noexcept;
    ~NetlinkWatcher();

    [[nodiscard]] int fd() const { return socket_.get(); } // readable: call dispatch()
    // Handles what is waiting, some dozens of messages at most; never blocks for news. After an overrun of
    // the socket buffer the tables are read again, and what vanished unheard is reported as deleted.
    Result<void> dispatch();
    // An overrun has not been made good yet: call dispatch() again, also without news.
    [[nodiscard]] bool behind() const { return behind_; }
    // Reports every link and address there is in this namespace and in those that it has a number for, and
    // deletions of those known before that are no more.
    Result<void> resync();
    [[nodiscard]] std::uint64_t overruns() const { return overruns_; }
    // The kernel tells of every group that is joined or left by IGMP or MLD (Linux 6.14).
    [[nodiscard]] bool tells_groups() const { return tells_groups_; }

private:
    NetlinkWatcher(Fd socket, std::unique_ptr<RtSocket> query, Callbacks callbacks);
    void take(nlmsghdr* header, int nsid);
    Result<void> catch_up();
    void take_others();
    int our_number_in(int nsid);
    void take_link(const LinkEvent& link);
    void take_address(const AddressEvent& address);

    Fd socket_;
    std::unique_ptr<RtSocket> query_; // for dumps, opened with socket_ so that both are of one namespace
    Callbacks callbacks_;
    std::map<int, LinkEvent> links_;
    std::set<std::pair<int, IpPrefix>> addresses_;
    std::vector<std::uint8_t> buffer_;
    std::map<int, int> our_numbers_; // namespace → the number that it has for ours
    bool tells_groups_ = false, behind_ = false;
    std::uint64_t overruns_ = 0;
};

// Errors of all these name the netdev and give the kernel's reason in one line.
Result<LinkEvent> get_link(const std::string& name);
Result<LinkEvent> get_link(int ifindex);
// The other end of a veth, in whatever namespace it lives.
Result<LinkEvent> get_peer(const LinkEvent& veth);
Result<std::vector<LinkEvent>> list_links();
Result<void> set_admin_up(const std::string& name, bool up);
Result<void> set_mac(const std::string& name, const Mac& mac);
Result<void> set_mtu(const std::string& name, std::uint32_t mtu);
// Of a netdev whose name may be another's by now. Errors name it as it is called now.
Result<void> set_mac(int ifindex, const Mac& mac);
Result<void> set_mtu(int ifindex, std::uint32_t mtu);
Result<void> set_noarp(const std::string& name); // it neither asks nor answers
Result<void> set_promisc(const std::string& name, bool on);
Result<void> set_allmulti(const std::string& name, bool on);
// tun and tap devices (while a process holds a queue of them) and dummies; others answer "Operation not
// supported".
Result<void> set_carrier(const std::string& name, bool carrier);
Result<void> rename_link(const std::string& name,
                         const std::string& new_name); // older kernels: only while down

// What `ip addr add` does; an address that is already there is no error.
Result<void> add_address(const std::string& name, const IpPrefix& prefix);
Result<void> remove_address(const std::string& name, const IpPrefix& prefix);
Result<std::vector<AddressEvent>> list_addresses(int ifindex);
// How the kernel would send to an address; nullopt: it has no route, or one that delivers nothing elsewhere.
struct RouteTo {
    int ifindex = 0;
    IpPrefix source{};   // of full length
    bool direct = false; // by no gateway
};
Result<std::vector<std::optional<RouteTo>>> routes_to(std::span<const IpPrefix> targets);
// What a device receives besides frames to its own MAC: MACs of devices stacked on it, and groups.
struct ReceiveList {
    std::vector<Mac> unicast, groups;
    bool operator==(const ReceiveList&) const = default;
};
Result<ReceiveList> receive_list(int ifindex);
// A unicast route of any table leaves by this device; fe80::/10 and multicast, which come by themselves, do
// not count.
Result<bool> has_route_via(int ifindex);
// `upper` lives on the device with this index of our namespace, as a VLAN or a macvlan does; the far end of a
// wire does not.
bool stands_on(const LinkEvent& upper, int ifindex);
// Why it would be rude to take this netdev from the kernel: "eth0 has the address 192.0.2.1/24",
// "eth0 is enslaved to br0", "a route leaves by eth0", "macvlan mv0 stands on eth0". Nothing if it is free.
Result<std::optional<std::string>> netdev_in_use(const std::string& name);

} // namespace dpdkbond
