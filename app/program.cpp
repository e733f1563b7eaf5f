// SPDX-License-Identifier: BSD-3-Clause
#include "app/program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>

#include "app/group_reports.hpp"
#include "app/log.hpp"
#include "app/placement.hpp"
#include "config/load.hpp"
#include "datapath/punt_neighbors.hpp"
#include "dpdk/clock.hpp"
#include "drivers/registry.hpp"
#include "host/numa.hpp"
#include "host/vhost.hpp"
#include "ops/console.hpp"
#include "ops/telemetry.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

namespace {

std::optional<HugepageLease> lease_hugepages(const Config& config) {
    const RuntimeConfig& r = config.runtime;
    if (const std::uint64_t mb = give_back_left_hugepages(); mb != 0)
        log_line(
            fmt::format("{} MB of hugepages are given back; an instance that died had reserved them", mb));
    if (r.hugepages == Hugepages::no) return std::nullopt;
    HugepageWish wish;
    wish.memory_mb = r.memory_mb;
    wish.reserve = r.hugepages == Hugepages::yes;
    if (const auto nodes = member_nodes(config); nodes.size() == 1) wish.node = nodes.front();
    auto lease = HugepageLease::take(wish);
    if (lease) return std::move(lease).value();
    if (r.hugepages == Hugepages::yes)
        throw std::runtime_error(fmt::format("runtime.hugepages: {}", lease.error()));
    log_line(fmt::format("{}: ordinary pages serve instead, slower with hardware", lease.error()));
    return std::nullopt;
}

// An lcore on a processor that this process may not use is refused by the EAL in many lines; here it is one.
void check_lcores(const RuntimeConfig& r) {
    std::vector<unsigned> usable = usable_cpus();
    for (const unsigned cpu : isolated_cpus())
        if (std::ranges::find(usable, cpu) == usable.end()) usable.push_back(cpu);
    std::ranges::sort(usable);
    const auto check = [&](const char* key, unsigned cpu) {
        if (std::ranges::find(usable, cpu) == usable.end())
            throw std::runtime_error(fmt::format("runtime.{}: there is no processor {} here; there are: {}",
                                                 key, cpu, fmt::join(usable, ", ")));
    };
    check("control_lcore", r.control_lcore);
    for (const unsigned cpu : r.worker_lcores) check("worker_lcores", cpu);
}

EalOptions eal_options(const Config& config, bool hugepages) {
    EalOptions o;
    o.file_prefix = config.runtime.file_prefix;
    o.control_cpu = config.runtime.control_lcore;
    o.worker_cpus = config.runtime.worker_lcores;
    o.memory_mb = config.runtime.memory_mb;
    o.hugepages = hugepages;
    o.extra_args = config.runtime.eal_args;
    for (const BondConfig& b : config.bonds)
        for (const MemberConfig& m : b.members)
            if (m.is_pci()) o.pci_allow.push_back(m.device);
    o.pci = !o.pci_allow.empty();
    return o;
}

// One pool for each memory node that has members, the first one control's too. Half of the memory at most,
// and no more than the rings of many ports hold; room for a whole frame in one buffer.
std::map<int, rte_mempool*> make_pools(const Config& config) {
    std::uint32_t mtu = 1500;
    for (const BondConfig& b : config.bonds) mtu = std::max(mtu, b.logical.mtu);
    const std::uint32_t room =
        std::max<std::uint32_t>(RTE_MBUF_DEFAULT_BUF_SIZE, RTE_PKTMBUF_HEADROOM + mtu + 64);
    const std::uint64_t fits = std::uint64_t{config.runtime.memory_mb} * 1024 * 1024 / 2 / (room + 256);
    std::vector<int> nodes = member_nodes(config);
    if (nodes.empty()) nodes.push_back(SOCKET_ID_ANY);
    const auto count = static_cast<unsigned>(std::clamp<std::uint64_t>(fits / nodes.size(), 1024, 65535));
    std::map<int, rte_mempool*> pools;
    for (const int node : nodes) {
        const std::string name = pools.empty() ? "frames" : fmt::format("frames{}", node);
        const auto make = [&](int where) {
            return rte_pktmbuf_pool_create(name.c_str(), count, 256, 0,
                                           static_cast<std::uint16_t>(std::min(room, 65535U)), where);
        };
        rte_mempool* pool = make(node);
        if (pool == nullptr && node != SOCKET_ID_ANY) {
            pool = make(SOCKET_ID_ANY);
            if (pool != nullptr)
                log_line(
                    fmt::format("memory node {} has no room for its members' packet buffers: they lie on "
                                "another, and every frame crosses between the nodes",
                                node));
        }
        if (pool == nullptr)
            throw std::runtime_error(
                fmt::format("runtime.memory_mb: {} MB do not hold {} packet buffers; give it more",
                            config.runtime.memory_mb, count));
        pools[node] = pool;
    }
    return pools;
}

} // namespace

Program::Program(std::string config_file, Config config)
    : config_file_(std::move(config_file)), config_(std::move(config)) {
    try {
        state_dir_ = "/run/dpdk-bond/" + config_.runtime.file_prefix;
        check_lcores(config_.runtime);
        prefer_memory_of(numa_node_of_cpu_id(static_cast<int>(config_.runtime.control_lcore)));
        for (const unsigned cpu : usable_cpus())
            if (std::ranges::find(config_.runtime.worker_lcores, cpu) == config_.runtime.worker_lcores.end())
                spare_cpus_.push_back(cpu);
        // PCI devices first: the EAL looks for VFIO once, when it starts.
        pci_.find_leftovers();
        pci_.plan(config_);
        for (const BondConfig& b : config_.bonds) {
            std::vector<std::string> warnings;
            for (const MemberConfig& m : b.members)
                if (auto taken = pci_.take(m, warnings); !taken)
                    throw std::runtime_error(fmt::format("{}: {}", b.name, taken.error()));
            for (const std::string& w : warnings) log_line(fmt::format("{}: {}", b.name, w));
        }
        for (const std::string& line : pci_.give_back_leftovers()) log_line(line);
        for (const std::string& line : node_crossings(config_)) log_line(line);
        if (auto lease = lease_hugepages(config_)) hugepages_.emplace(std::move(*lease));
        eal_ = std::make_unique<Eal>(eal_options(config_, hugepages_.has_value()));
        // The EAL has seen to it that no other instance has this prefix: what lies there is of one that died.
        if (auto left = restore_leftovers(state_dir_); left)
            for (const std::string& line : left.value()) log_line(line);
        pools_ = make_pools(config_);
        pool_ = pools_.begin()->second;
        const std::size_t workers = config_.runtime.worker_lcores.size();
        rcu_ = std::make_unique<Rcu>(static_cast<unsigned>(workers));
        control_ = std::make_unique<Control>(*rcu_, config_.runtime.idle, pool_);
        for (unsigned i = 0; i < workers; ++i)
            workers_.push_back(std::make_unique<Worker>(i, *rcu_, config_.runtime.idle, *control_));
        host_ = std::make_unique<HostWatch>(
            *control_,
            HostWatch::Hooks{[this](const Notice& n) { on_notice(n); }, [this](int s) { on_signal(s); },
                             [this](std::uint32_t b, MemberPort& m) { on_poll(b, m); }});
        start_workers();
        for (const BondConfig& b : config_.bonds) {
            std::vector<std::string> warnings;
            auto unit = make_bond(static_cast<std::uint32_t>(units_.size()), b, warnings);
            if (!unit) throw std::runtime_error(unit.error());
            log_warnings(*unit.value(), warnings);
            units_.push_back(std::move(unit).value());
            enter_service(*units_.back());
        }
        if (!register_telemetry(*this)) throw std::runtime_error("DPDK's telemetry takes no commands");
    } catch (...) {
        close_all();
        throw;
    }
}

Program::~Program() { close_all(); }

void Program::close_all() {
    forget_telemetry();
    if (workers_running_) {
        for (auto& w : workers_) w->stop();
        rte_eal_mp_wait_lcore();
        workers_running_ = false;
    }
    host_.reset();
    for (auto& unit : units_)
        if (unit && control_) control_->set_bond(unit->number, nullptr);
    units_.clear();
    workers_.clear();
    control_.reset();
    rcu_.reset();
    for (const auto& [node, pool] : pools_) rte_mempool_free(pool);
    pools_.clear();
    pool_ = nullptr;
    eal_.reset();
    hugepages_.reset();
    for (const std::string& line : pci_.give_back_all()) log_line(line);
    ::rmdir(state_dir_.c_str()); // empty by now, unless a netdev could not be put back
    ::rmdir("/run/dpdk-bond");
}

std::uint32_t Program::max_mtu() const {
    return rte_pktmbuf_data_room_size(pool_) - RTE_PKTMBUF_HEADROOM - kEthHeaderSize -
           kMaxVlanTags * kVlanTagSize;
}

void Program::start_workers() {
    std::vector<Worker*> all;
    for (unsigned i = 0; i < workers_.size(); ++i) {
        all.push_back(workers_[i].get());
        rte_eal_remote_launch(Worker::entry, workers_[i].get(), i + 1);
    }
    workers_running_ = true;
    control_->set_workers(std::move(all));
}

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
        const auto queues = static_cast<unsigned>(unit->logical->port().rx_queues());
        LogicalQueue queue;
        queue.port = unit->logical->port().id();
        queue.tx_queue = static_cast<std::uint16_t>(w % unit->logical->port().tx_queues());
        queue.shared = unit->logical->port().tx_queues() < workers;
        queue.receives = w < queues;
        queue.rx_queue = static_cast<std::uint16_t>(w);
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
    remove_queues(member.port->id());
    const MemberConfig gone = member.config;
    std::erase_if(unit.config.members, [&](const MemberConfig& m) { return m.name == gone.name; });
    std::erase_if(unit.members, [&](const auto& m) { return m.get() == &member; });
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

void Program::on_notice(const Notice& notice) {
    const std::lock_guard lock(served_mutex_);
    BondUnit* unit = served_[notice.bond];
    if (unit == nullptr) return;
    if (notice.kind == Notice::Kind::macs) {
        (void)unit->macs->apply();
        return;
    }
    if (notice.kind == Notice::Kind::reports) {
        report_groups(*unit);
        return;
    }
    if (notice.kind == Notice::Kind::speed) {
        BondStatus status;
        unit->core->status.load(status);
        if (auto done = unit->logical->set_speed(status.speed_mbps); !done) log_line(done.error());
        return;
    }
    const Event& e = notice.event;
    unit->remember(e);
    log_line(fmt::format("{}{}{}: {}{}{}", unit->config.name, e.member.empty() ? "" : " ", e.member.view(),
                         event_name(e.kind), e.detail.empty() ? "" : ": ", e.detail.view()));
    if (e.kind != EventKind::bond_up && e.kind != EventKind::bond_down) return;
    if (auto done = unit->logical->set_carrier(e.kind == EventKind::bond_up); !done)
        log_line(fmt::format("{}: its carrier: {}", unit->config.name, done.error()));
    unit->carrier_set = e.kind == EventKind::bond_up;
}

void Program::report_groups(BondUnit& unit) {
    if (!unit.logical->in_kernel()) return; // its memberships are known to whoever has the other end
    const std::vector<OwnFrame> reports = group_reports(unit.logical->netdev());
    for (std::span<const OwnFrame> left = reports; !left.empty();) {
        std::size_t taken = 0;
        control_->call([&] {
            taken = unit.core->bond.send_by_active(left);
            control_->settle(unit.number);
        });
        if (taken == 0) return; // nobody is active any more
        left = left.subspan(taken);
    }
}

void Program::on_signal(int signal) {
    if (signal != SIGHUP) {
        quit();
        return;
    }
    const std::lock_guard lock(reload_mutex_);
    if (reload_wishes_ >= 0) ++reload_wishes_;
    reload_wish_.notify_one();
}

// A peer on this machine that leaves cutting its frames to hardware sends what no wire carries. Ask the
// kernel, once, to let it cut them itself.
void Program::on_poll(std::uint32_t bond, MemberPort& member) {
    if (!member.port->is_kernel_socket() || member.netdev.empty() || member.shield) return;
    const std::lock_guard lock(served_mutex_);
    const BondUnit* unit = served_[bond];
    if (unit == nullptr) return;
    std::uint64_t oversize = 0;
    for (const auto& lane : unit->lanes)
        oversize += lane->counters.member[member.id.value]
                        .drops[static_cast<std::size_t>(DropReason::oversize)]
                        .get();
    if (oversize == member.oversize_seen) return;
    member.oversize_seen = oversize;
    auto shield = ask_peer_to_segment(member.netdev);
    if (shield) member.shield.emplace(std::move(shield).value());
    const std::string what =
        shield || member.shield
            ? "its peer sent frames longer than the MTU; it has been asked to segment them itself"
            : "it receives frames longer than the MTU: " + shield.error();
    control_->call([&] {
        if (BondCore* core = control_->bond(bond))
            core->bond.note(EventKind::warning, member.id, what, now());
    });
}

void Program::quit() { control_->stop(); }

void Program::run(bool console) {
    control_->begin();
    host_->start();
    reload_thread_ = std::thread([this] { reload_loop(); });
    Console door(*this);
    if (auto open = door.listen(Eal::runtime_dir() + "/console"); !open) log_line(open.error());
    if (console)
        if (auto open = door.run_on_stdio(); !open) log_line(open.error());
    log_line(fmt::format("running: {} bond{}, file prefix {}", units_.size(), units_.size() == 1 ? "" : "s",
                         config_.runtime.file_prefix));
    control_->run();

    // Those who may be waiting for control are served until the last of them is gone.
    std::atomic<bool> gone{false};
    std::thread closer([&] {
        door.stop();
        forget_telemetry();
        {
            const std::lock_guard lock(reload_mutex_);
            reload_wishes_ = -1;
            reload_wish_.notify_one();
        }
        reload_thread_.join();
        host_->stop();
        gone = true;
    });
    while (!gone) {
        control_->serve();
        usleep(200);
    }
    closer.join();
    control_->end();
    for (auto& unit : units_)
        for (auto& member : unit->members) dismiss(*unit, *member);
    for (auto& unit : units_) wait_until_said(*unit);
}

} // namespace dpdkbond
