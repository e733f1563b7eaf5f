// SPDX-License-Identifier: BSD-3-Clause
// net_probe: a device that has what virtual devices lack (flow rules, VLAN filter, RSS, packet types,
// removal), carries nothing, and prints a line for everything that it is told: "net_probe0: vlan 5 on".
// Devargs: refuse=flow|vlan|reta: it refuses these. gone=FILE: it says that it has been removed once FILE is
// there. slow=MS: so long its probe goes on after ethdev has shown the port. frame=FILE: it has receive
// interrupts, and each time that FILE appears, which it removes, a frame comes: a broadcast by queue 0, or,
// if FILE has something in it, an LACPDU by the queue that a rule for the slow protocols names, else by queue
// 0. slow_queue=1: it takes such a rule.
#include <rte_version.h>

#include <bus_vdev_driver.h>
#include <ethdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_alarm.h>
#include <rte_flow_driver.h>

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>

struct rte_flow {
    unsigned number;
    bool slow;
};

namespace {

struct Probe {
    std::string name, refuses, gone, frame;
    unsigned flows = 0;
    std::uint16_t port = 0;
    bool freed = false;
    rte_eth_rss_reta_entry64 reta[2]{};
    std::uint8_t key[40]{};
    std::uint64_t rss_hf = 0;
    // Receive interrupts, and frames that wait.
    rte_intr_handle* interrupts = nullptr;
    std::array<int, 16> events{};
    std::array<std::atomic<bool>, 16> enabled{};
    std::atomic<unsigned> waiting{0}, pdus{0};
    bool takes_slow = false;
    std::atomic<unsigned> slow_queue{0};
};

Probe& of(rte_eth_dev* dev) { return **static_cast<Probe**>(dev->data->dev_private); }

[[gnu::format(printf, 2, 3)]] void say(const Probe& p, const char* format, ...) {
    char line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    printf("%s: %s\n", p.name.c_str(), line);
    fflush(stdout);
}

// A queue of a device that has been freed is touched no more: whoever does ends the process.
struct Queue {
    std::uint64_t magic = 0x1234567812345678ULL;
    Probe* probe = nullptr;
    unsigned number = 0;
    rte_mempool* pool = nullptr;
    ~Queue() { *const_cast<volatile std::uint64_t*>(&magic) = 0; }
};
void check(void* queue) {
    if (static_cast<const volatile Queue*>(queue)->magic != 0x1234567812345678ULL) {
        write(1, "net_probe: a burst on a queue that has been freed\n", 50);
        _exit(99);
    }
}
// Version 1, of a partner that is in step and active; nothing of ours has it heard yet.
void put_lacpdu(rte_mbuf* m) {
    static const std::uint8_t head[] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x02, 0x02, 0xbc, 0,    0, 0, 1, 0x88,
                                        0x09, 1,    1,    1,    20,   0x80, 0,    0x02, 0xbc, 0, 0, 0, 1,
                                        0,    1,    0x80, 0,    0,    1,    0x0d, 0,    0,    0, 2, 20};
    auto* const frame = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(m, 124));
    memset(frame, 0, 124);
    memcpy(frame, head, sizeof head);
    frame[56] = 3; // the collector, 16 long
    frame[57] = 16;
}

std::uint16_t rx(void* queue, rte_mbuf** frames, std::uint16_t room) {
    check(queue);
    const Queue& q = *static_cast<const Queue*>(queue);
    if (room == 0) return 0;
    const bool broadcast = q.number == 0 && q.probe->waiting != 0;
    const bool pdu = q.number == q.probe->slow_queue && q.probe->pdus != 0;
    if (!broadcast && !pdu) return 0;
    --(broadcast ? q.probe->waiting : q.probe->pdus);
    frames[0] = rte_pktmbuf_alloc(q.pool);
    if (frames[0] == nullptr) return 0;
    if (broadcast)
        memset(rte_pktmbuf_append(frames[0], 60), 0xff, 60);
    else
        put_lacpdu(frames[0]);
    return 1;
}
std::uint16_t tx(void* queue, rte_mbuf** frames, std::uint16_t n) {
    check(queue);
    for (std::uint16_t i = 0; i < n; ++i) rte_pktmbuf_free(frames[i]);
    return n;
}

void look_whether_gone(void* with) {
    Probe& p = *static_cast<Probe*>(with);
    if (access(p.gone.c_str(), F_OK) != 0) {
        rte_eal_alarm_set(20'000, look_whether_gone, with);
        return;
    }
    say(p, "removed");
    rte_eth_dev_callback_process(&rte_eth_devices[p.port], RTE_ETH_EVENT_INTR_RMV, nullptr);
}

void interrupt(Probe& p, unsigned queue) {
    const std::uint64_t one = 1;
    if (write(p.events[queue], &one, sizeof one) == sizeof one) say(p, "interrupt %u", queue);
}

void look_for_frame(void* with) {
    Probe& p = *static_cast<Probe*>(with);
    rte_eal_alarm_set(20'000, look_for_frame, with);
    struct stat status {};
    if (stat(p.frame.c_str(), &status) != 0 || unlink(p.frame.c_str()) != 0) return;
    ++(status.st_size != 0 ? p.pdus : p.waiting);
    const unsigned queue = status.st_size != 0 ? p.slow_queue.load() : 0;
    if (p.enabled[queue]) interrupt(p, queue);
}

int interrupt_on(rte_eth_dev* dev, std::uint16_t queue) {
    Probe& p = of(dev);
    p.enabled[queue] = true;
    if (queue == 0 && p.waiting != 0) interrupt(p, 0);
    return 0;
}
int interrupt_off(rte_eth_dev* dev, std::uint16_t queue) {
    of(dev).enabled[queue] = false;
    return 0;
}

int configure(rte_eth_dev* dev) {
    Probe& p = of(dev);
    if (dev->data->dev_conf.intr_conf.rxq == 0 || p.interrupts == nullptr) return 0;
    const int queues = dev->data->nb_rx_queues;
    say(p, "receive interrupts of %d queues", queues);
    rte_intr_type_set(p.interrupts, RTE_INTR_HANDLE_VDEV);
    rte_intr_efd_counter_size_set(p.interrupts, sizeof(std::uint64_t));
    rte_intr_nb_efd_set(p.interrupts, queues);
    rte_intr_vec_list_free(p.interrupts);
    rte_intr_vec_list_alloc(p.interrupts, nullptr, queues);
    for (int q = 0; q < queues; ++q) {
        rte_intr_efds_index_set(p.interrupts, q, p.events[static_cast<unsigned>(q)]);
        rte_intr_vec_list_index_set(p.interrupts, q, RTE_INTR_VEC_RXTX_OFFSET + q);
    }
    return 0;
}
int start(rte_eth_dev* dev) {
    dev->data->dev_link.link_status = RTE_ETH_LINK_UP;
    dev->data->dev_link.link_speed = RTE_ETH_SPEED_NUM_10G;
    say(of(dev), "start");
    return 0;
}
int stop(rte_eth_dev* dev) {
    say(of(dev), "stop");
    return 0;
}
int close_device(rte_eth_dev* dev) {
    Probe* const p = &of(dev);
    say(*p, "close");
    rte_eal_alarm_cancel(look_whether_gone, p);
    rte_eal_alarm_cancel(look_for_frame, p);
    if (p->interrupts != nullptr) {
        dev->intr_handle = nullptr;
        rte_intr_free_epoll_fd(p->interrupts);
        rte_intr_vec_list_free(p->interrupts);
        rte_intr_instance_free(p->interrupts);
        p->interrupts = nullptr;
        for (const int event : p->events) close(event);
    }
    for (unsigned q = 0; q < dev->data->nb_rx_queues; ++q)
        delete static_cast<Queue*>(dev->data->rx_queues[q]);
    for (unsigned q = 0; q < dev->data->nb_tx_queues; ++q)
        delete static_cast<Queue*>(dev->data->tx_queues[q]);
    dev->data->mac_addrs = nullptr; // within dev_private
    return 0;
}
int info(rte_eth_dev*, rte_eth_dev_info* out) {
    out->max_rx_queues = out->max_tx_queues = 16;
    out->max_mac_addrs = 4;
    out->max_rx_pktlen = 9018;
    out->max_mtu = 9000;
    out->reta_size = 128;
    out->hash_key_size = 40;
    out->flow_type_rss_offloads = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP;
    out->rx_offload_capa = RTE_ETH_RX_OFFLOAD_VLAN_FILTER | RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
    return 0;
}
int rx_setup(rte_eth_dev* dev, std::uint16_t q, std::uint16_t, unsigned, const rte_eth_rxconf*,
             rte_mempool* pool) {
    auto* queue = new Queue;
    queue->probe = &of(dev);
    queue->number = q;
    queue->pool = pool;
    dev->data->rx_queues[q] = queue;
    return 0;
}
int tx_setup(rte_eth_dev* dev, std::uint16_t q, std::uint16_t, unsigned, const rte_eth_txconf*) {
    dev->data->tx_queues[q] = new Queue;
    return 0;
}
void rx_release(rte_eth_dev* dev, std::uint16_t q) {
    delete static_cast<Queue*>(dev->data->rx_queues[q]);
    dev->data->rx_queues[q] = nullptr;
}
void tx_release(rte_eth_dev* dev, std::uint16_t q) {
    delete static_cast<Queue*>(dev->data->tx_queues[q]);
    dev->data->tx_queues[q] = nullptr;
}
int link_update(rte_eth_dev*, int) { return 0; }
// As ethdev has it: before a port is configured only.
int rx_metadata(rte_eth_dev* dev, std::uint64_t*) {
    say(of(dev), "rx metadata");
    return 0;
}
int stats(rte_eth_dev*, rte_eth_stats*) { return 0; }
int set_mac(rte_eth_dev*, rte_ether_addr*) { return 0; }
int add_mac(rte_eth_dev*, rte_ether_addr*, std::uint32_t, std::uint32_t) { return 0; }
void remove_mac(rte_eth_dev*, std::uint32_t) {}
int allmulticast(rte_eth_dev*) { return 0; }
int set_mtu(rte_eth_dev* dev, std::uint16_t mtu) {
    say(of(dev), "mtu %u", mtu);
    return 0;
}
int set_groups(rte_eth_dev* dev, rte_ether_addr* list, std::uint32_t n) {
    std::string text;
    for (std::uint32_t i = 0; i < n; ++i) {
        char mac[RTE_ETHER_ADDR_FMT_SIZE];
        rte_ether_format_addr(mac, sizeof mac, &list[i]);
        text += std::string(" ") + mac;
    }
    say(of(dev), "groups%s", text.c_str());
    return 0;
}
int promiscuous_on(rte_eth_dev* dev) {
    say(of(dev), "promiscuous on");
    return 0;
}
int promiscuous_off(rte_eth_dev* dev) {
    say(of(dev), "promiscuous off");
    return 0;
}
int vlan_filter(rte_eth_dev* dev, std::uint16_t id, int on) {
    Probe& p = of(dev);
    if (p.refuses == "vlan") return -EIO;
    say(p, "vlan %u %s", id, on != 0 ? "on" : "off");
    return 0;
}
int vlan_offload(rte_eth_dev*, int) { return 0; }
int rss_update(rte_eth_dev* dev, rte_eth_rss_conf* conf) {
    Probe& p = of(dev);
    if (conf->rss_key != nullptr) memcpy(p.key, conf->rss_key, sizeof p.key);
    p.rss_hf = conf->rss_hf;
    say(p, "rss key %02x%02x", p.key[0], p.key[1]);
    return 0;
}
int rss_get(rte_eth_dev* dev, rte_eth_rss_conf* conf) {
    if (conf->rss_key != nullptr) memcpy(conf->rss_key, of(dev).key, sizeof of(dev).key);
    conf->rss_key_len = sizeof of(dev).key;
    conf->rss_hf = of(dev).rss_hf;
    return 0;
}
int reta_update(rte_eth_dev* dev, rte_eth_rss_reta_entry64* reta, std::uint16_t) {
    Probe& p = of(dev);
    if (p.refuses == "reta") return -EIO;
    for (int g = 0; g < 2; ++g)
        for (unsigned i = 0; i < RTE_ETH_RETA_GROUP_SIZE; ++i)
            if ((reta[g].mask >> i & 1U) != 0) {
                p.reta[g].reta[i] = reta[g].reta[i];
                say(p, "reta %u=%u", g * RTE_ETH_RETA_GROUP_SIZE + i, reta[g].reta[i]);
            }
    return 0;
}
int reta_query(rte_eth_dev* dev, rte_eth_rss_reta_entry64* reta, std::uint16_t) {
    for (int g = 0; g < 2; ++g)
        for (unsigned i = 0; i < RTE_ETH_RETA_GROUP_SIZE; ++i)
            if ((reta[g].mask >> i & 1U) != 0) reta[g].reta[i] = of(dev).reta[g].reta[i];
    return 0;
}
#if RTE_VERSION >= RTE_VERSION_NUM(24, 7, 0, 0)
const std::uint32_t* ptypes(rte_eth_dev*, std::size_t* count) {
    static const std::uint32_t known[] = {RTE_PTYPE_L2_ETHER, RTE_PTYPE_L3_IPV4};
    *count = 2;
    return known;
}
#else
const std::uint32_t* ptypes(rte_eth_dev*) {
    static const std::uint32_t known[] = {RTE_PTYPE_L2_ETHER, RTE_PTYPE_L3_IPV4, RTE_PTYPE_UNKNOWN};
    return known;
}
#endif

bool is_for_slow_protocols(const rte_flow_item* pattern, const rte_flow_action* actions) {
    const auto* const eth = static_cast<const rte_flow_item_eth*>(pattern->spec);
    return pattern->type == RTE_FLOW_ITEM_TYPE_ETH && eth != nullptr &&
           eth->type == rte_cpu_to_be_16(RTE_ETHER_TYPE_SLOW) && actions->type == RTE_FLOW_ACTION_TYPE_QUEUE;
}

int flow_validate(rte_eth_dev* dev, const rte_flow_attr*, const rte_flow_item* pattern,
                  const rte_flow_action* actions, rte_flow_error* error) {
    if (of(dev).refuses != "flow" && (of(dev).takes_slow || !is_for_slow_protocols(pattern, actions)))
        return 0;
    return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM, nullptr, "net_probe refuses it");
}
rte_flow* flow_create(rte_eth_dev* dev, const rte_flow_attr* attr, const rte_flow_item* pattern,
                      const rte_flow_action* actions, rte_flow_error* error) {
    if (flow_validate(dev, attr, pattern, actions, error) != 0) return nullptr;
    unsigned items = 0;
    while (pattern[items].type != RTE_FLOW_ITEM_TYPE_END) ++items;
    auto* flow = new rte_flow{++of(dev).flows, is_for_slow_protocols(pattern, actions)};
    if (flow->slow) {
        of(dev).slow_queue = static_cast<const rte_flow_action_queue*>(actions->conf)->index;
        say(of(dev), "slow protocols go to queue %u", of(dev).slow_queue.load());
    }
    if (actions->type == RTE_FLOW_ACTION_TYPE_RSS)
        say(of(dev), "rss over %u queues", static_cast<const rte_flow_action_rss*>(actions->conf)->queue_num);
    say(of(dev), "flow %u created, %u items, action %d", flow->number, items,
        static_cast<int>(actions->type));
    return flow;
}
int flow_destroy(rte_eth_dev* dev, rte_flow* flow, rte_flow_error*) {
    say(of(dev), "flow %u destroyed", flow->number);
    if (flow->slow) of(dev).slow_queue = 0;
    delete flow;
    return 0;
}
int flow_query(rte_eth_dev*, rte_flow*, const rte_flow_action*, void* data, rte_flow_error*) {
    auto& count = *static_cast<rte_flow_query_count*>(data);
    count.hits_set = 1;
    count.hits = 21;
    return 0;
}
rte_flow_ops make_flow_ops() {
    rte_flow_ops ops{};
    ops.validate = flow_validate;
    ops.create = flow_create;
    ops.destroy = flow_destroy;
    ops.query = flow_query;
    return ops;
}
const rte_flow_ops flows = make_flow_ops();
int flow_ops(rte_eth_dev*, const rte_flow_ops** ops) {
    *ops = &flows;
    return 0;
}

eth_dev_ops make_ops() {
    eth_dev_ops ops{};
    ops.dev_configure = configure;
    ops.dev_start = start;
    ops.dev_stop = stop;
    ops.dev_close = close_device;
    ops.dev_infos_get = info;
    ops.rx_queue_setup = rx_setup;
    ops.tx_queue_setup = tx_setup;
    ops.rx_queue_release = rx_release;
    ops.tx_queue_release = tx_release;
    ops.link_update = link_update;
    ops.rx_queue_intr_enable = interrupt_on;
    ops.rx_queue_intr_disable = interrupt_off;
    ops.rx_metadata_negotiate = rx_metadata;
    ops.stats_get = stats;
    ops.mac_addr_set = set_mac;
    ops.mac_addr_add = add_mac;
    ops.mac_addr_remove = remove_mac;
    ops.allmulticast_enable = allmulticast;
    ops.allmulticast_disable = allmulticast;
    ops.mtu_set = set_mtu;
    ops.set_mc_addr_list = set_groups;
    ops.promiscuous_enable = promiscuous_on;
    ops.promiscuous_disable = promiscuous_off;
    ops.vlan_filter_set = vlan_filter;
    ops.vlan_offload_set = vlan_offload;
    ops.rss_hash_update = rss_update;
    ops.rss_hash_conf_get = rss_get;
    ops.reta_update = reta_update;
    ops.reta_query = reta_query;
    ops.dev_supported_ptypes_get = ptypes;
    ops.flow_ops_get = flow_ops;
    return ops;
}
const eth_dev_ops device_ops = make_ops();

std::string value_of(const std::string& args, const std::string& key) {
    const std::size_t at = args.find(key + "=");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + key.size() + 1;
    return args.substr(begin, args.find(',', begin) - begin);
}

int probe(rte_vdev_device* vdev) {
    static unsigned made = 0;
    rte_eth_dev* const dev = rte_eth_vdev_allocate(vdev, sizeof(Probe*) + 4 * sizeof(rte_ether_addr));
    if (dev == nullptr) return -ENOMEM;
    const char* const args = rte_vdev_device_args(vdev);
    auto* p = new Probe;
    p->name = rte_vdev_device_name(vdev);
    p->refuses = value_of(args != nullptr ? args : "", "refuse");
    p->gone = value_of(args != nullptr ? args : "", "gone");
    p->port = dev->data->port_id;
    auto** const slot = static_cast<Probe**>(dev->data->dev_private);
    *slot = p;
    auto* mac = reinterpret_cast<rte_ether_addr*>(slot + 1);
    *mac = {{0x02, 0xbb, 0, 0, 0, static_cast<std::uint8_t>(++made)}};
    dev->data->mac_addrs = mac;
    dev->dev_ops = &device_ops;
    dev->rx_pkt_burst = rx;
    dev->tx_pkt_burst = tx;
    p->takes_slow = value_of(args != nullptr ? args : "", "slow_queue") == "1";
    p->frame = value_of(args != nullptr ? args : "", "frame");
    if (!p->frame.empty()) {
        p->interrupts = dev->intr_handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
        for (int& event : p->events) event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        rte_eal_alarm_set(20'000, look_for_frame, p);
    }
    if (!p->gone.empty()) {
        dev->data->dev_flags |= RTE_ETH_DEV_INTR_RMV;
        rte_eal_alarm_set(20'000, look_whether_gone, p);
    }
    rte_eth_dev_probing_finish(dev);
    const std::string slow = value_of(args != nullptr ? args : "", "slow");
    if (!slow.empty()) usleep(static_cast<useconds_t>(std::stoul(slow)) * 1000);
    return 0;
}

// As PMDs do it: what the queues need is freed, and only then does ethdev tell.
int remove(rte_vdev_device* vdev) {
    rte_eth_dev* const dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));
    if (dev == nullptr) return 0;
    close_device(dev);
    usleep(20'000);
    return rte_eth_dev_release_port(dev);
}

rte_vdev_driver driver;

} // namespace

extern "C" {
RTE_PMD_EXPORT_NAME(net_probe, __COUNTER__);
[[gnu::constructor]] static void register_driver() {
    driver.probe = probe;
    driver.remove = remove;
    driver.driver.name = "net_probe";
    rte_vdev_register(&driver);
}
}
