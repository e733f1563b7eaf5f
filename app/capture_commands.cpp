// SPDX-License-Identifier: BSD-3-Clause
// Captures as operators ask for them (class Program as an Instance). Files are opened, and ends of captures
// are waited for, without the lock that every other question needs.
#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "app/program.hpp"

namespace dpdkbond {

Result<CapturePlan> Program::capture_plan(std::string_view bond, std::string_view member) {
    auto found = find_or_error(bond);
    if (!found) return Error{found.error()};
    BondUnit& unit = *found.value();
    if (unit.capture && unit.capture->running())
        return Error{fmt::format("{}; one at a time: `capture {} stop` ends it", unit.capture->text(), bond)};
    CapturePlan plan;
    plan.bond = unit.config.name;
    for (const auto& m : unit.members)
        if (member == "all" || member == m->config.name)
            plan.members.push_back({m->config.name,
                                    fmt::format("{} member {}, {}", bond, m->config.name, m->config.device),
                                    m->port->id(), m->mac()});
    if (!plan.members.empty()) return plan;
    if (member == "all") return Error{fmt::format("{} has no members", bond)};
    return Error{member_or_error(unit, member).error()};
}

Result<std::string> Program::start_capture(std::string_view bond, std::string_view member,
                                           std::string_view file, std::uint32_t seconds) {
    if (file == "-") return Error{"a capture to - goes by the shell: dpdk-bond capture NAME MEMBER -"};
    std::optional<Result<CapturePlan>> plan;
    {
        const std::lock_guard lock(mutex_);
        plan.emplace(capture_plan(bond, member));
    }
    if (!*plan) return Error{plan->error()};
    CapturePlan& wanted = plan->value();
    wanted.path = std::filesystem::absolute(file); // so that the answer says where it is
    wanted.length = std::chrono::seconds(seconds);
    wanted.grace = [this] { return rcu_->wait(kWorkerPatience); };
    auto opened = open_capture_file(wanted.path);
    if (!opened) return Error{opened.error()};
    auto prepared = Capture::prepare(std::move(wanted), std::move(opened).value());
    if (!prepared) return Error{prepared.error()};
    const std::shared_ptr<Capture> capture = std::move(prepared).value();

    const Command command(*this);
    const auto again = capture_plan(bond, member); // time has passed
    if (!again) return Error{again.error()};
    if (again.value().members != capture->members())
        return Error{fmt::format("{}: its members have just changed; say it again", bond)};
    if (auto started = capture->start(); !started) return Error{started.error()};
    find(bond)->capture = capture;
    return capture->text();
}

Result<std::string> Program::stop_capture(std::string_view bond) {
    std::shared_ptr<Capture> capture;
    {
        const std::lock_guard lock(mutex_);
        auto unit = find_or_error(bond);
        if (!unit) return Error{unit.error()};
        capture = unit.value()->capture;
    }
    if (!capture || !capture->running()) return Error{fmt::format("{}: no capture runs", bond)};
    capture->stop();
    return capture->text();
}

Result<std::string> Program::show_capture(std::string_view bond) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    if (!unit.value()->capture) return fmt::format("{}: no capture has been made", bond);
    return unit.value()->capture->text();
}

} // namespace dpdkbond
