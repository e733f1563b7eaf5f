// SPDX-License-Identifier: BSD-3-Clause
#include "ops/acting.hpp"

#include <cstdint>
#include <fstream>
#include <utility>

#include <sys/socket.h>

#include <fmt/format.h>

namespace dpdkbond {

namespace {

thread_local std::string who_acts;

std::string user(std::uint32_t uid) { return uid == 0 ? "root" : fmt::format("user {}", uid); }

// The user that has logged in, whoever he has become since (sudo, su).
std::string login_of(pid_t pid, std::uint32_t uid) {
    constexpr std::uint32_t kNone = UINT32_MAX;
    std::uint32_t login = kNone;
    std::ifstream(fmt::format("/proc/{}/loginuid", pid)) >> login;
    return login == kNone || login == uid ? std::string() : fmt::format(", logged in as {}", user(login));
}

} // namespace

Acting::Acting(std::string who) : before_(std::exchange(who_acts, std::move(who))) {}
Acting::~Acting() { who_acts = std::move(before_); }

const std::string& acting() { return who_acts; }
std::string by_whom() { return who_acts.empty() ? std::string() : ", by " + who_acts; }

std::string peer_name(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "unknown process";
    return fmt::format("process {} of {}{}", peer.pid, user(peer.uid), login_of(peer.pid, peer.uid));
}

} // namespace dpdkbond
