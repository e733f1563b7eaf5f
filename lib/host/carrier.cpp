// SPDX-License-Identifier: BSD-3-Clause
#include "host/carrier.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/mount.h>

#include "host/netlink.hpp"

namespace dpdkbond {

namespace {

// /sys shows the netdevs of the namespace it was mounted in, which need not be ours (`unshare -n`, `nsenter
// -n`). A fresh mount that is attached nowhere is always ours. Linux 5.2; needs CAP_SYS_ADMIN.
Fd mount_sysfs() {
    const Fd context(::fsopen("sysfs", FSOPEN_CLOEXEC));
    if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return Fd();
    return Fd(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
}

} // namespace

CarrierPoll::CarrierPoll(std::string name, int ifindex)
    : name_(std::move(name)), ifindex_(ifindex), sysfs_(mount_sysfs()) {}

bool CarrierPoll::is_another() {
    if (ifindex_ == 0) return false;
    const auto link = get_link(name_);
    replaced_ = link.ok() && link.value().ifindex != ifindex_;
    return replaced_;
}

// Returns false if the file is not, or no longer, a netdev's.
bool CarrierPoll::read_file(bool& carrier) {
    if (!file_) {
        const std::string path = "class/net/" + name_ + "/carrier";
        file_.reset(::openat(sysfs_.get(), path.c_str(), O_RDONLY | O_CLOEXEC));
        if (file_ && is_another()) file_.reset();
        if (!file_) return false;
    }
    char digit = '0';
    ssize_t n = 0;
    do n = ::pread(file_.get(), &digit, 1, 0);
    while (n < 0 && errno == EINTR);
    carrier = n == 1 && digit == '1';
    set_down_ = n < 0 && errno == EINVAL;
    // EINVAL is how the file says "administratively down"; ENODEV, that its netdev has gone.
    if (n >= 0 || errno == EINVAL) return true;
    file_.reset();
    return false;
}

bool CarrierPoll::carrier() {
    if (name_.empty() || name_.find('/') != std::string::npos) return false;
    if (!sysfs_) {
        auto link = get_link(name_);
        set_down_ = link.ok() && !link.value().admin_up;
        missing_ = ifindex_ == 0 && !link.ok();
        return link.ok() && link.value().carrier && !is_another();
    }
    bool carrier = false;
    set_down_ = missing_ = false;
    const bool was_open = static_cast<bool>(file_);
    if (read_file(carrier) || (was_open && read_file(carrier))) return carrier;
    missing_ = ifindex_ == 0;
    return false;
}

bool carrier_now(const std::string& name) { return CarrierPoll(name).carrier(); }

bool carrier_events_may_lag(const std::string& name) {
    auto link = get_link(name);
    return link.ok() && (link.value().iflink == 0 || link.value().iflink == link.value().ifindex);
}

} // namespace dpdkbond
