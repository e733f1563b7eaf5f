// SPDX-License-Identifier: BSD-3-Clause
#include "host/rights.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace dpdkbond {

std::string give_up_other_rights() {
    std::uint64_t kept = 0;
    for (const Right& r : kKeptRights) kept |= std::uint64_t{1} << r.number;
    std::string refused;
    const auto note = [&](const char* what) {
        if (refused.empty()) refused = std::string(what) + ": " + std::strerror(errno);
    };

    // What exec would give back to root. Without CAP_SETPCAP (a container's) it stays as it is.
    for (unsigned c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; ++c)
        if ((kept >> c & 1U) == 0 && prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 &&
            prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0 && errno != EPERM)
            note("the bounding set");
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); // kernels without it have none

    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[2] = {};
    if (syscall(SYS_capget, &header, sets) != 0) {
        note("capget");
        return refused;
    }
    for (unsigned half = 0; half < 2; ++half) {
        const auto mask = static_cast<std::uint32_t>(kept >> (32 * half));
        sets[half].effective &= mask;
        sets[half].permitted &= mask;
        sets[half].inheritable &= mask;
    }
    if (syscall(SYS_capset, &header, sets) != 0) note("capset");
    return refused;
}

} // namespace dpdkbond
