// SPDX-License-Identifier: BSD-3-Clause
// What 64 bonds of 16 ports cost the control lcore. Prints; asserts only that they all work.
#include <catch2/catch.hpp>

#include <cstdio>
#include <ctime>

#include "lacp/engine.hpp"

using namespace dpdkbond;
using namespace dpdkbond::lacp;

namespace {

std::int64_t cpu_ns() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

} // namespace

TEST_CASE("64 bonds of 16 ports at fast rate all carry on one engine") {
    constexpr std::uint16_t bonds = 64, ports = 16;
    LacpOptions options;
    options.rate = Rate::fast;
    Engine near{bonds}, far{bonds};
    Time now = Time{} + 1000s;
    for (std::uint16_t bond = 0; bond < bonds; ++bond) {
        near.add_bond(options, Mac{{2, 0, 0, 0, 1, static_cast<std::uint8_t>(bond)}});
        far.add_bond(options, Mac{{2, 0, 0, 0, 2, static_cast<std::uint8_t>(bond)}});
    }
    for (std::uint16_t bond = 0; bond < bonds; ++bond)
        for (std::uint8_t port = 0; port < ports; ++port) {
            now += 731us; // so that the ports do not beat in step
            const PortRef ref{{bond}, {port}};
            for (Engine* engine : {&near, &far}) {
                engine->add_port(ref, Mac{{2, 0, 0, 0, static_cast<std::uint8_t>(bond), port}},
                                 kDefaultPortPriority, now);
                engine->handle_link(ref, true, 10000, true, now);
            }
        }

    std::int64_t spent = 0;
    std::uint64_t inputs = 0;
    const auto exchange = [&](Engine& from, Engine& to, bool timed) {
        bool any = false;
        while (const auto frame = from.poll_transmit()) {
            const std::int64_t start = timed ? cpu_ns() : 0;
            to.handle_frame(frame->port, frame->bytes, now);
            if (timed) {
                spent += cpu_ns() - start;
                ++inputs;
            }
            any = true;
        }
        while (from.poll_event()) {
        }
        return any;
    };
    const auto run_until = [&](Time end) {
        while (now < end) {
            now = std::min({near.next_deadline(), far.next_deadline(), end});
            const std::int64_t start = cpu_ns();
            near.handle_timeout(now);
            spent += cpu_ns() - start;
            ++inputs;
            far.handle_timeout(now);
            for (bool any = true; any;) {
                any = exchange(near, far, false);
                any |= exchange(far, near, true);
            }
        }
    };
    run_until(now + 10s);
    spent = 0;
    inputs = 0;
    constexpr int seconds = 20;
    run_until(now + std::chrono::seconds(seconds));

    for (std::uint16_t bond = 0; bond < bonds; ++bond) {
        CHECK(near.forwarding({bond}).distributing.bits() == 0xffff);
        CHECK(far.forwarding({bond}).collecting.bits() == 0xffff);
    }
    const std::int64_t clock_start = cpu_ns();
    for (int i = 0; i < 10000; ++i) cpu_ns();
    const double clock_cost = static_cast<double>(cpu_ns() - clock_start) / 10001;
    const double net = static_cast<double>(spent) - clock_cost * static_cast<double>(inputs);
    std::printf("64 bonds x 16 ports, fast rate: %.0f inputs/s, %.2f us an input, %.2f ms a second = %.2f %% "
                "of a core\n",
                static_cast<double>(inputs) / seconds, net / 1e3 / static_cast<double>(inputs),
                net / 1e6 / seconds, net / 1e7 / seconds);
}
