// SPDX-License-Identifier: BSD-3-Clause
// Captures as operators ask for them (class Program as an Instance). Files are opened, and ends of captures
// are waited for, without the lock that every other question needs.
#include <fmt/format.h>

#include <filesystem>

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
                                    m->port->id(), m->port->mac()});
    if (!plan.members.empty()) return plan;
    if (member == "all") return Error{fmt::format("{} has no members", bond)};
    return Error{member_or_error(unit, member).error()};
}

Result<std::string> Program::start_capture(std::string_view bond, std::string_view member,
                                           std::string_view file, std::uint32_t seconds) {
    {
        const std::lock_guard lock(mutex_);
        if (auto possible = capture_plan(bond, member); !possible) return Error{possible.error()};
    }
    const std::string path = std::filesystem::absolute(file); // so that the answer says where it is
    auto opened = open_capture_file(path);
    if (!opened) return Error{opened.error()};
    const std::lock_guard lock(mutex_);
    auto plan = capture_plan(bond, member); // time has passed
    if (!plan) return Error{plan.error()};
    plan.value().path = path;
    plan.value().length = std::chrono::seconds(seconds);
    plan.value().grace = [this] { wait_for_grace(); };
    auto capture = Capture::start(std::move(plan).value(), std::move(opened).value());
    if (!capture) return Error{capture.error()};
    BondUnit& unit = *find(bond);
    unit.capture = std::move(capture).value();
    return unit.capture->text();
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
