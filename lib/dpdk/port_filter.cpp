// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/port_filter.hpp"

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace dpdkbond {

namespace {

Result<void> checked(const char* what, int code) {
    if (code == 0) return {};
    return Error{std::string(what) + ": " + rte_strerror(code < 0 ? -code : code)};
}

rte_ether_addr ether(const Mac& mac) {
    rte_ether_addr address;
    std::memcpy(address.addr_bytes, mac.data(), sizeof address.addr_bytes);
    return address;
}

class EthdevFilter final : public FilterDevice {
public:
    explicit EthdevFilter(std::uint16_t port) : port_(port) {
        rte_eth_dev_info info;
        if (rte_eth_dev_info_get(port, &info) != 0 || info.device == nullptr) return;
        // Virtual devices (memif, ring, null, tap) receive whatever is sent to them and say yes to anything.
        hardware_ = std::string_view(rte_bus_name(rte_dev_bus(info.device))) != "vdev";
    }
    [[nodiscard]] bool filters() const override { return hardware_; }
    [[nodiscard]] bool sorts() const override { return hardware_; }
    Result<void> promiscuous(bool on) override {
        return checked("promiscuous mode",
                       on ? rte_eth_promiscuous_enable(port_) : rte_eth_promiscuous_disable(port_));
    }
    Result<void> all_groups(bool on) override {
        return checked("all-multicast mode",
                       on ? rte_eth_allmulticast_enable(port_) : rte_eth_allmulticast_disable(port_));
    }
    Result<void> address(bool on, const Mac& mac) override {
        rte_ether_addr a = ether(mac);
        return checked("a further address",
                       on ? rte_eth_dev_mac_addr_add(port_, &a, 0) : rte_eth_dev_mac_addr_remove(port_, &a));
    }
    Result<void> groups(const std::vector<Mac>& groups) override {
        std::vector<rte_ether_addr> list;
        for (const Mac& mac : groups) list.push_back(ether(mac));
        return checked("a list of groups", rte_eth_dev_set_mc_addr_list(
                                               port_, list.data(), static_cast<std::uint32_t>(list.size())));
    }
    Result<void> vlan(bool on, std::uint16_t id) override {
        const int offload = rte_eth_dev_get_vlan_offload(port_);
        if (offload < 0 || (offload & RTE_ETH_VLAN_FILTER_OFFLOAD) == 0) return {}; // every VLAN passes
        return checked("a VLAN", rte_eth_dev_vlan_filter(port_, id, on ? 1 : 0));
    }

private:
    std::uint16_t port_;
    bool hardware_ = false;
};

} // namespace

std::unique_ptr<FilterDevice> ethdev_filter(std::uint16_t port) {
    return std::make_unique<EthdevFilter>(port);
}

void PortFilter::apply_addresses(const std::vector<Mac>& wanted, std::vector<std::string>& warnings) {
    const auto unwanted = [&](const Mac& mac) { return std::ranges::find(wanted, mac) == wanted.end(); };
    for (const Mac& mac : taken_)
        if (unwanted(mac)) (void)device_->address(false, mac);
    std::erase_if(taken_, unwanted);
    std::erase_if(refused_, unwanted);
    for (const Mac& mac : wanted) {
        if (taken_.contains(mac) || refused_.contains(mac)) continue;
        const auto done = device_->address(true, mac);
        (done ? taken_ : refused_).insert(mac);
        if (done || std::exchange(warned_, true)) continue;
        warnings.push_back("it cannot take " + done.error() +
                           "; while there are such it receives everything, and software sorts");
    }
}

void PortFilter::apply_groups(const ReceiveWishes& wishes, std::vector<std::string>& warnings) {
    if (!wishes.all_groups && !no_groups_ && wishes.groups != groups_) {
        const auto done = device_->groups(wishes.groups);
        if (done) {
            groups_ = wishes.groups;
        } else {
            no_groups_ = true;
            warnings.push_back("it cannot take " + done.error() +
                               "; it receives all groups, and software sorts");
        }
    }
    const bool all = wishes.all_groups || no_groups_;
    if (touched_ && all == all_groups_) return;
    // One that knows neither lists nor this hears them all.
    (void)device_->all_groups(all);
    all_groups_ = all;
}

void PortFilter::apply_vlans(const std::set<std::uint16_t>& wanted, std::vector<std::string>& warnings) {
    for (const std::uint16_t id : vlans_)
        if (!wanted.contains(id)) (void)device_->vlan(false, id);
    for (const std::uint16_t id : wanted) {
        if (vlans_.contains(id)) continue;
        const auto done = device_->vlan(true, id);
        if (!done && !std::exchange(no_vlans_, true)) warnings.push_back("it cannot take " + done.error());
    }
    vlans_ = wanted;
}

std::vector<std::string> PortFilter::apply(const ReceiveWishes& wishes, bool hear_all) {
    std::vector<std::string> warnings;
    if (device_->filters()) {
        apply_addresses(wishes.unicast, warnings);
        apply_vlans(wishes.vlans, warnings);
        apply_groups(wishes, warnings);
    } else if (!touched_ || all_groups_ != wishes.all_groups) {
        (void)device_->all_groups(wishes.all_groups);
        all_groups_ = wishes.all_groups;
    }
    const bool promiscuous = wishes.promiscuous || hear_all || !refused_.empty();
    if (!touched_ || promiscuous != promiscuous_) (void)device_->promiscuous(promiscuous);
    promiscuous_ = promiscuous;
    sorts_ = device_->sorts() && promiscuous == wishes.promiscuous && all_groups_ == wishes.all_groups;
    touched_ = true;
    return warnings;
}

} // namespace dpdkbond
