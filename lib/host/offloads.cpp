// SPDX-License-Identifier: BSD-3-Clause
#include "host/offloads.hpp"

#include <cerrno>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "host/files.hpp"

namespace dpdkbond {

namespace {

// errno, 0 if it went well
int ethtool(const std::string& netdev, ethtool_value& value) {
    if (netdev.empty() || netdev.size() >= IFNAMSIZ) return ENODEV;
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return errno;
    ifreq request{};
    netdev.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&value);
    return ::ioctl(socket.get(), SIOCETHTOOL, &request) == 0 ? 0 : errno;
}

std::optional<std::uint32_t> get(const std::string& netdev, std::uint32_t command) {
    ethtool_value value{.cmd = command, .data = 0};
    if (ethtool(netdev, value) != 0) return std::nullopt;
    return value.data;
}

Result<void> set(const std::string& netdev, std::uint32_t command, std::uint32_t data, const char* what) {
    ethtool_value value{.cmd = command, .data = data};
    if (const int error = ethtool(netdev, value); error != 0)
        return Error{std::string("cannot switch ") + what + " of netdev " + netdev + ": " +
                     errno_text(error)};
    return {};
}

} // namespace

std::optional<bool> gro_is_on(const std::string& netdev) {
    const auto value = get(netdev, ETHTOOL_GGRO);
    if (!value) return std::nullopt;
    return *value != 0;
}

std::optional<bool> lro_is_on(const std::string& netdev) {
    const auto flags = get(netdev, ETHTOOL_GFLAGS);
    if (!flags) return std::nullopt;
    return (*flags & ETH_FLAG_LRO) != 0;
}

std::optional<bool> tx_checksum_is_on(const std::string& netdev) {
    const auto value = get(netdev, ETHTOOL_GTXCSUM);
    if (!value) return std::nullopt;
    return *value != 0;
}

Result<void> set_tx_checksum(const std::string& netdev, bool on) {
    return set(netdev, ETHTOOL_STXCSUM, on ? 1 : 0, "transmit checksums");
}

Result<void> set_gro(const std::string& netdev, bool on) {
    return set(netdev, ETHTOOL_SGRO, on ? 1 : 0, "GRO");
}

Result<void> set_lro(const std::string& netdev, bool on) {
    const auto flags = get(netdev, ETHTOOL_GFLAGS);
    if (!flags) return Error{"cannot read the offload flags of netdev " + netdev};
    const std::uint32_t wanted =
        on ? *flags | ETH_FLAG_LRO : *flags & ~static_cast<std::uint32_t>(ETH_FLAG_LRO);
    return set(netdev, ETHTOOL_SFLAGS, wanted, "LRO");
}

} // namespace dpdkbond
