// SPDX-License-Identifier: BSD-3-Clause
// A bond of any mode in virtual time with what is around it: devices that wear MACs, a host thread and
// workers that follow with a delay, an LACP partner, targets of the monitors, neighbours with caches. After
// every step the rules that hold in every mode are checked; the first that does not is named by broken().
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bond/bond.hpp"
#include "drivers/registry.hpp"
#include "lacp/engine.hpp"
#include "proto/arp.hpp"

namespace dpdkbond::life {

inline constexpr unsigned kNames = 6; // members that there may be
inline constexpr unsigned kNeighbors = 3;
inline constexpr Ipv4 kOurs{{192, 0, 2, 1}}, kOursTagged{{198, 51, 100, 1}};
inline constexpr Ipv4 kTarget{{192, 0, 2, 99}};
inline constexpr VlanTag kTag{ethertype::vlan, 7};

class BondLife {
public:
    BondLife(Mode mode, const BondOptions& options, bool mac_given, unsigned members);

    // ---- what may happen
    void join(unsigned name, unsigned perm_mac, bool carrier);
    void dismiss(unsigned name);
    void remove(unsigned name);
    void link(unsigned name, bool carrier, std::uint32_t speed, Duplex duplex);
    void admin(unsigned name, bool up);
    void change_mode(Mode mode);
    void set_option(std::string_view option, std::string_view value); // as `set bond` does
    void set_member_option(unsigned name, std::string_view option, std::string_view value);
    void set_active(unsigned name);
    void set_up(bool up); // the logical interface
    void set_mac(unsigned number);
    void set_addresses(unsigned how);
    void partner(bool answers) { partner_answers_ = answers; }
    void target(bool answers) { target_answers_ = answers; }
    void neighbor_speaks(unsigned n);         // asks for our address; our kernel answers
    void kernel_asks(unsigned n);             // by broadcast
    void receive(unsigned name, Bytes frame); // anything
    void host_delay(Duration d) { host_delay_ = d; }
    void worker_delay(Duration d) { worker_delay_ = d; }
    void pass(Duration d);

    // All links are up, everybody answers, and so much time passes that whatever was under way is over: then
    // the bond carries, and neighbours know MACs of its members only.
    void heal();
    // Its end, which is nobody's failover.
    void end();

    [[nodiscard]] const std::string& broken() const { return broken_; }
    [[nodiscard]] const std::string& trace() const { return trace_; }

private:
    struct Port {
        bool present = false, leaving = false, admin_down = false;
        MemberId id{};
        Mac perm{};
        LinkState link;
    };
    void fail(const std::string& what);
    void say(const std::string& what);
    [[nodiscard]] ModeParts parts(Mode mode, Controller& c) const;
    [[nodiscard]] Port* port_of(MemberId id);
    [[nodiscard]] bool may_use(MemberId id);
    void change_options(const BondOptions& options, OptionSet given);
    void drain(); // what the control lcore, the host thread and workers do after an input
    void transmitted(const Bond::Transmit& t);
    void wake();
    [[nodiscard]] Time next() const;
    void partner_links();
    void publish();
    void check();
    void check_snapshot(const Snapshot& s, const BondStatus& status);
    void check_macs(const Snapshot& s, const BondStatus& status);
    void check_neighbors();
    void learn_all(const Mac& mac);
    [[nodiscard]] bool is_worn(const Mac& mac, const MacPlan& plan) const;

    Time now_ = time_from_ns(1'000'000'000);
    Mode mode_;
    BondOptions options_;
    OptionSet given_ = 0;
    OptionsAside aside_;
    std::unique_ptr<Controller> controller_;
    std::unique_ptr<Bond> bond_;
    std::array<Port, kNames> ports_{};
    lacp::Engine partner_{1};
    lacp::BondId partner_bond_{};
    bool partner_answers_ = true, target_answers_ = true;
    bool up_ = true;
    bool tagged_ = false;                 // there is an address of ours on a VLAN
    std::array<Mac, kNeighbors> cache_{}; // where a neighbour sends what is for kOurs; zero: it has to ask
    Duration host_delay_{}, worker_delay_{};
    MacPlan applied_;
    std::uint64_t traffic_ = 0;
    Time macs_at_ = kNever, workers_at_ = kNever;
    std::unique_ptr<Snapshot> published_ = std::make_unique<Snapshot>();
    std::optional<BondStatus> told_;
    std::optional<bool> carrier_event_;
    std::string broken_, trace_;
};

} // namespace dpdkbond::life
