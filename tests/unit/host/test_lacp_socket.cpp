// SPDX-License-Identifier: BSD-3-Clause
#include "host/lacp_socket.hpp"
#include "proto/slow.hpp"

#include <catch2/catch.hpp>

#include <array>

#include "host/netlink.hpp"
#include "netns.hpp"
#include "packet_tap.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

Frame of_kind(std::uint16_t type, std::uint8_t subtype, std::uint8_t mark) {
    Frame f(124);
    f[0] = 0x01;
    f[1] = 0x80;
    f[2] = 0xc2;
    f[5] = 2;
    f[6] = 2;
    f[12] = static_cast<std::uint8_t>(type >> 8U);
    f[13] = static_cast<std::uint8_t>(type);
    f[14] = subtype;
    f[20] = mark;
    return f;
}

} // namespace

TEST_CASE("of all that a netdev receives its LACPDUs alone come by the socket, a flood before them or not") {
    const ScopedLink link("l0");
    ip("link add l0 type veth peer name k0");
    for (const char* end : {"l0", "k0"}) ip("link set " + std::string(end) + " up");
    auto opened = LacpSocket::open("l0");
    REQUIRE(opened.ok());
    const int fd = opened.value().fd();
    std::array<std::uint8_t, 256> room;
    const PacketTap far(get_link("k0").value().ifindex), here(get_link("l0").value().ifindex);
    for (int i = 0; i < 5000; ++i) far.send(of_kind(0x0800, 1, 0));
    far.send(of_kind(0x8809, 2, 1)); // a marker
    far.send(of_kind(0x8809, 3, 2)); // OAM
    far.send(of_kind(0x8809, 1, 3));
    here.send(of_kind(0x8809, 1, 4)); // our own
    far.send(of_kind(0x8809, 1, 5));
    for (const std::uint8_t mark : {3, 5}) {
        REQUIRE(readable(fd, std::chrono::milliseconds(2000)));
        const Bytes frame = receive_lacpdu(fd, room);
        REQUIRE(frame.size() == 124);
        CHECK(is_lacpdu(frame));
        CHECK(frame[20] == mark);
    }
    CHECK(receive_lacpdu(fd, room).empty());

    ip("link set l0 down"); // which sockets are told of as an error
    CHECK(receive_lacpdu(fd, room).empty());
    ip("link set l0 up");
    CHECK(eventually([&] {
        try {
            far.send(of_kind(0x8809, 1, 6));
        } catch (const std::exception&) {
            return false; // k0 has no carrier yet
        }
        return readable(fd, std::chrono::milliseconds(10));
    }));
    CHECK(receive_lacpdu(fd, room)[20] == 6);
}

TEST_CASE("a netdev that is not there has no LACPDUs, and a frame that is short is none") {
    const auto opened = LacpSocket::open("nothere0");
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.error().find("nothere0") != std::string::npos);
    const Frame marker = of_kind(0x8809, 2, 0), lacpdu = of_kind(0x8809, 1, 0);
    CHECK_FALSE(is_lacpdu(marker));
    CHECK(is_lacpdu(lacpdu));
    CHECK_FALSE(is_lacpdu(Bytes(lacpdu).first(14)));
    CHECK_FALSE(is_lacpdu({}));
}
