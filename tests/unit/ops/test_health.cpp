// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>

#include "fake_instance.hpp"
#include "ops/event_history.hpp"
#include "ops/health.hpp"
#include "ops/render.hpp"
#include "ops/telemetry_keys.hpp"
#include "ops/telemetry_status.hpp"
#include "ops/wall_clock.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;

TEST_CASE("a moment is told as a date in UTC") {
    CHECK(utc_text(0) == "1970-01-01T00:00:00Z");
    CHECK(utc_text(1'764'327'600'123'456'789, true) == "2025-11-28T11:00:00.123Z");
    const std::int64_t first = wall_ns(time_from_ns(5));
    CHECK(wall_ns(time_from_ns(1'000'000'005)) - first == 1'000'000'000);
    for (int i = 0; i < 1000; ++i) CHECK(wall_ns(time_from_ns(5)) == first); // a moment has one date
}

TEST_CASE("the health of a bond says since when and why, for each member that is not usable") {
    BondView view = make_bond(Mode::active_backup);
    view.status.health = Health::ok;
    CHECK(health_of(settled(view)).why.empty());
    set_down(view.members[0], 1);
    view.members[0].status.objection = "carrier";
    view.status.health = Health::degraded;
    CHECK(health_of(settled(view)).why == "1 of 2 members usable; m0: carrier");
    set_down(view.members[1], 1);
    view.status.health = Health::down;
    CHECK(health_of(settled(view)).why == "no member usable; m0: carrier; m1: not chosen by the mode");
    BondView lacp = make_bond(Mode::ieee8023ad);
    lacp.status.health = Health::degraded;
    lacp.lacp.emplace();
    lacp.members[1].status.usable = false;
    lacp.members[1].status.objection = "no partner heard";
    CHECK(health_of(settled(lacp)).why ==
          "1 of 2 members usable; no partner answers on any; m1: no partner heard");
    view.logical.known = true;
    CHECK(health_of(settled(view)).why == "the logical interface is set down");
    view.logical.up = true;
    view.members.clear();
    CHECK(health_of(settled(view)).why == "it has no members");
    view.health = HealthView{Health::degraded, 12'000'000'000, "m0: carrier"};
    CHECK_THAT(render_proc(view),
               Catch::Contains("\nHealth: degraded since 1970-01-01T00:00:12Z: m0: carrier\n"));
}

TEST_CASE("reasons that do not fit are left out whole") {
    CHECK(short_why("m0: carrier; m1: carrier", 24) == "m0: carrier; m1: carrier");
    CHECK(short_why("m0: carrier; m1: carrier", 23) == "m0: carrier; ...");
    CHECK(short_why("m0: carrier", 5) == "; ...");
}

TEST_CASE("the text of a member says since when it is not usable, and only then") {
    BondView view = make_bond(Mode::active_backup);
    for (MemberView& m : view.members) m.status.usable_since = time_from_ns(1);
    CHECK(render_proc(view).find("Not usable since") == std::string::npos);
    set_down(view.members[1], 1);
    const std::string text = render_proc(view);
    CHECK(text.find("Not usable since: ") > text.find("Slave Interface: m1"));
}

TEST_CASE("a status text is told in pages of whole lines that make up the text") {
    std::string text;
    for (unsigned i = 0; i < 3000; ++i) text += "line " + std::to_string(i) + "\n";
    std::string whole;
    std::size_t page = 0;
    for (;; ++page) {
        const std::string part = status_page(text, page);
        if (part.empty()) break;
        CHECK(part.size() <= kStatusPage);
        CHECK(part.back() == '\n');
        whole += part;
    }
    CHECK(whole == text);
    CHECK(page > 2);
    CHECK(status_page("", 0).empty());
    CHECK(status_page(std::string(20000, 'x'), 2).size() == 20000 - 2 * kStatusPage);
}

TEST_CASE("L25: names that differ in their punctuation only have keys of their own") {
    TelemetryKeys keys;
    CHECK(keys.of("0000:01:00.0") == "0000_01_00_0");
    CHECK(keys.of("0000_01_00_0") == "0000_01_00_0_2");
    CHECK(keys.of("0000-01-00-0") == "0000_01_00_0_3");
    CHECK(keys.of("m0") == "m0");
}

TEST_CASE("A6: a storm of events does not push out what happened before it") {
    EventHistory history;
    const auto at = [&](std::int64_t seconds, EventKind kind, std::string_view member) {
        history.add(make_event(seconds * 1'000'000'000, kind, member), 0);
    };
    at(1, EventKind::bond_up, "");
    for (int i = 0; i < 5; ++i) at(10 + 1000 * i, EventKind::carrier_down, "m0"); // the night
    at(6000, EventKind::option_changed, "");
    std::size_t sum = 7;
    for (int i = 0; i < 4000; ++i) { // the storm
        at(7000 + i, i % 2 != 0 ? EventKind::carrier_down : EventKind::carrier_up, "m0");
        ++sum;
    }
    const auto& list = history.list();
    CHECK(list.size() == kEventHistory);
    CHECK(std::ranges::is_sorted(list, {}, [](const PastEvent& e) { return e.event.at; }));
    const auto holds = [&](std::int64_t seconds) {
        return std::ranges::any_of(
            list, [&](const PastEvent& e) { return to_ns(e.event.at) == seconds * 1'000'000'000; });
    };
    CHECK(holds(1));
    for (int i = 0; i < 5; ++i) CHECK(holds(10 + 1000 * i));
    CHECK(holds(6000));
    for (int i = 0; i < 64; ++i) CHECK(holds(7000 + 3999 - i)); // the newest, whole
    std::size_t told = list.size();
    for (const PastEvent& e : list) told += e.more;
    CHECK(told == sum); // nothing is forgotten without being counted
}

TEST_CASE("a member of 802.3ad whose device is not there has Linux's line for one without an aggregator") {
    BondView view = make_bond(Mode::ieee8023ad);
    view.lacp.emplace(); // no port of either
    CHECK(render_proc(view).find("Aggregator ID: N/A\n") != std::string::npos);
    CHECK(render_proc(make_bond(Mode::active_backup)).find("Aggregator ID") == std::string::npos);
}
