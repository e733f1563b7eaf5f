// SPDX-License-Identifier: BSD-3-Clause
// A member of the port: an ethdev of the application's process that the port owns while it exists. Ordinary
// threads, one at a time, but for read_link().
#pragma once

#include <rte_ethdev.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bond/bond.hpp"
#include "dpdk/port_filter.hpp"
#include "dpdk/slow_flow.hpp"
#include "embed/rx_wake.hpp"
#include "host/carrier.hpp"
#include "options/model.hpp"

struct rte_mempool;

namespace dpdkbond {

class Face;

// What ethdev says of a port's link now; nullopt: it does not.
std::optional<LinkState> link_of(std::uint16_t port);

// How a member is to run: as the application has configured the port.
struct DeviceSetup {
    const rte_eth_conf* conf = nullptr;
    struct Rx {
        rte_mempool* pool;
        std::uint16_t descriptors;
        const rte_eth_rxconf* conf;
    };
    std::vector<Rx> rx;            // of each receive queue of the port
    std::vector<std::uint16_t> tx; // descriptors of each of its transmit queues
    std::uint32_t mtu = 0;
    bool rx_interrupts = false; // the application sleeps on its receive queues
};

class BondedDevice {
public:
    BondedDevice(MemberConfig member, const Face& face) : config(std::move(member)), face_(face) {}
    ~BondedDevice();
    BondedDevice(const BondedDevice&) = delete;
    BondedDevice& operator=(const BondedDevice&) = delete;

    // Looks for the device and takes it. True: it is here, from now on or already. False: there is no such
    // device yet, or another thread is in the middle of its probe.
    Result<bool> find(const rte_eth_dev_owner& owner);
    // Takes a port of that name that has just appeared, which others cannot see yet. It is not here before
    // find() says so.
    Result<bool> appeared(std::uint16_t port, std::string_view name, const rte_eth_dev_owner& owner);
    // In the reverse of the order in which take() sets them.
    [[nodiscard]] bool here() const { return !lost_ && taken_ && probed_; }
    [[nodiscard]] Time here_since() const { return here_since_; }
    // It is ours, here or not.
    [[nodiscard]] bool takes(std::uint16_t port) const { return taken_ && !lost_ && port_ == port; }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    // The device has been closed by somebody else, or its hardware has been removed. Any thread.
    void lost(bool removed);
    void close_if_removed(); // once no worker uses it
    // It has been stopped, is not ours any more, and is not looked for until this `device`, which may be
    // freed by then, has been taken out.
    void let_go(const rte_device* device);
    void may_come_back(const rte_device* taken_out) {
        if (device_ == taken_out) banned_ = false;
    }
    [[nodiscard]] bool is_of(const rte_device* device) const; // ours, or may become ours
    [[nodiscard]] bool is_lost() const { return lost_; }
    std::string refused; // why it could not join, as it was last told

    Result<void> start(const DeviceSetup& setup);
    void stop(); // gives the permanent MAC back
    [[nodiscard]] bool started() const { return started_; }

    // Whether its queues can tell that something has come, as far as that is known before it starts.
    [[nodiscard]] bool may_tell() const;
    // How this receive queue tells it; it has been started with rx_interrupts.
    [[nodiscard]] RxSource rx_source(std::uint16_t queue) const;
    // Those that the port's queues read.
    [[nodiscard]] std::uint16_t rx_queues() const { return rx_queues_; }
    // One more, into which a rule in its hardware puts the slow protocols alone; control reads it. nullopt:
    // they come with everything else.
    [[nodiscard]] std::optional<std::uint16_t> slow_queue() const {
        return started_ && has_slow_queue_ ? std::optional(rx_queues_) : std::nullopt;
    }
    // Its last transmit queue is control's alone.
    [[nodiscard]] bool has_own_tx_queue() const { return started_ && has_own_tx_queue_; }
    [[nodiscard]] const std::string& driver() const { return driver_; }

    [[nodiscard]] LinkState read_link();
    LinkState last_posted; // owner: the port's host thread

    MemberId id = kNoMember; // while the port runs
    // Link interrupts of the device are this member's from now on, until stop().
    void report_interrupts_of(MemberId member);
    [[nodiscard]] MemberId reports_interrupts_of() const { return reports_; } // any thread
    MemberConfig config;

    [[nodiscard]] const Mac& permanent_mac() const { return permanent_mac_; }
    [[nodiscard]] const Mac& mac() const { return mac_; }
    std::optional<std::string> wear_mac(const Mac& mac);             // what to tell the operator
    std::vector<std::string> accept_also(std::span<const Mac> macs); // besides what the application wants
    std::vector<std::string> follow(const ReceiveWishes& wishes);
    Result<void> set_mtu(std::uint32_t mtu);
    [[nodiscard]] bool sorts() const { return filter_ && filter_->sorts() && !mac_refused_; }
    [[nodiscard]] bool promiscuous() const { return filter_ && filter_->promiscuous(); }
    [[nodiscard]] bool all_groups() const { return filter_ && filter_->all_groups(); }

    [[nodiscard]] MemberInfo info() const;
    [[nodiscard]] rte_eth_dev_info capabilities() const; // zero while it is not here
    [[nodiscard]] rte_eth_stats stats() const;

private:
    Result<bool> take(std::uint16_t port, const rte_eth_dev_owner& owner);
    void read_mac(); // that it wears now, as its permanent one
    struct Interrupts {
        bool link = false, rx = false;
    };
    Result<void> configure(const DeviceSetup& setup, Interrupts interrupts);
    // A device that does not come to it is what it was without.
    Result<void> add_slow_queue(const DeviceSetup& setup, Interrupts interrupts);
    void halt();
    std::vector<std::string> apply_filter();

    bool mac_refused_ = false, interrupts_ = false, rx_interrupts_ = false;
    std::atomic<MemberId> reports_{kNoMember};
    std::atomic<bool> started_{false}, taken_{false}, probed_{false}, lost_{false}, removed_{false};
    std::atomic<bool> banned_{false}; // between let_go() and may_come_back()
    std::atomic<std::uint16_t> port_{0};
    // Of net_af_xdp, which opens one for each receive queue and does not show it; by queue. Owner: the
    // driver.
    std::map<std::uint16_t, int> xdp_sockets_;
    std::uint16_t rx_queues_ = 0, tx_queues_ = 0; // without the one for slow protocols
    std::atomic<bool> has_slow_queue_{false}, has_own_tx_queue_{false};
    bool spreads_ = false; // by receive side scaling
    SlowFlow slow_flow_;
    Time here_since_{};
    std::atomic<const rte_device*> device_{nullptr};
    std::string driver_;
    Mac permanent_mac_{}, mac_{};
    rte_eth_dev_owner owner_{};
    std::unique_ptr<PortFilter> filter_;
    ReceiveWishes wishes_;
    std::vector<Mac> also_;
    std::unique_ptr<CarrierPoll> carrier_; // drivers that know none of their own
    const Face& face_;
};

} // namespace dpdkbond
