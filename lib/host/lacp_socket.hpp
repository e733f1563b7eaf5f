// SPDX-License-Identifier: BSD-3-Clause
// LACPDUs of a netdev that a packet-socket driver serves, through a socket of their own: the driver's ring
// holds a few hundred frames, and data that comes faster than it is read would displace them. Markers are not
// among them: they have to stay behind the data that they follow.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace dpdkbond {

class LacpSocket {
public:
    static Result<LacpSocket> open(const std::string& netdev);
    [[nodiscard]] int fd() const { return fd_.get(); }

private:
    explicit LacpSocket(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

// The next frame of such a socket, into `room` (what is longer is cut); empty: none. Never waits. Any thread.
Bytes receive_lacpdu(int fd, std::span<std::uint8_t> room) noexcept;

} // namespace dpdkbond
