// SPDX-License-Identifier: BSD-3-Clause
#include "host/fd_finder.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <system_error>

namespace dpdkbond {

namespace {

std::vector<int> open_fds() {
    std::vector<int> fds;
    std::error_code error;
    for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
         it.increment(error)) {
        const std::string name = it->path().filename().string();
        int fd = -1;
        if (std::from_chars(name.data(), name.data() + name.size(), fd).ec == std::errc{}) fds.push_back(fd);
    }
    std::ranges::sort(fds);
    return fds;
}

bool is_socket_of(int fd, int domain) {
    int found = 0;
    socklen_t size = sizeof found;
    return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &found, &size) == 0 && found == domain;
}

} // namespace

std::vector<int> find_packet_socket_fds(int ifindex) {
    std::vector<int> fds = open_fds();
    std::erase_if(fds, [&](int fd) {
        if (!is_socket_of(fd, AF_PACKET)) return true;
        sockaddr_ll address{};
        socklen_t size = sizeof address;
        return ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
               address.sll_ifindex != ifindex;
    });
    return fds;
}

std::vector<int> list_xdp_socket_fds() {
    std::vector<int> fds = open_fds();
    std::erase_if(fds, [](int fd) { return !is_socket_of(fd, AF_XDP); });
    return fds;
}

std::vector<int> xdp_socket_fds_since(const std::vector<int>& before) {
    std::vector<int> opened;
    std::ranges::set_difference(list_xdp_socket_fds(), before, std::back_inserter(opened));
    return opened;
}

std::vector<int> find_tun_fds(const std::string& name) {
    constexpr unsigned kMiscMajor = 10;
    constexpr unsigned kTunMinor = 200;
    std::vector<int> fds = open_fds();
    std::erase_if(fds, [&](int fd) {
        struct stat status {};
        if (::fstat(fd, &status) != 0 || !S_ISCHR(status.st_mode)) return true;
        if (status.st_rdev != makedev(kMiscMajor, kTunMinor))
            return true; // ask no other device that question
        ifreq request{};
        return ::ioctl(fd, TUNGETIFF, &request) != 0 || name != request.ifr_name;
    });
    return fds;
}

std::optional<std::string> tun_name(const std::vector<int>& queues) {
    for (const int fd : queues) {
        ifreq request{};
        if (::ioctl(fd, TUNGETIFF, &request) == 0) return request.ifr_name;
    }
    return std::nullopt;
}

Fd tun_namespace(const std::vector<int>& queues) {
    for (const int fd : queues)
        if (const int netns = ::ioctl(fd, TUNGETDEVNETNS); netns >= 0) return Fd(netns);
    return Fd();
}

bool set_tun_carrier(const std::vector<int>& queues, bool up) {
    int carrier = up ? 1 : 0;
    return std::ranges::any_of(queues, [&](int fd) { return ::ioctl(fd, TUNSETCARRIER, &carrier) == 0; });
}

} // namespace dpdkbond
