// SPDX-License-Identifier: BSD-3-Clause
// The devices that the kernel stacks on a netdev (VLAN, macvlan, macvtap, ipvlan, the bridge that it is a
// port of; on one another too), and the addresses that are reached through them. Fed with what NetlinkWatcher
// tells; asks nobody. One thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/netlink.hpp"

namespace dpdkbond {

struct StackedAddress {
    struct Tag {
        std::uint16_t protocol = 0, id = 0;
        bool operator==(const Tag&) const = default;
    };
    IpPrefix prefix{};
    Mac mac{};             // of the device that has it
    std::vector<Tag> tags; // that its frames carry below the lowest device, outermost first
    bool router = false;   // IPv6: the device that has it forwards
    bool secondary = false, deprecated = false; // the kernel prefers others as a source
    bool operator==(const StackedAddress&) const = default;
};

struct StackedDevice {
    std::string name;
    int ifindex = 0, nsid = kOwnNamespace; // whose number ifindex is
    Mac mac{};
    std::vector<StackedAddress::Tag> tags; // as above
};

// Devices of its kind live on a lower one, and add to what that one receives.
bool is_stacked(const LinkEvent& link);

class Stack {
public:
    void handle(const LinkEvent& link);
    void handle(const AddressEvent& address);
    void handle(const ForwardingEvent& forwarding);
    void forget_namespace(int nsid);

    // Of this device of our namespace and all that is stacked on it, as far as it is administratively up.
    // Link-local and others alike, in the order in which they came; tentative ones are left out.
    [[nodiscard]] std::vector<StackedAddress> addresses(int ifindex) const;
    // The device itself and all that is stacked on it, as far as it is administratively up.
    [[nodiscard]] std::vector<StackedDevice> devices(int ifindex) const;
    // What others have made of a device of our namespace: "master br0", "address 192.0.2.1/24", "macvlan
    // mv0". nullopt: it is not known.
    [[nodiscard]] std::optional<std::vector<std::string>> uses(int ifindex) const;
    // It has been told, and is not tentative.
    [[nodiscard]] bool has_address(int ifindex, const IpPrefix& prefix) const;
    // The VLAN ids with protocol 802.1Q that frames of devices stacked on it carry outermost.
    [[nodiscard]] std::set<std::uint16_t> vlans(int ifindex) const;

private:
    using Key = std::pair<int, int>; // namespace, ifindex
    using Tags = std::vector<StackedAddress::Tag>;
    template <class Visit> void walk(const Key& at, const Tags& tags, int depth, const Visit& visit) const;

    std::map<Key, LinkEvent> links_;
    std::map<Key, std::vector<AddressEvent>> addresses_; // in the order in which they came
    std::set<Key> forwarding_;                           // devices that forward IPv6
};

// Stack::uses() of what the kernel says now.
std::vector<std::string> netdev_uses(int ifindex);

} // namespace dpdkbond
