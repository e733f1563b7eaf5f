// SPDX-License-Identifier: BSD-3-Clause
// An application that sleeps on the receive queues of a port until their interrupts wake it, and never polls
// for any other reason: a host that answers ARP and ICMP echo requests for whatever address.
// sleeper EAL-ARGUMENTS -- PORT-NAME QUEUES
// /sleeper/counts on DPDK's telemetry socket: "wakes", "frames" (received), "empty" (wakes without a frame).
// It ends with status 0 at SIGTERM, 3 when the port is not configured with receive interrupts.
#include <rte_arp.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_epoll.h>
#include <rte_ethdev.h>
#include <rte_icmp.h>
#include <rte_interrupts.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_telemetry.h>
#include <rte_version.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace {

std::atomic<std::uint64_t> wakes{0}, frames{0}, empty{0};
volatile std::sig_atomic_t ended = 0;

int counts(const char*, const char*, rte_tel_data* d) {
    rte_tel_data_start_dict(d);
    const std::pair<const char*, std::uint64_t> all[] = {
        {"wakes", wakes.load()}, {"frames", frames.load()}, {"empty", empty.load()}};
    for (const auto& [name, value] : all) {
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
        rte_tel_data_add_dict_uint(d, name, value);
#else
        rte_tel_data_add_dict_u64(d, name, value);
#endif
    }
    return 0;
}

// Turns a request into its answer. False: it is none.
bool answer(rte_mbuf* m, const rte_ether_addr& self) {
    auto* const eth = rte_pktmbuf_mtod(m, rte_ether_hdr*);
    if (m->data_len < sizeof *eth + sizeof(rte_arp_hdr)) return false;
    if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP)) {
        auto* const arp = reinterpret_cast<rte_arp_hdr*>(eth + 1);
        if (arp->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST)) return false;
        arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
        arp->arp_data.arp_tha = arp->arp_data.arp_sha;
        arp->arp_data.arp_sha = self;
        const rte_be32_t asked = arp->arp_data.arp_tip;
        arp->arp_data.arp_tip = arp->arp_data.arp_sip;
        arp->arp_data.arp_sip = asked;
    } else if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) {
        auto* const ip = reinterpret_cast<rte_ipv4_hdr*>(eth + 1);
        auto* const icmp = reinterpret_cast<rte_icmp_hdr*>(ip + 1);
        if (ip->next_proto_id != 1 || icmp->icmp_type != RTE_IP_ICMP_ECHO_REQUEST) return false;
        const rte_be32_t self_address = ip->dst_addr;
        ip->dst_addr = ip->src_addr;
        ip->src_addr = self_address;
        icmp->icmp_type = RTE_IP_ICMP_ECHO_REPLY;
        const std::uint32_t sum = icmp->icmp_cksum + std::uint32_t{RTE_IP_ICMP_ECHO_REQUEST};
        icmp->icmp_cksum = static_cast<std::uint16_t>(sum + (sum >> 16U));
    } else {
        return false;
    }
    eth->dst_addr = eth->src_addr;
    eth->src_addr = self;
    return true;
}

// Until the queue is empty. Returns how many frames there were.
unsigned serve(std::uint16_t port, std::uint16_t queue) {
    unsigned seen = 0;
    rte_mbuf* burst[32];
    while (const std::uint16_t n = rte_eth_rx_burst(port, queue, burst, 32)) {
        rte_ether_addr self;
        rte_eth_macaddr_get(port, &self);
        for (std::uint16_t i = 0; i < n; ++i)
            if (!answer(burst[i], self) || rte_eth_tx_burst(port, queue, &burst[i], 1) == 0)
                rte_pktmbuf_free(burst[i]);
        seen += n;
    }
    return seen;
}

} // namespace

int main(int argc, char** argv) {
    const int used = rte_eal_init(argc, argv);
    if (used < 0 || argc - used < 3) return 2;
    const auto queues = static_cast<std::uint16_t>(std::atoi(argv[used + 2]));
    std::uint16_t port = 0;
    if (rte_eth_dev_get_port_by_name(argv[used + 1], &port) != 0) return 2;
    rte_mempool* const pool = rte_pktmbuf_pool_create("frames", 16383, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    rte_eth_conf conf{};
    conf.intr_conf.rxq = 1;
    if (pool == nullptr || rte_eth_dev_configure(port, queues, queues, &conf) != 0) return 3;
    for (std::uint16_t q = 0; q < queues; ++q)
        if (rte_eth_rx_queue_setup(port, q, 512, 0, nullptr, pool) != 0 ||
            rte_eth_tx_queue_setup(port, q, 512, 0, nullptr) != 0)
            return 2;
    if (rte_eth_dev_start(port) != 0) return 2;
    for (std::uintptr_t q = 0; q < queues; ++q)
        if (rte_eth_dev_rx_intr_ctl_q(port, static_cast<std::uint16_t>(q), RTE_EPOLL_PER_THREAD,
                                      RTE_INTR_EVENT_ADD, reinterpret_cast<void*>(q)) != 0)
            return 2;
    rte_telemetry_register_cmd("/sleeper/counts", counts, "How often it woke, and for how many frames.");
    std::signal(SIGTERM, [](int) { ended = 1; });
    std::puts("sleeps");
    std::fflush(stdout);
    while (ended == 0) {
        for (std::uint16_t q = 0; q < queues; ++q) rte_eth_dev_rx_intr_enable(port, q);
        rte_epoll_event events[16];
        const int n = rte_epoll_wait_interruptible(RTE_EPOLL_PER_THREAD, events, 16, -1);
        for (std::uint16_t q = 0; q < queues; ++q) rte_eth_dev_rx_intr_disable(port, q);
        unsigned seen = 0;
        for (int i = 0; i < n; ++i)
            seen += serve(
                port, static_cast<std::uint16_t>(reinterpret_cast<std::uintptr_t>(events[i].epdata.data)));
        wakes += 1;
        frames += seen;
        empty += seen == 0 ? 1 : 0;
    }
    rte_eth_dev_stop(port);
    rte_eth_dev_close(port);
    rte_eal_cleanup();
    return 0;
}
