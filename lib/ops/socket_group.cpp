// SPDX-License-Identifier: BSD-3-Clause
#include "ops/socket_group.hpp"

#include <cerrno>
#include <cstring>

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dpdkbond {

Result<void> open_to_group(const std::string& dir, const std::string& group) {
    const ::group* found = ::getgrnam(group.c_str());
    if (found == nullptr) return Error{"there is no group " + group};
    const auto failed = [](const std::string& path) { return Error{path + ": " + std::strerror(errno)}; };
    const auto give = [&](const std::string& path, mode_t mode) {
        return ::chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) == 0 &&
               ::chmod(path.c_str(), mode) == 0;
    };
    const std::string socket = dir + "/dpdk_telemetry.v2", above = dir.substr(0, dir.rfind('/'));
    if (!give(socket, 0660)) return failed(socket);
    if (!give(dir, 0710)) return failed(dir);
    struct stat s {}; // shared with other DPDK programs: who may pass through it learns no names
    if (::stat(above.c_str(), &s) != 0 || ::chmod(above.c_str(), (s.st_mode & 07777U) | 0011U) != 0)
        return failed(above);
    return {};
}

} // namespace dpdkbond
