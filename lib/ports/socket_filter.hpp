// SPDX-License-Identifier: BSD-3-Clause
// What a netdev below a socket driver (af_packet, af_xdp) receives. Whether the netdev's own hardware sorts
// well is not known (a veth does not at all), so software looks again.
#pragma once

#include "dpdk/port_filter.hpp"
#include "host/memberships.hpp"

namespace dpdkbond {

class SocketFilter final : public FilterDevice {
public:
    explicit SocketFilter(Memberships memberships) : memberships_(std::move(memberships)) {}
    [[nodiscard]] bool filters() const override { return true; }
    [[nodiscard]] bool sorts() const override { return false; }
    Result<void> promiscuous(bool on) override {
        return switched(promiscuous_, on, &Memberships::promiscuous);
    }
    Result<void> all_groups(bool on) override { return switched(all_groups_, on, &Memberships::all_groups); }
    Result<void> address(bool on, const Mac& mac) override { return memberships_.address(on, mac); }
    Result<void> groups(const std::vector<Mac>& groups) override;
    Result<void> vlan(bool, std::uint16_t) override { return {}; } // a packet socket sees every VLAN

private:
    // Memberships are counted: what is off already cannot be taken back.
    Result<void> switched(bool& state, bool on, Result<void> (Memberships::*change)(bool)) {
        if (state == on) return {};
        auto done = (memberships_.*change)(on);
        if (done) state = on;
        return done;
    }
    Memberships memberships_;
    bool promiscuous_ = false, all_groups_ = false;
    std::set<Mac> joined_;
};

} // namespace dpdkbond
