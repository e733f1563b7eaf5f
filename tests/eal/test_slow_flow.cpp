// SPDX-License-Identifier: BSD-3-Clause
// A receive queue for the slow protocols alone. No PMD that works without hardware takes the rule, so
// rte_flow itself is replaced here: what this program defines is what the libraries call.
#include <catch2/catch.hpp>
#include <rte_flow.h>

#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

struct FakeNic {
    bool knows = false, takes = false;
    unsigned asked = 0, rules = 0;
    int queue = -1;
    std::uint16_t ethertype = 0;
};
FakeNic g_nic;

void note(const rte_flow_item* pattern, const rte_flow_action* actions) {
    g_nic.ethertype = rte_be_to_cpu_16(static_cast<const rte_flow_item_eth*>(pattern[0].spec)->type);
    g_nic.queue = static_cast<const rte_flow_action_queue*>(actions[0].conf)->index;
}

Port null_port(const PortSetup& setup) {
    auto port = Port::open("net_null7,no-rx=1");
    REQUIRE(port.ok());
    REQUIRE(port.value().start(setup).ok());
    return std::move(port).value();
}

PortSetup setup(std::uint16_t queues) {
    PortSetup s;
    s.rx_queues = s.tx_queues = queues;
    s.slow_queue = true;
    s.pool = World::get().pool;
    return s;
}

} // namespace

extern "C" {
int rte_flow_validate(std::uint16_t, const rte_flow_attr*, const rte_flow_item*, const rte_flow_action*,
                      rte_flow_error*) {
    ++g_nic.asked;
    return g_nic.knows ? 0 : -ENOSYS;
}
rte_flow* rte_flow_create(std::uint16_t, const rte_flow_attr*, const rte_flow_item* pattern,
                          const rte_flow_action* actions, rte_flow_error*) {
    if (!g_nic.takes) return nullptr;
    note(pattern, actions);
    ++g_nic.rules;
    return reinterpret_cast<rte_flow*>(&g_nic);
}
int rte_flow_destroy(std::uint16_t, rte_flow*, rte_flow_error*) {
    --g_nic.rules;
    return 0;
}
}

TEST_CASE("a NIC that can keeps the slow protocols in a queue of their own, until the port stops") {
    for (const std::uint16_t queues : {1, 2}) {
        g_nic = {.knows = true, .takes = true};
        {
            const Port port = null_port(setup(queues));
            CHECK(port.rx_queues() == queues + 1);
            CHECK(port.tx_queues() == queues);
            CHECK(port.has_slow_queue());
            CHECK(g_nic.rules == 1);
            CHECK(g_nic.queue == queues);
            CHECK(g_nic.ethertype == 0x8809);
            rte_eth_rss_reta_entry64 reta[2] = {{~std::uint64_t{0}, {}}, {~std::uint64_t{0}, {}}};
            REQUIRE(rte_eth_dev_rss_reta_query(port.id(), reta, 128) == 0);
            if (queues > 1)
                for (const std::uint16_t queue : reta[1].reta) CHECK(queue < queues);
        }
        CHECK(g_nic.rules == 0);
    }
}

TEST_CASE("a NIC that knows no such rule, or refuses it after all, keeps the queues that it had") {
    for (const bool knows : {false, true}) {
        g_nic = {.knows = knows};
        const Port port = null_port(setup(2));
        CHECK(g_nic.asked == 1);
        CHECK(port.rx_queues() == 2);
        CHECK_FALSE(port.has_slow_queue());
        rte_mbuf* frames[1];
        CHECK(rte_eth_rx_burst(port.id(), 1, frames, 1) == 0); // it runs
    }
}

TEST_CASE("nobody is asked when no such queue is wished for") {
    g_nic = {.knows = true, .takes = true};
    PortSetup plain = setup(1);
    plain.slow_queue = false;
    const Port port = null_port(plain);
    CHECK(g_nic.asked == 0);
    CHECK(port.rx_queues() == 1);
}
