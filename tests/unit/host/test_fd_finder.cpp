// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "host/fd_finder.hpp"
#include "host/netlink.hpp"
#include "netns.hpp"
#include "packet_tap.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

TEST_CASE("packet sockets are found by the netdev they are bound to") {
    const ScopedLink cleanup("f0");
    ip("link add f0 type veth peer name f1");
    const int f0 = get_link("f0").value().ifindex;
    const int f1 = get_link("f1").value().ifindex;
    CHECK(find_packet_socket_fds(f0).empty());
    const PacketTap first(f0);
    const PacketTap other(f1);
    const PacketTap second(f0);
    CHECK(find_packet_socket_fds(f0) == std::vector<int>{first.fd(), second.fd()});
    CHECK(find_packet_socket_fds(f1) == std::vector<int>{other.fd()});
}

TEST_CASE("queues of a tap are found by its name") {
    CHECK(find_tun_fds("ft0").empty());
    const Fd tap = open_tap("ft0");
    const Fd other = open_tap("ft1");
    const Fd unattached(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    CHECK(find_tun_fds("ft0") == std::vector<int>{tap.get()});
    CHECK(find_tun_fds("ft1") == std::vector<int>{other.get()});
    CHECK(find_tun_fds("").empty());
}

TEST_CASE("AF_XDP sockets are listed") {
    CHECK(list_xdp_socket_fds().empty());
    const Fd xdp(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!xdp) {
        WARN("this kernel has no AF_XDP");
        return;
    }
    CHECK(list_xdp_socket_fds() == std::vector<int>{xdp.get()});
    CHECK(xdp_socket_fds_since({}) == std::vector<int>{xdp.get()});
    CHECK(xdp_socket_fds_since({xdp.get()}).empty());
}
