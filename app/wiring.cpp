// SPDX-License-Identifier: BSD-3-Clause
// How a bond and its members come into service and leave it: the one place that sees everything.
#include "app/program.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "app/placement.hpp"
#include "datapath/punt_neighbors.hpp"
#include "dpdk/clock.hpp"
#include "drivers/registry.hpp"
#include "host/log.hpp"
#include "host/numa.hpp"
#include "host/vhost.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

MemberSetup Program::member_setup(const BondConfig& config, const MemberConfig& member) const {
    MemberSetup s;
    const auto pool = pools_.find(node_of(member).value_or(SOCKET_ID_ANY));
    s.pool = pool != pools_.end() ? pool->second : pool_;
    s.workers = static_cast<unsigned>(workers_.size());
    s.mtu = config.logical.mtu;
    s.sleepy = config_.runtime.idle == Idle::adaptive;
    s.state_dir = state_dir_;
    return s;
}

Result<std::unique_ptr<MemberPort>> Program::open_member(const BondConfig& bond, const MemberConfig& member,
                                                         std::vector<std::string>& warnings) {
    if (auto taken = pci_.take(member, warnings); !taken) return Error{taken.error()};
    auto port = MemberPort::open(member, member_setup(bond, member), warnings);
    if (!port) pci_.give_back(member);
    return port;
}

Result<std::unique_ptr<BondUnit>> Program::make_bond(std::uint32_t number, const BondConfig& config,
                                                     std::vector<std::string>& warnings) {
    auto unit = std::make_unique<BondUnit>(number, config);
    std::vector<std::unique_ptr<MemberPort>> opened;
    for (const MemberConfig& m : config.members) {
        auto member = open_member(config, m, warnings);
        if (!member) return Error{fmt::format("{}: member {}: {}", config.name, m.name, member.error())};
        opened.push_back(std::move(member).value());
    }
    std::optional<Mac> mac = config.logical.mac;
    if (!mac && !opened.empty() && opened.front()->port->permanent_mac().is_valid_unicast())
        mac = opened.front()->port->permanent_mac();
    auto logical =
        LogicalPort::open(config.name, config.logical, mac, pool_, config_.runtime.idle == Idle::adaptive);
    if (!logical) return Error{logical.error()};
    unit->logical = std::move(logical).value();
    if (unit->logical->backend() == "virtio-user") place_vhost_threads(spare_cpus_);

    const ModeDescriptor* mode = find_mode(config.mode);
    auto controller = mode->control_half();
    const ModeParts parts{config.mode, controller.get(), mode->data_half(config.options), mode->punt,
                          punt_neighbors};
    unit->core = std::make_unique<BondCore>(config.name, parts, std::move(controller), config.options,
                                            config.logical.mac, config.logical.mtu, *rcu_, workers_.size(),
                                            std::to_string(number));
    for (unsigned w = 0; w < workers_.size(); ++w) {
        const auto workers = static_cast<unsigned>(workers_.size());
        LogicalQueue queue;
        queue.port = unit->logical->port().id();
        queue.tx_queue = static_cast<std::uint16_t>(w % unit->logical->port().tx_queues());
        queue.shared = unit->logical->port().tx_queues() < workers;
        queue.rx_queues = unit->logical->port().rx_queues();
        const auto node = numa_node_of_cpu_id(static_cast<int>(config_.runtime.worker_lcores[w]));
        unit->lanes.push_back(make_on_node<Lane>(node, w, workers, unit->core->publisher.slot(), queue));
        unit->lanes.back()->doubt = &host_->doubt();
        unit->lanes.back()->punted = unit->core->punted[w].get();
        unit->core->lanes.push_back(unit->lanes.back().get());
    }
    unit->lanes[0]->inject = &unit->core->inject;
    unit->lanes[0]->policy.random ^= static_cast<std::uint64_t>(to_ns(now())) | 1U;
    unit->macs.emplace(*control_, unit->core->bond, *unit->logical);
    for (auto& member : opened)
        if (auto joined = join(*unit, std::move(member)); !joined) return Error{joined.error()};
    return unit;
}

void Program::enter_service(BondUnit& unit) {
    {
        const std::lock_guard lock(served_mutex_);
        served_[unit.number] = &unit;
    }
    control_->call([&] { control_->set_bond(unit.number, unit.core.get()); });
    add_queues(unit.logical->port(), {});
    for (std::size_t w = 0; w < workers_.size(); ++w) workers_[w]->set_lane(unit.number, unit.lanes[w].get());
    for (auto& member : unit.members) serve_member(unit, *member);
    host_->set_poll_interval(unit.number, unit.config.options.miimon);
    host_->watch_logical(unit.number, unit.logical->netdev(), unit.config.logical.mtu, max_mtu());
}

void Program::serve_member(BondUnit& unit, MemberPort& member) {
    add_queues(*member.port, member.sockets);
    host_->watch_member(unit.number, member);
    member.report_interrupts_to(*control_, unit.number, member.id);
    const int ear = member.lacp_socket ? member.lacp_socket->fd() : -1;
    control_->call([&] { control_->listen(unit.number, member.id, ear); });
}

void Program::leave_service(BondUnit& unit) {
    for (auto& member : unit.members) dismiss(unit, *member);
    wait_until_said(unit);
    if (unit.capture) unit.capture->stop();
    host_->forget_logical(unit.number);
    host_->set_poll_interval(unit.number, 0);
    for (auto& member : unit.members) host_->forget_member(*member);
    {
        const std::lock_guard lock(served_mutex_);
        served_[unit.number] = nullptr;
    }
    for (auto& worker : workers_) worker->set_lane(unit.number, nullptr);
    control_->call([&] { control_->set_bond(unit.number, nullptr); });
    wait_for_grace();
    for (auto& member : unit.members) remove_queues(member->port->id());
    remove_queues(unit.logical->port().id());
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
        mac.emplace(bond.mac_to_join(own));
    });
    if (!*mac) return refused(mac->error());
    const std::optional<std::string> warning = member->wear_mac(mac->value());

    std::optional<Result<MemberId>> id;
    control_->call([&] { id.emplace(unit.core->bond.add_member(member->info(), link, now())); });
    if (!*id) return refused(id->error());
    member->id = id->value();
    member->last_posted = link;
    unit.start_counting(*member);
    unit.macs->add(*member);
    (void)unit.macs->apply(); // what went wrong is an event
    if (warning) log_warnings(unit, {*warning});
    unit.members.push_back(std::move(member));
    steer(unit);
    return {};
}

Result<void> Program::put_in_service(BondUnit& unit, std::unique_ptr<MemberPort> member,
                                     const std::vector<std::string>& warnings) {
    if (auto joined = join(unit, std::move(member)); !joined) return joined;
    log_warnings(unit, warnings);
    serve_member(unit, *unit.members.back());
    unit.config.members.push_back(unit.members.back()->config);
    return {};
}

void Program::steer(BondUnit& unit) {
    static const OptionDef& queue_id = *find_option("queue_id");
    const bool wanted =
        (queue_id.effective & mask_of(unit.config.mode)) != 0 &&
        std::ranges::any_of(unit.members, [](const auto& m) { return m->config.options.queue_id != 0; });
    if (auto done = unit.logical->steer(wanted); !done) log_warnings(unit, {done.error()});
}

void Program::dismiss(BondUnit& unit, const MemberPort& member) {
    control_->call([&] {
        unit.core->bond.dismiss_member(member.id, now());
        control_->settle(unit.number);
    });
}

void Program::wait_until_said(const BondUnit& unit) {
    // A worker takes them within microseconds, unless it hangs: that must not keep the program from ending.
    for (int patience = 1000; patience > 0 && !unit.core->inject.empty(); --patience) usleep(100);
    wait_for_grace(); // the round that took the last of them is over
}

void Program::part(BondUnit& unit, MemberPort& member) {
    host_->forget_member(member);
    dismiss(unit, member);
    (void)unit.macs->apply(); // others take over what it wore
    wait_until_said(unit);
    control_->call([&] { unit.core->bond.remove_member(member.id, now()); });
    unit.macs->remove(member);
    wait_until_unseen(unit);
    if (unit.capture) unit.capture->forget(member.port->id());
    remove_queues(member.port->id());
    const MemberConfig gone = member.config;
    std::erase_if(unit.config.members, [&](const MemberConfig& m) { return m.name == gone.name; });
    std::erase_if(unit.members, [&](const auto& m) { return m.get() == &member; });
    steer(unit);
    pci_.give_back(gone);
}

void Program::add_queues(const Port& port, const std::vector<int>& sockets) {
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
        workers_[q % workers]->add_queue(port.id(), q, wake, mine);
    }
}

void Program::remove_queues(std::uint16_t port) {
    for (auto& worker : workers_) worker->remove_port(port);
}

void Program::wait_for_grace() {
    const std::uint64_t token = rcu_->start();
    while (!rcu_->passed(token)) usleep(100);
}

void Program::wait_until_unseen(BondUnit& unit) {
    for (bool seen = true; seen; usleep(100))
        control_->call([&] { seen = unit.core->unpublished || !unit.core->publisher.settled(); });
}

void Program::log_warnings(const BondUnit& unit, const std::vector<std::string>& warnings) {
    for (const std::string& w : warnings)
        control_->call([&] { unit.core->bond.note(EventKind::warning, kNoMember, w, now()); });
}

} // namespace dpdkbond
