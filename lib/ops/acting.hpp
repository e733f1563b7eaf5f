// SPDX-License-Identifier: BSD-3-Clause
// Who asks for what this thread carries out now, in words for the log and the events.
#pragma once

#include <string>
#include <string_view>

namespace dpdkbond {

// While it lives, commands that this thread carries out are those of `who`: "console (process 71 of root)".
class Acting {
public:
    explicit Acting(std::string who);
    Acting(const Acting&) = delete;
    Acting& operator=(const Acting&) = delete;
    ~Acting();

private:
    std::string before_;
};

const std::string& acting(); // empty: nobody was named
std::string by_whom();       // ", by " and acting(), or nothing

// The process at the other end of a connected UNIX socket.
std::string peer_name(int fd);

} // namespace dpdkbond
