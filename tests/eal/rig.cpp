// SPDX-License-Identifier: BSD-3-Clause
#include "rig.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstring>
#include <stdexcept>

#include "base/bytes.hpp"
#include "catch_session.hpp"
#include "eal_options.hpp"
#include "flow/hash.hpp"

namespace dpdkbond::testing {

namespace {

constexpr std::size_t kNumberAt = 60, kFrameSize = 64;
World* g_world = nullptr;

Port open_ring(const std::string& name, rte_mempool* pool) {
    auto port = Port::open(name);
    if (!port) throw std::runtime_error(port.error());
    PortSetup setup;
    setup.pool = pool;
    const auto started = port.value().start(setup);
    if (!started) throw std::runtime_error(started.error());
    return std::move(port).value();
}

std::array<std::uint8_t, kFrameSize> bytes_of(std::uint32_t number, std::uint32_t flow) {
    std::array<std::uint8_t, kFrameSize> f{};
    store_be32(&f[2], 0x1000 + flow % 7); // destination 00:00:00:00:10:0x
    store_be32(&f[8], 0x2000 + flow / 7 % 5);
    store_be16(&f[12], 0x0800);
    f[14] = 0x45;
    store_be16(&f[16], kFrameSize - 14);
    f[23] = 17;
    store_be32(&f[26], 0x0a000000 + flow);
    store_be32(&f[30], 0x0a010000 + flow * 31);
    store_be16(&f[34], static_cast<std::uint16_t>(1024 + flow * 17));
    store_be16(&f[36], 53);
    store_be16(&f[38], kFrameSize - 34);
    store_be32(&f[kNumberAt], number);
    return f;
}

rte_mbuf* with_bytes(const std::array<std::uint8_t, kFrameSize>& bytes) {
    rte_mbuf* m = rte_pktmbuf_alloc(World::get().pool);
    if (m == nullptr) throw std::runtime_error("the pool is empty");
    std::memcpy(rte_pktmbuf_append(m, kFrameSize), bytes.data(), bytes.size());
    return m;
}

} // namespace

World::World()
    : eal(eal_options("bondtest")),
      pool(rte_pktmbuf_pool_create("frames", kBuffers, 32, 0, RTE_PKTMBUF_HEADROOM + 256, SOCKET_ID_ANY)) {
    if (pool == nullptr) throw std::runtime_error("no memory for the pool");
    for (unsigned i = 0; i < kMembers; ++i)
        members.push_back(open_ring("net_ring_m" + std::to_string(i), pool));
    logical = std::make_unique<Port>(open_ring("net_ring_up", pool));
    g_world = this;
}

World::~World() {
    members.clear();
    logical.reset();
    rte_mempool_free(pool);
}

World& World::get() { return *g_world; }

NothingLost::NothingLost() : before_(rte_mempool_avail_count(World::get().pool)) {}
NothingLost::~NothingLost() { CHECK(rte_mempool_avail_count(World::get().pool) == before_); }

rte_mbuf* frame(std::uint32_t number, std::uint32_t flow) { return with_bytes(bytes_of(number, flow)); }

rte_mbuf* igmp_frame(std::uint32_t number) {
    auto f = bytes_of(number, 0);
    const std::uint8_t group[] = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x16};
    std::memcpy(f.data(), group, sizeof group);
    f[23] = 2;
    return with_bytes(f);
}

rte_mbuf* tcp_head(unsigned segments) {
    rte_mbuf* m = rte_pktmbuf_alloc(World::get().pool);
    REQUIRE(m != nullptr);
    auto* f = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(m, 154));
    std::fill_n(f, 154, std::uint8_t{0});
    store_be16(f + 12, 0x0800);
    f[14] = 0x45;
    store_be16(f + 16, static_cast<std::uint16_t>(40 + segments * 100));
    f[23] = 6;
    f[46] = 0x50;
    return m;
}

void add_buffer(rte_mbuf* frame, std::uint16_t bytes, std::uint8_t filled_with) {
    rte_mbuf* more = rte_pktmbuf_alloc(World::get().pool);
    REQUIRE(more != nullptr);
    std::memset(rte_pktmbuf_append(more, bytes), filled_with, bytes);
    REQUIRE(rte_pktmbuf_chain(frame, more) == 0);
}

std::uint32_t number_of(const rte_mbuf* m) {
    return load_be32(rte_pktmbuf_mtod_offset(m, const std::uint8_t*, kNumberAt));
}

std::uint32_t flow_hash_of(std::uint32_t flow, HashPolicy policy) {
    const auto f = bytes_of(0, flow);
    return flow_hash(policy, f.data(), kFrameSize);
}

Frames frames(std::uint32_t first_number, unsigned n) {
    Frames burst;
    for (unsigned i = 0; i < n; ++i) burst.push_back(frame(first_number + i, first_number + i));
    return burst;
}

Frames take(std::uint16_t port) {
    Frames all;
    rte_mbuf* burst[64];
    for (std::uint16_t n; (n = rte_eth_rx_burst(port, 0, burst, 64)) != 0;)
        all.insert(all.end(), burst, burst + n);
    return all;
}

Numbers take_numbers(std::uint16_t port) {
    Numbers numbers;
    for (rte_mbuf* m : take(port)) {
        numbers.push_back(number_of(m));
        rte_pktmbuf_free(m);
    }
    return numbers;
}

unsigned fill_up(std::uint16_t port) {
    for (unsigned n = 0;; ++n) {
        rte_mbuf* m = frame(0xffffffff);
        if (rte_eth_tx_burst(port, 0, &m, 1) == 1) continue;
        rte_pktmbuf_free(m);
        return n;
    }
}

Rig::Rig(Mode mode, unsigned members, BondOptions options)
    : mode_(find_mode(mode)), controller_(mode_->control_half()), count(members),
      bond("rig", {mode, controller_.get(), mode_->data_half(options), mode_->punt}, options, std::nullopt,
           1500),
      lane(0, 1, slot_, LogicalQueue{.port = World::get().logical->id(), .rx_queues = 1}) {
    for (unsigned k = 0; k < members; ++k) {
        MemberInfo info;
        info.name = "m" + std::to_string(k);
        info.data.port = port(k);
        if (!bond.add_member(info, {.carrier = true}, Time{}))
            throw std::runtime_error("no room for a member");
    }
    bond.fill(snapshot);
    slot_.store(&snapshot);
}

Rig::~Rig() {
    for (unsigned k = 0; k < count; ++k) take_numbers(port(k));
    take_numbers(World::get().logical->id());
}

void Rig::set_link(unsigned member, bool up) {
    bond.handle_link(MemberId{static_cast<std::uint8_t>(member)}, {.carrier = up}, Time{});
    bond.fill(snapshot);
}

void Rig::send(Frames burst) {
    const Frames given = burst;
    snapshot.tx_burst(lane, snapshot, burst.data(), static_cast<std::uint16_t>(burst.size()));
    CHECK((burst == given)); // TxBurstFn: the array stays as it was
}

} // namespace dpdkbond::testing

int main(int argc, char** argv) {
    try {
        dpdkbond::testing::World world;
        return dpdkbond::testing::run_tests(argc, argv);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
