// SPDX-License-Identifier: BSD-3-Clause
#include "embed/instance.hpp"

#include <fmt/format.h>
#include <rte_eal.h>

#include <algorithm>
#include <memory>
#include <shared_mutex>
#include <thread>

#include "config/names.hpp"
#include "embed/embedded_bond.hpp"
#include "ops/console.hpp"
#include "ops/telemetry.hpp"

namespace dpdkbond {

namespace {

const Error kNotHere{"a port of an application does not do that"};

class Ports final : public Instance {
public:
    bool enter(EmbeddedBond& port) {
        {
            const std::unique_lock lock(mutex_);
            for (const EmbeddedBond* p : ports_)
                if (p->name() == port.name()) return false;
            ports_.push_back(&port);
            if (ports_.size() != 1) return true;
        }
        if (!register_telemetry(*this))
            log_line(LogLevel::warning, "DPDK's telemetry takes no more commands: /bond/… is not there");
        console_ = std::make_unique<Console>(*this);
        if (auto open = console_->listen(std::string(rte_eal_get_runtime_dir()) + "/console"); !open)
            log_line(LogLevel::notice, "no console: " + open.error());
        return true;
    }
    void leave(EmbeddedBond& port) {
        {
            const std::unique_lock lock(mutex_); // whoever asks it has his answer first
            std::erase(ports_, &port);
            if (!ports_.empty()) return;
        }
        console_.reset();
        forget_telemetry();
    }

    template <class F> void each(F f) {
        const std::shared_lock lock(mutex_);
        for (EmbeddedBond* p : ports_) f(*p);
    }

    std::vector<std::string> bond_names() override {
        const std::shared_lock lock(mutex_);
        std::vector<std::string> names;
        for (const EmbeddedBond* p : ports_) names.push_back(p->name());
        return names;
    }
    std::optional<BondView> bond(std::string_view name) override {
        return of<std::optional<BondView>>(name, std::nullopt, [](EmbeddedBond& p) { return p.view(); });
    }
    std::vector<PastEvent> events(std::string_view name) override {
        return of<std::vector<PastEvent>>(name, {}, [](EmbeddedBond& p) { return p.history(); });
    }
    Result<Explanation> explain(std::string_view name, const FlowSpec& flow) override {
        return of<Result<Explanation>>(name, unknown(name), [&](EmbeddedBond& p) { return p.explain(flow); });
    }
    std::optional<std::vector<MemberLoad>> load(std::string_view name) override {
        const auto begun = of<std::optional<BondQueries::LoadBegun>>(
            name, std::nullopt, [](EmbeddedBond& p) { return p.begin_load(); });
        if (!begun) return std::nullopt;
        std::this_thread::sleep_for(kLoadWindow);
        return of<std::optional<std::vector<MemberLoad>>>(name, std::nullopt,
                                                          [&](EmbeddedBond& p) { return p.load(*begun); });
    }
    std::optional<std::vector<RlbClientView>> rlb(std::string_view name) override {
        return of<std::optional<std::vector<RlbClientView>>>(name, std::nullopt,
                                                             [](EmbeddedBond& p) { return p.rlb(); });
    }
    std::optional<SprayView> spray(std::string_view name) override {
        return of<std::optional<SprayView>>(name, std::nullopt, [](EmbeddedBond& p) { return p.spray(); });
    }
    Result<std::string> config_text(std::string_view name) override {
        return of<Result<std::string>>(name, unknown(name),
                                       [](EmbeddedBond& p) { return Result<std::string>(p.config_text()); });
    }
    Result<void> set_bond_option(std::string_view name, std::string_view option,
                                 std::string_view value) override {
        return of<Result<void>>(name, unknown(name),
                                [&](EmbeddedBond& p) { return p.set_option(option, value); });
    }
    Result<void> set_active(std::string_view name, std::string_view member) override {
        return of<Result<void>>(name, unknown(name), [&](EmbeddedBond& p) { return p.set_active(member); });
    }
    Result<void> set_member_link(std::string_view name, std::string_view member, bool up) override {
        return of<Result<void>>(name, unknown(name),
                                [&](EmbeddedBond& p) { return p.set_member_link(member, up); });
    }
    Result<void> clear_stats(std::string_view name) override {
        return of<Result<void>>(name, unknown(name), [](EmbeddedBond& p) {
            p.clear_counters();
            return Result<void>();
        });
    }
    Result<void> set_member_option(std::string_view name, std::string_view member, std::string_view option,
                                   std::string_view value) override {
        return of<Result<void>>(name, unknown(name),
                                [&](EmbeddedBond& p) { return p.set_member_option(member, option, value); });
    }
    Result<void> add_member(std::string_view name, std::string_view device,
                            std::span<const std::string> settings) override {
        auto member = member_of_words(device, settings);
        if (!member) return Error{member.error()};
        return of<Result<void>>(name, unknown(name),
                                [&](EmbeddedBond& p) { return p.add_member(std::move(member).value()); });
    }
    Result<void> remove_member(std::string_view name, std::string_view member) override {
        return of<Result<void>>(name, unknown(name),
                                [&](EmbeddedBond& p) { return p.remove_member(member); });
    }
    Result<void> reload() override { return kNotHere; }
    Result<std::string> start_capture(std::string_view, std::string_view, std::string_view,
                                      std::uint32_t) override {
        return kNotHere;
    }
    Result<std::string> stop_capture(std::string_view) override { return kNotHere; }
    Result<std::string> show_capture(std::string_view) override { return kNotHere; }
    Result<void> may_quit() override { return kNotHere; } // the application ends when it likes to
    void quit() override {}

private:
    static Error unknown(std::string_view name) { return Error{fmt::format("{}: no such bond", name)}; }

    template <class Answer, class F> Answer of(std::string_view name, Answer none, F ask) {
        const std::shared_lock lock(mutex_);
        const auto it = std::ranges::find(ports_, name,
                                          [](const EmbeddedBond* p) { return std::string_view(p->name()); });
        if (it == ports_.end()) return none;
        return ask(**it);
    }

    std::shared_mutex mutex_; // guards the list; a port that is on it lives
    std::vector<EmbeddedBond*> ports_;
    std::unique_ptr<Console> console_; // owner: the application's thread that makes and closes ports
};

Ports& ports() {
    static Ports all;
    return all;
}

} // namespace

bool enter_instance(EmbeddedBond& port) { return ports().enter(port); }
void leave_instance(EmbeddedBond& port) { ports().leave(port); }

Result<void> member_is_detaching(const rte_device* device) {
    Result<void> done;
    ports().each([&](EmbeddedBond& p) {
        if (auto one = p.detaching(device); !one) done = one;
    });
    return done;
}

void member_is_detached(const rte_device* device) {
    ports().each([&](EmbeddedBond& p) { p.detached(device); });
}

void stop_instances() {
    ports().each([](EmbeddedBond& p) { p.stop(); });
}

} // namespace dpdkbond
