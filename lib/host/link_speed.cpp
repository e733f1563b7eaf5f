// SPDX-License-Identifier: BSD-3-Clause
#include "host/link_speed.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/fd.hpp"
#include "host/files.hpp"

namespace dpdkbond {

namespace {

bool ask(const std::string& netdev, ethtool_cmd& settings) {
    const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    if (!fd || netdev.size() >= sizeof request.ifr_name) return false;
    std::memcpy(request.ifr_name, netdev.c_str(), netdev.size());
    request.ifr_data = reinterpret_cast<char*>(&settings);
    return ioctl(fd.get(), SIOCETHTOOL, &request) == 0;
}

} // namespace

LinkSpeed link_speed(const std::string& netdev) {
    ethtool_cmd settings{};
    settings.cmd = ETHTOOL_GSET;
    if (!ask(netdev, settings)) return {};
    LinkSpeed speed;
    const std::uint32_t mbps = ethtool_cmd_speed(&settings);
    if (mbps != 0 && mbps != static_cast<std::uint32_t>(SPEED_UNKNOWN)) speed.mbps = mbps;
    if (settings.duplex == DUPLEX_FULL || settings.duplex == DUPLEX_HALF)
        speed.full_duplex = settings.duplex == DUPLEX_FULL;
    return speed;
}

Result<void> set_link_speed(const std::string& netdev, std::uint32_t mbps) {
    ethtool_cmd settings{};
    settings.cmd = ETHTOOL_GSET;
    if (ask(netdev, settings)) {
        settings.cmd = ETHTOOL_SSET;
        settings.duplex = mbps != 0 ? DUPLEX_FULL : static_cast<std::uint8_t>(DUPLEX_UNKNOWN);
        ethtool_cmd_speed_set(&settings, mbps != 0 ? mbps : static_cast<std::uint32_t>(SPEED_UNKNOWN));
        if (ask(netdev, settings)) return {};
    }
    return Error{"cannot set the speed of netdev " + netdev + ": " + errno_text(errno)};
}

} // namespace dpdkbond
