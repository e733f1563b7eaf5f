// SPDX-License-Identifier: BSD-3-Clause
#include "host/link_speed.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "host/fd.hpp"

namespace dpdkbond {

LinkSpeed link_speed(const std::string& netdev) {
    const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_cmd settings{};
    settings.cmd = ETHTOOL_GSET;
    ifreq request{};
    if (!fd || netdev.size() >= sizeof request.ifr_name) return {};
    std::memcpy(request.ifr_name, netdev.c_str(), netdev.size());
    request.ifr_data = reinterpret_cast<char*>(&settings);
    if (ioctl(fd.get(), SIOCETHTOOL, &request) != 0) return {};
    LinkSpeed speed;
    const std::uint32_t mbps = ethtool_cmd_speed(&settings);
    if (mbps != 0 && mbps != static_cast<std::uint32_t>(SPEED_UNKNOWN)) speed.mbps = mbps;
    if (settings.duplex == DUPLEX_FULL || settings.duplex == DUPLEX_HALF)
        speed.full_duplex = settings.duplex == DUPLEX_FULL;
    return speed;
}

} // namespace dpdkbond
