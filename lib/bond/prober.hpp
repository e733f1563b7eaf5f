// SPDX-License-Identifier: BSD-3-Clause
// Joins a bond to the monitor that probes: from options and addresses the rules, from frames the signs of
// life, and the probes themselves. Owner: the control lcore; allocates in describe() only.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "bond/controller.hpp"
#include "bond/local_address.hpp"
#include "monitor/arp.hpp"
#include "monitor/nd.hpp"
#include "monitor/probing.hpp"
#include "monitor/watchers.hpp"
#include "options/options.hpp"

namespace dpdkbond {

// The address to ask `target` with: the one that the kernel's routes take; else of those whose network holds
// it the one with the longest prefix; else the first of its family; else the unspecified one, untagged, as
// Linux asks when it has no route. Of equals one that the kernel would take as a source: not deprecated, and
// primary rather than secondary. `mac` is the member's, for addresses that have none of their own. `reached`,
// where given, says whether the target is on the link of that address, by its network or by a route without a
// gateway: only then must it answer there.
ProbeSource probe_source(const LocalAddresses& addresses, const IpPrefix& target, const Mac& mac,
                         bool* reached = nullptr);

class Prober {
public:
    // `one_active`: the mode has an active member and only that one probes.
    void set_options(const BondOptions& options, bool one_active, Time now);
    void set_addresses(const LocalAddresses& addresses) {
        addresses_ = addresses;
        addresses_are_new_ = true;
    }
    void heed_addresses(Time now); // once they were set
    void handle_frame(MemberId id, Bytes frame,
                      Time now); // a copy of an ARP or ND frame received; other frames are ignored

    [[nodiscard]] bool on() const { return monitor_.on(); }
    [[nodiscard]] bool up(MemberId id) const { return monitor_.state(id) == ProbeMonitor::State::up; }
    // Which of the two watchers (ARP, NS) objects to a member that is not up.
    [[nodiscard]] WatcherSet objections(MemberId id) const;
    [[nodiscard]] WatcherSet watching() const; // those with targets
    [[nodiscard]] std::string describe(MemberId id) const;
    MemberId next_asker(); // the member whose probe poll_transmit() gives next; kNoMember: none is due
    // `mac`: what that member wears.
    bool poll_transmit(const Mac& mac, OwnFrame& out);

    ProbeMonitor& monitor() { return monitor_; }
    [[nodiscard]] const ProbeMonitor& monitor() const { return monitor_; }

private:
    template <class Address>
    void handle_heard(MemberId id, const std::optional<HeardProbe<Address>>& heard, std::size_t first,
                      Time now);
    [[nodiscard]] IpPrefix target(std::size_t number) const;
    [[nodiscard]] std::uint32_t targets() const;
    [[nodiscard]] std::uint32_t askable() const;
    [[nodiscard]] bool is_own(const IpPrefix& address, const IpPrefix& target) const;

    ProbeMonitor monitor_;
    FixedVec<Ipv4, 16> v4_; // targets: these first, then those
    FixedVec<Ipv6, 16> v6_;
    LocalAddresses addresses_;
    bool addresses_are_new_ = false;
    std::uint32_t lists_ = 0; // how often the targets changed
    MemberSet asking_;        // members whose probes are being polled …
    std::size_t next_target_ = 0;
};

} // namespace dpdkbond
