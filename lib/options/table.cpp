// SPDX-License-Identifier: BSD-3-Clause
// The rows of the option table: the one place that knows names, values, defaults, ranges and modes. Where a
// row's `modes` and `when` say so, Linux answers EACCES, ENOTEMPTY or EBUSY.
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

constexpr ModeMask only(auto... modes) { return static_cast<ModeMask>((mask_of(modes) | ...)); }
constexpr ModeMask kEvery = 0xff;
constexpr ModeMask kRoundRobin = only(Mode::balance_rr);
constexpr ModeMask kActiveBackup = only(Mode::active_backup);
constexpr ModeMask kSpray = only(Mode::balance_spray);
constexpr ModeMask kAnnouncing = only(Mode::active_backup, Mode::balance_tlb) | kSpray;
constexpr ModeMask kLacp = only(Mode::ieee8023ad);
constexpr ModeMask kAdaptive = only(Mode::balance_tlb, Mode::balance_alb);
constexpr ModeMask kOneActive = only(Mode::active_backup, Mode::balance_tlb, Mode::balance_alb) | kSpray;
constexpr ModeMask kProbing = static_cast<ModeMask>(kEvery & ~(kLacp | kAdaptive | kSpray));

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
         .modes = kEvery,
         .effective = kEvery,
         .help = "how often members' carrier is looked at; 0: never (Linux's default is 0)"}),
    number<&Bond::updelay>({.name = "updelay",
                            .max = kIntMax,
                            .default_text = "0",
                            .unit = "ms",
                            .modes = kEvery,
                            .effective = kEvery,
                            .help = "a returned carrier must last this long before the member is used; a "
                                    "multiple of miimon, rounded down"}),
    number<&Bond::downdelay>({.name = "downdelay",
                              .max = kIntMax,
                              .default_text = "0",
                              .unit = "ms",
                              .modes = kEvery,
                              .effective = kEvery,
                              .help = "a lost carrier is forgiven this long before the member is dropped; a "
                                      "multiple of miimon, rounded down"}),
    choice<&Bond::use_carrier>({.name = "use_carrier",
                                .choices = kOn,
                                .default_text = "on",
                                .modes = kEvery,
                                .effective = kEvery,
                                .help = "obsolete in Linux: the carrier is always what is looked at"}),
    number<&Bond::arp_interval>(
        {.name = "arp_interval",
         .max = kIntMax,
         .default_text = "0",
         .unit = "ms",
         .modes = kProbing,
         .effective = kProbing,
         .help = "how often the targets are probed by ARP or neighbour solicitation; excludes miimon"}),
    with<&Bond::arp_ip_target, parse_ipv4_list>({.name = "arp_ip_target",
                                                 .kind = ValueKind::ipv4_list,
                                                 .max = 16,
                                                 .modes = kEvery,
                                                 .effective = kProbing,
                                                 .help = "IPv4 addresses that the monitor asks for"}),
    with<&Bond::ns_ip6_target, parse_ipv6_list>({.name = "ns_ip6_target",
                                                 .kind = ValueKind::ipv6_list,
                                                 .max = 16,
                                                 .modes = kEvery,
                                                 .effective = kProbing,
                                                 .help = "IPv6 addresses that the monitor asks for"}),
    choice<&Bond::arp_validate>(
        {.name = "arp_validate",
         .choices = kArpValidate,
         .default_text = "none",
         .modes = kProbing,
         .effective = kProbing,
         .help = "which frames count as a sign of life: any, the targets' answers, or any ARP only"}),
    choice<&Bond::arp_all_targets>({.name = "arp_all_targets",
                                    .choices = kArpAllTargets,
                                    .default_text = "any",
                                    .modes = kEvery,
                                    .effective = kActiveBackup,
                                    .help = "with arp_validate: whether one target that answers is enough"}),
    number<&Bond::arp_missed_max>({.name = "arp_missed_max",
                                   .min = 1,
                                   .max = 255,
                                   .default_text = "2",
                                   .unit = "intervals",
                                   .modes = kProbing,
                                   .effective = kProbing,
                                   .help = "after how many silent intervals a member is down"}),
    member<&Bond::primary>({.name = "primary",
                            .modes = kOneActive,
                            .effective = kOneActive,
                            .help = "the member that is active whenever it can be"}),
    choice<&Bond::primary_reselect>({.name = "primary_reselect",
                                     .choices = kPrimaryReselect,
                                     .default_text = "always",
                                     .modes = kEvery,
                                     .effective = kOneActive,
                                     .help = "when a returned primary takes over: at once, if it is the "
                                             "better link, or when the active fails"}),
    member<&Bond::active_slave>({.name = "active_slave",
                                 .aliases = kActiveNames,
                                 .modes = kOneActive,
                                 .effective = kOneActive,
                                 .help = "makes a member active now; in a file: the first choice at start"}),
    choice<&Bond::fail_over_mac>(
        {.name = "fail_over_mac",
         .choices = kFailOverMac,
         .default_text = "none",
         .modes = kEvery,
         .effective = kActiveBackup,
         .when = When::no_members,
         .help =
             "whose MAC is used: one for all members, the active member's, or one that moves with activity"}),
    number<&Bond::num_grat_arp>(
        {.name = "num_grat_arp",
         .aliases = kGratNames,
         .max = 255,
         .default_text = "1",
         .unit = "packets",
         .modes = kEvery,
         .effective = kAnnouncing | kLacp,
         .help = "how many gratuitous ARPs and unsolicited NAs follow a failover; in 802.3ad "
                 "with broadcast_neighbor, a member that begins to send"}),
    number<&Bond::peer_notif_delay>(
        {.name = "peer_notif_delay",
         .aliases = kNotifDelayNames,
         .max = 300000,
         .default_text = "0",
         .unit = "ms",
         .modes = kEvery,
         .effective = kAnnouncing | kLacp,
         .help = "the time between those; a multiple of miimon, rounded down; 0: miimon"}),
    number<&Bond::resend_igmp>({.name = "resend_igmp",
                                .max = 255,
                                .default_text = "1",
                                .unit = "reports",
                                .modes = kEvery,
                                .effective = only(Mode::balance_rr, Mode::active_backup) | kAdaptive | kSpray,
                                .help = "how often multicast memberships (IGMP, MLD) are reported after a "
                                        "failover, 200 ms apart"}),
    choice<&Bond::all_slaves_active>({.name = "all_slaves_active",
                                      .choices = kOffOn,
                                      .default_text = "off",
                                      .modes = kEvery,
                                      .effective = kOneActive | kLacp,
                                      .help = "whether frames on inactive members are taken"}),
    choice<&Bond::xmit_hash_policy>({.name = "xmit_hash_policy",
                                     .choices = kHash,
                                     .default_text = "layer2",
                                     .modes = kEvery,
                                     .effective = only(Mode::balance_xor, Mode::ieee8023ad) | kAdaptive,
                                     .help = "which fields of a packet choose its member"}),
    number<&Bond::packets_per_slave>(
        {.name = "packets_per_slave",
         .max = 65535,
         .default_text = "1",
         .unit = "packets",
         .modes = kRoundRobin,
         .effective = kRoundRobin,
         .help =
             "how many packets leave by a member before the next one's turn; 0: a random member for each"}),
    number<&Bond::min_links>({.name = "min_links",
                              .max = kIntMax,
                              .default_text = "0",
                              .unit = "members",
                              .modes = kEvery,
                              .effective = kLacp,
                              .help = "with fewer ports of the active aggregator up than this (lacp_strict: "
                                      "collecting and distributing) the bond has no carrier"}),
    choice<&Bond::lacp_rate>(
        {.name = "lacp_rate",
         .aliases = kLacpRateNames,
         .choices = kLacpRate,
         .default_text = "slow",
         .modes = kLacp,
         .effective = kLacp,
         .when = When::any_time_here,
         .help = "how often the partner is asked to send LACPDUs: every 30 s or every second"}),
    choice<&Bond::lacp_active>({.name = "lacp_active",
                                .aliases = kLacpActiveNames,
                                .choices = kOffOn,
                                .default_text = "on",
                                .modes = kLacp,
                                .effective = kLacp,
                                .when = When::any_time_here,
                                .help = "off: LACPDUs are sent only to a partner that sends them"}),
    choice<&Bond::ad_select>(
        {.name = "ad_select",
         .choices = kAdSelect,
         .default_text = "stable",
         .modes = kEvery,
         .effective = kLacp,
         .when = When::any_time_here,
         .help =
             "which aggregator is used: the one in use, the fastest, the largest, or that of the best port"}),
    number<&Bond::ad_actor_sys_prio>({.name = "ad_actor_sys_prio",
                                      .min = 1,
                                      .max = 65535,
                                      .default_text = "65535",
                                      .modes = kLacp,
                                      .effective = kLacp,
                                      .help = "the system priority in LACPDUs"}),
    with<&Bond::ad_actor_system, parse_mac>(
        {.name = "ad_actor_system",
         .kind = ValueKind::mac,
         .default_text = "00:00:00:00:00:00",
         .modes = kLacp,
         .effective = kLacp,
         .help = "the system's address in LACPDUs; zeros: the bond's MAC"}),
    number<&Bond::ad_user_port_key>({.name = "ad_user_port_key",
                                     .max = 1023,
                                     .default_text = "0",
                                     .modes = kLacp,
                                     .effective = kLacp,
                                     .when = When::any_time_here,
                                     .help = "the upper ten bits of the port key"}),
    choice<&Bond::coupled_control>(
        {.name = "coupled_control",
         .choices = kOffOn,
         .default_text = "on",
         .modes = kLacp,
         .effective = kLacp,
         .when = When::any_time_here,
         .help = "off: a port collects before it distributes, each state on its own"}),
    choice<&Bond::broadcast_neighbor>({.name = "broadcast_neighbor",
                                       .aliases = kNeighborNames,
                                       .choices = kOffOn,
                                       .default_text = "off",
                                       .modes = kLacp,
                                       .effective = kLacp,
                                       .help = "ARP and neighbour discovery leave by every active member"}),
    choice<&Bond::lacp_strict>(
        {.name = "lacp_strict",
         .choices = kOffOn,
         .default_text = "off",
         .modes = kLacp,
         .effective = kLacp,
         .help = "the bond's carrier counts only members that collect and distribute"}),
    choice<&Bond::tlb_dynamic_lb>({.name = "tlb_dynamic_lb",
                                   .choices = kOffOn,
                                   .default_text = "on",
                                   .modes = kAdaptive,
                                   .effective = kAdaptive,
                                   .when = When::any_time_here,
                                   .help = "off: flows are spread by hash and stay where they are"}),
    number<&Bond::lp_interval>(
        {.name = "lp_interval",
         .min = 1,
         .max = kIntMax,
         .default_text = "1",
         .unit = "s",
         .modes = kEvery,
         .effective = kAdaptive,
         .help = "how often learning frames tell the switch where the members' MACs are"}),
    choice<&Bond::rlb_ipv6>(
        {.name = "rlb_ipv6",
         .choices = kOffOn,
         .default_text = "off",
         .modes = only(Mode::balance_alb),
         .effective = only(Mode::balance_alb),
         .help = "ours: neighbour discovery spreads the IPv6 peers over the members too"}),
    number<&Bond::damping_half_life>(
        {.name = "damping_half_life",
         .max = 86400,
         .default_text = "0",
         .unit = "s",
         .modes = kEvery,
         .effective = kEvery,
         .help = "each loss of a member costs it a penalty of 1000, which halves in this time; above "
                 "damping_suppress it is held out; 0: never (not in Linux)"}),
    number<&Bond::damping_suppress>({.name = "damping_suppress",
                                     .min = 1,
                                     .max = 1000000,
                                     .default_text = "2000",
                                     .modes = kEvery,
                                     .effective = kEvery,
                                     .help = "with this penalty a member is held out, unless no other is "
                                             "usable (not in Linux)"}),
    number<&Bond::damping_reuse>({.name = "damping_reuse",
                                  .min = 1,
                                  .max = 1000000,
                                  .default_text = "750",
                                  .modes = kEvery,
                                  .effective = kEvery,
                                  .help = "below this penalty it is used again (not in Linux)"}),
    number<&Member::prio>(
        {.name = "prio",
         .min = kIntMin,
         .max = kIntMax,
         .default_text = "0",
         .modes = kOneActive,
         .effective = kOneActive,
         .of_member = true,
         .help = "without a usable primary the usable member with the highest becomes active"}),
    number<&Member::queue_id>({.name = "queue_id",
                               .max = kMaxLogicalQueues - 1,
                               .default_text = "0",
                               .modes = kEvery,
                               .effective = only(Mode::balance_rr, Mode::active_backup),
                               .of_member = true,
                               .help = "frames of the logical interface's queue of this number leave by this "
                                       "member while it is up; 0: none"}),
    number<&Member::actor_port_prio>({.name = "actor_port_prio",
                                      .min = 1,
                                      .max = 65535,
                                      .default_text = "255",
                                      .modes = kLacp,
                                      .effective = kLacp,
                                      .of_member = true,
                                      .help = "the port priority in LACPDUs"}),
};
static_assert(kOptions.size() <= 64, "OptionSet has a bit for each");

} // namespace

std::span<const OptionDef> option_table() { return kOptions; }

} // namespace dpdkbond
