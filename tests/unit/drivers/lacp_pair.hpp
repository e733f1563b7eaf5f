// SPDX-License-Identifier: BSD-3-Clause
// Two bonds in 802.3ad on virtual wires, in virtual time.
#pragma once

#include <catch2/catch.hpp>

#include <deque>
#include <vector>

#include "bond/bond.hpp"
#include "drivers/lacp.hpp"
#include "drivers/registry.hpp"
#include "proto/lacpdu.hpp"
#include "proto/slow.hpp"

namespace dpdkbond::testing {

using namespace std::chrono_literals;

inline constexpr LinkState kUp{true, 10000, Duplex::full};
inline constexpr LinkState kDown{};

struct Side {
    const ModeDescriptor* mode = find_mode(Mode::ieee8023ad);
    std::unique_ptr<Controller> controller = mode->control_half();
    Bond bond;
    std::vector<Event> events;

    explicit Side(const BondOptions& options)
        : bond("bond0", {mode->number, controller.get(), mode->data_half(options), mode->punt}, options,
               std::nullopt, 1500) {}

    lacp::BondStatus lacp() {
        lacp::BondStatus s;
        REQUIRE(lacp_status(*controller, s));
        return s;
    }
    Snapshot snapshot() {
        Snapshot s;
        bond.fill(s);
        return s;
    }
    bool heard_of(EventKind kind) {
        for (const Event& e : events)
            if (e.kind == kind) return true;
        return false;
    }
};

inline BondOptions fast() {
    BondOptions o;
    o.lacp_rate = LacpRate::fast;
    return o;
}

struct Pair {
    Time now{1s};
    Side a, b;
    std::uint32_t cut = 0;      // wires that carry nothing, by member
    std::vector<OwnFrame> to_b; // all that a sent
    bool answers = true;        // b to markers
    Duration answer_after{};    // … when
    bool workers_follow = true; // they go by a new snapshot as soon as it is there
    struct Late {
        Time due;
        OwnFrame frame;
    };
    std::deque<Late> late; // answers of b on their way

    explicit Pair(const BondOptions& options = fast(), unsigned members = 2) : a(options), b(fast()) {
        for (std::uint8_t m = 0; m < members; ++m) {
            add(a, m, 0xa);
            add(b, m, 0xb);
        }
        exchange();
    }
    void add(Side& side, std::uint8_t number, std::uint8_t which) {
        MemberInfo info;
        info.name = "m" + std::to_string(number);
        info.perm_mac = Mac{{2, 0, 0, 0, which, number}};
        REQUIRE(side.bond.add_member(info, kUp, now).ok());
    }
    void exchange() {
        for (bool more = true; more;) {
            more = false;
            for (Side* side : {&a, &b}) {
                Side& other = side == &a ? b : a;
                for (OwnFrame f; side->bond.poll_transmit(f); more = true) {
                    if (side == &a) to_b.push_back(f);
                    if (side == &b && is_marker(f) && (!answers || answer_after != Duration{})) {
                        if (answers) late.push_back({now + answer_after, f});
                        continue;
                    }
                    if ((cut >> f.member.value & 1U) == 0)
                        other.bond.handle_frame(f.member, {f.frame.data(), f.length}, now);
                }
                for (Event e; side->bond.poll_event(e);) side->events.push_back(e);
            }
        }
    }
    void run(Duration span) {
        const Time end = now + span;
        for (;;) {
            now = std::min({end, a.bond.next_deadline(), b.bond.next_deadline(),
                            late.empty() ? kNever : late.front().due});
            a.bond.handle_timeout(now);
            b.bond.handle_timeout(now);
            for (; !late.empty() && late.front().due <= now; late.pop_front())
                a.bond.handle_frame(late.front().frame.member,
                                    {late.front().frame.frame.data(), late.front().frame.length}, now);
            exchange();
            publish();
            exchange();
            if (now >= end) return;
        }
    }
    // As the control lcore does it.
    void publish() {
        for (Side* side : {&a, &b}) {
            side->bond.take_changed();
            if (workers_follow) side->bond.handle_published(now);
        }
    }
    void link(std::uint8_t member, bool up) {
        for (Side* side : {&a, &b}) side->bond.handle_link(MemberId{member}, up ? kUp : kDown, now);
        exchange();
    }
    static bool is_marker(const OwnFrame& f) {
        return slow_frame_subtype({f.frame.data(), f.length}) == slow_subtype::marker;
    }
    Lacpdu last_to_b() { return *decode_lacpdu({to_b.back().frame.data(), to_b.back().length}); }
};

} // namespace dpdkbond::testing
