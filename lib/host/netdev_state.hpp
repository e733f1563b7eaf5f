// SPDX-License-Identifier: BSD-3-Clause
// What a netdev was like before the bond drove it, as a struct, as the text of a state file, and how to get
// back there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.hpp"
#include "base/mac.hpp"
#include "base/result.hpp"

namespace dpdkbond {

struct LinkEvent;

// Which network namespace: the inode number of its nsfs file is used again after it has gone, the cookie
// never (Linux 5.14; 0 where there is none).
struct NetnsId {
    std::uint64_t inode = 0;
    std::uint64_t cookie = 0;
    bool operator==(const NetnsId&) const = default;
    static NetnsId current(); // of the calling thread
};

struct NetdevState {
    std::string name;
    int ifindex = 0;
    NetnsId netns;
    std::int64_t pid = 0; // of the process that changed the netdev
    bool admin_up = false;
    Mac mac{};
    std::uint32_t mtu = 0;
    std::string kind; // LinkEvent: what it is known by when it has gone to another namespace
    int iflink = 0;
    Mac perm_mac{};
    bool promisc = false;
    bool allmulti = false;
    std::optional<bool> gro; // nothing: could not be asked, not touched
    std::optional<bool> lro;
    std::optional<bool> tx_checksum;                          // of a veth only
    std::vector<std::pair<std::string, std::string>> sysctls; // "ipv4/arp_ignore" → value before
    std::vector<IpPrefix> v6_addresses;                       // permanent ones; disable_ipv6 takes them away

    // As it is now.
    static Result<NetdevState> of(const std::string& netdev);

    [[nodiscard]] std::string to_text() const;
    // Unknown lines are skipped; nothing if the text does not say which netdev of which namespace it is
    // about.
    static std::optional<NetdevState> parse(std::string_view text);

    // What the bond gave it last: elsewhere it is known by that, and only that is taken back. Zero: not
    // known.
    Mac given_mac{};
    std::uint32_t given_mtu = 0;

    enum class Found { in_its_namespace, moved, nowhere };
    // Puts everything back that differs, in whatever namespace its own is called from. All is tried; the
    // error is the first. Of one that was moved to another namespace: MAC, MTU, flags and offloads, as far as
    // nobody there has changed them; its settings there are the namespace's. One that has gone, or that only
    // has the same name, is left alone and no error.
    [[nodiscard]] Result<Found> restore() const;

    // It has left its namespace, and is found in another.
    [[nodiscard]] bool is_elsewhere() const;

private:
    [[nodiscard]] Result<void> restore_at_home(const LinkEvent& now) const;
    [[nodiscard]] Result<void> restore_moved(const LinkEvent& now) const;
    [[nodiscard]] Result<void> restore_features(const LinkEvent& now) const;
    [[nodiscard]] bool is_of(const LinkEvent& link) const;
};

// The setting of one netdev below /proc/sys/net/FAMILY/conf; key: "ipv4/arp_ignore". Nothing if the kernel
// has none.
std::optional<std::string> read_conf(const std::string& netdev, const std::string& key);
Result<void> write_conf(const std::string& netdev, const std::string& key, const std::string& value);

} // namespace dpdkbond
