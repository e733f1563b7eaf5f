// SPDX-License-Identifier: BSD-3-Clause
// Which member is active: primary, primary_reselect, prio and commands against links that come and go. The
// answers are those of Linux 6.1 to the same steps.
#include <catch2/catch.hpp>

#include "bond/bond.hpp"
#include "drivers/registry.hpp"

using namespace dpdkbond;

namespace {

enum class Do { down, up, command, primary, prio, leave, join, reselect };

struct Step {
    Do what;
    unsigned member = 3; // 3: none
    std::int32_t prio = 0;
};

class Bench {
public:
    explicit Bench(Mode mode)
        : controller_(find_mode(mode)->control_half()),
          bond_("bench", {mode, controller_.get()}, options_, std::nullopt, 1500) {
        for (unsigned i = 0; i < 3; ++i) join(i);
    }

    void carry_out(const Step& s) {
        switch (s.what) {
        case Do::down: bond_.handle_link(id(s.member), {.carrier = false, .speed_mbps = 1000}, {}); break;
        case Do::up: bond_.handle_link(id(s.member), {.carrier = true, .speed_mbps = 1000}, {}); break;
        case Do::command: REQUIRE(bond_.set_active(name(s.member), {}).ok()); break;
        case Do::primary:
            options_.primary = s.member < 3 ? name(s.member) : "";
            bond_.set_options(options_, nullptr, {}, "primary");
            break;
        case Do::prio: bond_.set_member_options(id(s.member), {.prio = s.prio}, {}); break;
        case Do::leave: bond_.remove_member(id(s.member), {}); break;
        case Do::join: join(s.member); break;
        case Do::reselect:
            options_.primary_reselect = static_cast<PrimaryReselect>(s.prio);
            bond_.set_options(options_, nullptr, {});
            break;
        }
    }
    int active() const {
        for (unsigned i = 0; i < 3; ++i)
            if (bond_.active() != kNoMember && bond_.active() == bond_.find(name(i)))
                return static_cast<int>(i);
        return -1;
    }

private:
    static std::string name(unsigned i) { return "m" + std::to_string(i); }
    MemberId id(unsigned i) const { return bond_.find(name(i)); }
    void join(unsigned i) {
        MemberInfo info;
        info.name = name(i);
        REQUIRE(bond_.add_member(info, {.carrier = true, .speed_mbps = 1000}, {}).ok());
    }

    BondOptions options_;
    std::unique_ptr<Controller> controller_;
    Bond bond_;
};

constexpr Mode kModes[] = {Mode::active_backup, Mode::balance_tlb, Mode::balance_alb, Mode::balance_spray};

} // namespace

TEST_CASE(
    "without a primary the highest prio is active, a command stands until somebody with more right comes") {
    const std::pair<Step, int> table[] = {
        {{Do::prio, 1, 5}, 1}, {{Do::prio, 2, 10}, 2}, {{Do::command, 0}, 0}, {{Do::down, 1}, 0},
        {{Do::up, 1}, 2},      {{Do::command, 0}, 0},  {{Do::down, 2}, 0},    {{Do::up, 2}, 2},
    };
    for (const Mode mode : kModes) {
        Bench bench(mode);
        CHECK(bench.active() == 0);
        for (const auto& row : table) {
            bench.carry_out(row.first);
            INFO(mode_name(mode) << ", row " << &row - table);
            CHECK(bench.active() == row.second);
        }
    }
}

TEST_CASE("primary and prio against every primary_reselect") {
    struct Row {
        Step step;
        int active[3]; // with always, better, failure
    };
    const Row table[] = {
        {{Do::down, 0}, {2, 2, 2}},
        {{Do::up, 0}, {0, 2, 2}},
        {{Do::down, 2}, {0, 0, 0}},
        {{Do::up, 2}, {0, 0, 0}},
        {{Do::command, 1}, {1, 1, 1}},
        {{Do::down, 2}, {1, 1, 1}},
        {{Do::up, 2}, {0, 1, 1}}, // with more prio than m1: the choice is made anew, and falls on the primary
        {{Do::down, 0}, {2, 1, 1}},
        {{Do::up, 0}, {0, 1, 1}},
        {{Do::prio, 2, 11}, {0, 1, 1}},
        {{Do::primary, 1}, {1, 1, 1}},
        {{Do::primary, 0}, {0, 0, 0}}, // newly named: at once, whatever
                                       // primary_reselect says
        {{Do::leave, 1}, {0, 0, 0}},
        {{Do::join, 1}, {0, 0, 0}},
        {{Do::prio, 1, 5}, {0, 0, 0}},
        {{Do::prio, 2, 10}, {0, 0, 0}},
        {{Do::primary}, {2, 0, 0}},
        {{Do::down, 2}, {1, 0, 0}},
        {{Do::up, 2}, {2, 0, 0}},
        {{Do::primary, 0}, {0, 0, 0}},
        {{Do::command, 1}, {1, 1, 1}},
        {{Do::primary, 0}, {0, 0, 0}}, // named once more
    };
    for (const Mode mode : kModes) {
        for (int reselect = 0; reselect < 3; ++reselect) {
            Bench bench(mode);
            bench.carry_out({Do::prio, 1, 5});
            bench.carry_out({Do::prio, 2, 10});
            bench.carry_out({Do::primary, 0});
            bench.carry_out({Do::reselect, 3, reselect});
            REQUIRE(bench.active() == 0);
            for (const Row& row : table) {
                bench.carry_out(row.step);
                INFO(mode_name(mode) << ", reselect " << reselect << ", row " << &row - table);
                CHECK(bench.active() == row.active[reselect]);
            }
        }
    }
}
