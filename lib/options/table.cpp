// SPDX-License-Identifier: BSD-3-Clause
// The rows of the option table: the one place that knows names, values, defaults, ranges and modes. Where a
// row's `taken_by` and `when` say so, Linux answers EACCES, ENOTEMPTY or EBUSY.
#include <array>
#include <limits>

#include "base/strong_id.hpp"
#include "options/options.hpp"
#include "options/values.hpp"

namespace dpdkbond {
namespace {

using namespace option_values;
using Names = std::string_view;
using Bond = BondOptions;
using Member = MemberOptions;

constexpr std::int64_t kIntMax = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kIntMin = std::numeric_limits<std::int32_t>::min();

constexpr TraitSet kEvery = {Trait::any};
constexpr TraitSet kRoundRobin = {Trait::round_robin};
constexpr TraitSet kBackups = {Trait::backups};
constexpr TraitSet kLacp = {Trait::lacp};
constexpr TraitSet kByLoad = {Trait::by_load};
constexpr TraitSet kOneActive = {Trait::one_active};
constexpr TraitSet kProbed = {Trait::probed};
constexpr TraitSet kAnnouncing = {Trait::announces};

constexpr std::array<Choice, 2> kOffOn = {{{"off", 0}, {"on", 1}}};
constexpr std::array<Choice, 1> kOn = {{{"on", 1}}};
constexpr std::array<Choice, 7> kArpValidate = {{{"none", 0},
                                                 {"active", 1},
                                                 {"backup", 2},
                                                 {"all", 3},
                                                 {"filter", 4},
                                                 {"filter_active", 5},
                                                 {"filter_backup", 6}}};
constexpr std::array<Choice, 2> kArpAllTargets = {{{"any", 0}, {"all", 1}}};
constexpr std::array<Choice, 3> kPrimaryReselect = {{{"always", 0}, {"better", 1}, {"failure", 2}}};
constexpr std::array<Choice, 3> kFailOverMac = {{{"none", 0}, {"active", 1}, {"follow", 2}}};
constexpr std::array<Choice, 6> kHash = {
    {{"layer2", 0}, {"layer2+3", 2}, {"layer3+4", 1}, {"encap2+3", 3}, {"encap3+4", 4}, {"vlan+srcmac", 5}}};
constexpr std::array<Choice, 2> kLacpRate = {{{"slow", 0}, {"fast", 1}}};
constexpr std::array<Choice, 4> kAdSelect = {
    {{"stable", 0}, {"bandwidth", 1}, {"count", 2}, {"actor_port_prio", 3}}};

constexpr std::array<Names, 2> kActiveNames = {"active_member", "active"};
constexpr std::array<Names, 2> kGratNames = {"num_unsol_na", "num_peer_notif"};
constexpr std::array<Names, 1> kNotifDelayNames = {"peer_notify_delay"};
constexpr std::array<Names, 1> kLacpRateNames = {"ad_lacp_rate"};
constexpr std::array<Names, 1> kLacpActiveNames = {"ad_lacp_active"};
constexpr std::array<Names, 1> kNeighborNames = {"broadcast_neigh"};

// The two functions of a row, by the field they are about.
template <auto Field, auto Parse> constexpr OptionDef with(OptionDef def) {
    def.set = set<Field, Parse>;
    def.get = get<Field>;
    return def;
}

template <auto Field> constexpr OptionDef number(OptionDef def) {
    def.kind = ValueKind::number;
    return with<Field, parse_number>(def);
}

template <auto Field> constexpr OptionDef choice(OptionDef def) {
    def.kind = ValueKind::choice;
    return with<Field, parse_choice>(def);
}

template <auto Field> constexpr OptionDef member(OptionDef def) {
    def.kind = ValueKind::member;
    return with<Field, parse_member>(def);
}

constexpr std::array kOptions = {
    number<&Bond::miimon>(
        {.name = "miimon",
         .max = kIntMax,
         .default_text = "100",
         .unit = "ms",
         .taken_by = kEvery,
         .works_in = kEvery,
         .help = "how often members' carrier is looked at; 0: never (Linux's default is 0)"}),
    number<&Bond::updelay>({.name = "updelay",
                            .max = kIntMax,
                            .default_text = "0",
                            .unit = "ms",
                            .taken_by = kEvery,
                            .works_in = kEvery,
                            .help = "a returned carrier must last this long before the member is used; a "
                                    "multiple of miimon, rounded down"}),
    number<&Bond::downdelay>({.name = "downdelay",
                              .max = kIntMax,
                              .default_text = "0",
                              .unit = "ms",
                              .taken_by = kEvery,
                              .works_in = kEvery,
                              .help = "a lost carrier is forgiven this long before the member is dropped; a "
                                      "multiple of miimon, rounded down"}),
    choice<&Bond::use_carrier>({.name = "use_carrier",
                                .choices = kOn,
                                .default_text = "on",
                                .taken_by = kEvery,
                                .works_in = kEvery,
                                .help = "obsolete in Linux: the carrier is always what is looked at"}),
    number<&Bond::arp_interval>(
        {.name = "arp_interval",
         .max = kIntMax,
         .default_text = "0",
         .unit = "ms",
         .taken_by = kProbed,
         .works_in = kProbed,
         .help = "how often the targets are probed by ARP or neighbour solicitation; excludes miimon"}),
    with<&Bond::arp_ip_target, parse_ipv4_list>({.name = "arp_ip_target",
                                                 .kind = ValueKind::ipv4_list,
                                                 .max = 16,
                                                 .taken_by = kEvery,
                                                 .works_in = kProbed,
                                                 .help = "IPv4 addresses that the monitor asks for"}),
    with<&Bond::ns_ip6_target, parse_ipv6_list>({.name = "ns_ip6_target",
                                                 .kind = ValueKind::ipv6_list,
                                                 .max = 16,
                                                 .taken_by = kEvery,
                                                 .works_in = kProbed,
                                                 .help = "IPv6 addresses that the monitor asks for"}),
    choice<&Bond::arp_validate>(
        {.name = "arp_validate",
         .choices = kArpValidate,
         .default_text = "none",
         .taken_by = kProbed,
         .works_in = kProbed,
         .help = "which frames count as a sign of life: any, the targets' answers, or any ARP only"}),
    choice<&Bond::arp_all_targets>({.name = "arp_all_targets",
                                    .choices = kArpAllTargets,
                                    .default_text = "any",
                                    .taken_by = kEvery,
                                    .works_in = kBackups,
                                    .help = "with arp_validate: whether one target that answers is enough"}),
    number<&Bond::arp_missed_max>({.name = "arp_missed_max",
                                   .min = 1,
                                   .max = 255,
                                   .default_text = "2",
                                   .unit = "intervals",
                                   .taken_by = kProbed,
                                   .works_in = kProbed,
                                   .help = "after how many silent intervals a member is down"}),
    member<&Bond::primary>({.name = "primary",
                            .taken_by = kOneActive,
                            .works_in = kOneActive,
                            .help = "the member that is active whenever it can be"}),
    choice<&Bond::primary_reselect>({.name = "primary_reselect",
                                     .choices = kPrimaryReselect,
                                     .default_text = "always",
                                     .taken_by = kEvery,
                                     .works_in = kOneActive,
                                     .help = "when a returned primary takes over: at once, if it is the "
                                             "better link, or when the active fails"}),
    member<&Bond::active_slave>({.name = "active_slave",
                                 .aliases = kActiveNames,
                                 .taken_by = kOneActive,
                                 .works_in = kOneActive,
                                 .help = "makes a member active now; in a file: the first choice at start"}),
    choice<&Bond::fail_over_mac>(
        {.name = "fail_over_mac",
         .choices = kFailOverMac,
         .default_text = "none",
         .taken_by = kEvery,
         .works_in = kBackups,
         .when = When::no_members,
         .help =
             "whose MAC is used: one for all members, the active member's, or one that moves with activity"}),
    number<&Bond::num_grat_arp>(
        {.name = "num_grat_arp",
         .aliases = kGratNames,
         .max = 255,
         .default_text = "1",
         .unit = "packets",
         .taken_by = kEvery,
         .works_in = kAnnouncing,
         .help = "how many gratuitous ARPs and unsolicited NAs follow a failover; in 802.3ad "
                 "with broadcast_neighbor, a member that begins to send"}),
    number<&Bond::peer_notif_delay>(
        {.name = "peer_notif_delay",
         .aliases = kNotifDelayNames,
         .max = 300000,
         .default_text = "0",
         .unit = "ms",
         .taken_by = kEvery,
         .works_in = kAnnouncing,
         .help = "the time between those; a multiple of miimon, rounded down; 0: miimon"}),
    number<&Bond::resend_igmp>({.name = "resend_igmp",
                                .max = 255,
                                .default_text = "1",
                                .unit = "reports",
                                .taken_by = kEvery,
                                .works_in = {Trait::reports_groups},
                                .help = "how often multicast memberships (IGMP, MLD) are reported after a "
                                        "failover, 200 ms apart"}),
    choice<&Bond::all_slaves_active>({.name = "all_slaves_active",
                                      .choices = kOffOn,
                                      .default_text = "off",
                                      .taken_by = kEvery,
                                      .works_in = kOneActive | kLacp,
                                      .help = "whether frames on inactive members are taken"}),
    choice<&Bond::xmit_hash_policy>({.name = "xmit_hash_policy",
                                     .choices = kHash,
                                     .default_text = "layer2",
                                     .taken_by = kEvery,
                                     .works_in = {Trait::hashed},
                                     .help = "which fields of a packet choose its member"}),
    number<&Bond::hash_seed>(
        {.name = "hash_seed",
         .max = 0xffffffff,
         .default_text = "0",
         .taken_by = kEvery,
         .works_in = {Trait::hashed},
         .help =
             "ours: mixed into the hash, so that the bonds of two tiers do not choose alike; 0: the hash as "
             "Linux has it. In balance-tlb and balance-alb with tlb_dynamic_lb off"}),
    number<&Bond::packets_per_slave>(
        {.name = "packets_per_slave",
         .max = 65535,
         .default_text = "1",
         .unit = "packets",
         .taken_by = kRoundRobin,
         .works_in = kRoundRobin,
         .help =
             "how many packets leave by a member before the next one's turn; 0: a random member for each"}),
    number<&Bond::min_links>({.name = "min_links",
                              .max = kIntMax,
                              .default_text = "0",
                              .unit = "members",
                              .taken_by = kEvery,
                              .works_in = kLacp,
                              .help = "with fewer ports of the active aggregator up than this (lacp_strict: "
                                      "collecting and distributing) the bond has no carrier"}),
    choice<&Bond::lacp_rate>(
        {.name = "lacp_rate",
         .aliases = kLacpRateNames,
         .choices = kLacpRate,
         .default_text = "slow",
         .taken_by = kLacp,
         .works_in = kLacp,
         .when = When::any_time_here,
         .help = "how often the partner is asked to send LACPDUs: every 30 s or every second"}),
    choice<&Bond::lacp_active>({.name = "lacp_active",
                                .aliases = kLacpActiveNames,
                                .choices = kOffOn,
                                .default_text = "on",
                                .taken_by = kLacp,
                                .works_in = kLacp,
                                .when = When::any_time_here,
                                .help = "off: LACPDUs are sent only to a partner that sends them"}),
    choice<&Bond::ad_select>(
        {.name = "ad_select",
         .choices = kAdSelect,
         .default_text = "stable",
         .taken_by = kEvery,
         .works_in = kLacp,
         .when = When::any_time_here,
         .help =
             "which aggregator is used: the one in use, the fastest, the largest, or that of the best port"}),
    number<&Bond::ad_actor_sys_prio>({.name = "ad_actor_sys_prio",
                                      .min = 1,
                                      .max = 65535,
                                      .default_text = "65535",
                                      .taken_by = kLacp,
                                      .works_in = kLacp,
                                      .help = "the system priority in LACPDUs"}),
    with<&Bond::ad_actor_system, parse_mac>(
        {.name = "ad_actor_system",
         .kind = ValueKind::mac,
         .default_text = "00:00:00:00:00:00",
         .taken_by = kLacp,
         .works_in = kLacp,
         .help = "the system's address in LACPDUs; zeros: the bond's MAC"}),
    number<&Bond::ad_user_port_key>({.name = "ad_user_port_key",
                                     .max = 1023,
                                     .default_text = "0",
                                     .taken_by = kLacp,
                                     .works_in = kLacp,
                                     .when = When::any_time_here,
                                     .help = "the upper ten bits of the port key"}),
    choice<&Bond::coupled_control>(
        {.name = "coupled_control",
         .choices = kOffOn,
         .default_text = "on",
         .taken_by = kLacp,
         .works_in = kLacp,
         .when = When::any_time_here,
         .help = "off: a port collects before it distributes, each state on its own"}),
    choice<&Bond::broadcast_neighbor>({.name = "broadcast_neighbor",
                                       .aliases = kNeighborNames,
                                       .choices = kOffOn,
                                       .default_text = "off",
                                       .taken_by = kLacp,
                                       .works_in = kLacp,
                                       .help = "ARP and neighbour discovery leave by every active member"}),
    choice<&Bond::lacp_strict>(
        {.name = "lacp_strict",
         .choices = kOffOn,
         .default_text = "off",
         .taken_by = kLacp,
         .works_in = kLacp,
         .help = "the bond's carrier counts only members that collect and distribute"}),
    choice<&Bond::tlb_dynamic_lb>({.name = "tlb_dynamic_lb",
                                   .choices = kOffOn,
                                   .default_text = "on",
                                   .taken_by = kByLoad,
                                   .works_in = kByLoad,
                                   .when = When::any_time_here,
                                   .help = "off: flows are spread by hash and stay where they are"}),
    number<&Bond::lp_interval>(
        {.name = "lp_interval",
         .min = 1,
         .max = kIntMax,
         .default_text = "1",
         .unit = "s",
         .taken_by = kEvery,
         .works_in = kByLoad,
         .help = "how often learning frames tell the switch where the members' MACs are"}),
    choice<&Bond::rlb_ipv6>(
        {.name = "rlb_ipv6",
         .choices = kOffOn,
         .default_text = "off",
         .taken_by = {Trait::rlb},
         .works_in = {Trait::rlb},
         .help = "ours: neighbour discovery spreads the IPv6 peers over the members too"}),
    choice<&Bond::member_taps>(
        {.name = "member_taps",
         .choices = kOffOn,
         .default_text = "off",
         .taken_by = kEvery,
         .works_in = kEvery,
         .help = "ours: the host gets a tap for each member, called as the last 12 characters of the "
                 "member's name and .lt, that carries what is between two ends of a wire (LLDP, STP, 802.1X: "
                 "01-80-C2-00-00-00 to -0F) but slow protocols (LACP)"}),
    number<&Bond::damping_half_life>(
        {.name = "damping_half_life",
         .max = 86400,
         .default_text = "0",
         .unit = "s",
         .taken_by = kEvery,
         .works_in = kEvery,
         .help = "each loss of a member costs it a penalty of 1000, which halves in this time; above "
                 "damping_suppress it is held out; 0: never (not in Linux)"}),
    number<&Bond::damping_suppress>({.name = "damping_suppress",
                                     .min = 1,
                                     .max = 1000000,
                                     .default_text = "2000",
                                     .taken_by = kEvery,
                                     .works_in = kEvery,
                                     .help = "with this penalty a member is held out, unless no other is "
                                             "usable (not in Linux)"}),
    number<&Bond::damping_reuse>({.name = "damping_reuse",
                                  .min = 1,
                                  .max = 1000000,
                                  .default_text = "750",
                                  .taken_by = kEvery,
                                  .works_in = kEvery,
                                  .help = "below this penalty it is used again (not in Linux)"}),
    number<&Member::prio>(
        {.name = "prio",
         .min = kIntMin,
         .max = kIntMax,
         .default_text = "0",
         .taken_by = kOneActive,
         .works_in = kOneActive,
         .of_member = true,
         .help = "without a usable primary the usable member with the highest becomes active"}),
    number<&Member::queue_id>({.name = "queue_id",
                               .max = kMaxLogicalQueues - 1,
                               .default_text = "0",
                               .taken_by = kEvery,
                               .works_in = {Trait::by_queue},
                               .of_member = true,
                               .help = "frames of the logical interface's queue of this number leave by this "
                                       "member while it is up; 0: none"}),
    number<&Member::actor_port_prio>({.name = "actor_port_prio",
                                      .min = 1,
                                      .max = 65535,
                                      .default_text = "255",
                                      .taken_by = kLacp,
                                      .works_in = kLacp,
                                      .of_member = true,
                                      .help = "the port priority in LACPDUs"}),
};
static_assert(kOptions.size() <= 64, "OptionSet has a bit for each");

} // namespace

std::span<const OptionDef> option_table() { return kOptions; }

} // namespace dpdkbond
