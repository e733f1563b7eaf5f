// SPDX-License-Identifier: BSD-3-Clause
// Names of bonds and members: nothing that readers of the status text or commands of ours would split or take
// for something else.
#include <cctype>

#include <catch2/catch.hpp>

#include "config/keys.hpp"
#include "config/load.hpp"
#include "config/names.hpp"

using namespace dpdkbond;

namespace {

std::string check(const std::string& bond, const std::string& member) {
    std::string lines;
    const auto loaded = parse_config("bonds: [{name: '" + bond + "', members: [{device: net_null0, name: '" +
                                     member + "'}]}]");
    for (const ConfigProblem& problem : loaded.problems) lines += problem_line("f", problem) + "\n";
    return lines;
}

} // namespace

TEST_CASE("an option that there is none of is answered by where it is, or by which is meant", "[operator]") {
    CHECK(no_such_option("mtu", false) ==
          "mtu: no such option; bonds[].logical.mtu stands in the file, which `reload` applies");
    CHECK(no_such_option("members", false) ==
          "members: no such option; bonds[].members stands in the file, which `reload` applies");
    CHECK(no_such_option("name", true) == "name: no such option of a member; bonds[].members[].name stands "
                                          "in the file, which `reload` applies");
    CHECK(no_such_option("mimon", false) == "mimon: no such option; did you mean miimon?");
    CHECK(no_such_option("mii-monitor-interval", false) ==
          "mii-monitor-interval: no such option; did you mean miimon?");
    CHECK(no_such_option("wwwwwwwwwwww", false) == "wwwwwwwwwwww: no such option");
}

TEST_CASE("names that cannot be misread are taken", "[field-10]") {
    for (const char* name :
         {"m0", "eth0", "0000-01-00.0", "enp1s0f0np0", "veth_a", "eth0.100", "a@b", "1", "Bond", "x+y~z"}) {
        INFO(name);
        CHECK(check(name, name).empty());
    }
}

TEST_CASE("names that a reader or a command would misread are refused in one line", "[field-10]") {
    for (const char* name : {"a:b", "-x", ".", "..", "a b", " ", "", "a\tb", "a/b", "a,b", "a#b", "a?b",
                             "a*b", "a=b", "a(b)", "a|b", "a;b", "a\xc3\xa4", "all"}) {
        INFO(name);
        CHECK_FALSE(bond_name_problem(name).empty());
        CHECK_FALSE(member_name_problem(name).empty());
    }
    for (const char* name : {"default", "lo", "bonding_masters", "sixteen-letters-"})
        CHECK_FALSE(bond_name_problem(name).empty());
    for (const char* name : {"None", "none", "stop"}) CHECK_FALSE(member_name_problem(name).empty());
    CHECK(check("a:b", "m0") ==
          "f:1:10: bonds[0].name: \"a:b\" cannot name a bond; allowed: 1 to 15 letters, "
          "digits and . _ - + @ ~, without "
          "a - in front\n");
    CHECK(check("b", "all") == "f:1:51: bonds[0].members[0].name: \"all\" cannot name a member, as the word "
                               "has a meaning of its own; allowed: another name\n");
}

TEST_CASE("a member without a name gets one that can be read", "[field-10]") {
    CHECK(default_member_name("0000:01:00.0") == "0000-01-00.0");
    CHECK(default_member_name("01:00.0,rx=1") == "0000-01-00.0");
    CHECK(default_member_name("auxiliary:mlx5_core.sf.1") == "auxiliary-mlx5_core.sf.1");
    CHECK(default_member_name("net_af_packet0,iface=m1") == "m1");
    for (const char* device : {"0000:01:00.0", "01:00.7", "auxiliary:mlx5_core.sf.1", "fslmc:dpni.1",
                               "net_af_packet0,iface=m1", "net_null0"})
        CHECK(member_name_problem(default_member_name(device)).empty());
}

TEST_CASE("a member that is added by its device is held to the same names", "[field-10]") {
    CHECK(member_of_words("0000:02:00.1").value().name == "0000-02-00.1");
    CHECK_FALSE(member_of_words("net_af_packet0,iface=all").ok());
    CHECK_FALSE(member_of_words("net_af_packet0,iface=-x").ok());
    CHECK_FALSE(member_of_words("eth0").ok());
}

TEST_CASE("the words after add member DEVICE are its settings") {
    const auto made = [](std::string_view device, std::vector<std::string> words) {
        return member_of_words(device, words);
    };
    const auto m = made("0000:02:00.1",
                        {"prio", "7", "name", "up", "driver", "none", "carrier", "netdev:eth0", "force"});
    REQUIRE(m.ok());
    CHECK(m.value().name == "up");
    CHECK(m.value().driver == "none");
    CHECK(m.value().options.prio == 7);
    CHECK(m.value().given == option_bit(option_index(*find_option("prio"))));
    CHECK(m.value().carrier == CarrierSource{CarrierKind::netdev, "eth0"});
    CHECK(m.value().force);
    const auto wrong = [&](const char* device, std::vector<std::string> words) {
        return made(device, words).error();
    };
    CHECK(wrong("0000:02:00.1", {"prio"}) == "prio: its value is missing");
    CHECK(wrong("0000:02:00.1", {"force", "force"}) == "force: it is given twice");
    CHECK(wrong("0000:02:00.1", {"miimon", "5"}).find("is no setting of a member") != std::string::npos);
    CHECK(wrong("0000:02:00.1", {"prio", "much"}).starts_with("prio: "));
    CHECK(wrong("0000:02:00.1", {"driver", "e1000e"}).starts_with("driver: "));
    CHECK(wrong("0000:02:00.1", {"carrier", "eth0"}).starts_with("carrier: "));
    CHECK(wrong("0000:02:00.1", {"name", "a:b"}).size() > 5);
    CHECK(wrong("net_null0", {"driver", "none"}) == "driver: it is only for a PCI device");
}
