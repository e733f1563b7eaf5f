// SPDX-License-Identifier: BSD-3-Clause
// Members join, leave, and are added and removed while the bond runs.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "config/names.hpp"
#include "config/validate.hpp"
#include "datapath/rx_engine.hpp"
#include "dpdk/clock.hpp"
#include "embed/embedded_bond.hpp"
#include "engine/lane_sums.hpp"
#include "ops/acting.hpp"

namespace dpdkbond {

namespace {

// How long a member that leaves waits for the application's threads to come out of a queue; and one whose
// device must not go before they have.
constexpr Duration kPatience = std::chrono::milliseconds(300);
constexpr Duration kDetachPatience = std::chrono::seconds(2);

} // namespace

Result<void> EmbeddedBond::join(BondedDevice& device) {
    Running& r = *running_;
    const LinkState link = device.read_link();
    std::optional<Result<Mac>> mac;
    r.control.call([&] { mac.emplace(r.core.bond.mac_to_join(device.permanent_mac())); });
    if (!*mac) return Error{mac->error()};
    const auto warning = device.wear_mac(mac->value());
    std::optional<Result<MemberId>> id;
    r.control.call([&] {
        id.emplace(r.core.bond.add_member(device.info(), link, now()));
        if (*id) r.slow_queues[id->value()] = {device.port(), device.slow_queue().value_or(0)};
    });
    if (!*id) return Error{id->error()};
    device.last_posted = link;
    device.id = id->value();
    device.report_interrupts_of(device.id);
    apply_macs();
    if (warning) warn(device.id, *warning);
    for (const std::string& what : device.follow(wishes())) warn(device.id, what);
    r.control.call([&] { r.core.bond.set_sorts_itself(device.id, device.sorts()); });
    return {};
}

Result<void> EmbeddedBond::start_device(BondedDevice& device) {
    if (auto done = device.start(device_setup()); !done) return done;
    auto done = face_.member_joins(device.port());
    if (!done) {
        stop_device(device);
        return done;
    }
    watch_queues_of(device);
    return done;
}

// Which of them read which of its queues: as RxQueue::receive() has it.
void EmbeddedBond::watch_queues_of(const BondedDevice& device) {
    bool silent = false;
    for (std::size_t w = 0; w < wakes_.size(); ++w)
        for (std::size_t q = w; q < device.rx_queues(); q += wakes_.size()) {
            const RxSource source = device.rx_source(static_cast<std::uint16_t>(q));
            silent |= source.kind == RxSource::Kind::none;
            wakes_[w]->add(device.port(), static_cast<std::uint16_t>(q), source);
        }
    if (silent)
        log_line(LogLevel::warning,
                 fmt::format("{}: receive interrupts: member {} ({}) has none, nor a descriptor to wait on; "
                             "while the application sleeps its queues are looked at every {} ms",
                             config_.name, device.config.name, device.driver(),
                             std::chrono::duration_cast<std::chrono::milliseconds>(kLook).count()));
}

void EmbeddedBond::stop_device(BondedDevice& device) {
    if (device.started()) {
        for (const auto& wake : wakes_) wake->remove(device.port());
        face_.member_leaves(device.port(), device.is_lost());
    }
    device.stop();
}

void EmbeddedBond::wait_a_moment() {
    if (!own_threads_) {
        running_->control.serve();
        look_after_queues();
    }
    usleep(100);
}

// The device may be gone already: frames that workers still give to it are refused by ethdev.
bool EmbeddedBond::part(BondedDevice& device, Duration patience) {
    Running& r = *running_;
    const MemberId id = device.id;
    if (id == kNoMember) {
        stop_device(device);
        return true;
    }
    r.control.call([&] {
        r.slow_queues[id] = {};
        r.core.bond.remove_member(id, now());
        r.control.settle(0);
    });
    bool in_use = true;
    for (const Time end = now() + patience; in_use && now() < end;) {
        r.control.call([&] { in_use = r.core.unpublished || !r.core.publisher.settled(); });
        if (in_use) wait_a_moment();
    }
    add(past_.members[static_cast<std::size_t>(
            std::ranges::find(devices_, &device, [](const auto& d) { return d.get(); }) - devices_.begin())],
        sum_of_member(r.core, id));
    device.id = kNoMember;
    if (in_use && !device.is_lost()) return false;
    stop_device(device);
    apply_macs();
    return true;
}

Result<void> EmbeddedBond::add_member(MemberConfig member) {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    for (const auto& d : devices_)
        if (d->config.name == member.name)
            return Error{fmt::format("{}: {} has a member of that name already", member.name, config_.name)};
    Config all;
    all.bonds.push_back(config_);
    all.bonds.front().members.push_back(member);
    if (const auto problems = validate(all); !problems.empty())
        return Error{fmt::format("{}: {}", problems[0].key, problems[0].message)};
    auto device = std::make_unique<BondedDevice>(member, face_);
    auto found = device->find(owner_);
    if (!found) return Error{found.error()};
    BondedDevice& added = *device;
    {
        const std::lock_guard list(list_mutex_);
        devices_.push_back(std::move(device));
        past_.members.emplace_back();
        cleared_.members.emplace_back();
    }
    Result<void> done;
    if (running_ && added.here()) {
        done = start_device(added);
        if (done) done = join(added);
    }
    if (!done) {
        stop_device(added);
        const std::lock_guard list(list_mutex_);
        devices_.pop_back();
        past_.members.pop_back();
        cleared_.members.pop_back();
        return done;
    }
    config_.members.push_back(std::move(member));
    own_mac_of_first();
    note(EventKind::option_changed, kNoMember,
         fmt::format("member {} added{}", config_.members.back().name, by_whom()));
    return {};
}

Result<void> EmbeddedBond::remove_member(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    const auto it = std::ranges::find_if(devices_, [&](const auto& d) { return d->config.name == name; });
    if (it == devices_.end()) return Error{fmt::format("{}: there is no member of that name", name)};
    BondedDevice& device = **it;
    if (running_ && device.id != kNoMember) {
        Running& r = *running_;
        r.control.call([&] { // last words
            r.core.bond.dismiss_member(device.id, now());
            r.control.settle(0);
        });
        for (const Time end = now() + kPatience; !r.core.inject.empty() && now() < end;) wait_a_moment();
        if (!part(device, kDetachPatience)) {
            if (auto back = join(device); !back) stop_device(device);
            return Error{fmt::format("{}: a thread is in the middle of a burst", name)};
        }
    }
    note(EventKind::option_changed, kNoMember, fmt::format("member {} removed{}", name, by_whom()));
    const std::lock_guard list(list_mutex_);
    const auto index = it - devices_.begin();
    MemberCounters left = count().members[static_cast<std::size_t>(index)];
    subtract(left, cleared_.members[static_cast<std::size_t>(index)]);
    past_.bond.left_rx_packets += left.rx_packets;
    past_.bond.left_tx_packets += left.tx_packets;
    std::erase_if(config_.members, [&](const MemberConfig& m) { return m.name == device.config.name; });
    past_.members.erase(past_.members.begin() + index);
    cleared_.members.erase(cleared_.members.begin() + index);
    devices_.erase(it);
    return {};
}

std::string EmbeddedBond::name_of_member(std::uint16_t port) {
    const std::lock_guard devices(device_mutex_);
    for (const auto& d : devices_)
        if (d->here() && d->port() == port) return d->config.name;
    return {};
}

bool EmbeddedBond::has_member(std::string_view name) {
    const std::lock_guard devices(device_mutex_);
    return std::ranges::any_of(devices_, [&](const auto& d) { return d->config.name == name; });
}

Result<void> EmbeddedBond::set_member_option(std::string_view member, std::string_view option,
                                             std::string_view value) {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    const auto it = std::ranges::find_if(devices_, [&](const auto& d) { return d->config.name == member; });
    if (it == devices_.end()) return Error{fmt::format("{}: there is no member of that name", member)};
    BondedDevice& device = **it;
    const OptionDef* def = find_option(option);
    MemberOptions options = device.config.options;
    if (def == nullptr || !def->of_member) return dpdkbond::set_member_option(options, option, value);
    if (auto may = may_change_running(config_.mode, *def); !may) return may;
    if (auto set = dpdkbond::set_member_option(options, option, value); !set)
        return Error{fmt::format("{}: {}", option, set.error())};
    std::vector<MemberConfig> others;
    for (const auto& other : devices_)
        if (other != *it) others.push_back(other->config);
    const auto queues = static_cast<unsigned>(face_.setup().tx.size());
    if (const std::string wrong = queue_id_problem(options.queue_id, queues, others); !wrong.empty())
        return Error{"queue_id: " + wrong};
    device.config.options = options;
    for (MemberConfig& m : config_.members)
        if (m.name == member) m.options = options;
    if (!running_ || device.id == kNoMember) return {};
    running_->control.call([&] {
        running_->core.bond.note(EventKind::option_changed, device.id,
                                 fmt::format("{} {}{}", option, value, by_whom()), now());
        running_->core.bond.set_member_options(device.id, options, now());
    });
    return {};
}

Result<void> EmbeddedBond::detaching(const rte_device* device) {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    for (auto& d : devices_) {
        if (!d->is_of(device)) continue;
        if (running_ && d->id != kNoMember) {
            warn(d->id, fmt::format("its device {} is taken out", d->config.device));
            if (!part(*d, kDetachPatience)) {
                if (auto back = join(*d); !back) stop_device(*d);
                return Error{fmt::format("{}: member {}: a thread is in the middle of a burst", config_.name,
                                         d->config.name)};
            }
        }
        d->let_go(device);
    }
    return {};
}

void EmbeddedBond::detached(const rte_device* device) {
    const std::lock_guard devices(device_mutex_);
    for (auto& d : devices_) d->may_come_back(device);
}

} // namespace dpdkbond
