// SPDX-License-Identifier: BSD-3-Clause
// One net_dpdkbond port from probe to removal: what the application has asked of it, its members, and while
// it runs the bond with its control. Threads: the application's own call what ethdev calls, one at a time;
// control (LACP, monitors, what is published) and the host thread (links, MACs, what may block) are the
// port's, from start to stop; telemetry's ask. Data: queues.hpp.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "drivers/net_dpdkbond/devargs.hpp"
#include "drivers/net_dpdkbond/device.hpp"
#include "drivers/net_dpdkbond/ethdev.hpp"
#include "drivers/net_dpdkbond/queues.hpp"
#include "engine/control.hpp"
#include "engine/queries.hpp"
#include "host/numa.hpp"
#include "ops/event_history.hpp"
#include "ops/instance.hpp"

namespace dpdkbond {

inline constexpr unsigned kMaxAddresses = 64; // of the port

// What the port counts from start to start.
struct PortCounters {
    BondCounters bond;
    std::vector<MemberCounters> members; // in the order of the devices
};

class BondPort {
public:
    BondPort(rte_eth_dev& dev, PortArgs args); // throws std::runtime_error, one line
    ~BondPort();
    BondPort(const BondPort&) = delete;
    BondPort& operator=(const BondPort&) = delete;

    // ---- what ethdev calls; 0 or a negative errno, and the reason is in the log
    int configure();
    int start();
    int stop();
    int set_rx_queue(std::uint16_t queue, std::uint16_t descriptors, const rte_eth_rxconf& conf,
                     rte_mempool* pool);
    int set_tx_queue(std::uint16_t queue, std::uint16_t descriptors, const rte_eth_txconf& conf);
    int info(rte_eth_dev_info& out);
    int set_mac(const Mac& mac);
    int set_mtu(std::uint16_t mtu);
    int set_promiscuous(bool on);
    int set_allmulticast(bool on);
    int set_groups(std::vector<Mac> groups);
    int set_address(const Mac& mac, bool on);           // besides its own
    [[nodiscard]] std::vector<std::uint16_t> members(); // the ports that are here
    std::mutex& devices() { return device_mutex_; }     // held while members are told anything

    // ---- telemetry and statistics
    [[nodiscard]] const std::string& name() const { return config_.name; }
    [[nodiscard]] PortCounters counters();
    void clear_counters();
    BondStatus status();
    std::vector<std::string> member_names() const;
    BondView view();
    std::vector<PastEvent> history();
    Result<Explanation> explain(const FlowSpec& flow);
    std::optional<BondQueries::LoadBegun> begin_load();
    std::optional<std::vector<MemberLoad>> load(const BondQueries::LoadBegun& begun);
    std::optional<std::vector<RlbClientView>> rlb();
    std::optional<SprayView> spray();
    std::string config_text();
    Result<void> set_option(std::string_view option, std::string_view value);
    Result<void> set_active(std::string_view member);
    Result<void> set_member_link(std::string_view member, bool up);

private:
    // A bond that runs.
    struct Running {
        Running(const BondConfig& config, std::uint16_t port, std::size_t rx, std::size_t tx,
                rte_mempool* pool, int node);
        GateGrace grace;
        Control control;
        BondCore core;
        std::vector<NodePtr<Lane>> lanes; // of receive queues, of transmit queues, the last control's own
        Lane& own() { return *lanes.back(); }
        std::optional<Wanted> done; // of what the bond wants of its devices; owner: host thread
    };

    int start_bond(Wanted& wanted);
    bool stop_bond(); // false: it did not run
    void find_devices();
    Result<void> join(BondedDevice& device);
    void part(BondedDevice& device); // it has left or is gone
    DeviceSetup device_setup() const;
    void start_threads();
    void stop_threads();
    // ---- control
    Time look_after_queues();
    static dpdk::ThreadResult control_entry(void* self);
    // ---- the host thread
    void host();
    static dpdk::ThreadResult host_entry(void* self);
    void hear(const Notice& notice);
    void carry_out(const Wanted& wanted);
    void look_at_links();
    void look_for_devices();
    void wake_host();
    void apply_macs(); // device_mutex_ is held
    [[nodiscard]] RxFilter filter() const;
    [[nodiscard]] ReceiveWishes wishes() const;
    void tell_link(const Wanted& wanted);
    void note(EventKind kind, MemberId member, const std::string& what);
    void warn(MemberId member, const std::string& what) { note(EventKind::warning, member, what); }
    BondQueries queries(); // of the bond that runs; mutex_ is held
    PortCounters count();  // of the bond and its lanes, less devices and queues; mutex_ is held
    PortCounters total();  // all of it, nothing cleared; mutex_ is held
    static int on_ethdev_event(std::uint16_t port, rte_eth_event_type event, void* self, void* ret);
    void own_mac_of_first();
    int follow_filter(); // what the application wants to receive has changed

    rte_eth_dev& dev_;
    const int node_;
    BondConfig config_; // as it runs now
    rte_eth_dev_owner owner_{};
    bool mac_given_;
    std::vector<std::unique_ptr<BondedDevice>> devices_; // in the order of the configuration
    rte_mempool* pool_ = nullptr;                        // of control's own frames

    std::mutex mutex_;        // one at a time: start, stop, and whoever asks
    std::mutex device_mutex_; // one at a time tells members anything; never waits for mutex_
    std::unique_ptr<Running> running_;
    std::atomic<Running*> at_work_{nullptr}; // the same, for threads that must not wait

    std::vector<Mac> groups_, addresses_; // that the application wants
    bool promiscuous_ = false, all_groups_ = false;
    PortCounters past_, cleared_; // counted before the last start; when it was last cleared
    BondStatus last_status_;      // of the time before it stopped

    struct QueueLook { // control's
        std::uint32_t turn = 0;
        Time since{};
    };
    std::vector<RxQueue*> rx_;
    std::vector<TxQueue*> tx_;
    std::vector<QueueLook> rx_looks_, tx_looks_;
    Time next_look_{};

    std::atomic<bool> host_stop_{false};
    int wake_ = -1; // eventfd: the host thread is to look
    dpdk::Thread control_thread_{}, host_thread_{};
    bool threads_ = false;
    Time last_poll_{}, last_search_{};
    std::atomic<bool> someone_left_{false};

    std::mutex history_mutex_;
    EventHistory history_;
};

// One line in DPDK's log, after the port's name.
enum class LogLevel { error, warning, notice, info };
void log_port(LogLevel level, const std::string& text);

} // namespace dpdkbond
