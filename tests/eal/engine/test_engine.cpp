// SPDX-License-Identifier: BSD-3-Clause
// Control, workers and bonds as a program runs them, on null ports: the logical ones give full bursts without
// end, the members take all. So every worker is busy in every round, which is what quiet points, failovers,
// removals and the end have to stand.
#include <catch2/catch.hpp>
#include <rte_lcore.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "engine/queries.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

constexpr Duration kSoon = std::chrono::seconds(20); // so long only where others have the processors

bool eventually(const auto& condition, Duration within = kSoon) {
    for (const Time deadline = now() + within; now() < deadline;) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return condition();
}

Port null_port(unsigned number, unsigned queues) {
    auto port = Port::open("net_null" + std::to_string(number) + ",size=64");
    REQUIRE(port.ok());
    PortSetup setup;
    setup.rx_queues = setup.tx_queues = static_cast<std::uint16_t>(queues);
    setup.pool = World::get().pool;
    REQUIRE(port.value().start(setup).ok());
    return std::move(port).value();
}

// Bonds over the same null ports, as there are fewer ports than bonds: nobody looks at the frames.
class Engine {
public:
    static constexpr unsigned kMembers = 4;

    Engine(unsigned worker_count, unsigned bond_count, Mode mode) : rcu_(worker_count) {
        logical_.push_back(null_port(0, worker_count));
        for (unsigned m = 0; m < kMembers; ++m) members_.push_back(null_port(1 + m, worker_count));
        for (unsigned w = 0; w < worker_count; ++w)
            workers.push_back(std::make_unique<Worker>(w, rcu_, Idle::busy, control));
        std::vector<Worker*> all;
        for (const auto& w : workers) all.push_back(w.get());
        control.set_workers(all);
        for (unsigned b = 0; b < bond_count; ++b) add_bond(b, mode);
        control.begin();
        control_thread_ = std::thread([this] { control.run(); });
        for (const auto& w : workers)
            worker_threads_.emplace_back([&worker = *w] {
                (void)rte_thread_register();
                Worker::entry(&worker);
                rte_thread_unregister();
            });
    }
    ~Engine() { end(); }

    void add_bond(unsigned number, Mode mode) {
        if (bonds.size() <= number) bonds.resize(number + 1);
        auto core = std::make_unique<BondCore>("b" + std::to_string(number), *find_mode(mode), BondOptions{},
                                               std::nullopt, 1500, rcu_, workers.size(),
                                               "e" + std::to_string(number));
        for (unsigned m = 0; m < kMembers; ++m) {
            MemberInfo info;
            info.name = "m" + std::to_string(m);
            info.data.port = members_[m].id();
            info.data.tx_queues = info.data.rx_queues = static_cast<std::uint8_t>(workers.size());
            REQUIRE(core->bond.add_member(info, {.carrier = true, .speed_mbps = 1000}, now()).ok());
        }
        auto& lanes = lanes_[number];
        for (unsigned w = 0; w < workers.size(); ++w) {
            lanes.push_back(std::make_unique<Lane>(
                w, static_cast<unsigned>(workers.size()), core->publisher.slot(),
                LogicalQueue{.port = logical_[0].id(),
                             .tx_queue = static_cast<std::uint16_t>(w),
                             .rx_queues = static_cast<std::uint16_t>(workers.size())}));
            lanes.back()->punted = core->punted[w].get();
            core->lanes.push_back(lanes.back().get());
        }
        lanes[0]->inject = &core->inject;
        bonds[number] = std::move(core);
        control.call([&] { control.set_bond(number, bonds[number].get()); });
        for (unsigned w = 0; w < workers.size(); ++w) workers[w]->set_lane(number, lanes[w].get());
    }
    // False: a worker has not come round in time.
    bool remove_bond(unsigned number) {
        for (const auto& w : workers) w->set_lane(number, nullptr);
        control.call([&] { control.set_bond(number, nullptr); });
        if (!rcu_.wait(kSoon)) return false;
        bonds[number].reset();
        lanes_[number].clear();
        return true;
    }
    bool remove_member(unsigned bond, unsigned member) {
        control.call(
            [&] { bonds[bond]->bond.remove_member(MemberId{static_cast<std::uint8_t>(member)}, now()); });
        return eventually([&] { return settled(bond); }) && rcu_.wait(kSoon);
    }
    void set_link(unsigned bond, unsigned member, bool up) {
        const LinkState link{.carrier = up, .speed_mbps = 1000, .duplex = Duplex::full};
        REQUIRE(eventually(
            [&] { return control.post_link(bond, MemberId{static_cast<std::uint8_t>(member)}, link); }));
    }
    // The workers use the newest snapshot and none before it.
    bool settled(unsigned bond) {
        bool yes = false;
        control.call([&] {
            BondCore& core = *bonds[bond];
            core.publisher.retire();
            yes = !core.unpublished && core.publisher.settled();
        });
        return yes;
    }
    [[nodiscard]] std::uint64_t sent(unsigned bond, unsigned member) const {
        std::uint64_t sum = 0;
        for (const auto& lane : lanes_[bond]) sum += lane->counters.member[member].tx.get();
        return sum;
    }
    [[nodiscard]] std::uint64_t sent(unsigned bond) const {
        std::uint64_t sum = 0;
        for (unsigned m = 0; m < kMembers; ++m) sum += sent(bond, m);
        return sum;
    }
    [[nodiscard]] MemberId active(unsigned bond) {
        MemberId id = kNoMember;
        control.call([&] { id = bonds[bond]->bond.active(); });
        return id;
    }
    // Stops the workers and control.
    void end() {
        for (const auto& w : workers) w->stop();
        for (std::thread& t : worker_threads_) t.join();
        worker_threads_.clear();
        control.stop();
        if (control_thread_.joinable()) control_thread_.join();
        control.end();
        for (unsigned b = 0; b < bonds.size(); ++b) control.set_bond(b, nullptr);
        bonds.clear();
        for (auto& lanes : lanes_) lanes.clear();
    }

private:
    Rcu rcu_;
    std::vector<Port> logical_, members_;

public:
    Control control{Idle::adaptive, World::get().pool};
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<std::unique_ptr<BondCore>> bonds;

private:
    std::array<std::vector<std::unique_ptr<Lane>>, kMaxBonds> lanes_;
    std::thread control_thread_;
    std::vector<std::thread> worker_threads_;
};

} // namespace

TEST_CASE("saturated bonds on one worker and more: failover, remove and end each take effect [H1]", "[H1]") {
    const NothingLost check;
    const auto [worker_count, mode] = GENERATE(
        std::pair{1U, Mode::active_backup}, std::pair{1U, Mode::balance_rr}, std::pair{1U, Mode::balance_xor},
        std::pair{2U, Mode::balance_tlb}, std::pair{2U, Mode::balance_rr}, std::pair{3U, Mode::balance_xor});
    CAPTURE(worker_count, mode_name(mode));
    Engine engine(worker_count, 3, mode);
    for (unsigned b = 0; b < 3; ++b) REQUIRE(eventually([&] { return engine.sent(b) > 1000; }));

    for (unsigned b = 0; b < 3; ++b) engine.set_link(b, 0, false);
    for (unsigned b = 0; b < 3; ++b) {
        CHECK(eventually([&] { return engine.active(b) != MemberId{0}; }));
        REQUIRE(eventually([&] { return engine.settled(b); }));
        const std::uint64_t before = engine.sent(b, 0), all = engine.sent(b);
        CHECK(eventually([&] { return engine.sent(b) > all + 1000; }));
        CHECK(engine.sent(b, 0) == before); // nothing leaves by the member that is down
    }
    REQUIRE(engine.remove_member(1, 0));
    CHECK(engine.remove_bond(2));
    const Time at = now();
    engine.end();
    CHECK(now() - at < kSoon);
}

TEST_CASE("64 saturated bonds on two workers: each fails over, and back", "[H1]") {
    const NothingLost check;
    Engine engine(2, kMaxBonds, Mode::active_backup);
    for (const bool up : {false, true}) {
        for (unsigned b = 0; b < kMaxBonds; ++b) engine.set_link(b, 0, up);
        for (unsigned b = 0; b < kMaxBonds; ++b) {
            CAPTURE(b, up);
            CHECK(eventually([&] {
                MemberId id = kNoMember;
                bool usable = false;
                engine.control.call([&] {
                    id = engine.bonds[b]->bond.active();
                    usable = (engine.bonds[b]->bond.usable().bits() & 1U) != 0;
                });
                return usable == up && id != kNoMember && (up || id != MemberId{0});
            }));
            CHECK(eventually([&] { return engine.settled(b); }));
        }
    }
}

TEST_CASE("modes and links change under saturation, and bonds begin and end under queries", "[H1][L3]") {
    const NothingLost check;
    Engine engine(2, 2, Mode::balance_xor);
    std::mutex mutex; // as the program has one: a query and a command at a time
    std::atomic<bool> done{false};
    std::atomic<unsigned> answers{0};
    std::vector<std::thread> askers;
    for (unsigned i = 0; i < 3; ++i)
        askers.emplace_back([&, i] {
            const BondOptions options;
            while (!done) {
                const std::lock_guard lock(mutex);
                if (engine.bonds[i % 2] == nullptr) continue;
                BondQueries queries(engine.control, *engine.bonds[i % 2], options,
                                    [](MemberId) { return std::uint64_t{0}; });
                answers += queries.explain({}).reason.empty() ? 0 : 1;
                (void)queries.load(queries.begin_load());
                (void)queries.rlb();
                (void)queries.spray();
            }
        });
    for (unsigned n = 0; n < 64; ++n) {
        const std::lock_guard lock(mutex);
        engine.set_link(0, n % 4, n / 4 % 2 == 1);
        set_options(engine.control, *engine.bonds[0], *find_mode(static_cast<Mode>(n % kModeCount)), {});
        if (n % 8 != 7) continue;
        const bool removed = engine.remove_bond(1);
        CHECK(removed);
        if (!removed) break;
        engine.add_bond(1, static_cast<Mode>(n / 8 % kModeCount));
    }
    CHECK(eventually([&] { return answers > 10; }));
    done = true;
    for (std::thread& t : askers) t.join();
}

TEST_CASE("a storm of link changes from several threads ends with the carrier that the links have [H3]",
          "[H3]") {
    Engine engine(1, 1, Mode::active_backup);
    std::optional<Wanted> wanted;
    const auto carrier = [&] {
        for (Notice n; engine.control.take_notice(n);)
            if (n.kind == Notice::Kind::wanted) wanted = n.wanted;
        return wanted && wanted->carrier;
    };
    for (const bool up : {false, true, false, true}) {
        std::vector<std::thread> posters;
        for (unsigned m = 0; m < Engine::kMembers; ++m)
            posters.emplace_back([&, m] {
                const MemberId id{static_cast<std::uint8_t>(m)};
                for (int i = 0; i < 3000; ++i) (void)engine.control.post_link(0, id, {.carrier = i % 2 == 0});
                while (!engine.control.post_link(0, id, {.carrier = up})) std::this_thread::yield();
            });
        for (std::thread& t : posters) t.join();
        CHECK(eventually([&] { return carrier() == up; }));
    }
}
