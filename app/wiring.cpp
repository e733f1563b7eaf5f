// SPDX-License-Identifier: BSD-3-Clause
// How a bond and its members come into service and leave it: the one place that sees everything.
#include "app/program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_cycles.h>
#include <rte_mempool.h>
#include <unistd.h>

#include <algorithm>

#include "app/placement.hpp"
#include "dpdk/clock.hpp"
#include "drivers/registry.hpp"
#include "engine/buffer_need.hpp"
#include "host/log.hpp"
#include "host/numa.hpp"
#include "host/vhost.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

namespace {

// A NIC that was reset on its way from one process to the next tells of its link late, also where the far end
// has seen nothing of it. Those that had a link have so long to find it; in modes with one active member that
// one alone, as nobody waits for the others.
void wait_for_links(const Saved& before, const BondConfig& config,
                    std::span<const std::unique_ptr<MemberPort>> members) {
    constexpr Duration kPatience = std::chrono::seconds(1);
    constexpr useconds_t kPauseUs = 5'000;
    const auto active = mode_def(config.mode).has(Trait::backups) ? before.text("active") : std::nullopt;
    const auto awaited = [&](const auto& member) {
        const Saved* was = before.find("member", member->config.name);
        return member->config.is_pci() && was != nullptr && was->flag("up") &&
               (!active || *active == member->config.name) && !member->read_link().carrier;
    };
    for (const Time end = now() + kPatience; now() < end && std::ranges::any_of(members, awaited);)
        usleep(kPauseUs);
}

} // namespace

MemberSetup Program::member_setup(const BondConfig& config, const MemberConfig& member) const {
    MemberSetup s;
    s.pool = pool_of(member);
    s.workers = static_cast<unsigned>(workers_.size());
    s.mtu = config.logical.mtu;
    s.merge = config.logical.may_take_super_frames();
    s.sleepy = config_.runtime.idle == Idle::adaptive;
    s.state_dir = state_dir_;
    s.adopt = warm_.is_warm();
    return s;
}

Result<std::unique_ptr<MemberPort>> Program::open_member(const BondConfig& bond, const MemberConfig& member,
                                                         std::vector<std::string>& warnings) {
    const Meanwhile others(*this);
    if (auto taken = pci_.take(member, warnings); !taken) return Error{taken.error()};
    MemberSetup setup = member_setup(bond, member);
    setup.handed = warm_.take_handed({MemberPort::handed_name(devargs_value(member.device, "iface"))});
    auto port = MemberPort::open(member, std::move(setup), warnings);
    if (!port)
        pci_.give_back(member);
    else if (Port& device = *port.value()->port; member.is_pci())
        device.set_permanent_mac(pci_.own_mac(member, device.permanent_mac()));
    return port;
}

Result<std::unique_ptr<BondUnit>> Program::make_bond(std::uint32_t number, const BondConfig& config,
                                                     std::vector<std::string>& warnings) {
    if (std::string taken = taken_tap(config); !taken.empty()) return Error{std::move(taken)};
    auto unit = std::make_unique<BondUnit>(number, config);
    std::vector<std::unique_ptr<MemberPort>> opened;
    for (const MemberConfig& m : config.members) {
        if (const std::string why = why_absent(m); !why.empty()) {
            unit->waiting.add(m, why, now());
            warnings.push_back(fmt::format("member {}: {}; it joins when it appears", m.name, why));
            continue;
        }
        auto member = open_member(config, m, warnings);
        if (!member && warm_.is_warm()) { // the bond that ran goes on without it
            unit->waiting.add(m, member.error(), now());
            warnings.push_back(fmt::format("member {} is there and cannot join: {}; it is tried again",
                                           m.name, member.error()));
            continue;
        }
        if (!member) return Error{fmt::format("{}: member {}: {}", config.name, m.name, member.error())};
        opened.push_back(std::move(member).value());
    }
    const Saved* before = warm_.bond(config.name);
    if (before != nullptr) {
        for (std::string& line : renamed_netdevs(*before, config.members))
            warnings.push_back(std::move(line));
        std::vector<MemberInfo> members;
        for (const auto& member : opened) members.push_back(member->info());
        if (const std::string why = why_cold(*before, config.mode, members); !why.empty()) {
            warnings.push_back(fmt::format("{}: cold start", why));
            before = nullptr;
        }
    }
    std::optional<Mac> mac = config.logical.mac;
    if (!mac && before != nullptr && before->mac("mac").is_valid_unicast()) mac = before->mac("mac");
    if (!mac && !opened.empty() && opened.front()->port->permanent_mac().is_valid_unicast())
        mac = opened.front()->port->permanent_mac();
    auto logical =
        LogicalPort::open(config.name, config.logical, mac, pool_, config_.runtime.idle == Idle::adaptive,
                          warnings, warm_.take_handed(LogicalPort::handed_names(config.name)));
    if (!logical) return Error{logical.error()};
    unit->logical = std::move(logical).value();
    if (unit->logical->backend() == "virtio-user") place_vhost_threads(spare_cpus_);

    unit->core =
        std::make_unique<BondCore>(config.name, *find_mode(config.mode), config.options, config.logical.mac,
                                   config.logical.mtu, *rcu_, workers_.size(), std::to_string(number));
    for (unsigned w = 0; w < workers_.size(); ++w) {
        const auto workers = static_cast<unsigned>(workers_.size());
        LogicalQueue queue;
        queue.port = unit->logical->port().id();
        queue.tx_queue = static_cast<std::uint16_t>(w % unit->logical->port().tx_queues());
        queue.shared = unit->logical->port().tx_queues() < workers;
        queue.offloads = unit->logical->offloads();
        queue.rx_queues = unit->logical->port().rx_queues();
        queue.first_worker = static_cast<std::uint16_t>(number % workers);
        const auto node = numa_node_of_cpu_id(static_cast<int>(config_.runtime.worker_lcores[w]));
        unit->lanes.push_back(make_on_node<Lane>(node, w, workers, unit->core->publisher.slot(), queue));
        unit->lanes.back()->doubt = &host_->doubt();
        if (queue.offloads != Offloads::none) {
            unit->mergers.push_back(make_on_node<Merger>(node, rte_get_tsc_hz()));
            unit->lanes.back()->merger = unit->mergers.back().get();
        }
        unit->lanes.back()->punted = unit->core->punted[w].get();
        unit->core->lanes.push_back(unit->lanes.back().get());
    }
    unit->lanes[0]->inject = &unit->core->inject;
    unit->lanes[0]->policy.random ^= static_cast<std::uint64_t>(to_ns(now())) | 1U;
    unit->macs.emplace(*control_, unit->core->bond, *unit->logical);
    if (before != nullptr) {
        wait_for_links(*before, config, opened);
        unit->core->bond.restore(*before, now());
    }
    for (auto& member : opened)
        if (auto joined = join(*unit, std::move(member)); !joined) return Error{joined.error()};
    if (before != nullptr) {
        unit->core->bond.resume(now());
        (void)unit->macs->apply();
        log_line(fmt::format("{}: carries on where the instance before left off", config.name));
    }
    unit->record_members();
    return unit;
}

void Program::enter_service(BondUnit& unit) {
    {
        const std::lock_guard lock(served_mutex_);
        served_[unit.number] = &unit;
    }
    control_->call([&] {
        control_->set_bond(unit.number, unit.core.get());
        control_->settle(unit.number); // whoever asks from now on finds a status
    });
    add_queues(unit.logical->port(), unit.logical->port().rx_fds(), unit.number);
    for (std::size_t w = 0; w < workers_.size(); ++w) workers_[w]->set_lane(unit.number, unit.lanes[w].get());
    for (auto& member : unit.members) serve_member(unit, *member);
    if (auto done = give_taps(unit); !done) log_warnings(unit, {done.error()});
    host_->set_options(unit.number, unit.config.options);
    host_->watch_logical(unit.number, *unit.logical, unit.config.logical.mtu, max_mtu());
    if (unit.config.logical.managed) host_->expect_addresses(unit.number, unit.config.logical.addresses);
}

// A tap goes where the logical interface is by now.
Result<void> Program::give_taps(BondUnit& unit) {
    Result<void> first;
    for (const auto& member : unit.members) {
        if (!unit.config.options.member_taps) take_tap(unit, *member);
        if (!unit.config.options.member_taps || !member->tap_name().empty()) continue;
        take_tap(unit, *member);
        auto done = unit.logical->in_kernel()
                        ? unit.logical->visit([&](const LinkEvent&) { return member->open_tap(); })
                        : member->open_tap();
        if (!done && first) first = Error{fmt::format("member {}: {}", member->config.name, done.error())};
        control_->call([&] { control_->set_tap(unit.number, member->id, member->tap_fd()); });
    }
    return first;
}

void Program::take_tap(BondUnit& unit, MemberPort& member) {
    if (member.tap_fd() < 0) return;
    control_->call([&] { control_->set_tap(unit.number, member.id, -1); });
    member.close_tap();
}

std::string Program::taken_tap(const BondConfig& bond) const {
    const std::string taken = dpdkbond::taken_tap(bond, [&](const LinkEvent& there) {
        return std::ranges::any_of(units_, [&](const auto& unit) {
            return std::ranges::find(unit->members, there.name, &MemberPort::tap_name) != unit->members.end();
        });
    });
    return taken.empty() ? taken : bond.name + ": " + taken;
}

void Program::serve_member(BondUnit& unit, MemberPort& member) {
    add_queues(*member.port, member.sockets, member.first_worker());
    host_->watch_member(unit.number, member);
    member.report_interrupts_to(*control_, unit.number, member.id);
    const int ear = member.lacp_socket ? member.lacp_socket->fd() : -1;
    control_->call([&] { control_->listen(unit.number, member.id, ear); });
}

void Program::leave_service(std::unique_ptr<BondUnit> leaving) {
    const Meanwhile others(*this); // which do not find it any more
    BondUnit& unit = *leaving;
    dismiss_all(unit);
    wait_until_said({&unit}, kWorkerPatience);
    if (unit.capture) unit.capture->stop();
    host_->forget_logical(unit.number);
    for (auto& member : unit.members) host_->forget_member(*member);
    {
        const std::lock_guard lock(served_mutex_);
        served_[unit.number] = nullptr;
    }
    for (auto& worker : workers_) worker->set_lane(unit.number, nullptr);
    control_->call([&] { control_->set_bond(unit.number, nullptr); });
    const bool seen = rcu_->wait(kWorkerPatience);
    for (auto& member : unit.members) remove_queues(member->port->id());
    remove_queues(unit.logical->port().id());
    if (seen) {
        leaving.reset();
        return;
    }
    log_line(fmt::format("{}: a worker does not come round: its devices stay open until the program ends",
                         unit.config.name));
    stuck_.push_back(std::move(leaving));
}

Result<void> Program::join(BondUnit& unit, std::unique_ptr<MemberPort> member) {
    const LinkState link = member->read_link();
    const Mac own = member->port->permanent_mac();
    const auto refused = [&](const std::string& why) {
        return Error{fmt::format("{}: member {}: {}", unit.config.name, member->config.name, why)};
    };
    std::optional<Result<Mac>> mac;
    control_->call([&] {
        Bond& bond = unit.core->bond;
        // Nobody to take it from: the bond keeps what the logical interface came with.
        if (bond.mac().is_zero() && !own.is_valid_unicast())
            bond.set_mac(unit.logical->port().permanent_mac(), now());
        mac.emplace(bond.mac_to_join(own, member->config.name));
    });
    if (!*mac) return refused(mac->error());
    const std::optional<std::string> warning = member->wear_mac(mac->value());

    const WaitingMember* waited = unit.waiting.find(member->config.name);
    const LeftBehind had = waited != nullptr ? waited->had : LeftBehind{};
    MemberInfo info = member->info();
    info.link_failures = had.link_failures;
    const auto place = unit.place_of(member->config.name);
    const MemberId before = place == unit.members.end() ? kNoMember : (*place)->id;
    std::optional<Result<MemberId>> id;
    control_->call([&] { id.emplace(unit.core->bond.add_member(info, link, now(), before)); });
    if (!*id) return refused(id->error());
    member->id = id->value();
    member->last_posted = link;
    unit.start_counting(*member, had.counters);
    unit.macs->add(*member);
    (void)unit.macs->apply(); // what went wrong is an event
    if (warning) log_warnings(unit, {*warning});
    unit.members.insert(place, std::move(member));
    steer(unit);
    return {};
}

Result<void> Program::put_in_service(BondUnit& unit, std::unique_ptr<MemberPort> member,
                                     const std::vector<std::string>& warnings) {
    const MemberConfig config = member->config;
    if (auto joined = join(unit, std::move(member)); !joined) {
        pci_.give_back(config);
        return joined;
    }
    log_warnings(unit, warnings);
    serve_member(unit, *unit.find_member(config.name));
    if (auto done = give_taps(unit); !done) log_warnings(unit, {done.error()});
    unit.record_members();
    unit.waiting.remove(config.name, now());
    return {};
}

Result<void> Program::bring_in(BondUnit& unit, const MemberConfig& member) {
    if (auto room = buffers_suffice(bonds_with(unit, member)); !room) return Error{room.error()};
    std::vector<std::string> warnings;
    auto opened = open_member(unit.config, member, warnings);
    if (!opened) return Error{opened.error()};
    return put_in_service(unit, std::move(opened).value(), warnings);
}

void Program::look_for_members() {
    const Command command(*this);
    if (ending_) return;
    const auto why = [](const MemberConfig& m) { return why_absent(m); };
    for (const auto& unit : units_) {
        for (const MemberConfig& m : std::vector<MemberConfig>(unit->config.members)) {
            MemberPort* member = unit->find_member(m.name);
            const std::string gone = member != nullptr ? member->why_gone() : std::string();
            if (gone.empty()) continue;
            control_->call([&] { // a link that is lost, whether or not the kernel has told
                unit->core->bond.handle_link(member->id, {}, now());
                control_->settle(unit->number);
            });
            // First, so that it is listed while it leaves.
            unit->waiting.add(member->config, gone, now(), unit->left_behind(*member));
            part(*unit, *member);
            log_warnings(*unit, {fmt::format("member {}: {}; it joins again when it is back", m.name, gone)});
        }
        for (const MemberConfig& m : unit->waiting.due(now(), why)) {
            auto joined = bring_in(*unit, m);
            if (joined || !unit->waiting.failed(m.name, joined.error(), now())) continue;
            log_warnings(*unit, {fmt::format("member {} is there and cannot join: {}; it is tried again",
                                             m.name, joined.error())});
        }
    }
}

void Program::look_soon() {
    const std::lock_guard lock(reload_mutex_);
    look_wish_ = true;
    reload_wish_.notify_one();
}

void Program::steer(BondUnit& unit) {
    static const OptionDef& queue_id = *find_option("queue_id");
    const bool wanted =
        works_in(unit.config.mode, queue_id) &&
        std::ranges::any_of(unit.members, [](const auto& m) { return m->config.options.queue_id != 0; });
    if (auto done = unit.logical->steer(wanted); !done) log_warnings(unit, {done.error()});
}

void Program::dismiss(BondUnit& unit, const MemberPort& member) {
    control_->call([&] {
        unit.core->bond.dismiss_member(member.id, now());
        control_->settle(unit.number);
    });
}

void Program::dismiss_all(BondUnit& unit) {
    control_->call([&] {
        unit.core->bond.dismiss_all(now());
        control_->settle(unit.number);
    });
}

// A worker takes them within microseconds, unless it hangs: that must hold up nobody for long.
void Program::wait_until_said(const std::vector<BondUnit*>& units, Duration patience) {
    const Time end = now() + patience;
    for (const BondUnit* unit : units)
        while (!unit->core->inject.empty() && now() < end) usleep(100);
    (void)rcu_->wait(std::max(end - now(), Duration{})); // the round that took the last of them is over
}

void Program::part(BondUnit& unit, MemberPort& member) {
    host_->forget_member(member);
    dismiss(unit, member);
    (void)unit.macs->apply(); // others take over what it wore
    {
        const Meanwhile others(*this);
        wait_until_said({&unit}, kWorkerPatience);
    }
    take_tap(unit, member);
    control_->call([&] {
        control_->listen(unit.number, member.id, -1);
        unit.core->bond.remove_member(member.id, now());
    });
    unit.macs->remove(member);
    const bool seen = wait_until_unseen(unit);
    remove_queues(member.port->id());
    const MemberConfig gone = member.config;
    const auto it = std::ranges::find(unit.members, &member, [](const auto& m) { return m.get(); });
    unit.leaving.push_back(std::move(*it));
    unit.members.erase(it);
    if (unit.waiting.find(gone.name) == nullptr) unit.count_left(unit.counters(*unit.leaving.back()));
    unit.record_members();
    steer(unit);
    if (!seen) {
        log_warnings(
            unit, {fmt::format("member {} has left, but a worker does not come round: its device stays open "
                               "until it does",
                               gone.name)});
        return;
    }
    for (const auto& left : unit.leaving) { // those of earlier times too
        if (unit.capture) unit.capture->forget(left->port->id());
    }
    std::vector<MemberConfig> devices;
    for (const auto& left : unit.leaving) devices.push_back(left->config);
    const Meanwhile others(*this); // a NIC goes back to its driver in seconds
    unit.leaving.clear();
    for (const MemberConfig& device : devices) pci_.give_back(device);
}

void Program::add_queues(const Port& port, const std::vector<int>& sockets, unsigned first_worker) {
    const auto workers = workers_.size();
    for (std::uint16_t q = 0; q < port.rx_queues(); ++q) {
        Worker::Wake wake = Worker::Wake::clock;
        std::vector<int> mine;
        if (port.has_rx_interrupts()) {
            wake = Worker::Wake::interrupt;
        } else if (!sockets.empty()) {
            wake = Worker::Wake::sockets;
            mine = sockets.size() == port.rx_queues() ? std::vector<int>{sockets[q]} : sockets;
        }
        workers_[(first_worker + q) % workers]->add_queue(port.id(), q, wake, mine);
    }
}

void Program::remove_queues(std::uint16_t port) {
    for (auto& worker : workers_) worker->remove_port(port);
}

bool Program::wait_until_unseen(BondUnit& unit) {
    const Meanwhile others(*this);
    const Time end = now() + kWorkerPatience;
    for (;; usleep(100)) {
        bool seen = false;
        control_->call([&] { seen = unit.core->unpublished || !unit.core->publisher.settled(); });
        if (!seen) return true;
        if (now() >= end) return false;
    }
}

Result<void> Program::buffers_suffice(std::span<const BondConfig> bonds) const {
    Config all;
    all.runtime = config_.runtime;
    all.bonds.assign(bonds.begin(), bonds.end());
    for (const auto& [node, pool] : pools_) {
        const auto need = buffer_need(
            all, [&, p = pool](const MemberConfig& m) { return pool_of(m) == p; }, pool == pool_);
        if (need.total() > pool->size)
            return Error{
                fmt::format("there are {} packet buffers, and with it {}; write it into the file and "
                            "restart: the start says whether runtime.memory_mb must be larger",
                            pool->size, need.text())};
    }
    return {};
}

std::vector<BondConfig> Program::bonds_with(const BondUnit& unit, const MemberConfig& member) const {
    std::vector<BondConfig> bonds;
    for (const auto& u : units_) {
        bonds.push_back(u->config);
        if (u.get() == &unit) bonds.back().members.push_back(member);
    }
    return bonds;
}

rte_mempool* Program::pool_of(const MemberConfig& member) const {
    const auto pool = pools_.find(node_of(member).value_or(SOCKET_ID_ANY));
    return pool != pools_.end() ? pool->second : pool_;
}

// Which worker reads what, where there are several: one line each.
void Program::log_readers() const {
    if (workers_.size() < 2) return;
    std::vector<std::vector<std::string>> reads(workers_.size());
    const auto add = [&](const std::string& name, const Port& port, unsigned first_worker) {
        for (std::uint16_t q = 0; q < port.rx_queues(); ++q)
            reads[(first_worker + q) % reads.size()].push_back(
                port.rx_queues() == 1 ? name : fmt::format("{} queue {}", name, q));
    };
    for (const auto& unit : units_) {
        add(unit->config.name, unit->logical->port(), unit->number % static_cast<unsigned>(reads.size()));
        for (const auto& m : unit->members)
            add(fmt::format("{} {}", unit->config.name, m->config.name), *m->port, m->first_worker());
    }
    for (std::size_t w = 0; w < reads.size(); ++w)
        log_line(fmt::format("worker lcore {} reads {}", config_.runtime.worker_lcores[w],
                             reads[w].empty() ? "nothing" : fmt::format("{}", fmt::join(reads[w], ", "))));
}

void Program::log_warnings(const BondUnit& unit, const std::vector<std::string>& warnings) {
    for (const std::string& w : warnings)
        control_->call([&] { unit.core->bond.note(EventKind::warning, kNoMember, w, now()); });
}

} // namespace dpdkbond
