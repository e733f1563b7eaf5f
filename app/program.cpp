// SPDX-License-Identifier: BSD-3-Clause
#include "app/program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "app/placement.hpp"
#include "config/load.hpp"
#include "dpdk/clock.hpp"
#include "dpdk/pool.hpp"
#include "engine/buffer_need.hpp"
#include "host/log.hpp"
#include "host/numa.hpp"
#include "host/warm_file.hpp"
#include "ops/acting.hpp"
#include "ops/console.hpp"
#include "ops/metrics.hpp"
#include "ops/overview.hpp"
#include "ops/socket_group.hpp"
#include "ops/telemetry.hpp"
#include "ports/machine.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

namespace {

// `why_not`: what is to be said when there are none.
std::optional<HugepageLease> lease_hugepages(const Config& config, std::string& why_not) {
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
    why_not = fmt::format("warning: {}: ordinary pages serve instead, slower; reserve hugepages, or say "
                          "hugepages: never",
                          lease.error());
    return std::nullopt;
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
    o.log = log_line;
    return o;
}

// What may keep the program from ending: so long for last words, so long for a capture, and so long for
// workers.
constexpr Duration kEndPatience = std::chrono::milliseconds(300);

constexpr unsigned kControlBuffers = 2047;

rte_mempool* make_control_pool() {
    rte_mempool* pool =
        make_packet_pool("control", kControlBuffers, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (pool == nullptr)
        throw std::runtime_error(
            fmt::format("runtime.memory_mb: there is no room for {} packet buffers of the "
                        "control lcore; give it at least {} MB more",
                        kControlBuffers, (kControlBuffers * (RTE_MBUF_DEFAULT_BUF_SIZE + 256U) >> 20U) + 1));
    return pool;
}

// How many packet buffers each memory node that has members needs, the first one for the logical interfaces
// too, and how large each is: a whole frame fits.
struct PoolPlan {
    std::vector<std::pair<int, BufferNeed>> nodes;
    BufferNeed all;
    std::uint32_t room = 0; // bytes of a buffer for frame and headroom
    std::uint64_t each = 0; // bytes of memory a buffer
    std::string problem;    // runtime.memory_mb has no room for them; empty: it has
};

PoolPlan plan_pools(const Config& config) {
    PoolPlan plan;
    std::uint32_t mtu = 1500;
    for (const BondConfig& b : config.bonds) mtu = std::max(mtu, b.logical.mtu);
    plan.room = std::max<std::uint32_t>(RTE_MBUF_DEFAULT_BUF_SIZE, RTE_PKTMBUF_HEADROOM + mtu + 64);
    plan.each = plan.room + 256;
    std::vector<int> nodes = member_nodes(config);
    if (nodes.empty()) nodes.push_back(SOCKET_ID_ANY);
    for (const int node : nodes) {
        const auto is_of_node = [&](const MemberConfig& m) {
            return node_of(m).value_or(nodes.front()) == node;
        };
        const BufferNeed need = buffer_need(config, is_of_node, node == nodes.front());
        plan.nodes.emplace_back(node, need);
        plan.all.queues += need.queues;
        plan.all.lanes += need.lanes;
        plan.all.caches += need.caches;
    }
    const std::uint64_t may = (std::uint64_t{config.runtime.memory_mb} << 20U) / 4 * 3;
    if (plan.all.total() * plan.each > may)
        plan.problem = fmt::format("runtime.memory_mb: three quarters of {} MB hold {} packet buffers of {} "
                                   "bytes; {}; give it at least {}",
                                   config.runtime.memory_mb, may / plan.each, plan.each, plan.all.text(),
                                   (plan.all.total() * plan.each / 3 * 4 >> 20U) + 1);
    return plan;
}

// A pool for each of those nodes: the buffers that all queues and workers can hold at a time, and more for
// members that are added later, up to kPlenty, where a share of the memory has room for them. The share of
// ordinary pages is small, as making a pool touches each of its pages, which is most of the time that a start
// takes.
std::map<int, rte_mempool*> make_pools(const Config& config, bool hugepages) {
    constexpr std::uint64_t kPlenty = 65535, kHugeShare = 2, kOrdinaryShare = 8;
    const PoolPlan plan = plan_pools(config);
    if (!plan.problem.empty()) throw std::runtime_error(plan.problem);
    const std::uint64_t memory = std::uint64_t{config.runtime.memory_mb} << 20U;
    const std::uint64_t fits = memory / (hugepages ? kHugeShare : kOrdinaryShare) / plan.each;
    const std::uint64_t spare = fits > plan.all.total() ? (fits - plan.all.total()) / plan.nodes.size() : 0;
    const auto count_of = [&](const BufferNeed& need) {
        return static_cast<unsigned>(std::max(need.total(), std::min(kPlenty, need.total() + spare)));
    };
    if (!hugepages) {
        std::uint64_t all = kControlBuffers;
        for (const auto& [node, need] : plan.nodes) all += count_of(need);
        Eal::fetch_pages(all * plan.each);
    }
    std::map<int, rte_mempool*> pools;
    for (const auto& [planned, need] : plan.nodes) {
        const int node = planned;
        const unsigned count = count_of(need);
        const std::string name = pools.empty() ? "frames" : fmt::format("frames{}", node);
        const auto make = [&](int where) {
            return make_packet_pool(name.c_str(), count, kBufferCache,
                                    static_cast<std::uint16_t>(std::min(plan.room, 65535U)), where);
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
                fmt::format("runtime.memory_mb: {} MB do not hold {} packet buffers in one piece; give it {}",
                            config.runtime.memory_mb, count, 2 * config.runtime.memory_mb));
        pools[node] = pool;
    }
    return pools;
}

// Signals are blocked until the host thread hears them. One that ends the program is not to wait for the rest
// of the start.
void give_in_to_signals() {
    sigset_t ends;
    sigemptyset(&ends);
    for (const int signal : {SIGTERM, SIGINT, SIGQUIT}) sigaddset(&ends, signal);
    const timespec at_once{};
    siginfo_t info{};
    if (const int signal = sigtimedwait(&ends, &info, &at_once); signal > 0)
        throw StoppedWhileStarting(fmt::format("{} while starting: stopping",
                                               signal_text(signal, static_cast<std::uint32_t>(info.si_pid))));
}

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

void run_this_thread_on(const std::vector<unsigned>& cpus) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const unsigned cpu : cpus)
        if (cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set); // where it cannot, it stays where it is
}

} // namespace

Program::Program(std::string config_file, Config config, const std::optional<std::string>& prefix)
    : config_file_(std::move(config_file)), config_(std::move(config)), prefix_given_(prefix.has_value()) {
    try {
        if (prefix) config_.runtime.file_prefix = *prefix;
        state_dir_ = state_dir_of(config_.runtime.file_prefix);
        // The EAL would refuse them in many lines.
        if (const std::string missing = missing_memory(config_.runtime, machine_memory_mb());
            !missing.empty())
            throw std::runtime_error(missing);
        if (const std::string missing = missing_processors(config_.runtime, usable_cpus()); !missing.empty())
            throw std::runtime_error(missing);
        std::vector<std::string> left_lines;
        warm_ = WarmStart::take(config_.runtime.file_prefix,
                                std::chrono::seconds(config_.runtime.warm_restart), now(), left_lines);
        for (const std::string& line : left_lines) log_line("warning: " + line);
        if (const std::string& at = config_.runtime.metrics; !at.empty())
            if (auto taken = metrics_.listen(at); !taken)
                throw std::runtime_error("runtime.metrics: " + taken.error());
        const Time began = now();
        prefer_memory_of(numa_node_of_cpu_id(static_cast<int>(config_.runtime.control_lcore)));
        for (const unsigned cpu : usable_cpus())
            if (std::ranges::find(config_.runtime.worker_lcores, cpu) == config_.runtime.worker_lcores.end())
                spare_cpus_.push_back(cpu);
        // PCI devices first: the EAL looks for VFIO once, when it starts.
        pci_.find_leftovers(warm_.is_warm());
        pci_.plan(config_);
        for (const BondConfig& b : config_.bonds) {
            give_in_to_signals();
            std::vector<std::string> warnings;
            for (const MemberConfig& m : b.members)
                if (auto taken = why_absent(m).empty() ? pci_.take(m, warnings) : Result<void>();
                    !taken && !warm_.is_warm()) // else it waits, see make_bond()
                    throw std::runtime_error(fmt::format("{}: member {}: {}", b.name, m.name, taken.error()));
            for (const std::string& w : warnings) log_line(fmt::format("{}: {}", b.name, w));
        }
        for (const std::string& line : pci_.give_back_leftovers()) log_line(line);
        for (const std::string& line : node_crossings(config_)) log_line(line);
        std::string no_hugepages;
        if (auto lease = lease_hugepages(config_, no_hugepages)) hugepages_.emplace(std::move(*lease));
        pci_.prepare();
        give_in_to_signals();
        eal_ = std::make_unique<Eal>(eal_options(config_, hugepages_.has_value()));
        const Time dpdk = now();
        if (!no_hugepages.empty()) log_line(no_hugepages);
        // The EAL has bound this thread to control's processor, and threads are born where their parents are.
        // Until it becomes the control lcore it is an ordinary one.
        std::vector<unsigned> ordinary = spare_cpus_;
        if (ordinary.size() > 1) std::erase(ordinary, config_.runtime.control_lcore);
        run_this_thread_on(ordinary);
        // The EAL has seen to it that no other instance has this prefix: what lies there is of one that died.
        const auto settle_leftovers = [&] {
            if (auto left = restore_leftovers(state_dir_); left)
                for (const std::string& line : left.value()) log_line(line);
            forget_dead_claims();
        };
        if (!warm_.is_warm()) settle_leftovers();
        give_in_to_signals();
        pools_ = make_pools(config_, hugepages_.has_value());
        pool_ = pools_.begin()->second;
        control_pool_ = make_control_pool();
        const Time buffers = now();
        const std::size_t workers = config_.runtime.worker_lcores.size();
        rcu_ = std::make_unique<Rcu>(static_cast<unsigned>(workers));
        control_ = std::make_unique<Control>(config_.runtime.idle, control_pool_);
        for (unsigned i = 0; i < workers; ++i)
            workers_.push_back(std::make_unique<Worker>(i, *rcu_, config_.runtime.idle, *control_));
        host_ = std::make_unique<HostWatch>(
            *control_, HostWatch::Hooks{[this](const Notice& n) { on_notice(n); },
                                        [this](int s, std::uint32_t sender) { on_signal(s, sender); },
                                        [this](std::uint32_t b, MemberPort& m) { on_poll(b, m); },
                                        [this](const LinkEvent&) { look_soon(); }});
        start_workers();
        for (const BondConfig& b : config_.bonds) {
            give_in_to_signals();
            std::vector<std::string> warnings;
            auto unit = make_bond(static_cast<std::uint32_t>(units_.size()), b, warnings);
            if (!unit) throw std::runtime_error(unit.error());
            log_warnings(*unit.value(), warnings);
            units_.push_back(std::move(unit).value());
            enter_service(*units_.back());
        }
        if (warm_.is_warm()) {
            log_line(fmt::format(
                "back after {:.2f} s: {:.2f} until the program ran again, {:.2f} for DPDK, {:.2f} for "
                "packet buffers, {:.2f} for devices",
                seconds(now() - warm_.left_at()), seconds(began - warm_.left_at()), seconds(dpdk - began),
                seconds(buffers - dpdk), seconds(now() - buffers)));
            settle_leftovers(); // of netdevs that are members no more
        }
        warm_ = {};
        control_->begin(); // from here on others may ask
        if (!register_telemetry(*this)) throw std::runtime_error("DPDK's telemetry takes no commands");
        if (const std::string& group = config_.runtime.socket_group; !group.empty())
            if (auto open = open_to_group(Eal::runtime_dir(), group); !open)
                throw std::runtime_error("runtime.socket_group: " + open.error());
        give_in_to_signals();
    } catch (...) {
        close_all();
        throw;
    }
}

Program::~Program() { close_all(); }

void Program::serve_while(const std::function<void()>& what) {
    if (!control_ || !control_->serving()) {
        what();
        return;
    }
    std::atomic<bool> gone{false};
    std::thread closer([&] {
        what();
        gone = true;
    });
    while (!gone) {
        control_->serve();
        usleep(200);
    }
    closer.join();
}

void Program::close_all() {
    serve_while([&] { // after an error while running these may still ask for bonds
        service_.stop();
        status_files_.stop();
        metrics_.stop();
        forget_telemetry();
    });
    if (control_) control_->end();
    stop_workers();
    stuck_.clear();
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
    rte_mempool_free(control_pool_);
    control_pool_ = nullptr;
    eal_.reset();
    hugepages_.reset();
    for (const std::string& line : pci_.give_back_all()) log_line(line);
    if (warm_.is_warm()) (void)restore_leftovers(state_dir_); // this start has failed
    remove_state_dir(state_dir_);
}

void Program::stop_workers() {
    if (!workers_running_) return;
    for (auto& w : workers_) w->stop();
    const Time end = now() + kEndPatience;
    for (unsigned lcore = 1; lcore <= workers_.size(); ++lcore)
        while (rte_eal_get_lcore_state(lcore) == RUNNING)
            if (now() < end)
                usleep(100);
            else
                give_up_workers();
    rte_eal_mp_wait_lcore();
    workers_running_ = false;
}

// Control has ended: nothing changes any more, while workers still forward.
void Program::end_warm() {
    const std::string& prefix = config_.runtime.file_prefix;
    const bool again = leaving_ == Leaving::again;
    std::vector<BondUnit*> units;
    for (const auto& unit : units_) {
        units.push_back(unit.get());
        control_->call([&] {
            unit->core->bond.speak_before_leaving(now());
            control_->settle(unit->number);
        });
    }
    wait_until_said(units, kEndPatience);
    Saved all;
    HandedFds fds;
    for (const auto& unit : units_) {
        unit->core->bond.save(all.add("bond", unit->config.name));
        for (HandedFd& f : unit->logical->hand_over()) fds.push_back(std::move(f));
        for (std::size_t m = 0; again && m < unit->members.size();
             ++m) // what is older than a moment is of no use
            for (HandedFd& f : unit->members[m]->hand_over()) fds.push_back(std::move(f));
    }
    auto done = write_warm_file(warm_file_of(prefix), warm_text(all, DPDKBOND_VERSION, now()));
    if (done && !again && !ServiceManager::store(fds))
        done = start_keeper(fds, keeper_socket_of(prefix), prefix, config_.runtime.warm_restart);
    if (!done) {
        log_line("warning: " + done.error() + ": it ends for good");
        ::unlink(warm_file_of(prefix).c_str());
        return;
    }
    for (const auto& unit : units_)
        if (unit->capture) unit->capture->stop(kEndPatience);
    stop_workers();
    // Memory goes before descriptors do, by which the kernel stops devices.
    for (const auto& unit : units_)
        for (const auto& member : unit->members)
            if (pci_.writes_anywhere(member->config)) member->close_device();
    hugepages_.reset();
    Eal::remove_runtime_dir();
    std::fflush(nullptr);
    log_settle(true);
    if (!again) ::_exit(0); // devices, netdevs and NICs stay as they are
    log_line(run_again(fds).message);
    ::_exit(1);
}

// Their devices cannot be closed, nor memory freed. Netdevs get their old state; NICs that they were taken
// from get it from the next start, as after a crash.
void Program::give_up_workers() {
    for (unsigned lcore = 1; lcore <= workers_.size(); ++lcore)
        if (rte_eal_get_lcore_state(lcore) == RUNNING)
            log_line(fmt::format("worker lcore {} does not end: the program ends without closing devices",
                                 config_.runtime.worker_lcores[lcore - 1]));
    const auto put_back = [](const auto& units) {
        for (const auto& unit : units)
            if (unit)
                for (const auto* members : {&unit->members, &unit->leaving})
                    for (const auto& member : *members) member->put_netdev_back();
    };
    put_back(units_);
    put_back(stuck_);
    hugepages_.reset();
    remove_state_dir(state_dir_);
    Eal::remove_runtime_dir();
    std::fflush(nullptr);
    ::_exit(1);
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
    workers_began_ = rte_rdtsc();
    control_->set_workers(std::move(all));
}

// What would end the start of the file as it is now. The start looks again, of course; a member that is taken
// in between waits then.
std::string Program::why_not_again() const {
    const LoadedConfig loaded = load_config(config_file_);
    if (!loaded.problems.empty()) return problem_line(config_file_, loaded.problems[0]);
    const Config& next = loaded.config;
    Config running{config_.runtime, {}};
    for (const auto& unit : units_) running.bonds.push_back(unit->config);
    std::vector<unsigned> cpus = spare_cpus_; // this thread may use fewer than the process
    cpus.push_back(config_.runtime.control_lcore);
    cpus.insert(cpus.end(), config_.runtime.worker_lcores.begin(), config_.runtime.worker_lcores.end());
    for (const Lack& lack : machine_lacks(next, std::move(cpus), &running))
        if (lack.stops) return lack.text;
    if (const std::string& at = next.runtime.metrics; !at.empty() && at != config_.runtime.metrics) {
        MetricsServer there;
        if (auto taken = there.listen(at); !taken) return "runtime.metrics: " + taken.error();
    }
    return plan_pools(next).problem;
}

Result<void> Program::leave_warm(bool again) {
    const Command command(*this);
    if (ending_) return Error{"the program is ending"};
    if (config_.runtime.warm_restart == 0)
        return Error{"runtime.warm_restart is 0: it can only end for good"};
    if (again) { // what cannot start is not to stop
        std::string why = why_not_again();
        if (why.empty()) { // what has the program's name by now may be another version, or nothing at all
            const Meanwhile others(*this);
            why = why_not_run_again(config_file_);
        }
        if (!why.empty()) return Error{why + "; it runs on as it is"};
        if (ending_) return Error{"the program is ending"};
    }
    leaving_ = again ? Leaving::again : Leaving::warm;
    log_line(fmt::format("{}: {}", acting(), again ? "restart" : "stopping warm"));
    control_->stop();
    return {};
}

void Program::quit() {
    if (!acting().empty()) log_line(acting() + ": shutdown: stopping");
    control_->stop();
}

void Program::run(bool console) {
    Console door(*this);
    // Threads that may be waiting for control are served until the last of them has ended. After an error
    // too.
    const auto end_threads = [&] {
        serve_while([&] {
            {
                const std::lock_guard lock(mutex_);
                ending_ = true; // no command from here on
            }
            door.stop();
            service_.stop();
            status_files_.stop();
            metrics_.stop();
            forget_telemetry();
            {
                const std::lock_guard lock(reload_mutex_);
                reload_wishes_ = -1;
                reload_wish_.notify_one();
            }
            if (reload_thread_.joinable()) reload_thread_.join();
            host_->stop();
        });
    };
    try {
        host_->start();
        reload_thread_ = std::thread([this] { reload_loop(); });
        if (auto open = door.listen(Eal::runtime_dir() + "/console"); !open) log_line(open.error());
        if (console)
            if (auto open = door.run_on_stdio(); !open) log_line(open.error());
        log_readers();
        if (auto begun = status_files_.start(*this, kStatusRoot + ("/" + config_.runtime.file_prefix));
            !begun)
            log_line(begun.error());
        const auto views = [this] {
            std::vector<BondView> all;
            for (const std::string& name : bond_names())
                if (auto view = bond(name)) all.push_back(std::move(*view));
            return all;
        };
        metrics_.start([this, views, shares = BusyShares()]() mutable {
            return metrics_page(views(), shares.update(workers()));
        });
        log_line(fmt::format("running: {} bond{}, file prefix {}", units_.size(),
                             units_.size() == 1 ? "" : "s", config_.runtime.file_prefix));
        service_.start({[this] { control_->call([] {}); }, [views] { return overview_line(views()); }});
        run_this_thread_on({config_.runtime.control_lcore});
        control_->run();
    } catch (...) {
        end_threads();
        throw;
    }
    if (leaving_ == Leaving::again) service_.leave_out();
    end_threads();
    control_->end();
    if (leaving_ != Leaving::for_good) end_warm();
    std::vector<BondUnit*> all;
    for (auto& unit : units_) {
        all.push_back(unit.get());
        dismiss_all(*unit);
    }
    wait_until_said(all, kEndPatience);
    for (BondUnit* unit : all)
        if (unit->capture) unit->capture->stop(kEndPatience); // the last words are in it
}

} // namespace dpdkbond
