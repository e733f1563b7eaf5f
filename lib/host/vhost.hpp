// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fcntl.h>
#include <filesystem>

#include "host/fd.hpp"

namespace dpdkbond {

// Whether a virtio-user port with a kernel back end can be made: that takes /dev/vhost-net and /dev/net/tun,
// both for reading and writing. Opening vhost-net loads its module where the device node is there for that.
// Ordinary threads.
inline bool vhost_net_works(const std::filesystem::path& dev = "/dev") {
    const auto opens = [](const std::filesystem::path& node) {
        return static_cast<bool>(Fd(::open(node.c_str(), O_RDWR | O_CLOEXEC)));
    };
    return opens(dev / "vhost-net") && opens(dev / "net/tun");
}

} // namespace dpdkbond
