// SPDX-License-Identifier: BSD-3-Clause
// What a process that runs bonds keeps of root's rights; packaging/systemd/service.conf lists the same, and
// docs/security.md what each is for. Before the first other thread: rights are a thread's own.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace dpdkbond {

struct Right {
    std::string_view name; // as in capabilities(7), without CAP_
    unsigned number;
};
inline constexpr std::array<Right, 14> kKeptRights{{{"NET_ADMIN", 12},
                                                    {"NET_RAW", 13},
                                                    {"NET_BROADCAST", 11},
                                                    {"NET_BIND_SERVICE", 10},
                                                    {"BPF", 39},
                                                    {"PERFMON", 38},
                                                    {"SYS_ADMIN", 21},
                                                    {"IPC_LOCK", 14},
                                                    {"SYS_NICE", 23},
                                                    {"SYS_RAWIO", 17},
                                                    {"SYS_MODULE", 16},
                                                    {"CHOWN", 0},
                                                    {"DAC_OVERRIDE", 1},
                                                    {"SYS_PTRACE", 19}}};

// Gives up all others, for what is run by exec too. Empty, or what the kernel refused: the rest is given up
// all the same.
std::string give_up_other_rights();

} // namespace dpdkbond
