// SPDX-License-Identifier: BSD-3-Clause
// A bond inside another application, below a face (face.hpp): what the application has asked of it, its
// members, and while it runs the bond with its control. Threads: the application's own configure, one at a
// time; control (LACP, monitors, what is published) and the host thread (links, MACs, what may block) are
// the bond's, from start to stop, or the application lends its own (step()); telemetry's ask. Data:
// queues.hpp.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dpdk/thread.hpp"
#include "embed/devargs.hpp"
#include "embed/device.hpp"
#include "embed/face.hpp"
#include "embed/log.hpp"
#include "embed/queues.hpp"
#include "engine/control.hpp"
#include "engine/queries.hpp"
#include "host/numa.hpp"
#include "ops/event_history.hpp"
#include "ops/instance.hpp"

namespace dpdkbond {

inline constexpr unsigned kMaxAddresses = 64; // of the port
// So often control looks whether the application polls.
inline constexpr Duration kLook = std::chrono::milliseconds(10);

// What the bond counts from start to start.
struct PortCounters {
    BondCounters bond;
    std::vector<MemberCounters> members; // in the order of the devices
    std::vector<std::string> names;      // of those
};

class EmbeddedBond {
public:
    // `node`: of memory; -1: any. `own_threads`: false where the application calls step().
    EmbeddedBond(Face& face, PortArgs args, int node, bool own_threads = true); // throws std::runtime_error
    ~EmbeddedBond();
    EmbeddedBond(const EmbeddedBond&) = delete;
    EmbeddedBond& operator=(const EmbeddedBond&) = delete;

    // ---- what ethdev calls; 0 or a negative errno, and the reason is in the log
    // `sleeping`: the application sleeps on so many receive queues (intr_conf.rxq); 0: on none.
    int configure(std::size_t sleeping = 0);
    // Of a receive queue on which it sleeps, until the next configure(); nullptr: it is none.
    [[nodiscard]] RxWake* wake_of(std::size_t queue) {
        return queue < wakes_.size() ? wakes_[queue].get() : nullptr;
    }
    // It is about to sleep on the queue, whose wake_of() there is.
    void arm(const RxQueue& queue) {
        wakes_[queue.number]->arm([&] { return queue.has_parked(); });
    }
    int start();
    int stop();
    int info(rte_eth_dev_info& out);
    int set_mac(const Mac& mac);
    int set_mtu(std::uint16_t mtu);
    int set_promiscuous(bool on);
    int set_allmulticast(bool on);
    int set_groups(std::vector<Mac> groups);
    int set_address(const Mac& mac, bool on); // besides its own
    // The ports of members that are here, and of those that the bond has started; devices() is held.
    [[nodiscard]] std::vector<std::uint16_t> members();
    [[nodiscard]] std::vector<std::uint16_t> running_members();
    std::mutex& devices() { return device_mutex_; } // held while members are told anything
    // Where the bond has no threads of its own: does what is due, and says when to call next.
    Time step(Time at);

    // ---- members come and go; the bond may run
    Result<void> add_member(MemberConfig member); // its device may appear later
    Result<void> remove_member(std::string_view name);
    std::string name_of_member(std::uint16_t port); // empty: it is none
    bool has_member(std::string_view name);
    // The device is about to be taken out of DPDK: its members leave, and stay away until detached(). Error:
    // a thread of the application is in the middle of a burst and does not come out.
    Result<void> detaching(const rte_device* device);
    void detached(const rte_device* device);

    // ---- telemetry and statistics
    [[nodiscard]] const std::string& name() const { return config_.name; }
    [[nodiscard]] PortCounters counters();
    void clear_counters();
    BondStatus status();
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
    Result<void> set_member_option(std::string_view member, std::string_view option, std::string_view value);
    Result<void> set_member_link(std::string_view member, bool up);

private:
    // A bond that runs.
    struct Running {
        Running(const BondConfig& config, const std::string& tag, std::size_t rx, std::size_t tx,
                rte_mempool* pool, int node);
        GateGrace grace;
        Control control;
        BondCore core;
        std::vector<NodePtr<Lane>> lanes; // of receive queues, of transmit queues, the last control's own
        Lane& own() { return *lanes.back(); }
        ~Running();
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;
        // ---- owner: control
        struct SlowQueue {
            std::uint16_t port = 0, queue = 0; // queue 0: it has none
        };
        MemberMap<SlowQueue> slow_queues;
        // Frames out of them that are the application's (OAM, and all of them in modes without LACP), on
        // their way into its first receive queue.
        std::uint16_t others = 0;
        std::array<rte_mbuf*, 2 * kBurst> other;
        std::optional<Wanted> done; // of what the bond wants of its devices; owner: host thread
    };

    int start_bond(Wanted& wanted);
    bool stop_bond(); // false: it did not run
    void find_devices();
    Result<void> join(BondedDevice& device);
    Result<void> start_device(BondedDevice& device);
    // It leaves the bond. False: a queue may still use it, and it has not been stopped.
    bool part(BondedDevice& device, Duration patience);
    void stop_device(BondedDevice& device);
    void watch_queues_of(const BondedDevice& device); // for an application that sleeps
    void wait_a_moment();                             // for control
    DeviceSetup device_setup() const;
    void start_threads();
    void stop_threads();
    // ---- control
    Time look_after_queues();
    void hear_slow_queues();
    static dpdk::ThreadResult control_entry(void* self);
    // ---- the host thread
    void host();
    void host_round();
    [[nodiscard]] std::uint32_t poll_ms() const;
    static dpdk::ThreadResult host_entry(void* self);
    void hear(const Notice& notice);
    void carry_out(const Wanted& wanted);
    void look_at_links();
    Time look_for_devices(Time at);
    void wake_host();
    void apply_macs(); // device_mutex_ is held
    [[nodiscard]] RxFilter filter() const;
    [[nodiscard]] ReceiveWishes wishes() const;
    void tell_link(const Wanted& wanted);
    void note(EventKind kind, MemberId member, const std::string& what);
    void warn(MemberId member, const std::string& what) { note(EventKind::warning, member, what); }
    BondQueries queries(); // of the bond that runs; both mutexes are held
    PortCounters count();  // of the bond and its lanes, less devices and queues; both mutexes are held
    PortCounters total();  // all of it, nothing cleared; both mutexes are held
    void hear_link(std::uint16_t port);
    // The bond has been made as far as on_ethdev_event() needs it. ethdev's own lock orders that, where no
    // sanitizer sees it.
    inline static std::atomic<unsigned> hears_events_{0};
    static int on_ethdev_event(std::uint16_t port, rte_eth_event_type event, void* self, void* ret);
    void own_mac_of_first();
    template <class F> int change_filter(F change);

    Face& face_;
    const int node_;
    const bool own_threads_;
    BondConfig config_;  // as it runs now
    OptionsAside aside_; // what was set and its mode does not take
    rte_eth_dev_owner owner_{};
    bool mac_given_;
    // In the order of the configuration. The list changes with all three mutexes held.
    std::vector<std::unique_ptr<BondedDevice>> devices_;
    std::mutex list_mutex_;       // held for moments only, also by whoever makes or closes a device
    rte_mempool* pool_ = nullptr; // of control's own frames
    std::vector<std::unique_ptr<RxWake>> wakes_; // of the receive queues, or none

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
    FaceSetup setup_; // as it was at the start
    std::vector<RxQueue*> rx_;
    std::vector<TxQueue*> tx_;
    std::vector<QueueLook> rx_looks_, tx_looks_;
    Time next_look_{};

    std::atomic<bool> host_stop_{false};
    int wake_ = -1; // eventfd: the host thread is to look
    dpdk::Thread control_thread_{}, host_thread_{};
    bool threads_ = false;
    Time last_poll_{}, next_search_{};
    std::atomic<bool> someone_left_{false};

    std::atomic<std::uint32_t> miimon_{0};               // config_.options.miimon, for the host thread
    std::vector<std::pair<Event, std::int64_t>> untold_; // by step()
    std::mutex history_mutex_;
    EventHistory history_;
};

} // namespace dpdkbond
