// SPDX-License-Identifier: BSD-3-Clause
// What is asked of the port: its counters, its status, and what operators change while it runs.
#include <fmt/format.h>

#include <algorithm>

#include "config/dump.hpp"
#include "dpdk/clock.hpp"
#include "drivers/lacp.hpp"
#include "drivers/registry.hpp"
#include "embed/embedded_bond.hpp"
#include "engine/lane_sums.hpp"
#include "ops/acting.hpp"
#include "ops/health.hpp"

namespace dpdkbond {

namespace {

const Error kStopped{"the port is stopped"};

} // namespace

PortCounters EmbeddedBond::count() {
    PortCounters sum = past_;
    if (running_) {
        add(sum.bond, sum_of_bond(running_->core));
        for (std::size_t i = 0; i < devices_.size(); ++i)
            if (devices_[i]->id != kNoMember)
                add(sum.members[i], sum_of_member(running_->core, devices_[i]->id));
    }
    return sum;
}

PortCounters EmbeddedBond::total() {
    PortCounters c = count();
    const auto whole = [](const QueueCounters& q, std::uint64_t& packets, std::uint64_t& bytes) {
        packets += q.packets.get();
        bytes += q.bytes.get();
    };
    c.bond.rx_packets = c.bond.tx_packets = 0;
    const FaceSetup setup = face_.setup();
    for (const RxQueue* rx : setup.rx)
        if (rx != nullptr) whole(rx->counters, c.bond.rx_packets, c.bond.rx_bytes);
    for (const TxQueue* tx : setup.tx)
        if (tx != nullptr) whole(tx->counters, c.bond.tx_packets, c.bond.tx_bytes);
    for (std::size_t i = 0; i < devices_.size(); ++i) put_device_counts(c.members[i], devices_[i]->stats());
    for (const auto& d : devices_) c.names.push_back(d->config.name);
    return c;
}

PortCounters EmbeddedBond::counters() {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    PortCounters c = total();
    subtract(c.bond, cleared_.bond);
    for (std::size_t i = 0; i < devices_.size(); ++i) subtract(c.members[i], cleared_.members[i]);
    return c;
}

void EmbeddedBond::clear_counters() {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    cleared_ = total();
    if (running_) running_->core.queries->clear(running_->core.lanes);
}

std::vector<std::uint16_t> EmbeddedBond::running_members() {
    std::vector<std::uint16_t> ports;
    for (const auto& d : devices_)
        if (d->started() && !d->is_lost()) ports.push_back(d->port());
    return ports;
}

std::vector<std::uint16_t> EmbeddedBond::members() {
    std::vector<std::uint16_t> ports;
    for (const auto& d : devices_)
        if (d->here()) ports.push_back(d->port());
    return ports;
}

BondView EmbeddedBond::view() {
    BondView view;
    const PortCounters counted = counters();
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    if (running_)
        running_->core.status.load(view.status);
    else
        view.status = last_status_;
    view.status.logical_backend = face_.backend();
    view.status.logical_name = face_.logical_name();
    view.options = config_.options;
    view.counters = counted.bond;
    if (running_)
        if (lacp::BondStatus lacp; lacp_status(*running_->core.controller, lacp)) view.lacp = lacp;
    const RxFilter wants = filter();
    view.logical.known = true;
    view.logical.up = running_ != nullptr;
    view.logical.mac = view.status.mac;
    view.logical.promiscuous = wants.all_unicast;
    view.logical.all_groups = wants.all_groups;
    view.logical.groups = groups_.size();
    view.logical.unicast = addresses_.size();
    for (MemberStatus& s : view.status.members) {
        const Time at = now();
        s.flap_penalty = decayed(s.flap_penalty, at - s.flap_penalty_at,
                                 std::chrono::seconds(view.options.damping_half_life));
        s.flap_penalty_at = at;
        MemberView m{s, {}, view.status.mtu, false, false, false};
        for (std::size_t i = 0; i < devices_.size(); ++i) {
            if (s.name.view() != devices_[i]->config.name) continue;
            if (i < counted.members.size()) m.counters = counted.members[i];
            m.promiscuous = devices_[i]->promiscuous();
            m.all_groups = devices_[i]->all_groups();
            m.sorts_itself = devices_[i]->sorts();
            if (devices_[i]->slow_queue()) m.control_rx = "queue";
            if (devices_[i]->has_own_tx_queue()) m.control_tx = "queue";
        }
        view.members.push_back(m);
    }
    view.health = health_of(view);
    return view;
}

std::vector<PastEvent> EmbeddedBond::history() {
    const std::lock_guard lock(history_mutex_);
    return history_.list();
}

BondQueries EmbeddedBond::queries() {
    return {running_->control, running_->core, config_.options, [this](MemberId id) {
                for (const auto& device : devices_)
                    if (device->id == id) return device->stats().obytes;
                return std::uint64_t{0};
            }};
}

Result<Explanation> EmbeddedBond::explain(const FlowSpec& flow) {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    if (!running_) return kStopped;
    return queries().explain(flow);
}

std::optional<BondQueries::LoadBegun> EmbeddedBond::begin_load() {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    if (!running_) return std::nullopt;
    return queries().begin_load();
}

std::optional<std::vector<MemberLoad>> EmbeddedBond::load(const BondQueries::LoadBegun& begun) {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    if (!running_) return std::nullopt;
    return queries().load(begun);
}

std::optional<std::vector<RlbClientView>> EmbeddedBond::rlb() {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    if (!running_) return std::nullopt;
    return queries().rlb();
}

std::optional<SprayView> EmbeddedBond::spray() {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    if (!running_) return std::nullopt;
    return queries().spray();
}

std::string EmbeddedBond::config_text() {
    const std::lock_guard lock(mutex_);
    return dump_bond(config_);
}

Result<void> EmbeddedBond::set_active(std::string_view member) {
    const std::lock_guard lock(mutex_);
    if (!running_) return kStopped;
    Result<void> done;
    running_->control.call([&] { done = running_->core.bond.set_active(member, now()); });
    return done;
}

Result<void> EmbeddedBond::set_member_link(std::string_view member, bool up) {
    const std::lock_guard lock(mutex_);
    if (!running_) return kStopped;
    bool found = false;
    running_->control.call([&] {
        Bond& bond = running_->core.bond;
        const MemberId id = bond.find(member);
        found = id != kNoMember;
        if (found) bond.set_link_admin(id, up, now());
    });
    if (!found) return Error{fmt::format("{}: there is no member of that name", member)};
    return {};
}

Result<void> EmbeddedBond::set_option(std::string_view option, std::string_view value) {
    if (option == "active_slave") return set_active(value); // no setting
    const std::lock_guard lock(mutex_);
    if (!running_) return kStopped;
    BondOptions options = config_.options;
    OptionSet given = config_.given;
    OptionsAside aside = aside_;
    Mode mode = config_.mode;
    if (option == "mode") {
        const auto parsed = parse_mode(value);
        if (!parsed) return Error{fmt::format("mode: {} is no mode", value)};
        mode = *parsed;
        take_over_options(mode, options, given, aside);
    } else {
        const OptionDef* def = find_option(option);
        if (def == nullptr || def->of_member)
            return set_bond_option(options, option, value); // which says that there is none, and what is near
        if (auto may = may_change_running(mode, *def, true); !may) return may;
        if (auto set = set_bond_option(options, option, value); !set)
            return Error{fmt::format("{}: {}", option, set.error())};
        if (options.member_taps) return Error{fmt::format("{}: {}", option, kNoTaps)};
        const auto named = [&](const auto& d) { return d->config.name == options.primary; };
        if (def->name == "primary" && !options.primary.empty() && std::ranges::none_of(devices_, named))
            return Error{fmt::format("primary: {} has no member {}", config_.name, options.primary)};
        given |= option_bit(option_index(*def));
        end_other_monitor(*def, options, given);
    }
    if (const auto problems = check_options(mode, options, given); !problems.empty())
        return Error{fmt::format("{}: {}", problems[0].option, problems[0].message)};
    set_options(running_->control, running_->core, *find_mode(mode), options, option);
    {
        const std::lock_guard devices(device_mutex_); // the host thread asks it for the mode
        config_.mode = mode;
        config_.options = options;
        config_.given = given;
        aside_ = aside;
    }
    miimon_ = options.miimon;
    running_->control.call([&] {
        running_->core.bond.note(EventKind::option_changed, kNoMember,
                                 fmt::format("{} {}{}", option, value, by_whom()), now());
    });
    return {};
}

} // namespace dpdkbond
