/* SPDX-License-Identifier: BSD-3-Clause
 *
 * libdpdkbond: a bond of DPDK ports inside a program. Modes, options and semantics are those of Linux's bonding
 * driver, LACP included; see docs/library.md.
 *
 * Words. A member is an ethdev port of the same process. A lane is a pair of queues: one thread at a time
 * receives from it, and one thread at a time sends through it, not necessarily the same. Different lanes may be
 * used at the same time without locks.
 *
 * Threads. "Ordinary thread": any thread that EAL knows or does not, but none that must not wait: the function
 * takes mutexes and may wait for a device. Functions on one bond may be called from several ordinary threads at
 * the same time, except where it is said otherwise. Only dpdkbond_rx_burst() and dpdkbond_tx_burst() neither
 * wait, nor allocate, nor make system calls.
 *
 * Control. LACP and the monitors live on two threads of the bond's own, or, with DPDKBOND_STEP, within
 * dpdkbond_step(). They do not depend on how often the program receives or sends.
 *
 * Errors. Functions that return int give 0 or a negative errno: -EINVAL (a value is not allowed), -ENOENT (no
 * such member, option or flow), -ENODEV (no such port), -EBUSY (the bond runs, or does not; a thread is in the
 * middle of a burst), -ENOTSUP (not here), -ENOMEM, -EIO (a device or DPDK refused). dpdkbond_error() has the
 * line that says why. What was refused has changed nothing.
 */
#ifndef DPDKBOND_H
#define DPDKBOND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rte_mbuf;
struct rte_mempool;

typedef struct dpdkbond_bond dpdkbond_t;

/* The library's version, "0.1.0". Any thread. */
const char *dpdkbond_version(void);

/* Why the last function that failed on this thread did; one line, never NULL. It stays until the next failure on
 * this thread. Any thread. */
const char *dpdkbond_error(void);

/* ---- to make one */

#define DPDKBOND_MAX_LANES 16

/* setup.flags */
#define DPDKBOND_STEP 1u       /* no threads of its own: the program calls dpdkbond_step() */
#define DPDKBOND_NO_SOCKETS 2u /* no /bond/... on DPDK's telemetry socket, and no console socket */

struct dpdkbond_setup {
    size_t size;              /* sizeof(struct dpdkbond_setup) as the program was compiled */
    struct rte_mempool *pool; /* members receive into it; it outlives the bond */
    uint16_t lanes;           /* 1 to DPDKBOND_MAX_LANES; 0 is 1 */
    uint16_t descriptors;     /* of each queue of a member; 0 is 512 */
    uint16_t mtu;             /* 0 is 1500 */
    uint16_t flags;           /* DPDKBOND_... */
    uint64_t rx_offloads;     /* RTE_ETH_RX_OFFLOAD_... that members switch on where they have them */
    uint64_t tx_offloads;     /* RTE_ETH_TX_OFFLOAD_...; never MBUF_FAST_FREE */
    uint64_t rss_hf;          /* RTE_ETH_RSS_...: how members spread over the lanes; 0: they do not */
};

/* Makes a bond that does not run yet. After rte_eal_init(), in the primary process; ordinary thread.
 * name: 1 to 15 characters, unique in the process.
 * options: "mode=802.3ad,lacp_rate=fast,xmit_hash_policy=layer3+4": options of a bond by Linux's names, and
 *   mac=, primary=, member=DEVICE as net_dpdkbond's devargs have them (docs/plugin.md); NULL or "": the defaults.
 * Returns NULL when it is refused; dpdkbond_error() has one line for each mistake. The caller owns the bond. */
dpdkbond_t *dpdkbond_create(const char *name, const char *options, const struct dpdkbond_setup *setup);

/* The same with options and members of a bond in a configuration file of dpdk-bond (YAML). bond: its name there,
 * which is the new bond's too; NULL where the file has only one. */
dpdkbond_t *dpdkbond_create_yaml(const char *file, const char *bond, const struct dpdkbond_setup *setup);

/* Stops the bond, and gives its members back: stopped, with their own MACs. NULL: nothing. No thread uses the
 * bond any more. Ordinary thread. */
void dpdkbond_destroy(dpdkbond_t *bond);

/* ---- members; the bond may run */

/* Makes the port a member: from now on the bond owns it (rte_eth_dev_owner_set()), configures, starts and stops
 * it. name: of the member in status and options, or NULL: made from the device's name. Ordinary thread.
 * -ENODEV: no such port; -EINVAL: it belongs to somebody else, it is a member already, or it does not fit. */
int dpdkbond_add_port(dpdkbond_t *bond, uint16_t port_id, const char *name);

/* The port leaves: LACP tells the partner, no lane uses it when this returns, and it is the program's again,
 * stopped. To be called before a device is detached. Ordinary thread. -ENOENT: it is no member. -EBUSY: a thread
 * has been in the middle of a burst for two seconds; the port stays a member. */
int dpdkbond_remove_port(dpdkbond_t *bond, uint16_t port_id);

/* Configures and starts the members and begins. Ordinary thread. A bond without members may run. */
int dpdkbond_start(dpdkbond_t *bond);

/* Ends it: last words to the partners, members stopped, their MACs restored. Lanes then receive and send nothing.
 * Ordinary thread, while no thread is within a burst on the bond. */
int dpdkbond_stop(dpdkbond_t *bond);

/* ---- frames */

/* Receives up to n frames. The caller owns those that are returned; their `port` is the lane's bond, 0xffff.
 * Frames for control (LACP, markers) are not among them. One thread at a time for each lane. While the bond is
 * stopped: 0. */
uint16_t dpdkbond_rx_burst(dpdkbond_t *bond, uint16_t lane, struct rte_mbuf **frames, uint16_t n);

/* Sends frames, each by the member that mode and options choose. Returns how many were taken, which are the
 * bond's from now on; the others, behind those and in order, stay the caller's, who offers them again or frees
 * them. With no usable member nothing is taken. The order of `frames` may change. One thread at a time for each
 * lane. */
uint16_t dpdkbond_tx_burst(dpdkbond_t *bond, uint16_t lane, struct rte_mbuf **frames, uint16_t n);

/* ---- time */

/* With DPDKBOND_STEP: does what is due of LACP, monitors, links and members. now: CLOCK_MONOTONIC in nanoseconds,
 * 0: it is read here. Returns the time at which it is to be called again, at the latest; sooner is better where a
 * frame for LACP came meanwhile, so with a poll loop each millisecond is a good measure. It may wait for a device
 * (a link that is read, a MAC that is set). Ordinary thread, one at a time. Bonds with threads of their own, and
 * bonds that are stopped: INT64_MAX. */
int64_t dpdkbond_step(dpdkbond_t *bond, int64_t now);

/* ---- settings; the bond may run. Ordinary threads. With DPDKBOND_STEP they take effect with the next step. */

/* An option of the bond by Linux's name, or "mode", as `dpdk-bond set bond` does it. -ENOENT: no such option;
 * -EINVAL: no such value, or not now. */
int dpdkbond_set_option(dpdkbond_t *bond, const char *option, const char *value);
/* An option of a member: prio, queue_id, actor_port_prio. */
int dpdkbond_set_member_option(dpdkbond_t *bond, const char *member, const char *option, const char *value);
int dpdkbond_set_active(dpdkbond_t *bond, const char *member);            /* modes with one active member */
int dpdkbond_set_member_link(dpdkbond_t *bond, const char *member, int up); /* held down by the operator, or not */
int dpdkbond_set_mac(dpdkbond_t *bond, const uint8_t mac[6]);
int dpdkbond_set_mtu(dpdkbond_t *bond, uint16_t mtu);
int dpdkbond_set_promiscuous(dpdkbond_t *bond, int on);
int dpdkbond_set_allmulticast(dpdkbond_t *bond, int on);
/* The groups to receive, all of them: 6 bytes each. */
int dpdkbond_set_multicast(dpdkbond_t *bond, const uint8_t (*groups)[6], size_t count);

/* ---- what it is and does. Ordinary threads */

struct dpdkbond_link {
    int up;
    uint32_t speed_mbps; /* of the members that send, together; 0: not known */
};

struct dpdkbond_stats {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes; /* of the lanes */
    uint64_t punted;   /* received and given to control */
    uint64_t injected; /* control's own that were sent */
    uint64_t dropped;  /* for whatever reason; status has them by reason */
};

/* Any thread, also one that must not wait. */
void dpdkbond_get_link(dpdkbond_t *bond, struct dpdkbond_link *link);
void dpdkbond_get_mac(dpdkbond_t *bond, uint8_t mac[6]);

void dpdkbond_get_stats(dpdkbond_t *bond, struct dpdkbond_stats *stats);
void dpdkbond_clear_stats(dpdkbond_t *bond);

/* What dpdkbond_text() may be asked for. */
enum dpdkbond_text {
    DPDKBOND_STATUS,      /* the layout of Linux's /proc/net/bonding/NAME */
    DPDKBOND_STATUS_JSON, /* as `dpdk-bond status NAME --json`; it goes through DPDK's telemetry socket, so it is
                             -ENOTSUP with --no-telemetry or DPDKBOND_NO_SOCKETS */
    DPDKBOND_EVENTS,      /* the last 256, a line each, oldest first */
    DPDKBOND_STATS,       /* counters of bond and members, drops by reason */
    DPDKBOND_CONFIG       /* YAML: options and members as they are now */
};

/* Writes the text with its final NUL as far as it fits into room bytes, and returns its whole length without the
 * NUL, as snprintf() does; or a negative errno. buffer may be NULL where room is 0. */
int dpdkbond_text(dpdkbond_t *bond, enum dpdkbond_text what, char *buffer, size_t room);

/* By which member a flow would leave, and why. flow: "src=192.0.2.1,dst=192.0.2.2,proto=udp,sport=1,dport=2", any
 * of src, dst, sport, dport, proto, smac, dmac, vlan. Text and return value as dpdkbond_text(). */
int dpdkbond_explain(dpdkbond_t *bond, const char *flow, char *buffer, size_t room);

struct dpdkbond_event {
    int64_t t_ns;       /* CLOCK_MONOTONIC */
    const char *member; /* "": the bond as a whole */
    const char *event;  /* "member_up", "active_changed", ... as /bond/events has them */
    const char *detail; /* for people */
};

/* Calls f for each event from now on, on a thread of the bond's or within dpdkbond_step(); f(NULL) ends that.
 * The strings are f's until it returns. f may ask and set, and must not start, stop, destroy, step, or add and
 * remove ports. */
typedef void (*dpdkbond_event_fn)(void *context, const struct dpdkbond_event *event);
void dpdkbond_on_event(dpdkbond_t *bond, dpdkbond_event_fn f, void *context);

#ifdef __cplusplus
}
#endif

#endif
