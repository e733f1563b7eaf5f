// SPDX-License-Identifier: BSD-3-Clause
// The netdev below a member: where it is by now, what it is called, and what others have changed of it.
#include <fmt/format.h>
#include <net/if.h>

#include <cerrno>

#include "ports/member_port.hpp"
#include "ports/waiting.hpp"

namespace dpdkbond {

// It may have been renamed since it became a member.
std::string MemberPort::netdev_now() const {
    char name[IF_NAMESIZE];
    if (ifindex_ == 0 || if_indextoname(ifindex_, name) == nullptr) return netdev;
    return name;
}

std::string MemberPort::why_gone() {
    if (!guard_) return config.is_pci() ? why_absent(config) : std::string();
    char name[IF_NAMESIZE];
    const bool is_here =
        if_indextoname(static_cast<unsigned>(guard_->ifindex()), name) != nullptr || errno != ENXIO;
    if (is_here && !guard_->moved()) return {};
    return fmt::format("no such device: netdev {} {}", below_,
                       guard_->look_for_it() ? "has been moved to another network namespace" : "has gone");
}

std::string MemberPort::heard(const LinkEvent& link) {
    if (!guard_ || link.ifindex != guard_->ifindex()) return {};
    if (link.moved) guard_->has_moved();
    if (link.deleted || link.name == called_) return {};
    std::string line = fmt::format("its netdev {} is called {} now{}", called_, link.name,
                                   link.name == below_ ? "" : ": the next start looks for " + below_);
    called_ = link.name;
    return line;
}

std::string MemberPort::heard_of_change(const LinkEvent& link) {
    if (!guard_ || link.ifindex != guard_->ifindex() || link.deleted) return {};
    const std::lock_guard lock(device_mutex_);
    const auto is_other_mac = [&](const LinkEvent& at) {
        return !mac_refused_ && !worn_.is_zero() && at.mac != worn_;
    };
    const auto is_shorter = [&](const LinkEvent& at) {
        return mtu_ != 0 && refused_mtu_ == 0 && at.mtu < mtu_;
    };
    if (!is_other_mac(link)) told_mac_ = {};
    if (!is_shorter(link)) told_mtu_ = 0;
    if ((!is_other_mac(link) || link.mac == told_mac_) && (!is_shorter(link) || link.mtu == told_mtu_))
        return {};
    const auto now = get_link(guard_->ifindex()); // the bond itself may have changed it since
    if (!now) return {};
    const LinkEvent& at = now.value();
    std::string line;
    if (is_other_mac(at) && at.mac != told_mac_) {
        told_mac_ = at.mac;
        line = fmt::format("somebody has given its netdev the MAC {}, and the bond {}: what is sent to the "
                           "bond may not reach it; a reload puts it back",
                           at.mac.to_string(), worn_.to_string());
    }
    if (is_shorter(at) && at.mtu != told_mtu_) {
        told_mtu_ = at.mtu;
        line += fmt::format("{}somebody has given its netdev the MTU {}, and the bond {}: longer frames are "
                            "lost; a reload puts it back",
                            line.empty() ? "" : "; ", at.mtu, mtu_);
    }
    return line;
}

void MemberPort::suit_peer() {
    constexpr unsigned kPollsASecond = 10;
    if (guard_ && looks_at_peer_++ % kPollsASecond == 0) (void)guard_->suit_peer();
}

std::vector<std::string> MemberPort::put_back() {
    if (!guard_ || !why_gone().empty()) return {};
    const std::lock_guard lock(device_mutex_);
    std::vector<std::string> lines;
    const auto said = [&](const Result<void>& done, const std::string& what) {
        lines.push_back(done ? what : done.error());
    };
    const auto link = get_link(guard_->ifindex());
    if (!link) return {};
    const LinkEvent& is = link.value();
    if (!is.admin_up) said(set_admin_up(is.name, true), "its netdev, which was set down, is up again");
    if (!mac_refused_ && !worn_.is_zero() && is.mac != worn_)
        said(set_mac(worn_), fmt::format("its MAC, which was {}, is put back", is.mac.to_string()));
    if (mtu_ != 0 && refused_mtu_ == 0 && is.mtu != mtu_)
        said(set_mtu(mtu_), fmt::format("its MTU, which was {}, is put back", is.mtu));
    return lines;
}

} // namespace dpdkbond
