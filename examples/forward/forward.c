/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Forwards frames between a bond and a port, both ways, on the main lcore. Members are all ports of the EAL but the
 * last, which is the one on the other side:
 *
 *   forward EAL-ARGUMENTS -- [OPTIONS]
 *   forward -l 0 --vdev net_af_packet0,iface=m0 --vdev net_af_packet1,iface=m1 --vdev net_tap0,iface=inside \
 *       -- mode=802.3ad,lacp_rate=fast,xmit_hash_policy=layer3+4
 *
 * OPTIONS are those of dpdkbond_create(). SIGINT or SIGTERM end it, SIGUSR1 prints the status.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <dpdkbond.h>

#define BURST 32

static volatile sig_atomic_t stop, show;

static void on_signal(int number) {
    if (number == SIGUSR1)
        show = 1;
    else
        stop = 1;
}

static void on_event(void *context, const struct dpdkbond_event *event) {
    (void)context;
    printf("%s %s %s\n", event->member[0] != '\0' ? event->member : "bond", event->event, event->detail);
    fflush(stdout);
}

static void print_status(dpdkbond_t *bond) {
    static char text[16384];
    if (dpdkbond_text(bond, DPDKBOND_STATUS, text, sizeof text) < 0)
        printf("no status: %s\n", dpdkbond_error());
    else
        fputs(text, stdout);
    fflush(stdout);
}

/* The port on the other side: one queue each way, as the driver likes it. */
static int open_port(uint16_t port, struct rte_mempool *pool) {
    struct rte_eth_conf conf = {0};
    int rc = rte_eth_dev_configure(port, 1, 1, &conf);
    if (rc == 0) rc = rte_eth_rx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL, pool);
    if (rc == 0) rc = rte_eth_tx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL);
    if (rc == 0) rc = rte_eth_dev_start(port);
    if (rc == 0) rte_eth_promiscuous_enable(port);
    return rc;
}

/* What was not taken is dropped: nobody waits for it here. */
static void free_rest(struct rte_mbuf **frames, uint16_t taken, uint16_t n) {
    if (taken < n) rte_pktmbuf_free_bulk(frames + taken, n - taken);
}

int main(int argc, char **argv) {
    struct rte_mempool *pool;
    struct dpdkbond_setup setup = {.size = sizeof setup};
    struct rte_mbuf *frames[BURST];
    uint16_t port, other = RTE_MAX_ETHPORTS;
    dpdkbond_t *bond;
    int used = rte_eal_init(argc, argv);
    if (used < 0) return 1;

    pool = rte_pktmbuf_pool_create("frames", 8191, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (pool == NULL) rte_exit(1, "no memory for packet buffers\n");
    setup.pool = pool;
    bond = dpdkbond_create("bond0", used + 1 < argc ? argv[used + 1] : NULL, &setup);
    if (bond == NULL) rte_exit(1, "%s\n", dpdkbond_error());
    dpdkbond_on_event(bond, on_event, NULL);

    RTE_ETH_FOREACH_DEV(port) other = port;
    if (other == RTE_MAX_ETHPORTS) rte_exit(1, "give two ports or more: members, and the one on the other side\n");
    RTE_ETH_FOREACH_DEV(port)
        if (port != other && dpdkbond_add_port(bond, port, NULL) != 0) rte_exit(1, "%s\n", dpdkbond_error());
    dpdkbond_set_promiscuous(bond, 1); /* what comes is addressed to whoever is behind the other port */
    if (open_port(other, pool) != 0) rte_exit(1, "port %u could not be started\n", other);
    if (dpdkbond_start(bond) != 0) rte_exit(1, "%s\n", dpdkbond_error());

    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGUSR1, on_signal);
    printf("forwarding\n");
    fflush(stdout);
    while (!stop) {
        uint16_t n = dpdkbond_rx_burst(bond, 0, frames, BURST);
        if (n != 0) free_rest(frames, rte_eth_tx_burst(other, 0, frames, n), n);
        n = rte_eth_rx_burst(other, 0, frames, BURST);
        if (n != 0) free_rest(frames, dpdkbond_tx_burst(bond, 0, frames, n), n);
        if (show) {
            show = 0;
            print_status(bond);
        }
    }
    print_status(bond);
    dpdkbond_destroy(bond); /* LACP tells the partner; members have their own MACs again */
    rte_eth_dev_stop(other);
    rte_eth_dev_close(other);
    return rte_eal_cleanup() == 0 ? 0 : 1;
}
