// SPDX-License-Identifier: BSD-3-Clause
#include "ports/member_tap.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "host/fd_finder.hpp"
#include "host/files.hpp"
#include "host/netdev_state.hpp"
#include "host/netlink.hpp"
#include "host/vhost.hpp"

namespace dpdkbond {

std::string tap_is_taken(const std::string& name) {
    return "member_taps: a netdev of the name " + name +
           " is there already; remove it, or give the member a name";
}

std::string taken_tap(const BondConfig& bond, const std::function<bool(const LinkEvent&)>& ours) {
    if (!bond.options.member_taps) return {};
    for (const MemberConfig& m : bond.members) {
        const auto link = get_link(member_tap_name(m.name));
        if (link && !ours(link.value())) return "member " + m.name + ": " + tap_is_taken(link.value().name);
    }
    return {};
}

Result<MemberTap> MemberTap::open(const std::string& name, const Mac& mac) {
    const auto refused = [&](const std::string& why) {
        return Error{"member_taps: its tap " + name + ": " + why};
    };
    if (get_link(name)) return Error{tap_is_taken(name)};
    provide_tun();
    Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return refused("cannot open /dev/net/tun: " + errno_text(errno));
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return refused(errno_text(errno));
    MemberTap tap(std::move(fd), name);
    (void)set_tun_carrier({tap.fd()}, false);
    if (mac.is_valid_unicast()) {
        request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
        std::copy(mac.bytes.begin(), mac.bytes.end(), request.ifr_hwaddr.sa_data);
        if (::ioctl(tap.fd(), SIOCSIFHWADDR, &request) != 0) return refused("its MAC: " + errno_text(errno));
    }
    (void)write_conf(name, "ipv6/disable_ipv6", "1"); // where there is IPv6
    if (auto done = set_noarp(name); !done) return refused(done.error());
    if (auto done = set_admin_up(name, true); !done) return refused(done.error());
    return tap;
}

bool MemberTap::is_gone() const { return !tun_name({fd()}); }

void MemberTap::set_carrier(bool up) {
    if (up != carrier_ && set_tun_carrier({fd()}, up)) carrier_ = up;
}

} // namespace dpdkbond
