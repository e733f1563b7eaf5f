// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>

#include "fake_instance.hpp"
#include "ops/console_commands.hpp"
#include "ops/console_grammar.hpp"
#include "ops/render.hpp"
#include "ops/spray_view.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;

namespace {

struct Fixture {
    FakeInstance instance;
    Fixture() {
        instance.bonds.push_back(make_bond(Mode::active_backup));
        instance.bonds[0].members[1].status.name = "0000:01:00.0";
        instance.bonds.push_back(make_bond(Mode::balance_xor, 1));
        instance.bonds[1].status.name = "bond1.5";
    }
    std::string say(std::string_view line, bool ok = true) {
        Dialogue dialogue;
        const Reply reply = run_command(instance, dialogue, line);
        CHECK(reply.ok == ok);
        if (!ok) CHECK_THAT(reply.text, Catch::StartsWith("error: "));
        if (!ok) CHECK(std::ranges::count(reply.text, '\n') == 1);
        return reply.text;
    }
    std::vector<std::string> next(std::vector<std::string> words) {
        std::vector<std::string> out;
        for (const Suggestion& s : complete_command(instance, words).suggestions) out.push_back(s.word);
        return out;
    }
};

bool holds(const std::vector<std::string>& list, std::string_view word) {
    return std::ranges::find(list, word) != list.end();
}

} // namespace

TEST_CASE_METHOD(Fixture, "every command that shows something shows it") {
    const std::string bond0 = render_proc(*instance.bond("bond0"));
    CHECK(say("show bond bond0") == bond0);
    CHECK(say("  show\tbond  bond0   # what else") == bond0);
    CHECK(say("show bond all") ==
          "==> bond0 <==\n" + bond0 + "\n==> bond1.5 <==\n" + render_proc(*instance.bond("bond1.5")));
    CHECK(say("show bond bond0 stats") == render_stats(*instance.bond("bond0")));
    CHECK(say("show bond bond0 config") == "name: bond0\nmode: balance-rr\n");
    instance.history.push_back(past(make_event(1, EventKind::bond_up, "")));
    CHECK(say("show bond bond0 events") == render_events(instance.history));
    CHECK_THAT(say("show member bond0 0000:01:00.0"), Catch::StartsWith("Member: 0000:01:00.0\n"));
    CHECK(say("explain bond0 src=192.0.2.1,dst=192.0.2.2,proto=udp,sport=1,dport=2") ==
          render_explain(instance.explanation));
    instance.shares = {{"m0", 3, 8}};
    CHECK_THAT(say("show bond bond0 load"), Catch::Contains("3 buckets") && Catch::Contains("8 bytes/s"));
    CHECK(say("show bond bond0 spray", false) ==
          "error: bond0 is in mode active-backup; this shows bonds of mode balance-spray\n");
    instance.paths = SprayView{{}, {{"10.99.255.2", {{"m0", "10.0.1.2", {}, "asking", 1, 0}}}}};
    CHECK(say("show bond bond0 spray") == render_spray(*instance.paths));
    CHECK_THAT(say("show bond bond0"), Catch::Contains("Spray Peer: 10.99.255.2, 0 of 1 paths up\n"));
    CHECK_THAT(say("help"), Catch::Contains("set member NAME MEMBER link up|down"));
    CHECK(say("").empty());
    CHECK(say("   # only a comment").empty());
    CHECK(instance.calls().empty());
}

TEST_CASE_METHOD(Fixture, "every command that changes something reaches the instance as it was said") {
    for (const char* line :
         {"set bond bond0 miimon 200", "set bond bond1.5 mode 802.3ad", "set bond bond0 active 0000:01:00.0",
          "set member bond0 0000:01:00.0 prio -5", "set member bond0 m0 link down",
          "set member bond0 m0 link up", "add member bond0 net_af_packet7,iface=eth0,qpairs=1",
          "add member bond0 0000:02:00.1", "add member bond0 0000:02:00.2 name m2 prio -3 force",
          "remove member bond0 0000:01:00.0", "clear stats bond0", "reload", "shutdown"})
        CHECK(say(line).empty());
    CHECK(instance.calls() ==
          std::vector<std::string>{"set bond0 miimon 200", "set bond1.5 mode 802.3ad",
                                   "active bond0 0000:01:00.0", "set_member bond0 0000:01:00.0 prio -5",
                                   "link bond0 m0 down", "link bond0 m0 up",
                                   "add bond0 net_af_packet7,iface=eth0,qpairs=1", "add bond0 0000:02:00.1",
                                   "add bond0 0000:02:00.2 name m2 prio -3 force",
                                   "remove bond0 0000:01:00.0", "clear bond0", "reload", "quit"});
}

TEST_CASE_METHOD(Fixture,
                 "A5: quit and exit leave an attached console, and stop the program on its own stdin") {
    for (const char* word : {"quit", "exit"}) {
        Dialogue attached{false, true}, asking{true, true};
        CHECK(run_command(instance, attached, word).leave);
        CHECK(instance.calls().empty());
        CHECK(run_command(instance, asking, word).ok);
        CHECK(asking.stop_asked);
        CHECK(instance.calls().empty());
    }
    Dialogue own{true};
    CHECK(run_command(instance, own, "exit").leave);
    CHECK(instance.calls() == std::vector<std::string>{"quit"});
}

TEST_CASE_METHOD(Fixture, "A5: where somebody is there, shutdown asks, and only yes stops") {
    for (const char* answer : {"no", "", "yes please", "show bond bond0", "\"", "yes", "y"}) {
        Dialogue dialogue{false, true};
        const Reply question = run_command(instance, dialogue, "shutdown");
        CHECK_THAT(question.text, Catch::Contains("stops dpdk-bond"));
        CHECK(instance.calls().empty());
        const bool yes = answer[0] == 'y' && answer != std::string("yes please");
        const Reply reply = run_command(instance, dialogue, answer);
        CHECK(reply.leave == yes);
        if (yes) break;
        CHECK(reply.text == "dpdk-bond was not stopped.\n");
        CHECK_FALSE(dialogue.stop_asked);
        CHECK(instance.calls().empty());
    }
    CHECK(instance.calls() == std::vector<std::string>{"quit"});
}

TEST_CASE_METHOD(Fixture, "where the program is not the console's to stop, shutdown says so at once") {
    instance.refusal = "it is another's";
    for (const char* line : {"shutdown", "stop"})
        for (const bool asks : {false, true}) {
            Dialogue dialogue{false, asks};
            const Reply reply = run_command(instance, dialogue, line);
            CHECK_FALSE(reply.ok);
            CHECK_FALSE(reply.leave);
            CHECK(reply.text == "error: it is another's\n");
            CHECK_FALSE(dialogue.stop_asked);
        }
    CHECK(instance.calls().empty());
}

TEST_CASE_METHOD(Fixture, "L26: a word may be quoted, and empty") {
    CHECK(say("set bond bond0 primary \"\"").empty());
    CHECK(say("set bond 'bond0' primary ''").empty());
    CHECK(say("add member bond0 \"net_x,a=b c#d\" # f").empty());
    CHECK(instance.calls() ==
          std::vector<std::string>{"set bond0 primary ", "set bond0 primary ", "add bond0 net_x,a=b c#d"});
    CHECK(say("add member bond0 \"net_x", false) == "error: a \" without its end\n");
    for (const Words& words : {Words{"a", "", "b c"}, Words{"#", "it's", "\"x\""}})
        CHECK(split_words(join_words(words)).value() == words);
}

TEST_CASE_METHOD(Fixture, "a capture is begun for ten seconds or as many as are said, and ended by hand") {
    CHECK(say("capture bond0 all f.pcapng") == "runs\n");
    CHECK(say("capture bond0 m0 /tmp/f 86400") == "runs\n");
    CHECK(say("capture bond0 stop") == "has ended\n");
    CHECK(say("show bond bond0 capture") == "bond0: no capture has been made\n");
    CHECK(instance.calls() == std::vector<std::string>{"capture bond0 all f.pcapng 10",
                                                       "capture bond0 m0 /tmp/f 86400",
                                                       "capture_stop bond0"});
    instance.refusal = "bond0: no capture runs";
    CHECK(say("capture bond0 stop", false) == "error: bond0: no capture runs\n");
}

TEST_CASE_METHOD(Fixture, "a refusal of the instance is passed on in one line") {
    instance.refusal = "primary: m9 is no member of bond0";
    for (const char* line : {"set bond bond0 primary m9", "set bond bond0 active m9",
                             "set member bond0 m0 prio x", "set member bond0 m0 link up",
                             "add member bond0 x", "remove member bond0 m9", "clear stats bond9", "reload"})
        CHECK(say(line, false) == "error: primary: m9 is no member of bond0\n");
    CHECK(instance.calls().empty());
}

TEST_CASE_METHOD(Fixture, "a line that is no command says which word is wrong and what may stand there") {
    CHECK(say("shwo bond bond0", false) == "error: unknown command \"shwo\"; see help\n");
    CHECK(say("show", false) ==
          "error: something is missing after \"show\": bonds, version, uptime, bond or member\n");
    CHECK(say("show bond", false) == "error: something is missing after \"show bond\": all or NAME\n");
    CHECK(say("show bonds bond0", false) == "error: \"bond0\" is too much after \"show bonds\"\n");
    CHECK(
        say("show x", false) ==
        "error: \"x\" is not known after \"show\"; there may stand bonds, version, uptime, bond or member\n");
    CHECK(say("show bond bond0 now", false) ==
          "error: \"now\" is not known after \"show bond bond0\"; there may stand "
          "stats, events, config, load, lacp, rlb, spray or capture\n");
    CHECK(say("reload all", false) == "error: \"all\" is too much after \"reload\"\n");
    CHECK(
        say("set member bond0 m0 link sideways", false) ==
        "error: \"sideways\" is not known after \"set member bond0 m0 link\"; there may stand up or down\n");
    CHECK(say("show bond bond9", false) == "error: no bond \"bond9\"; there are: bond0, bond1.5\n");
    CHECK(say("show member bond0 m9", false) ==
          "error: bond0 has no member \"m9\"; its members: m0, 0000:01:00.0\n");
    CHECK(say("capture bond0 m0 /tmp/x.pcapng 0", false) ==
          "error: \"0\" is no number of seconds; 1 to 86400\n");
    CHECK(say("capture bond0 m0 /tmp/x.pcapng 5s", false) ==
          "error: \"5s\" is no number of seconds; 1 to 86400\n");
    CHECK(say("capture bond0 m0", false) == "error: something is missing after \"capture bond0 m0\": FILE\n");
    say("explain bond0 src=nonsense", false);
    say("show bond bond0 lacp", false);
    say("show bond bond0 load", false);
    CHECK(instance.calls().empty());
}

TEST_CASE_METHOD(Fixture, "words may be cut short where that leaves no doubt, but never shutdown") {
    CHECK(say("sh bo bond0 st") == render_stats(*instance.bond("bond0")));
    CHECK_THAT(say("sh m bond0 m0"), Catch::StartsWith("Member: m0\n"));
    CHECK(say("se m bond0 m0 link u").empty());
    CHECK(say("rel").empty());
    CHECK(say("shut", false) == "error: unknown command \"shut\"; see help\n");
    CHECK(say("rest", false) == "error: unknown command \"rest\"; see help\n");
    CHECK(say("re", false) == "error: unknown command \"re\"; see help\n"); // remove, reload
    CHECK(instance.calls() == std::vector<std::string>{"link bond0 m0 up", "reload"});
}

TEST_CASE_METHOD(Fixture, "an overview has a line for each bond, and help fits a terminal") {
    const std::string all = say("show bonds");
    CHECK_THAT(all, Catch::StartsWith("bond0            active-backup  2 of 2 usable  "));
    CHECK(std::ranges::count(all, '\n') == 2);
    CHECK_THAT(say("show version"),
               Catch::StartsWith("dpdk-bond " + std::string(program_version()) + ", DPDK "));
    const std::string help = say("help");
    for (std::size_t at = 0; at < help.size();) {
        const std::size_t end = help.find('\n', at);
        CHECK(end - at <= 80);
        at = end + 1;
    }
}

TEST_CASE_METHOD(Fixture,
                 "completion offers the options that the mode takes, with the value that they have") {
    const auto options = next({"set", "bond", "bond0"});
    CHECK(holds(options, "primary"));
    CHECK_FALSE(holds(options, "lacp_rate"));
    for (const Suggestion& s : complete_command(instance, {"set", "bond", "bond0"}).suggestions)
        if (s.word == "miimon") CHECK_THAT(s.help, Catch::EndsWith(" (now: 100)"));
    for (const Suggestion& s :
         complete_command(instance, {"set", "bond", "bond0", "primary_reselect"}).suggestions)
        CHECK_FALSE(s.help.empty());
}

TEST_CASE_METHOD(Fixture, "bytes that are no text come back in one printable line") {
    for (const std::string& line :
         {std::string("\xff\xfe\x01\x02 x"), std::string("show bond \x1b[2J"), std::string(4000, 'y')}) {
        const std::string text = say(line, false);
        CHECK(std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
        CHECK(text.size() < 300);
    }
}

TEST_CASE_METHOD(Fixture, "completion offers what exists now") {
    CHECK(holds(next({}), "show"));
    CHECK(next({"show"}) == std::vector<std::string>{"bonds", "version", "uptime", "bond", "member"});
    CHECK(next({"show", "bond"}) == std::vector<std::string>{"all", "bond0", "bond1.5"});
    CHECK(next({"show", "member", "bond0"}) == std::vector<std::string>{"m0", "0000:01:00.0"});
    CHECK(next({"capture", "bond0"}) == std::vector<std::string>{"m0", "0000:01:00.0", "all", "stop"});
    CHECK(next({"remove", "member", "bond1.5"}) == std::vector<std::string>{"m0"});
    CHECK(holds(next({"set", "bond", "bond0"}), "active"));
    CHECK(holds(next({"set", "bond", "bond0"}), "mode"));
    CHECK(holds(next({"set", "bond", "bond0"}), "miimon"));
    CHECK_FALSE(holds(next({"set", "bond", "bond0"}), "prio"));
    CHECK(holds(next({"set", "member", "bond0", "m0"}), "prio"));
    CHECK(next({"set", "member", "bond0", "m0", "link"}) == std::vector<std::string>{"up", "down"});
    CHECK(holds(next({"set", "bond", "bond0", "mode"}), "active-backup"));
    CHECK(next({"set", "bond", "bond0", "primary_reselect"}) ==
          std::vector<std::string>{"always", "better", "failure"});
    CHECK(next({"set", "bond", "bond0", "primary"}) == std::vector<std::string>{"m0", "0000:01:00.0"});
    CHECK(next({"show", "member", "bond7"}).empty());
    CHECK_FALSE(complete_command(instance, {"nonsense"}).possible);
    CHECK(complete_command(instance, {"reload"}).complete);
    CHECK(complete_command(instance, {"add", "member", "bond0"}).wanted == "DEVICE");
}

TEST_CASE_METHOD(Fixture, "help of some words, and a question mark on a pipe, list what begins so",
                 "[operator]") {
    const std::string help = say("help clear");
    CHECK(help == "clear stats NAME                       count from zero again\n");
    CHECK(say("clear ?") == help);
    CHECK(say("help cl st") == help);
    CHECK(say("?") == say("help"));
    const std::string show = say("help show bond");
    CHECK_THAT(show, Catch::Contains("show bond NAME lacp") && !Catch::Contains("show member"));
    CHECK(say("help nonsense", false) == "error: unknown command \"nonsense\"; see help\n");
    CHECK(holds(next({"help"}), "show"));
    CHECK(holds(next({"help", "show"}), "member"));
    CHECK_THAT(say("show uptime"), Catch::StartsWith("since 20") && Catch::Contains("Z: 0 d 0 h"));
}
