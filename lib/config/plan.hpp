// SPDX-License-Identifier: BSD-3-Clause
// What a reload will do: the difference between the bonds that run and the configuration that is wanted,
// found before anything is changed. Pure functions, any thread.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "options/model.hpp"

namespace dpdkbond {

struct BondAsItRuns {
    BondConfig config;                  // members: those that are really there
    std::vector<MemberConfig> waiting;  // wanted, but absent or refused so far
    std::set<std::string> stale{};      // members whose netdev was deleted and made anew
    bool logical_gone = false;          // the netdev of the logical interface was deleted
    std::vector<std::string> netdevs{}; // of its members, as they are called now
};

struct MachineFacts {
    std::uint32_t max_mtu = 0; // the longest that the packet buffers hold
    // Why the member's device is not there; empty: it is.
    std::function<std::string(const MemberConfig&)> why_absent;
};

struct Joining {
    MemberConfig member;
    bool device_is_free = true; // else another member has it until that has left
    bool was_waiting = false;   // refused or absent before: a failure is no reason to refuse the reload
};

struct BondPlan {
    std::string bond;
    bool options_change = false;
    std::vector<std::string> changed_options{}; // "updelay 300", "mode balance-xor"
    std::vector<std::string> leaving{};         // names of members
    std::vector<Joining> joining{};
    std::vector<MemberConfig> still_waiting{}; // absent now as before
    std::vector<std::pair<std::string, MemberOptions>> member_options{};
    std::vector<std::string> remarks{}; // what the file says and a running bond does not do
};

struct NewBond {
    BondConfig config;
    bool devices_are_free = true; // else it is made when those that have them have left
    bool remade = false;          // it runs now, without its netdev
};

// Carried out in this order: members and bonds leave, options change, members join, bonds are made.
struct ReloadPlan {
    std::vector<std::string> bonds_leaving;
    std::vector<NewBond> new_bonds;
    std::vector<BondPlan> bonds; // those that stay
};

// An error: the reload is refused whole, one line.
Result<ReloadPlan> plan_reload(std::span<const BondAsItRuns> running, std::span<const BondConfig> wanted,
                               const MachineFacts& facts);

// The keys of `runtime:` that differ, separated by commas; empty: none.
std::string runtime_differences(const RuntimeConfig& running, const RuntimeConfig& wanted);

// Addresses of a netdev that has `has`, where the file listed `before` and lists `wanted`: what to remove,
// and what to put (back) when that is done. A primary address takes its secondaries with it when it goes.
struct AddressPlan {
    std::vector<IpPrefix> remove, keep;
};
AddressPlan plan_addresses(std::span<const IpPrefix> has, std::span<const IpPrefix> before,
                           std::span<const IpPrefix> wanted);

// nullptr: there is none.
const BondConfig* find_bond(std::span<const BondConfig> bonds, const std::string& name);
// The same member, though its options may differ; nullptr: there is none.
const MemberConfig* find_same(std::span<const MemberConfig> members, const MemberConfig& m);

} // namespace dpdkbond
