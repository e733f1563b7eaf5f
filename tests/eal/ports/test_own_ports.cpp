// SPDX-License-Identifier: BSD-3-Clause
// The oracle is the kernel: what it cuts and sums itself has to be what Cutter makes of the same super-frame.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <rte_ethdev.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "datapath/offload.hpp"
#include "dpdk/port.hpp"
#include "namespace.hpp"
#include "ports/own_tap.hpp"
#include "ports/packet_socket.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

using Octets = std::vector<std::uint8_t>;
using Frames = std::vector<rte_mbuf*>;

Port packet_port(const std::string& netdev, std::uint16_t queues = 1) {
    auto ops = open_packet_socket({netdev, queues, false});
    REQUIRE(ops.ok());
    auto port = Port::open("net_af_packet_" + netdev, std::move(ops).value());
    REQUIRE(port.ok());
    PortSetup setup;
    setup.rx_queues = setup.tx_queues = queues;
    setup.pool = frame_pool();
    const auto started = port.value().start(setup);
    INFO((started ? "" : started.error()));
    REQUIRE(started.ok());
    return std::move(port).value();
}

rte_mbuf* with_bytes(const Octets& bytes) {
    rte_mbuf* head = nullptr;
    rte_mbuf* last = nullptr;
    for (std::size_t at = 0; at < bytes.size();) {
        rte_mbuf* m = rte_pktmbuf_alloc(frame_pool());
        REQUIRE(m != nullptr);
        const std::size_t n = std::min<std::size_t>(rte_pktmbuf_tailroom(m), bytes.size() - at);
        std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(n)), &bytes[at], n);
        at += n;
        if (head == nullptr) {
            head = m;
        } else {
            last->next = m;
            ++head->nb_segs;
            head->pkt_len += m->data_len;
        }
        last = m;
    }
    return head;
}

Octets bytes_of(const rte_mbuf* m) {
    Octets all;
    for (; m != nullptr; m = m->next) {
        const auto* p = rte_pktmbuf_mtod(m, const std::uint8_t*);
        all.insert(all.end(), p, p + m->data_len);
    }
    return all;
}

Frames receive(const Port& port, std::size_t wanted) {
    Frames all;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (all.size() < wanted && std::chrono::steady_clock::now() < end) {
        rte_mbuf* got[32];
        for (std::uint16_t q = 0; q < port.rx_queues(); ++q) {
            const std::uint16_t n = rte_eth_rx_burst(port.id(), q, got, 32);
            all.insert(all.end(), got, got + n);
        }
    }
    return all;
}

void free_all(Frames& frames) {
    rte_pktmbuf_free_bulk(frames.data(), static_cast<unsigned>(frames.size()));
    frames.clear();
}

bool send(const Port& port, rte_mbuf* m) { return rte_eth_tx_burst(port.id(), 0, &m, 1) == 1; }

struct Shape {
    bool v6 = false, udp = false;
    unsigned tags = 0;
    std::size_t payload = 10'000;
    std::uint16_t segment = 1000;
    [[nodiscard]] std::size_t ip() const { return 14 + 4 * std::size_t{tags}; }
    [[nodiscard]] std::size_t l4() const { return ip() + (v6 ? 40 : 20); }
    [[nodiscard]] std::size_t data() const { return l4() + (udp ? 8 : 20); }
};

std::uint16_t sum_of(const Octets& f, std::size_t from, std::size_t to, std::uint32_t sum = 0) {
    for (std::size_t i = from; i + 1 < to; i += 2) sum += load_be16(&f[i]);
    while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(sum);
}

Octets frame_bytes(const Shape& s, std::mt19937& random) {
    Octets f(s.data() + s.payload);
    for (std::uint8_t& b : f) b = static_cast<std::uint8_t>(random());
    const std::uint8_t macs[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    std::memcpy(f.data(), macs, sizeof macs);
    for (unsigned t = 0; t < s.tags; ++t) {
        store_be16(&f[12 + 4 * std::size_t{t}], t == 0 && s.tags == 2 ? 0x88a8 : 0x8100);
        store_be16(&f[14 + 4 * std::size_t{t}], static_cast<std::uint16_t>(100 + t));
    }
    store_be16(&f[s.ip() - 2], s.v6 ? 0x86dd : 0x0800);
    std::uint32_t pseudo = static_cast<std::uint32_t>((s.udp ? 17 : 6) + f.size() - s.l4());
    if (s.v6) {
        f[s.ip()] = 0x60;
        store_be16(&f[s.ip() + 4], static_cast<std::uint16_t>(f.size() - s.l4()));
        f[s.ip() + 6] = s.udp ? 17 : 6;
        f[s.ip() + 8] = f[s.ip() + 24] = 0x20; // no group
        pseudo += sum_of(f, s.ip() + 8, s.ip() + 40);
    } else {
        f[s.ip()] = 0x45;
        store_be16(&f[s.ip() + 2], static_cast<std::uint16_t>(f.size() - s.ip()));
        store_be16(&f[s.ip() + 6], 0x4000);
        f[s.ip() + 9] = s.udp ? 17 : 6;
        f[s.ip() + 12] = f[s.ip() + 16] = 10;
        store_be16(&f[s.ip() + 10], 0);
        store_be16(&f[s.ip() + 10], static_cast<std::uint16_t>(~sum_of(f, s.ip(), s.l4())));
        pseudo += sum_of(f, s.ip() + 12, s.ip() + 20);
    }
    if (s.udp) {
        store_be16(&f[s.l4() + 4], static_cast<std::uint16_t>(f.size() - s.l4()));
    } else {
        f[s.l4() + 12] = 0x50;
        f[s.l4() + 13] &= 0x3f; // no CWR, ECE: both sides agree on those only where the header says ECN
    }
    store_be16(&f[s.l4() + (s.udp ? 6 : 16)], sum_of(f, 0, 0, pseudo));
    return f;
}

rte_mbuf* super_frame(const Shape& s, const Octets& bytes) {
    rte_mbuf* m = with_bytes(bytes);
    REQUIRE(describe_super(m, static_cast<std::uint32_t>(s.l4()), !s.udp));
    m->tso_segsz = s.segment;
    return m;
}

unsigned in_use() { return rte_mempool_in_use_count(frame_pool()); }

} // namespace

TEST_CASE("super-frames, undone checksums and tags pass between packet sockets as they are", "[own-ports]") {
    const unsigned before = in_use();
    {
        const Veth wire;
        const Port a = packet_port("a0"), b = packet_port("b0");
        std::mt19937 random(1);
        for (const unsigned tags : {0U, 1U, 2U})
            for (const bool v6 : {false, true}) {
                Shape s;
                s.tags = tags;
                s.v6 = v6;
                s.payload = 60'000;
                const Octets bytes = frame_bytes(s, random);
                REQUIRE(send(a, super_frame(s, bytes)));
                Frames got = receive(b, 1);
                REQUIRE(got.size() == 1);
                CHECK(bytes_of(got[0]) == bytes);
                CHECK(is_super(got[0]));
                CHECK(got[0]->tso_segsz == s.segment);
                CHECK(headers_of_super(got[0]) == s.data());
                free_all(got);

                s.payload = 700;
                s.udp = true;
                const Octets small = frame_bytes(s, random);
                rte_mbuf* m = with_bytes(small);
                REQUIRE(leave_checksum(m, static_cast<std::uint32_t>(s.l4()), 6));
                REQUIRE(send(a, m));
                got = receive(b, 1);
                REQUIRE(got.size() == 1);
                CHECK(bytes_of(got[0]) == small);
                CHECK((got[0]->ol_flags & kUndone) == RTE_MBUF_F_TX_UDP_CKSUM);
                CHECK(std::size_t{got[0]->l2_len} + got[0]->l3_len == s.l4());
                free_all(got);
            }
        CHECK(a.stats().opackets == 12);
        CHECK(b.stats().ipackets == 12);
        CHECK(b.stats().ibytes == a.stats().obytes);
        CHECK(a.stats().ipackets == 0); // not what it sent itself
    }
    CHECK(in_use() == before);
}

TEST_CASE("the kernel cuts a super-frame into the same frames as we do", "[own-ports]") {
    const unsigned before = in_use();
    {
        const Veth wire;
        REQUIRE(command("ethtool -K a0 tx off sg off tso off gso off")); // now it has to, before the wire
        const Port a = packet_port("a0"), b = packet_port("b0");
        std::mt19937 random(2);
        for (int round = 0; round < 300; ++round) {
            Shape s;
            s.v6 = random() % 2 != 0;
            s.udp = random() % 3 == 0;
            s.tags = random() % 2;
            s.segment = static_cast<std::uint16_t>(200 + random() % 1200);
            s.payload = s.segment + 1 + random() % (s.segment * 20U);
            rte_mbuf* mine = super_frame(s, frame_bytes(s, random));
            Frames ours;
            REQUIRE(cut(mine, [&](rte_mbuf** pieces, std::uint16_t n) {
                        ours.insert(ours.end(), pieces, pieces + n);
                        return true;
                    }) == CutResult::all);
            REQUIRE(send(a, mine));
            Frames theirs = receive(b, ours.size());
            REQUIRE(theirs.size() == ours.size());
            for (std::size_t i = 0; i < ours.size(); ++i) {
                INFO("round " << round << " frame " << i << " v6 " << s.v6 << " udp " << s.udp << " tags "
                              << s.tags);
                REQUIRE(bytes_of(theirs[i]) == bytes_of(ours[i]));
            }
            free_all(ours);
            free_all(theirs);
        }
    }
    CHECK(in_use() == before);
}

TEST_CASE("what the netdev will never take is freed and counted, what it does not take now is given back",
          "[own-ports]") {
    const unsigned before = in_use();
    {
        const Veth wire;
        const Port a = packet_port("a0"), b = packet_port("b0");
        std::mt19937 random(3);
        Shape s;
        s.payload = 500;
        const Octets small = frame_bytes(s, random);
        s.payload = 3000; // more than the MTU, and not to be cut
        rte_mbuf* burst[] = {with_bytes(small), with_bytes(frame_bytes(s, random)), with_bytes(small)};
        CHECK(rte_eth_tx_burst(a.id(), 0, burst, 3) == 3);
        CHECK(a.stats().opackets == 2);
        CHECK(a.stats().oerrors == 1);
        Frames got = receive(b, 2);
        CHECK(got.size() == 2);
        free_all(got);

        REQUIRE(command("ip link set a0 down"));
        rte_mbuf* m = with_bytes(small);
        CHECK_FALSE(send(a, m));
        REQUIRE(command("ip link set a0 up"));
        CHECK(send(a, m));
        got = receive(b, 1);
        CHECK(got.size() == 1);
        free_all(got);
    }
    CHECK(in_use() == before);
}

TEST_CASE("several queues of a packet socket share what comes, each flow on one", "[own-ports]") {
    const Veth wire;
    const Port a = packet_port("a0"), b = packet_port("b0", 4);
    CHECK(b.rx_queues() == 4);
    CHECK(b.rx_fds().size() == 4);
    std::mt19937 random(4);
    Shape s;
    s.payload = 100;
    for (int i = 0; i < 200; ++i) REQUIRE(send(a, with_bytes(frame_bytes(s, random))));
    Frames got;
    unsigned used = 0;
    for (std::uint16_t q = 0; q < 4; ++q) {
        rte_mbuf* some[256];
        const std::uint16_t n = rte_eth_rx_burst(b.id(), q, some, 256);
        used += n != 0 ? 1 : 0;
        got.insert(got.end(), some, some + n);
    }
    CHECK(got.size() == 200);
    CHECK(used > 1);
    free_all(got);
}

TEST_CASE("the kernel leaves checksums and cutting to the tap, and takes them undone", "[own-ports]") {
    const unsigned before = in_use();
    {
        auto ops = make_tap({"t0", true});
        REQUIRE(ops.ok());
        auto opened = Port::open("tap_t0", std::move(ops).value());
        REQUIRE(opened.ok());
        Port tap = std::move(opened).value();
        PortSetup setup;
        setup.pool = frame_pool();
        REQUIRE(tap.start(setup).ok());
        REQUIRE(command("sysctl -qw net.ipv6.conf.t0.disable_ipv6=1"));
        REQUIRE(command("ip addr add 10.1.0.1/24 dev t0"));
        REQUIRE(command("ip link set t0 up"));
        REQUIRE(command("ip neigh add 10.1.0.2 lladdr 02:00:00:00:00:02 dev t0"));
        const Fd socket(::socket(AF_INET, SOCK_DGRAM, 0));
        sockaddr_in here{}, there{};
        here.sin_family = there.sin_family = AF_INET;
        here.sin_port = htons(7001);
        there.sin_port = htons(7002);
        ::inet_pton(AF_INET, "10.1.0.1", &here.sin_addr);
        ::inet_pton(AF_INET, "10.1.0.2", &there.sin_addr);
        REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&here), sizeof here) == 0);
        REQUIRE(::connect(socket.get(), reinterpret_cast<sockaddr*>(&there), sizeof there) == 0);
        const Octets data(5000, 'x');
        const int segment = 1000;
        REQUIRE(::setsockopt(socket.get(), IPPROTO_UDP, 103 /* UDP_SEGMENT */, &segment, sizeof segment) ==
                0);
        REQUIRE(::send(socket.get(), data.data(), data.size(), 0) == 5000);
        Frames got = receive(tap, 1);
        REQUIRE(!got.empty());
        REQUIRE((got[0]->ol_flags & kUndone) != 0);
        if (is_super(got[0])) { // Linux 6.2
            CHECK(got.size() == 1);
            CHECK(got[0]->tso_segsz == 1000);
            CHECK(got[0]->pkt_len == 42 + 5000);
            // Back as if the peer had sent it: the socket gets every segment, its checksum never computed.
            auto* bytes = rte_pktmbuf_mtod(got[0], std::uint8_t*);
            const Octets own(bytes, bytes + 42);
            std::memcpy(bytes, "\x02\x00\x00\x00\x00\x02", 6);
            rte_ether_addr mac;
            std::memcpy(mac.addr_bytes, tap.permanent_mac().data(), 6);
            std::memcpy(bytes, mac.addr_bytes, 6);
            std::memcpy(bytes + 26, &own[30], 4);
            std::memcpy(bytes + 30, &own[26], 4);
            std::memcpy(bytes + 34, &own[36], 2);
            std::memcpy(bytes + 36, &own[34], 2);
            CHECK(send(tap, got[0]));
            got.erase(got.begin());
            timeval patience{5, 0};
            ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            for (int i = 0; i < 5; ++i) {
                char buffer[6000];
                CHECK(::recv(socket.get(), buffer, sizeof buffer, 0) == 1000);
            }
        }
        free_all(got);
        tap.stop();
        REQUIRE(tap.start(setup).ok()); // the same netdev
        CHECK(tap.rx_fds().size() == 1);
        CHECK(tap.mtu() == 1500);
    }
    CHECK(in_use() == before);
    CHECK_FALSE(command("ip link show t0")); // it went with the port
}
