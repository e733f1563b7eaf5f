// SPDX-License-Identifier: BSD-3-Clause
// Every option of a bond and of a member, listed once. Parsing, --check, `modes`, the console's help and
// docs/options.md derive from option_table(). Names, values and defaults are Linux bonding's (ip link, sysfs,
// netlink); what deviates says so in its help. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/mac.hpp"
#include "base/result.hpp"
#include "options/modes.hpp"
#include "options/spray.hpp"

namespace dpdkbond {

enum class HashPolicy : std::uint8_t {
    layer2 = 0,
    layer34 = 1,
    layer23 = 2,
    encap23 = 3,
    encap34 = 4,
    vlan_srcmac = 5
};
enum class PrimaryReselect : std::uint8_t { always = 0, better = 1, failure = 2 };
enum class FailOverMac : std::uint8_t { none = 0, active = 1, follow = 2 };
enum class ArpValidate : std::uint8_t {
    none = 0,
    active = 1,
    backup = 2,
    all = 3,
    filter = 4,
    filter_active = 5,
    filter_backup = 6
};
enum class LacpRate : std::uint8_t { slow = 0, fast = 1 };
enum class AdSelect : std::uint8_t { stable = 0, bandwidth = 1, count = 2, actor_port_prio = 3 };

// The options of a bond with their defaults. Times are in the unit of the Linux option (ms unless said).
struct BondOptions {
    std::uint32_t miimon = 100; // ms; deviation: 100 unless miimon or arp_interval is given (Linux: 0)
    std::uint32_t updelay = 0;
    std::uint32_t downdelay = 0;
    bool use_carrier = true;
    std::uint32_t arp_interval = 0;
    std::vector<Ipv4> arp_ip_target;
    std::vector<Ipv6> ns_ip6_target;
    ArpValidate arp_validate = ArpValidate::none;
    bool arp_all_targets = false; // any=0, all=1
    std::uint8_t arp_missed_max = 2;
    std::string primary; // member name; empty: none
    PrimaryReselect primary_reselect = PrimaryReselect::always;
    std::string active_slave; // a command rather than a setting; in a file: the first choice
    FailOverMac fail_over_mac = FailOverMac::none;
    std::uint8_t num_grat_arp = 1; // num_unsol_na is the same
    std::uint32_t peer_notif_delay = 0;
    std::uint8_t resend_igmp = 1;
    bool all_slaves_active = false;
    HashPolicy xmit_hash_policy = HashPolicy::layer2;
    std::uint32_t hash_seed = 0;         // 0: Linux's hash
    std::uint16_t packets_per_slave = 1; // 0: random
    std::uint32_t min_links = 0;
    LacpRate lacp_rate = LacpRate::slow;
    bool lacp_active = true;
    AdSelect ad_select = AdSelect::stable;
    std::uint16_t ad_actor_sys_prio = 65535;
    Mac ad_actor_system{}; // zero: the bond's MAC
    std::uint16_t ad_user_port_key = 0;
    bool coupled_control = true;
    bool broadcast_neighbor = false;
    bool lacp_strict = false;
    bool tlb_dynamic_lb = true;
    std::uint32_t lp_interval = 1; // seconds
    bool rlb_ipv6 = false;         // ours
    bool member_taps = false;      // ours; see member_tap_name()
    // Ours: a member that is lost again and again is held out (monitor/damping.hpp).
    std::uint32_t damping_half_life = 0; // seconds; 0: off
    std::uint32_t damping_suppress = 2000;
    std::uint32_t damping_reuse = 750;
    SprayOptions spray; // balance-spray's own section
    bool operator==(const BondOptions&) const = default;
};

// The options of a member.
struct MemberOptions {
    std::int32_t prio = 0;
    std::uint16_t queue_id = 0;
    std::uint16_t actor_port_prio = 255;
    bool operator==(const MemberOptions&) const = default;
};

enum class When : std::uint8_t {
    any_time,      // may change while traffic runs
    no_members,    // Linux: only while the bond has no members (E)
    any_time_here, // Linux: only while the bond is down; ours takes it while traffic runs
};

struct Choice {
    std::string_view name;
    std::int64_t number;
};

enum class ValueKind : std::uint8_t { number, choice, mac, ipv4_list, ipv6_list, member };

struct OptionDef {
    std::string_view name;                     // Linux's sysfs name
    std::span<const std::string_view> aliases; // other spellings: iproute2's, netlink's
    ValueKind kind;
    std::int64_t min = 0, max = 0;   // kind number; list kinds: max = how many
    std::span<const Choice> choices; // kind choice: names and numbers are both taken
    std::string_view default_text;
    std::string_view unit; // "ms", "s", "packets" or empty
    TraitSet taken_by{};   // modes with one of these take it, as in Linux; elsewhere giving it is an error
    TraitSet works_in{};   // … in modes with one of these it changes anything
    When when = When::any_time;
    bool of_member = false; // an option of a member and not of the bond
    std::string_view help;  // one line

    // Sets the parsed value; the error says what is wrong and what is allowed, without the option's name.
    Result<void> (*set)(BondOptions&, MemberOptions&, const OptionDef&, std::string_view text) = nullptr;
    // The value as text, in the form that set() takes (names, not numbers).
    std::string (*get)(const BondOptions&, const MemberOptions&, const OptionDef&) = nullptr;
};

std::span<const OptionDef> option_table();
inline bool takes(Mode mode, const OptionDef& def) { return mode_def(mode).has_one_of(def.taken_by); }
inline bool works_in(Mode mode, const OptionDef& def) { return mode_def(mode).has_one_of(def.works_in); }
const OptionDef* find_option(std::string_view name_or_alias); // nullptr: unknown
std::string
allowed_text(const OptionDef& def); // "0-255", "none (0), active (1), follow (2)", "a MAC address" …

Result<void> set_bond_option(BondOptions& options, std::string_view name, std::string_view text);
Result<void> set_member_option(MemberOptions& options, std::string_view name, std::string_view text);
std::string bond_option_text(const BondOptions& options, const OptionDef& def);
std::string member_option_text(const MemberOptions& options, const OptionDef& def);

// Which options were written by the user, by the option's index in option_table(): needed for the rules
// below.
using OptionSet = std::uint64_t;
constexpr OptionSet option_bit(std::size_t index) { return OptionSet{1} << index; }
std::size_t option_index(const OptionDef& def);

struct OptionProblem {
    std::string option;  // which option's line the message belongs to
    std::string message; // "what is wrong; what is allowed"
};

// The rules between options and mode, as Linux refuses them (miimon with arp_interval, arp monitoring in
// 4/5/6, primary outside 1/5/6, delays without miimon …). `given`: what the user wrote. May normalise:
// updelay and downdelay become multiples of miimon (rounded down), peer_notif_delay too; miimon becomes 0
// when arp_interval is given without it. All problems at once.
std::vector<OptionProblem> check_options(Mode mode, BondOptions& options, OptionSet given);
// A member's option with its default value is taken in every mode: it changes nothing.
std::vector<OptionProblem> check_member_options(Mode mode, const MemberOptions& options, OptionSet given);

// After `set bond NAME OPTION VALUE`: the two ways of monitoring exclude one another, and as in Linux the one
// named last ends the other, with what depends on it.
void end_other_monitor(const OptionDef& named, BondOptions& options, OptionSet& given);

// What was set of a running bond and its present mode does not take. Linux shows it all the while; here it is
// back with the next mode that takes it.
struct OptionsAside {
    BondOptions values;
    OptionSet which = 0;
};

// Options of a running bond that changes to `mode`, as Linux leaves them: those that the mode does not take
// are put aside, those that it takes come back from there. arp_validate is none again, arp_interval 0 in a
// mode without ARP monitoring, where a bond that was monitored by ARP alone gets a miimon of 100.
void take_over_options(Mode mode, BondOptions& options, OptionSet& given, OptionsAside& aside);

// Whether `set bond NAME OPTION VALUE` may change it while the bond runs, and why not.
Result<void> may_change_running(Mode mode, const OptionDef& def, bool has_members = true);

// Levenshtein-nearest of `names` for "did you mean"; empty when nothing is near.
std::string nearest_name(std::string_view unknown, std::span<const std::string_view> names);

} // namespace dpdkbond
