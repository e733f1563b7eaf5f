// SPDX-License-Identifier: BSD-3-Clause
// libdpdkbond as a program has it: the shared library and its header alone, on net_ring ports that give back
// what they are sent.
#include <catch2/catch.hpp>

#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "dpdkbond.h"

extern "C" std::size_t dpdkbond_setup_size_in_c();

namespace {

rte_mempool* pool() {
    static rte_mempool* const made = [] {
        const std::string prefix = "--file-prefix=capi" + std::to_string(getpid());
        std::vector<std::string> args = {
            "test",        "--no-huge", "-m", "256",  "--no-pci",
            "--no-shconf", "-l",        "0",  prefix, "--log-level=lib.eal:warning"};
        std::vector<char*> argv;
        for (std::string& a : args) argv.push_back(a.data());
        if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) abort();
        return rte_pktmbuf_pool_create("frames", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    }();
    return made;
}

// A ring port that gives back what it is sent. It goes with the object.
class RingPort {
public:
    explicit RingPort(const std::string& name) : ring_(make(name)), name_("net_ring_" + name) {
        const int port = rte_eth_from_rings(name.c_str(), &ring_, 1, &ring_, 1, 0);
        REQUIRE(port >= 0);
        id = static_cast<std::uint16_t>(port);
    }
    // Two of them, each sends what the other receives.
    RingPort(const std::string& name, rte_ring* rx, rte_ring* tx) : ring_(rx), name_("net_ring_" + name) {
        const int port = rte_eth_from_rings(name.c_str(), &rx, 1, &tx, 1, 0);
        REQUIRE(port >= 0);
        id = static_cast<std::uint16_t>(port);
    }
    ~RingPort() {
        rte_vdev_uninit(name_.c_str());
        void* left = nullptr;
        while (rte_ring_dequeue(ring_, &left) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(left));
        rte_ring_free(ring_);
    }
    RingPort(const RingPort&) = delete;
    RingPort& operator=(const RingPort&) = delete;
    static rte_ring* make(const std::string& name) {
        pool();
        return rte_ring_create(("r_" + name).c_str(), 1024, 0, 0);
    }
    std::uint16_t id = 0;

private:
    rte_ring* const ring_;
    const std::string name_;
};

struct NothingLost {
    ~NothingLost() { CHECK(rte_mempool_in_use_count(pool()) == 0); }
};

dpdkbond_setup setup_of(std::uint16_t lanes = 1, std::uint16_t flags = 0) {
    dpdkbond_setup s{};
    s.size = sizeof s;
    s.pool = pool();
    s.lanes = lanes;
    s.flags = flags;
    return s;
}

struct Destroy {
    void operator()(dpdkbond_t* b) const { dpdkbond_destroy(b); }
};
using Bond = std::unique_ptr<dpdkbond_t, Destroy>;

Bond make(const char* options, const dpdkbond_setup& setup, const char* name = "bond0") {
    Bond bond(dpdkbond_create(name, options, &setup));
    INFO(dpdkbond_error());
    REQUIRE(bond != nullptr);
    return bond;
}

rte_mbuf* frame(std::uint16_t flow) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool());
    REQUIRE(m != nullptr);
    auto* bytes = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(m, 64));
    std::memset(bytes, 0, 64);
    auto* eth = reinterpret_cast<rte_ether_hdr*>(bytes);
    eth->dst_addr = {{0x02, 0, 0, 0, 0, 9}};
    eth->src_addr = {{0x02, 0, 0, 0, 0, 8}};
    eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
    auto* ip = reinterpret_cast<rte_ipv4_hdr*>(eth + 1);
    ip->version_ihl = 0x45;
    ip->total_length = rte_cpu_to_be_16(50);
    ip->next_proto_id = 17;
    ip->src_addr = rte_cpu_to_be_32(0xc0000201);
    ip->dst_addr = rte_cpu_to_be_32(0xc0000202);
    auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + 1);
    udp->src_port = rte_cpu_to_be_16(flow);
    udp->dst_port = rte_cpu_to_be_16(7);
    return m;
}

unsigned receive_all(dpdkbond_t* bond, std::uint16_t lane) {
    unsigned got = 0;
    rte_mbuf* frames[32];
    for (int empty = 0; empty < 4;) {
        const std::uint16_t n = dpdkbond_rx_burst(bond, lane, frames, 32);
        for (std::uint16_t i = 0; i < n; ++i) CHECK(frames[i]->port == 0xffff);
        rte_pktmbuf_free_bulk(frames, n);
        got += n;
        empty = n == 0 ? empty + 1 : 0;
    }
    return got;
}

template <class F> bool eventually(F condition, int seconds = 10) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

bool is_up(dpdkbond_t* bond) {
    dpdkbond_link link;
    dpdkbond_get_link(bond, &link);
    return link.up != 0;
}

std::string text(dpdkbond_t* bond, enum dpdkbond_text what) {
    std::string out(65536, '\0');
    const int n = dpdkbond_text(bond, what, out.data(), out.size());
    INFO(dpdkbond_error());
    REQUIRE(n >= 0);
    out.resize(static_cast<std::size_t>(n));
    return out;
}

std::string explain(dpdkbond_t* bond, const char* flow) {
    char out[512];
    REQUIRE(dpdkbond_explain(bond, flow, out, sizeof out) > 0);
    return out;
}

bool is_shown(std::uint16_t port) {
    std::uint16_t p = 0;
    RTE_ETH_FOREACH_DEV(p) if (p == port) return true;
    return false;
}

} // namespace

TEST_CASE("C and C++ see the same header") { CHECK(dpdkbond_setup_size_in_c() == sizeof(dpdkbond_setup)); }

TEST_CASE("what is wrong is told in a line that names it, and makes nothing") {
    dpdkbond_setup setup = setup_of();
    const auto refused = [&](const char* name, const char* options) {
        CHECK(dpdkbond_create(name, options, &setup) == nullptr);
        return std::string(dpdkbond_error());
    };
    CHECK(refused("bond0", "mode=9").starts_with("bond0: mode:"));
    CHECK(refused("bond0", "lacp_rat=fast").find("did you mean lacp_rate?") != std::string::npos);
    CHECK(refused("", "").find("name") != std::string::npos);
    setup.lanes = 17;
    CHECK(refused("bond0", "") == "setup.lanes: 17 are too many; allowed: 1-16");
    setup = setup_of();
    setup.pool = nullptr;
    CHECK(refused("bond0", "").starts_with("setup.pool:"));
    setup = setup_of();
    setup.size = 0;
    CHECK(refused("bond0", "").starts_with("setup:"));
    setup = setup_of();
    CHECK(dpdkbond_create_yaml("/nonexistent.yaml", nullptr, &setup) == nullptr);
    CHECK(std::string(dpdkbond_error()).find("/nonexistent.yaml") != std::string::npos);

    const Bond bond = make("mode=1", setup);
    CHECK(refused("bond0", "mode=1") == "bond0: there is a bond of that name already");
    CHECK(dpdkbond_add_port(bond.get(), 99, nullptr) == -ENODEV);
    CHECK(dpdkbond_remove_port(bond.get(), 99) == -ENOENT);
    CHECK(dpdkbond_set_option(bond.get(), "no_such", "1") == -ENOENT);
}

TEST_CASE("frames leave by members and come back by them, each once, on two lanes") {
    const NothingLost check;
    const RingPort a("a"), b("b");
    const Bond bond = make("mode=balance-xor,xmit_hash_policy=layer3+4", setup_of(2));
    REQUIRE(dpdkbond_add_port(bond.get(), a.id, "m0") == 0);
    REQUIRE(dpdkbond_add_port(bond.get(), b.id, "m1") == 0);
    CHECK(dpdkbond_add_port(bond.get(), b.id, "m2") == -EINVAL);
    REQUIRE(dpdkbond_set_promiscuous(bond.get(), 1) == 0); // what comes back is addressed to others
    CHECK_FALSE(is_shown(a.id));
    rte_mbuf* none[1];
    CHECK(dpdkbond_rx_burst(bond.get(), 0, none, 1) == 0);
    REQUIRE(dpdkbond_start(bond.get()) == 0);
    REQUIRE(eventually([&] { return is_up(bond.get()); }));

    std::vector<std::thread> threads;
    std::atomic<unsigned> back{0};
    for (std::uint16_t lane = 0; lane < 2; ++lane)
        threads.emplace_back([&, lane] {
            for (std::uint16_t round = 0; round < 500; ++round) {
                rte_mbuf* frames[32];
                for (std::uint16_t i = 0; i < 32; ++i)
                    frames[i] = frame(static_cast<std::uint16_t>(round + i));
                std::uint16_t sent = 0;
                while (sent < 32) {
                    sent = static_cast<std::uint16_t>(
                        sent + dpdkbond_tx_burst(bond.get(), lane, frames + sent,
                                                 static_cast<std::uint16_t>(32 - sent)));
                    back += receive_all(bond.get(), lane);
                }
            }
        });
    for (std::thread& t : threads) t.join();
    for (std::uint16_t lane = 0; lane < 2; ++lane) back += receive_all(bond.get(), lane);
    dpdkbond_stats stats;
    dpdkbond_get_stats(bond.get(), &stats);
    INFO(text(bond.get(), DPDKBOND_STATS));
    CHECK(stats.tx_packets == 2U * 500 * 32);
    CHECK(stats.rx_packets == back);
    // A lane whose thread was away for 100 ms keeps as many frames as a queue has descriptors.
    CHECK(back + stats.dropped == 2U * 500 * 32);
    dpdkbond_clear_stats(bond.get());
    dpdkbond_get_stats(bond.get(), &stats);
    CHECK(stats.tx_packets == 0);

    REQUIRE(dpdkbond_stop(bond.get()) == 0);
    rte_mbuf* one = frame(1);
    CHECK(dpdkbond_tx_burst(bond.get(), 0, &one, 1) == 0);
    rte_pktmbuf_free(one);
    REQUIRE(dpdkbond_start(bond.get()) == 0);
    CHECK(eventually([&] { return is_up(bond.get()); }));
}

TEST_CASE("ports are added and removed while frames are on their way") {
    const NothingLost check;
    const RingPort a("a"), b("b");
    const Bond bond = make("mode=balance-rr", setup_of());
    REQUIRE(dpdkbond_start(bond.get()) == 0); // without members
    REQUIRE(dpdkbond_add_port(bond.get(), a.id, "m0") == 0);
    std::atomic<bool> stop{false};
    std::uint64_t sent = 0, got = 0;
    std::thread traffic([&] {
        while (!stop) {
            rte_mbuf* frames[8];
            for (std::uint16_t i = 0; i < 8; ++i) frames[i] = frame(i);
            const std::uint16_t n = dpdkbond_tx_burst(bond.get(), 0, frames, 8);
            rte_pktmbuf_free_bulk(frames + n, 8U - n);
            sent += n;
            got += receive_all(bond.get(), 0);
        }
    });
    for (int i = 0; i < 20; ++i) {
        REQUIRE(dpdkbond_add_port(bond.get(), b.id, "m1") == 0);
        REQUIRE(dpdkbond_remove_port(bond.get(), b.id) == 0);
        CHECK(is_shown(b.id)); // the program's again
    }
    stop = true;
    traffic.join();
    got += receive_all(bond.get(), 0);
    CHECK(sent > 0);
    CHECK(got <= sent); // what lay in a ring whose port left is the port's
}

TEST_CASE("a program with a loop of its own steps: links, options, events, text, explain") {
    const NothingLost check;
    const RingPort a("a"), b("b");
    const Bond bond = make("mode=active-backup,miimon=10", setup_of(1, DPDKBOND_STEP));
    std::vector<std::string> events;
    dpdkbond_on_event(
        bond.get(),
        [](void* to, const dpdkbond_event* e) {
            static_cast<std::vector<std::string>*>(to)->push_back(std::string(e->member) + " " + e->event);
        },
        &events);
    CHECK(dpdkbond_step(bond.get(), 0) == INT64_MAX); // it does not run
    REQUIRE(dpdkbond_add_port(bond.get(), a.id, "m0") == 0);
    REQUIRE(dpdkbond_add_port(bond.get(), b.id, "m1") == 0);
    REQUIRE(dpdkbond_start(bond.get()) == 0);
    const auto steps_until = [&](auto condition) {
        return eventually([&] {
            timespec t;
            clock_gettime(CLOCK_MONOTONIC, &t);
            const std::int64_t now = std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
            const std::int64_t next = dpdkbond_step(bond.get(), now);
            CHECK(next >= now);
            CHECK(next <= now + 1'000'000'000);
            return condition();
        });
    };
    REQUIRE(steps_until([&] { return is_up(bond.get()); }));
    const char* const flow = "src=192.0.2.1,dst=192.0.2.2,proto=udp,sport=1,dport=2";
    CHECK(explain(bond.get(), flow).find("m0") != std::string::npos);
    REQUIRE(dpdkbond_set_active(bond.get(), "m1") == 0);
    REQUIRE(steps_until([&] { return explain(bond.get(), flow).find("m1") != std::string::npos; }));
    REQUIRE(steps_until([&] { return std::ranges::find(events, "m1 active_changed") != events.end(); }));
    REQUIRE(dpdkbond_set_member_link(bond.get(), "m1", 0) == 0);
    REQUIRE(steps_until([&] { return explain(bond.get(), flow).find("m0") != std::string::npos; }));
    CHECK(dpdkbond_set_option(bond.get(), "primary", "m7") == -EINVAL);
    REQUIRE(dpdkbond_set_option(bond.get(), "primary", "m0") == 0);
    REQUIRE(dpdkbond_set_member_option(bond.get(), "m0", "prio", "5") == 0);
    CHECK(dpdkbond_set_member_option(bond.get(), "m9", "prio", "5") == -ENOENT);
    const std::uint8_t mac[6] = {0x02, 0xbd, 0, 0, 0, 7};
    REQUIRE(dpdkbond_set_mac(bond.get(), mac) == 0);
    REQUIRE(steps_until([&] {
        std::uint8_t is[6];
        dpdkbond_get_mac(bond.get(), is);
        return std::memcmp(is, mac, 6) == 0;
    }));
    CHECK(text(bond.get(), DPDKBOND_STATUS).find("Currently Active Slave: m0") != std::string::npos);
    CHECK_THAT(text(bond.get(), DPDKBOND_CONFIG), Catch::Contains("primary: \"m0\""));
    CHECK(text(bond.get(), DPDKBOND_EVENTS).find("active_changed") != std::string::npos);
    char small[8];
    CHECK(dpdkbond_text(bond.get(), DPDKBOND_STATUS, small, sizeof small) > 8);
    CHECK(std::strlen(small) == 7);
    const auto json = nlohmann::json::parse(text(bond.get(), DPDKBOND_STATUS_JSON));
    CHECK(json["name"] == "bond0");
    CHECK(json["member"]["m0"]["state"] == "active");
    CHECK(json["logical"]["backend"] == "library");
}

TEST_CASE("two bonds of one program agree by LACP; threads of their own and steps") {
    const NothingLost check;
    rte_ring *there = RingPort::make("there"), *back = RingPort::make("back");
    const RingPort a("a", there, back), b("b", back, there);
    const Bond one = make("mode=802.3ad,lacp_rate=fast,mac=02:bd:00:00:00:01", setup_of(), "one");
    const Bond two =
        make("mode=802.3ad,lacp_rate=fast,mac=02:bd:00:00:00:02", setup_of(1, DPDKBOND_STEP), "two");
    REQUIRE(dpdkbond_add_port(one.get(), a.id, "m0") == 0);
    REQUIRE(dpdkbond_add_port(two.get(), b.id, "m0") == 0);
    REQUIRE(dpdkbond_start(one.get()) == 0);
    REQUIRE(dpdkbond_start(two.get()) == 0);
    std::string last;
    const auto agreed = [&](dpdkbond_t* bond) {
        last = text(bond, DPDKBOND_STATUS_JSON);
        const auto port = nlohmann::json::parse(last)["lacp"]["ports"]["m0"];
        return port["actor_state"] == 0x3f && port["partner_state"] == 0x3f;
    };
    rte_mbuf* frames[32];
    const bool up = eventually([&] {
        for (dpdkbond_t* bond : {one.get(), two.get()}) // nothing but LACP comes
            CHECK(dpdkbond_rx_burst(bond, 0, frames, 32) == 0);
        dpdkbond_step(two.get(), 0);
        return is_up(one.get()) && is_up(two.get()) && agreed(one.get()) && agreed(two.get());
    });
    INFO(last);
    CHECK(up);
    CHECK(text(one.get(), DPDKBOND_STATUS).find("Partner Mac Address") != std::string::npos);
}

TEST_CASE("frames of a bond's own that others still have outlive it, and so does their pool") {
    const auto own_pools = [] {
        unsigned n = 0;
        rte_mempool_walk(
            [](rte_mempool* pool, void* count) {
                if (std::string(pool->name).starts_with("dpdkbond-")) ++*static_cast<unsigned*>(count);
            },
            &n);
        return n;
    };
    const NothingLost check;
    rte_ring *there = RingPort::make("gone"), *back = RingPort::make("never");
    const RingPort a("a", there, back), b("b", back, there); // a sends to `back`
    {
        const Bond bond = make("mode=802.3ad,mac=02:bd:00:00:00:01", setup_of(1, DPDKBOND_STEP));
        REQUIRE(dpdkbond_add_port(bond.get(), a.id, nullptr) == 0);
        REQUIRE(dpdkbond_start(bond.get()) == 0);
        REQUIRE(eventually([&] {
            dpdkbond_step(bond.get(), 0);
            return rte_ring_count(back) != 0;
        }));
    }
    CHECK(own_pools() == 1);
    void* frame = nullptr;
    while (rte_ring_dequeue(back, &frame) == 0) {
        auto* const m = static_cast<rte_mbuf*>(frame);
        REQUIRE(m->pool != nullptr);
        CHECK(rte_pktmbuf_mtod(m, rte_ether_hdr*)->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_SLOW));
        rte_pktmbuf_free(m);
    }
    {
        const Bond another = make("mode=802.3ad", setup_of(1, DPDKBOND_STEP), "another");
        REQUIRE(dpdkbond_add_port(another.get(), a.id, nullptr) == 0);
        REQUIRE(dpdkbond_start(another.get()) == 0);
        CHECK(own_pools() == 1); // the first bond's is free
    }
    while (rte_ring_dequeue(back, &frame) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
}
