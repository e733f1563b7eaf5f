// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>

#include "host/netdev_guard.hpp"
#include "host/netlink.hpp"
#include "host/offloads.hpp"
#include "netns.hpp"
#include "packet_tap.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

struct TcpLab {
    TcpLab() : link("s0") {
        ip("link add s0 type veth peer name q0 netns " + peer.path());
        ip("addr add 192.0.2.1/24 dev s0");
        ip("link set s0 up");
        peer.run([] {
            ip("addr add 192.0.2.2/24 dev q0");
            ip("link set q0 up");
        });
    }
    PeerNetns peer;
    ScopedLink link;
};

// The size of the longest frame that a packet socket on s0 sees while the peer sends two megabytes by TCP.
std::size_t longest_frame(const TcpLab& lab) {
    const PacketTap tap(get_link("s0").value().ifindex);
    const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = inet_addr("192.0.2.1");
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    std::size_t received = 0;
    std::thread receiver([&] {
        if (!readable(listener.get(), std::chrono::milliseconds(10000))) return;
        const Fd stream(::accept(listener.get(), nullptr, nullptr));
        std::vector<char> chunk(1 << 16);
        for (ssize_t n = 0; (n = ::read(stream.get(), chunk.data(), chunk.size())) > 0;)
            received += static_cast<std::size_t>(n);
    });
    std::size_t sent = 0;
    lab.peer.run([&] {
        const Fd stream(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::connect(stream.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
        const std::vector<char> chunk(1 << 16);
        for (int i = 0; i < 32; ++i) {
            const ssize_t n = ::write(stream.get(), chunk.data(), chunk.size());
            if (n > 0) sent += static_cast<std::size_t>(n);
        }
    });
    receiver.join();
    REQUIRE(sent == 32U << 16);
    REQUIRE(received == sent);
    std::size_t longest = 0;
    for (Frame frame = tap.next(); !frame.empty(); frame = tap.next())
        longest = std::max(longest, frame.size());
    return longest;
}

} // namespace

TEST_CASE("a veth's peer segments while the shield is up, and only then") {
    const TcpLab lab;
    CHECK(longest_frame(lab) > 1514);
    auto shield = ask_peer_to_segment("s0");
    INFO((shield.ok() ? "" : shield.error()));
    REQUIRE(shield.ok());
    CHECK(gro_is_on("s0") == false);
    CHECK(longest_frame(lab) == 1514);
    shield.value().release();
    CHECK(longest_frame(lab) > 1514);
}

TEST_CASE("a shield switches GRO off and gives it back as it was") {
    const bool gro = GENERATE(true, false);
    const TcpLab lab;
    REQUIRE(set_gro("s0", gro).ok());
    {
        auto shield = ask_peer_to_segment("s0");
        REQUIRE(shield.ok());
        CHECK(gro_is_on("s0") == false);
    }
    CHECK(gro_is_on("s0") == gro);
}

TEST_CASE("a shield goes up on a veth with jumbo frames and beside a guard") {
    const TcpLab lab;
    REQUIRE(set_mtu("s0", 9000).ok());
    lab.peer.run([] { REQUIRE(set_mtu("q0", 9000).ok()); });
    auto guard = NetdevGuard::take("s0", {});
    REQUIRE(guard.ok());
    auto shield = ask_peer_to_segment("s0");
    INFO((shield.ok() ? "" : shield.error()));
    CHECK(shield.ok());
}

TEST_CASE("only a veth has a peer to ask") {
    const Fd tap = open_tap("st0");
    CHECK(ask_peer_to_segment("st0").error() == "netdev st0 is not a veth; it has no peer to ask");
    CHECK(ask_peer_to_segment("nosuch").error() == "there is no netdev nosuch in this namespace");
}
