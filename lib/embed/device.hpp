// SPDX-License-Identifier: BSD-3-Clause
// A member of the port: an ethdev of the application's process that the port owns while it exists. Ordinary
// threads, one at a time, but for read_link().
#pragma once

#include <rte_ethdev.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bond/bond.hpp"
#include "dpdk/port_filter.hpp"
#include "host/carrier.hpp"
#include "options/model.hpp"

struct rte_mempool;

namespace dpdkbond {

class Control;

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
    std::function<bool(std::uint16_t)> is_started; // its user before us has left it so
};

class BondedDevice {
public:
    explicit BondedDevice(MemberConfig member) : config(std::move(member)) {}
    ~BondedDevice();
    BondedDevice(const BondedDevice&) = delete;
    BondedDevice& operator=(const BondedDevice&) = delete;

    // Looks for the device and takes it. True: it is ours, from now on or already. False: there is no such
    // device yet.
    Result<bool> find(const rte_eth_dev_owner& owner);
    // The same for a port of that name that has just appeared, which others cannot see yet.
    Result<bool> appeared(std::uint16_t port, std::string_view name, const rte_eth_dev_owner& owner);
    [[nodiscard]] bool here() const { return here_; }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    // The device is being closed by somebody else, or its hardware has been removed. Any thread.
    void lost(bool removed);
    void close_if_removed(); // once no worker uses it
    void let_go();           // it has been stopped, is not ours any more, and is not looked for until …
    void may_come_back() { banned_ = false; }
    [[nodiscard]] const rte_device* device() const { return device_; }
    [[nodiscard]] bool is_lost() const { return lost_; }
    std::string refused; // why it could not join, as it was last told

    Result<void> start(const DeviceSetup& setup);
    void stop(); // gives the permanent MAC back
    [[nodiscard]] bool started() const { return started_; }

    [[nodiscard]] LinkState read_link();
    LinkState last_posted; // owner: the port's host thread

    // Link interrupts of the device go to control from now on, until stop().
    void report_interrupts_to(Control& control, MemberId member);
    MemberId id = kNoMember; // while the port runs
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
    Result<void> configure(const DeviceSetup& setup, bool link_interrupts);
    std::vector<std::string> apply_filter();
    static int on_event(std::uint16_t port, rte_eth_event_type event, void* self, void* ret);

    bool started_ = false, mac_refused_ = false, interrupts_ = false, registered_ = false;
    std::atomic<bool> here_{false}, lost_{false}, removed_{false};
    std::atomic<bool> banned_{false}; // between let_go() and may_come_back()
    std::uint16_t port_ = 0, rx_queues_ = 0, tx_queues_ = 0;
    const rte_device* device_ = nullptr;
    std::string driver_;
    Mac permanent_mac_{}, mac_{};
    rte_eth_dev_owner owner_{};
    std::unique_ptr<PortFilter> filter_;
    ReceiveWishes wishes_;
    std::vector<Mac> also_;
    std::unique_ptr<CarrierPoll> carrier_; // drivers that know none of their own
    Control* control_ = nullptr;
};

} // namespace dpdkbond
