// SPDX-License-Identifier: BSD-3-Clause
#include "host/kernel_module.hpp"

#include <cerrno>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dpdkbond {

bool load_module(const std::string& module) {
    constexpr const char* kModprobe = "/sbin/modprobe";
    std::string program = kModprobe;
    std::string quiet = "-q";
    std::string end = "--";
    std::string name = module;
    char* arguments[] = {program.data(), quiet.data(), end.data(), name.data(), nullptr};
    pid_t child = 0;
    if (::posix_spawn(&child, kModprobe, nullptr, nullptr, arguments, environ) != 0) return false;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

} // namespace dpdkbond
