// SPDX-License-Identifier: BSD-3-Clause
#include <set>

#include <catch2/catch.hpp>

#include "options/model.hpp"
#include "options/options.hpp"
#include "options/remarks.hpp"
#include "options/vdev_args.hpp"

using namespace dpdkbond;

namespace {

OptionSet given(std::initializer_list<std::string_view> names) {
    OptionSet set = 0;
    for (const std::string_view name : names) set |= option_bit(option_index(*find_option(name)));
    return set;
}

std::string set_error(std::string_view name, std::string_view text) {
    BondOptions options;
    const Result<void> result = set_bond_option(options, name, text);
    return result ? "" : result.error();
}

// The names of the options that check_options() complains about.
std::vector<std::string> refused(Mode mode, BondOptions options,
                                 std::initializer_list<std::string_view> names) {
    std::vector<std::string> list;
    for (const OptionProblem& problem : check_options(mode, options, given(names)))
        list.push_back(problem.option);
    return list;
}

using List = std::vector<std::string>;

} // namespace

TEST_CASE("every mode has its Linux name and number") {
    REQUIRE(mode_table().size() == kModeCount);
    for (std::size_t i = 0; i < kModeCount; ++i) {
        const ModeDef& def = mode_table()[i];
        CHECK(static_cast<std::size_t>(def.mode) == i);
        CHECK(mode_name(def.mode) == def.name);
        CHECK(parse_mode(def.name) == def.mode);
        CHECK(parse_mode(std::to_string(i)) == def.mode);
        CHECK_FALSE(def.help.empty());
    }
    CHECK(parse_mode("802.3ad") == Mode::ieee8023ad);
    CHECK(parse_mode("active-backup") == Mode::active_backup);
    for (const char* text : {"", "8", "-1", "01", "active_backup", "Balance-RR", "802.3"}) {
        INFO(text);
        CHECK_FALSE(parse_mode(text));
    }
}

TEST_CASE("modes are listed by name and number") {
    CHECK(modes_phrase({Mode::active_backup, Mode::balance_alb}) == "active-backup (1), balance-alb (6)");
    CHECK(mode_names({Mode::active_backup, Mode::balance_alb}) == "active-backup, balance-alb");
    CHECK(modes_phrase(modes_with({Trait::any})) == "every mode");
}

TEST_CASE("every option of Linux bonding is in the table, once") {
    const std::set<std::string_view> linux_names = {"miimon",
                                                    "updelay",
                                                    "downdelay",
                                                    "use_carrier",
                                                    "arp_interval",
                                                    "arp_ip_target",
                                                    "ns_ip6_target",
                                                    "arp_validate",
                                                    "arp_all_targets",
                                                    "arp_missed_max",
                                                    "primary",
                                                    "primary_reselect",
                                                    "active_slave",
                                                    "fail_over_mac",
                                                    "num_grat_arp",
                                                    "peer_notif_delay",
                                                    "resend_igmp",
                                                    "all_slaves_active",
                                                    "xmit_hash_policy",
                                                    "packets_per_slave",
                                                    "min_links",
                                                    "lacp_rate",
                                                    "lacp_active",
                                                    "ad_select",
                                                    "ad_actor_sys_prio",
                                                    "ad_actor_system",
                                                    "ad_user_port_key",
                                                    "coupled_control",
                                                    "broadcast_neighbor",
                                                    "lacp_strict",
                                                    "tlb_dynamic_lb",
                                                    "lp_interval",
                                                    "rlb_ipv6",    // ours
                                                    "member_taps", // ours
                                                    "prio",
                                                    "queue_id",
                                                    "actor_port_prio"};
    std::set<std::string_view> names, spellings;
    for (const OptionDef& def : option_table()) {
        INFO(def.name);
        CHECK(names.insert(def.name).second);
        CHECK(spellings.insert(def.name).second);
        for (const std::string_view alias : def.aliases) CHECK(spellings.insert(alias).second);
        CHECK_FALSE(def.help.empty());
        CHECK_FALSE(modes_with(def.taken_by).empty());
        CHECK_FALSE(modes_with(def.works_in).empty());
        CHECK(modes_with(def.taken_by).contains(modes_with(def.works_in)));
        CHECK(def.set != nullptr);
        CHECK(def.get != nullptr);
        CHECK(&option_table()[option_index(def)] == &def);
    }
    std::set<std::string_view> known = linux_names; // and ours
    known.insert({"damping_half_life", "damping_suppress", "damping_reuse", "hash_seed"});
    CHECK(names == known);
}

TEST_CASE("an option's default text is its default value, and what get() gives set() takes") {
    for (const OptionDef& def : option_table()) {
        INFO(def.name);
        const std::string text = def.get(BondOptions{}, MemberOptions{}, def);
        CHECK(text == def.default_text);
        BondOptions bond;
        MemberOptions member;
        CHECK(def.set(bond, member, def, text).ok());
        CHECK(bond == BondOptions{});
        CHECK(member == MemberOptions{});
    }
}

TEST_CASE("a choice is taken by name and by number") {
    for (const OptionDef& def : option_table()) {
        if (def.kind != ValueKind::choice) continue;
        for (const Choice& choice : def.choices) {
            INFO(def.name << " " << choice.name);
            BondOptions by_name, by_number;
            CHECK(set_bond_option(by_name, def.name, choice.name).ok());
            CHECK(set_bond_option(by_number, def.name, std::to_string(choice.number)).ok());
            CHECK(by_name == by_number);
            CHECK(bond_option_text(by_name, def) == choice.name);
        }
    }
}

TEST_CASE("hash policies have Linux's numbers") {
    BondOptions options;
    REQUIRE(set_bond_option(options, "xmit_hash_policy", "layer3+4").ok());
    CHECK(options.xmit_hash_policy == HashPolicy::layer34);
    REQUIRE(set_bond_option(options, "xmit_hash_policy", "2").ok());
    CHECK(options.xmit_hash_policy == HashPolicy::layer23);
    REQUIRE(set_bond_option(options, "xmit_hash_policy", "vlan+srcmac").ok());
    CHECK(options.xmit_hash_policy == HashPolicy::vlan_srcmac);
    CHECK(
        set_error("xmit_hash_policy", "layer4") ==
        "\"layer4\" is not one of its values; allowed: layer2 (0), layer2+3 (2), layer3+4 (1), encap2+3 (3), "
        "encap3+4 (4), vlan+srcmac (5)");
}

TEST_CASE("numbers are taken within their range only") {
    BondOptions options;
    CHECK(set_bond_option(options, "num_grat_arp", "255").ok());
    CHECK(options.num_grat_arp == 255);
    CHECK(set_error("num_grat_arp", "256") == "\"256\" is out of range; allowed: 0-255");
    CHECK(set_bond_option(options, "packets_per_slave", "65535").ok());
    CHECK(set_error("packets_per_slave", "65536") == "\"65536\" is out of range; allowed: 0-65535");
    CHECK(set_bond_option(options, "miimon", "2147483647").ok());
    CHECK(set_error("miimon", "2147483648") == "\"2147483648\" is out of range; allowed: 0-2147483647");
    CHECK(set_error("peer_notif_delay", "300001") == "\"300001\" is out of range; allowed: 0-300000");
    CHECK(set_error("updelay", "-1") == "\"-1\" is out of range; allowed: 0-2147483647");
    for (const char* text : {"", " 1", "1 ", "+1", "0x10", "1.5", "ten"}) {
        INFO(text);
        CHECK_THAT(set_error("miimon", text),
                   Catch::EndsWith("is not a decimal whole number; allowed: 0-2147483647"));
    }
    MemberOptions member;
    CHECK(set_member_option(member, "prio", "-2147483648").ok());
    CHECK(member.prio == std::numeric_limits<std::int32_t>::min());
    CHECK_FALSE(set_member_option(member, "prio", "2147483648").ok());
}

TEST_CASE("a switch takes the words of Linux and of YAML") {
    for (const char* text : {"on", "1", "true", "True", "yes", "YES"}) {
        INFO(text);
        BondOptions options;
        CHECK(set_bond_option(options, "all_slaves_active", text).ok());
        CHECK(options.all_slaves_active);
    }
    for (const char* text : {"off", "0", "false", "no", "OFF"}) {
        INFO(text);
        BondOptions options;
        options.all_slaves_active = true;
        CHECK(set_bond_option(options, "all_slaves_active", text).ok());
        CHECK_FALSE(options.all_slaves_active);
    }
    CHECK_FALSE(set_error("all_slaves_active", "2").empty());
    CHECK_FALSE(set_error("primary_reselect", "true").empty());
}

TEST_CASE("use_carrier is obsolete and takes 1 only") {
    CHECK(set_error("use_carrier", "1").empty());
    CHECK(set_error("use_carrier", "0") == "\"0\" is not one of its values; allowed: on (1)");
}

TEST_CASE("options have the spellings of sysfs, netlink and iproute2") {
    BondOptions options;
    CHECK(set_bond_option(options, "num_unsol_na", "7").ok());
    CHECK(options.num_grat_arp == 7);
    CHECK(set_bond_option(options, "peer_notify_delay", "300").ok());
    CHECK(options.peer_notif_delay == 300);
    CHECK(set_bond_option(options, "active_member", "m1").ok());
    CHECK(options.active_slave == "m1");
    CHECK(find_option("ad_lacp_rate") == find_option("lacp_rate"));
    CHECK(find_option("max_bonds") == nullptr);
    CHECK(find_option("") == nullptr);
}

TEST_CASE("a number out of its range is refused with the range") {
    CHECK(set_error("lp_interval", "0") == "\"0\" is out of range; allowed: 1-2147483647");
}

TEST_CASE("lists of targets are judged item by item") {
    const OptionDef& def = *find_option("arp_ip_target");
    BondOptions bond;
    MemberOptions member;
    REQUIRE(def.set(bond, member, def, "192.0.2.1, 192.0.2.2").ok());
    CHECK(def.get(bond, member, def) == "192.0.2.1,192.0.2.2");
    for (const char* text :
         {"0.0.0.0", "255.255.255.255", "192.0.2.300", "192.0.2.1/24", "192.0.2.1,192.0.2.1",
          "1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,1.1.1.9,1.1.1.10,"
          "1.1.1.11,1.1.1.12,1.1.1.13,1.1.1.14,1.1.1.15,1.1.1.16,1.1.1.17"}) {
        INFO(text);
        CHECK_FALSE(def.set(bond, member, def, text).ok());
    }
    CHECK(bond.arp_ip_target.size() == 2);

    const OptionDef& v6 = *find_option("ns_ip6_target");
    CHECK(v6.set(bond, member, v6, "fe80::1,2001:db8::1").ok());
    for (const char* text : {"::", "::1", "ff02::1", "fe80::1%eth0", "192.0.2.1"}) {
        INFO(text);
        CHECK_FALSE(v6.set(bond, member, v6, text).ok());
    }
}

TEST_CASE("a system address is unicast or zero") {
    const OptionDef& def = *find_option("ad_actor_system");
    BondOptions bond;
    MemberOptions member;
    CHECK(def.set(bond, member, def, "02:00:00:00:00:09").ok());
    CHECK(def.get(bond, member, def) == "02:00:00:00:00:09");
    CHECK(def.set(bond, member, def, "00:00:00:00:00:00").ok());
    CHECK_FALSE(def.set(bond, member, def, "01:00:00:00:00:00").ok());
    CHECK_FALSE(def.set(bond, member, def, "02:00:00:00:00").ok());
}

TEST_CASE("a member's name is one word") {
    BondOptions options;
    CHECK(set_bond_option(options, "primary", "m1").ok());
    CHECK(options.primary == "m1");
    CHECK(set_bond_option(options, "primary", "").ok());
    CHECK(options.primary.empty());
    CHECK_FALSE(set_bond_option(options, "primary", "a b").ok());
    CHECK_FALSE(set_bond_option(options, "primary", "a\nb").ok());
}

TEST_CASE("an unknown option names the nearest one of its kind") {
    CHECK(set_error("miimom", "1") == "no such option of a bond: \"miimom\"; did you mean miimon?");
    CHECK(set_error("prio", "1") == "no such option of a bond: \"prio\"");
    MemberOptions member;
    CHECK(set_member_option(member, "miimon", "1").error() == "no such option of a member: \"miimon\"");
}

TEST_CASE("each mode refuses the options that Linux refuses there") {
    // By Linux 6.1: each option written to a fresh bond of each mode.
    const std::vector<std::pair<std::string_view, std::string_view>> taken = {
        {"active_slave", "156"},
        {"ad_actor_sys_prio", "4"},
        {"ad_actor_system", "4"},
        {"ad_select", "0123456"},
        {"ad_user_port_key", "4"},
        {"all_slaves_active", "0123456"},
        {"arp_all_targets", "0123456"},
        {"arp_interval", "0123"},
        {"arp_ip_target", "0123456"},
        {"arp_missed_max", "0123"},
        {"arp_validate", "0123"},
        {"fail_over_mac", "0123456"},
        {"lacp_active", "4"},
        {"lacp_rate", "4"},
        {"lp_interval", "0123456"},
        {"miimon", "0123456"},
        {"min_links", "0123456"},
        {"num_grat_arp", "0123456"},
        {"packets_per_slave", "0"},
        {"peer_notif_delay", "0123456"},
        {"primary", "156"},
        {"primary_reselect", "0123456"},
        {"resend_igmp", "0123456"},
        {"rlb_ipv6", "6"},
        {"tlb_dynamic_lb", "56"},
        {"updelay", "0123456"},
        {"downdelay", "0123456"},
        {"xmit_hash_policy", "0123456"}};
    for (const auto& [name, modes] : taken) {
        for (int mode = 0; mode <= 6; ++mode) {
            INFO(name << " in mode " << mode);
            const bool takes = modes.find(static_cast<char>('0' + mode)) != std::string_view::npos;
            CHECK(refused(static_cast<Mode>(mode), {}, {name}) == (takes ? List{} : List{std::string(name)}));
        }
    }
    BondOptions options;
    const auto problems = check_options(Mode::balance_rr, options, given({"primary"}));
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].message ==
          "the mode balance-rr does not take it; taken by active-backup (1), balance-tlb (5), "
          "balance-alb (6), balance-spray (7)");
}

TEST_CASE("each mode refuses the member options that Linux refuses there") {
    const MemberOptions set{.prio = 1, .queue_id = 1, .actor_port_prio = 1};
    CHECK(check_member_options(Mode::active_backup, set, given({"prio", "queue_id"})).empty());
    CHECK(check_member_options(Mode::balance_xor, set, given({"prio"})).size() == 1);
    CHECK(check_member_options(Mode::active_backup, set, given({"actor_port_prio"})).size() == 1);
    CHECK(check_member_options(Mode::ieee8023ad, set, given({"actor_port_prio"})).empty());
}

TEST_CASE("a member option with its default value is taken in every mode") {
    for (const ModeDef& mode : mode_table())
        CHECK(check_member_options(mode.mode, {}, given({"prio", "queue_id", "actor_port_prio"})).empty());
}

TEST_CASE("MII and ARP monitoring exclude one another") {
    BondOptions options;
    options.arp_interval = 200;
    CHECK(refused(Mode::active_backup, options, {"miimon", "arp_interval"}) == List{"arp_interval"});
    CHECK(check_options(Mode::active_backup, options, given({"arp_interval"})).empty());
    CHECK(options.miimon == 0);

    options.arp_validate = ArpValidate::all;
    CHECK(refused(Mode::active_backup, options, {"arp_interval", "arp_validate"}).empty());
    options.arp_interval = 0;
    options.miimon = 100;
    CHECK(refused(Mode::active_backup, options, {"miimon", "arp_validate"}) == List{"arp_validate"});
    options.arp_interval = 0;
    options.miimon = 0;
    CHECK(refused(Mode::active_backup, options, {"miimon", "arp_validate"}).empty());
}

TEST_CASE("miimon stays as given, and is 100 without a word about monitoring") {
    BondOptions options;
    CHECK(check_options(Mode::active_backup, options, 0).empty());
    CHECK(options.miimon == 100);
    options.miimon = 0;
    CHECK(check_options(Mode::active_backup, options, given({"miimon"})).empty());
    CHECK(options.miimon == 0);
}

TEST_CASE("delays are multiples of miimon, rounded down") {
    BondOptions options;
    options.updelay = 250;
    options.downdelay = 99;
    options.peer_notif_delay = 1099;
    CHECK(check_options(Mode::active_backup, options, given({"updelay", "downdelay", "peer_notif_delay"}))
              .empty());
    CHECK(options.updelay == 200);
    CHECK(options.downdelay == 0);
    CHECK(options.peer_notif_delay == 1000);
}

TEST_CASE("delays without miimon are refused, even a delay of 0") {
    BondOptions options;
    options.miimon = 0;
    CHECK(refused(Mode::active_backup, options, {"miimon", "updelay", "downdelay", "peer_notif_delay"}) ==
          List{"updelay", "downdelay", "peer_notif_delay"});
    options.miimon = 100;
    options.arp_interval = 100;
    CHECK(refused(Mode::active_backup, options, {"arp_interval", "updelay"}) == List{"updelay"});
}

TEST_CASE("all problems of a bond are told at once") {
    CHECK(refused(Mode::balance_xor, {}, {"primary", "packets_per_slave", "lacp_rate"}) ==
          List{"primary", "packets_per_slave", "lacp_rate"});
}

TEST_CASE("what Linux changes only on an empty or stopped bond is not changed while running") {
    CHECK(may_change_running(Mode::active_backup, *find_option("miimon")).ok());
    CHECK(may_change_running(Mode::active_backup, *find_option("primary")).ok());
    CHECK_THAT(may_change_running(Mode::balance_rr, *find_option("primary")).error(),
               Catch::Contains("active-backup (1)"));
    CHECK_THAT(may_change_running(Mode::active_backup, *find_option("fail_over_mac")).error(),
               Catch::Contains("no members"));
    CHECK(may_change_running(Mode::active_backup, *find_option("fail_over_mac"), false).ok());
    CHECK_THAT(may_change_running(Mode::ieee8023ad, *find_option("arp_interval")).error(),
               Catch::Contains("arp_interval"));
    CHECK(may_change_running(Mode::balance_tlb, *find_option("tlb_dynamic_lb")).ok());
}

TEST_CASE("the options of 802.3ad change while the bond runs, in that mode only") {
    for (const char* name :
         {"lacp_rate", "lacp_active", "ad_select", "ad_actor_sys_prio", "ad_actor_system", "ad_user_port_key",
          "coupled_control", "broadcast_neighbor", "lacp_strict", "min_links", "actor_port_prio"}) {
        INFO(name);
        CHECK(may_change_running(Mode::ieee8023ad, *find_option(name)).ok());
    }
    CHECK_FALSE(may_change_running(Mode::balance_xor, *find_option("lacp_rate")).ok());
}

TEST_CASE("the nearest name counts swapped letters as one slip and stays silent when nothing is near") {
    const std::vector<std::string_view> names = {"miimon", "min_links", "mode", "members"};
    CHECK(nearest_name("miimom", names) == "miimon");
    CHECK(nearest_name("mimion", names) == "miimon");
    CHECK(nearest_name("member", names) == "members");
    CHECK(nearest_name("modes", names) == "mode");
    CHECK(nearest_name("xyz", names).empty());
    CHECK(nearest_name("", names).empty());
    CHECK(nearest_name(std::string(1000, 'm'), names).empty());
}

TEST_CASE("of two monitors the one that is named last stays, as when Linux is told while it runs") {
    const auto bit = [](std::string_view name) { return option_bit(option_index(*find_option(name))); };
    BondOptions options;
    OptionSet given = bit("miimon") | bit("updelay") | bit("primary");
    options.updelay = 200;
    options.arp_interval = 500;
    end_other_monitor(*find_option("arp_interval"), options, given);
    CHECK(options.miimon == 0);
    CHECK(options.updelay == 0);
    CHECK(given == bit("primary"));
    CHECK(check_options(Mode::active_backup, options, given | bit("arp_interval")).empty());

    options.arp_validate = ArpValidate::all;
    options.miimon = 50;
    given = bit("arp_interval") | bit("arp_validate") | bit("arp_ip_target");
    end_other_monitor(*find_option("miimon"), options, given);
    CHECK(options.arp_interval == 0);
    CHECK(options.arp_validate == ArpValidate::none);
    CHECK(given == bit("arp_ip_target"));
    CHECK(check_options(Mode::active_backup, options, given | bit("miimon")).empty());

    options.arp_interval = 0; // ends nothing
    end_other_monitor(*find_option("arp_interval"), options, given);
    CHECK(options.miimon == 50);
    options.miimon = 0; // as arp_interval had left it: no bond is without a monitor unless it is told so
    given &= ~bit("miimon");
    end_other_monitor(*find_option("arp_interval"), options, given);
    CHECK(options.miimon == 100);
    options.miimon = 0;
    end_other_monitor(*find_option("arp_interval"), options, given |= bit("miimon"));
    CHECK(options.miimon == 0);
}

TEST_CASE("a member can be held out and used again: damping_reuse lies below damping_suppress") {
    BondOptions options;
    options.damping_reuse = 2000;
    CHECK(check_options(Mode::active_backup, options, 0).empty()); // off
    options.damping_half_life = 15;
    const auto problems = check_options(Mode::active_backup, options, 0);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].option == "damping_suppress");
}

TEST_CASE("a bond monitored by ARP is monitored by miimon in a mode without ARP monitoring", "[D8][A4]") {
    const Mode mode = GENERATE(Mode::ieee8023ad, Mode::balance_tlb, Mode::balance_alb);
    BondOptions options;
    OptionSet set = given({"arp_interval", "arp_ip_target", "arp_validate"});
    REQUIRE(set_bond_option(options, "arp_interval", "200"));
    REQUIRE(set_bond_option(options, "arp_ip_target", "192.0.2.1"));
    REQUIRE(set_bond_option(options, "arp_validate", "all"));
    REQUIRE(check_options(Mode::active_backup, options, set).empty());
    REQUIRE(options.miimon == 0);
    OptionsAside aside;
    take_over_options(mode, options, set, aside);
    REQUIRE(check_options(mode, options, set).empty());
    CHECK(options.miimon == 100);
    CHECK(options.arp_interval == 0);
    CHECK(options.arp_validate == ArpValidate::none);
}

TEST_CASE("a mode with ARP monitoring keeps it, but not arp_validate", "[D8]") {
    BondOptions options;
    OptionSet set = given({"arp_interval", "arp_ip_target", "arp_validate"});
    REQUIRE(set_bond_option(options, "arp_interval", "200"));
    REQUIRE(set_bond_option(options, "arp_ip_target", "192.0.2.1"));
    REQUIRE(set_bond_option(options, "arp_validate", "all"));
    REQUIRE(check_options(Mode::active_backup, options, set).empty());
    OptionsAside aside;
    take_over_options(Mode::balance_xor, options, set, aside);
    REQUIRE(check_options(Mode::balance_xor, options, set).empty());
    CHECK(options.miimon == 0);
    CHECK(options.arp_interval == 200);
    CHECK(options.arp_validate == ArpValidate::none);
    CHECK((set & option_bit(option_index(*find_option("arp_validate")))) == 0);
}

TEST_CASE("what a mode does not take is back with the next that does, as Linux keeps it") {
    BondOptions options;
    OptionSet set = given({"lacp_rate", "min_links"});
    REQUIRE(set_bond_option(options, "lacp_rate", "fast"));
    REQUIRE(set_bond_option(options, "min_links", "2")); // every mode takes it
    OptionsAside aside;
    const auto change = [&](Mode mode) {
        take_over_options(mode, options, set, aside);
        REQUIRE(check_options(mode, options, set).empty());
    };
    change(Mode::balance_rr);
    CHECK(options.lacp_rate == LacpRate::slow);
    CHECK(set == given({"min_links"}));
    REQUIRE(set_bond_option(options, "packets_per_slave", "5"));
    set |= given({"packets_per_slave"});
    change(Mode::active_backup);
    CHECK(set == given({"min_links"}));
    change(Mode::ieee8023ad);
    CHECK(options.lacp_rate == LacpRate::fast);
    CHECK(options.packets_per_slave == BondOptions{}.packets_per_slave);
    CHECK(set == given({"lacp_rate", "min_links"}));
    CHECK(aside.which == given({"packets_per_slave"}));
    change(Mode::balance_rr);
    CHECK(options.packets_per_slave == 5);
    CHECK(options.min_links == 2);
    CHECK(aside.which == given({"lacp_rate"}));
}

TEST_CASE("from any mode to any other and back leaves each option as it was, but what Linux ends") {
    constexpr std::pair<const char*, const char*> kOthers[] = {{"ad_actor_sys_prio", "9"},
                                                               {"ad_select", "count"},
                                                               {"ad_user_port_key", "7"},
                                                               {"all_slaves_active", "1"},
                                                               {"arp_all_targets", "all"},
                                                               {"arp_ip_target", "192.0.2.1"},
                                                               {"arp_missed_max", "5"},
                                                               {"fail_over_mac", "active"},
                                                               {"lacp_active", "off"},
                                                               {"lacp_rate", "fast"},
                                                               {"lp_interval", "5"},
                                                               {"miimon", "50"},
                                                               {"min_links", "2"},
                                                               {"num_grat_arp", "3"},
                                                               {"packets_per_slave", "5"},
                                                               {"primary", "m0"},
                                                               {"primary_reselect", "failure"},
                                                               {"resend_igmp", "3"},
                                                               {"tlb_dynamic_lb", "0"},
                                                               {"use_carrier", "1"},
                                                               {"xmit_hash_policy", "layer3+4"}};
    for (const ModeDef& from : mode_table())
        for (const ModeDef& to : mode_table())
            for (const auto& [name, text] : kOthers) {
                const OptionDef* def = find_option(name);
                REQUIRE(def != nullptr);
                if (!takes(from.mode, *def)) continue;
                INFO(from.name << " to " << to.name << " and back with " << name);
                BondOptions options;
                OptionSet set = given({name});
                REQUIRE(set_bond_option(options, name, text));
                if (std::string_view(name).starts_with("arp_") &&
                    takes(from.mode, *find_option("arp_interval"))) {
                    REQUIRE(set_bond_option(options, "arp_interval", "200"));
                    REQUIRE(set_bond_option(options, "arp_ip_target", "192.0.2.1"));
                    set |= given({"arp_interval", "arp_ip_target"});
                }
                REQUIRE(check_options(from.mode, options, set).empty());
                const std::string before = bond_option_text(options, *def);
                OptionsAside aside;
                for (const Mode mode : {to.mode, from.mode}) {
                    take_over_options(mode, options, set, aside);
                    REQUIRE(check_options(mode, options, set).empty());
                }
                CHECK(bond_option_text(options, *def) == before);
                CHECK((set & given({name})) != 0);
            }
}

TEST_CASE("values that are taken and do less than they say are remarked upon", "[A16]") {
    const auto texts = [](Mode mode, std::initializer_list<std::pair<const char*, const char*>> options) {
        BondOptions o;
        OptionSet given = 0;
        for (const auto& [name, value] : options) {
            REQUIRE(set_bond_option(o, name, value).ok());
            given |= option_bit(option_index(*find_option(name)));
        }
        std::vector<std::string> out;
        for (const OptionProblem& r : option_remarks(mode, o, given))
            out.push_back(r.option + ": " + r.message);
        for (const OptionProblem& r : monitor_remarks(o)) out.push_back(r.option + ": " + r.message);
        return out;
    };
    using List = std::vector<std::string>;
    CHECK(texts(Mode::active_backup, {}).empty());
    CHECK(texts(Mode::active_backup, {{"miimon", "100"}, {"downdelay", "50"}}) ==
          List{"downdelay: 50 ms is no multiple of miimon (100 ms): it is 0 ms"});
    CHECK(texts(Mode::active_backup, {{"updelay", "150"}}) ==
          List{"updelay: 150 ms is no multiple of miimon (100 ms): it is 100 ms"});
    CHECK(texts(Mode::active_backup, {{"updelay", "200"}}).empty());
    CHECK(texts(Mode::active_backup, {{"xmit_hash_policy", "layer3+4"}}) ==
          List{"xmit_hash_policy: it has no effect in mode active-backup"});
    CHECK(texts(Mode::balance_xor, {{"xmit_hash_policy", "layer3+4"}}).empty());
    CHECK(texts(Mode::active_backup, {{"arp_ip_target", "192.0.2.1"}}) ==
          List{"arp_ip_target: it has no effect without arp_interval"});
    CHECK(texts(Mode::active_backup, {{"arp_ip_target", "192.0.2.1"}, {"arp_interval", "100"}}).empty());
    CHECK(texts(Mode::active_backup, {{"arp_validate", "all"}}) ==
          List{"arp_validate: it has no effect without arp_interval"});
    CHECK(texts(Mode::active_backup, {{"damping_suppress", "3000"}}) ==
          List{"damping_suppress: it has no effect without damping_half_life"});
    CHECK(texts(Mode::active_backup, {{"damping_suppress", "3000"}, {"damping_half_life", "5"}}).empty());
    CHECK(texts(Mode::balance_tlb, {{"hash_seed", "1"}}) ==
          List{"hash_seed: it has no effect while tlb_dynamic_lb is on"});
    CHECK(texts(Mode::balance_tlb, {{"hash_seed", "1"}, {"tlb_dynamic_lb", "off"}}).empty());
    CHECK(texts(Mode::balance_xor, {{"hash_seed", "1"}}).empty());
    CHECK(texts(Mode::active_backup, {{"num_grat_arp", "0"}, {"peer_notif_delay", "100"}}) ==
          List{"peer_notif_delay: it has no effect with num_grat_arp 0"});
    CHECK(texts(Mode::active_backup, {{"miimon", "0"}}) ==
          List{"miimon: 0 and no arp_interval: nothing watches the links, a lost one is not noticed"});
}

TEST_CASE("devargs of a packet socket") {
    CHECK(is_packet_socket("net_af_packet0,iface=m0"));
    CHECK_FALSE(is_packet_socket("net_af_packet0,iface=m0,pmd=1"));
    CHECK_FALSE(is_packet_socket("net_af_xdp0,iface=m0"));
    CHECK(without_pmd_key("net_af_packet0,pmd=1,iface=m0") == "net_af_packet0,iface=m0");
    CHECK(without_pmd_key("net_af_packet0,iface=m0,pmd=1") == "net_af_packet0,iface=m0");
    const auto args = packet_socket_args(
        "net_af_packet0,iface=m0,qpairs=3,qdisc_bypass=1,framesz=4096,blocksz=8192,framecnt=16");
    REQUIRE(args.ok());
    CHECK(args.value().netdev == "m0");
    CHECK(args.value().rx_queues == 3);
    CHECK(args.value().qdisc_bypass);
    for (const char* bad : {"qpairs=0", "qpairs=x", "qpairs=33", "qdisc_bypass=2", "colour=red"}) {
        INFO(bad);
        CHECK_FALSE(packet_socket_args(std::string("net_af_packet0,iface=m0,") + bad).ok());
    }
    CHECK(packet_socket_args("net_af_packet0").error() ==
          "net_af_packet0: iface= is missing; give it the netdev's name");
}

TEST_CASE("a driver's name that is near one of DPDK's is a slip of the pen") {
    for (const char* known :
         {"net_af_packet0", "net_tap", "net_virtio_user12", "eth_af_packet0", "net_dpdkbond3",
          "net_entirely_mine0", "0000:01:00.0", "auxiliary:mlx5_core.sf.1"}) {
        INFO(known);
        CHECK(misspelt_driver(known).empty());
    }
    CHECK(misspelt_driver("net_af_paket0") == "DPDK has no driver net_af_paket; did you mean net_af_packet?");
    CHECK(misspelt_driver("net_memiff1") == ""); // it begins with net_memif, and DPDK takes it so
}

TEST_CASE("a member's tap is called as the end of the member's name") {
    CHECK(member_tap_name("m0") == "m0.lt");
    CHECK(member_tap_name("0000-01-00.0") == "0000-01-00.0.lt");
    CHECK(member_tap_name("enp129s0f0np0") == "np129s0f0np0.lt");
    CHECK(member_tap_name("a-name-of-thirty-one-characters").size() == 15);
}
