// SPDX-License-Identifier: BSD-3-Clause
// The running program: the one place that sees everything. Wires configuration, DPDK, control, workers and
// the host together, and carries out what operators ask for.
//
// Threads: the main thread is the control lcore; workers are lcores; the host thread, the reload thread, the
// console's and telemetry's are ordinary. What they ask for goes one at a time (Command), takes effect on
// control by Control::call(), and is undone as a whole when a part of it fails.
#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/bond_unit.hpp"
#include "dpdk/eal.hpp"
#include "engine/queries.hpp"
#include "engine/worker.hpp"
#include "host/hugepage_lease.hpp"
#include "host/service_manager.hpp"
#include "ops/instance.hpp"
#include "ops/metrics_server.hpp"
#include "ops/status_files.hpp"
#include "ports/host_watch.hpp"
#include "ports/pci_shelf.hpp"
#include "ports/warm_start.hpp"

struct rte_mempool;

namespace dpdkbond {

// How long anybody waits for a worker to come round; it takes microseconds unless the worker hangs.
inline constexpr Duration kWorkerPatience = std::chrono::milliseconds(500);

// Everything is as it was before the start.
struct StoppedWhileStarting : std::runtime_error {
    using std::runtime_error::runtime_error;
};

std::string signal_text(int signal, std::uint32_t sender);

class Program final : public Instance {
public:
    // Throws std::runtime_error, one line; everything is as it was then. `prefix`: the one of the command
    // line.
    Program(std::string config_file, Config config, const std::optional<std::string>& prefix);
    ~Program() override;
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    void run(bool console); // throws as the constructor does; the main thread becomes the control lcore;
                            // returns after quit() or a signal

    // Instance: any ordinary thread.
    std::vector<std::string> bond_names() override;
    std::optional<BondView> bond(std::string_view name) override;
    std::vector<PastEvent> events(std::string_view name) override;
    Result<Explanation> explain(std::string_view bond, const FlowSpec& flow) override;
    std::optional<std::vector<MemberLoad>> load(std::string_view bond) override;
    std::optional<std::vector<RlbClientView>> rlb(std::string_view bond) override;
    std::optional<SprayView> spray(std::string_view bond) override;
    std::vector<WorkerView> workers() override;
    Result<std::string> config_text(std::string_view bond) override;
    Result<void> set_bond_option(std::string_view bond, std::string_view option,
                                 std::string_view value) override;
    Result<void> set_active(std::string_view bond, std::string_view member) override;
    Result<void> set_member_option(std::string_view bond, std::string_view member, std::string_view option,
                                   std::string_view value) override;
    Result<void> set_member_link(std::string_view bond, std::string_view member, bool up) override;
    Result<void> add_member(std::string_view bond, std::string_view device,
                            std::span<const std::string> settings) override;
    Result<void> remove_member(std::string_view bond, std::string_view member) override;
    Result<void> clear_stats(std::string_view bond) override;
    Result<void> reload() override;
    Result<std::string> start_capture(std::string_view bond, std::string_view member, std::string_view file,
                                      std::uint32_t seconds) override;
    Result<std::string> stop_capture(std::string_view bond) override;
    Result<std::string> show_capture(std::string_view bond) override;
    Result<void> leave_warm(bool again) override;
    void quit() override;

private:
    // ---- wiring.cpp; start_workers(), close_all() and max_mtu() with the start and the end in program.cpp
    void start_workers();
    [[nodiscard]] std::uint32_t max_mtu() const; // that packet buffers hold in one piece
    [[nodiscard]] MemberSetup member_setup(const BondConfig& config, const MemberConfig& member) const;
    Result<std::unique_ptr<BondUnit>> make_bond(std::uint32_t number, const BondConfig& config,
                                                std::vector<std::string>& warnings);
    void enter_service(BondUnit& unit); // control and workers know it from now on
    Result<std::unique_ptr<MemberPort>> open_member(const BondConfig& bond, const MemberConfig& member,
                                                    std::vector<std::string>& warnings);
    void serve_member(BondUnit& unit, MemberPort& member);
    void leave_service(
        std::unique_ptr<BondUnit> leaving); // neither control nor a worker knows it when this returns
    // The member has been opened; it joins. On an error it is closed again.
    Result<void> join(BondUnit& unit, std::unique_ptr<MemberPort> member);
    Result<void> put_in_service(BondUnit& unit, std::unique_ptr<MemberPort> member,
                                const std::vector<std::string>& warnings); // joins a bond that runs
    // Members have taps as member_taps says, from now on. An error names those that have none.
    Result<void> give_taps(BondUnit& unit);
    [[nodiscard]] std::string taken_tap(const BondConfig& bond) const; // why one cannot be; empty
    void take_tap(BondUnit& unit, MemberPort& member);
    void steer(BondUnit& unit); // after members, their queue_id or the mode have changed
    void dismiss(BondUnit& unit, const MemberPort& member); // the mode's farewell may leave by it
    void dismiss_all(BondUnit& unit);                       // the same, of all members at once
    void wait_until_said(const std::vector<BondUnit*>& units,
                         Duration patience);       // … until the farewell is on the wire
    void part(BondUnit& unit, MemberPort& member); // leaves without a frame in flight, closes, restores
    // The workers read them from now on, `first_worker` queue 0 and the next ones the next queues.
    void add_queues(const Port& port, const std::vector<int>& sockets, unsigned first_worker);
    void remove_queues(std::uint16_t port);
    // No worker can see anything older than the present snapshot; false: one has not come round in time.
    bool wait_until_unseen(BondUnit& unit);
    // For all of them together, in the pools that there are.
    [[nodiscard]] Result<void> buffers_suffice(std::span<const BondConfig> bonds) const;
    [[nodiscard]] std::vector<BondConfig> bonds_with(const BondUnit& unit, const MemberConfig& member) const;
    // Opens the device and joins; an error leaves everything as it was.
    Result<void> bring_in(BondUnit& unit, const MemberConfig& member);
    // Members whose device has gone leave, those whose device has come join.
    void look_for_members();
    void look_soon();                                                     // any thread
    [[nodiscard]] rte_mempool* pool_of(const MemberConfig& member) const; // that it receives into
    void log_readers() const;
    void serve_while(const std::function<void()>& what); // on a thread of its own, which may call() control
    void close_all();
    void stop_workers();
    void end_warm(); // ends the process or begins it again; returns when it cannot, and nothing has changed
    [[noreturn]] void give_up_workers(); // ends the process, and puts back what can be without them

    // ---- what the host thread tells (notices.cpp)
    void on_notice(const Notice& notice);
    void carry_out(BondUnit& unit, const Wanted& wanted); // on the devices
    void report_groups(BondUnit& unit);
    void on_signal(int signal, std::uint32_t sender);
    void on_poll(std::uint32_t bond, MemberPort& member);
    void log_warnings(const BondUnit& unit, const std::vector<std::string>& warnings);

    // While one lives nobody else changes anything; mutex_ is held …
    class Command {
    public:
        explicit Command(Program& p) : p_(p), one_(p.command_mutex_), state_(p.mutex_) {
            p_.command_lock_ = &state_;
        }
        ~Command() { p_.command_lock_ = nullptr; }
        Command(const Command&) = delete;
        Command& operator=(const Command&) = delete;

    private:
        Program& p_;
        std::lock_guard<std::mutex> one_;
        std::unique_lock<std::mutex> state_;
    };
    // … but for what takes long (a NIC is bound, a worker is waited for) and changes nothing that queries
    // read: they are answered meanwhile.
    class Meanwhile {
    public:
        explicit Meanwhile(Program& p) : state_(p.command_lock_) {
            if (state_ != nullptr) state_->unlock();
        }
        ~Meanwhile() {
            if (state_ != nullptr) state_->lock();
        }
        Meanwhile(const Meanwhile&) = delete;
        Meanwhile& operator=(const Meanwhile&) = delete;

    private:
        std::unique_lock<std::mutex>* state_; // nullptr: the program starts or ends, and nobody asks
    };

    // ---- queries.cpp, commands.cpp, reload.cpp; mutex_ is held
    BondQueries queries(BondUnit& unit);
    BondUnit* find(std::string_view bond);
    Result<BondUnit*> find_or_error(std::string_view bond);
    Result<MemberPort*> member_or_error(BondUnit& unit, std::string_view member);
    // A change that somebody has asked for.
    void note(BondUnit& unit, const std::string& what, MemberId member = kNoMember);
    Result<void> choose_active(BondUnit& unit, std::string_view member);
    void change_member(BondUnit& unit, MemberPort& member, const MemberOptions& options,
                       const std::string& what);
    Result<CapturePlan> capture_plan(std::string_view bond, std::string_view member);
    [[nodiscard]] std::string why_not_again() const;
    Result<void> apply_options(BondUnit& unit, Mode mode, const BondOptions& options, OptionSet given,
                               std::string_view named = {});
    class Reload; // reload.cpp: the steps
    Result<void> read_again();
    Result<void> apply(Config next);
    // `by`: what lines about it end with.
    Result<void> apply_logical(BondUnit& unit, const LogicalConfig& wanted, const std::string& by);
    void put_back_members(BondUnit& unit, const std::string& by);
    void reload_loop();

    WarmStart warm_; // what the instance before left, while this one starts
    const std::string config_file_;
    Config config_;
    bool prefix_given_ = false;        // on the command line: the file's does not count
    std::vector<unsigned> spare_cpus_; // those that no worker has: for the kernel's vhost threads
    PciShelf pci_;
    std::optional<HugepageLease> hugepages_;
    std::unique_ptr<Eal> eal_;
    std::map<int, rte_mempool*> pools_;   // by memory node, or SOCKET_ID_ANY
    rte_mempool* pool_ = nullptr;         // the first of them: the logical interfaces'
    rte_mempool* control_pool_ = nullptr; // whatever data does, an LACPDU finds a buffer
    std::unique_ptr<Rcu> rcu_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::unique_ptr<Control> control_;
    std::unique_ptr<HostWatch> host_;
    std::string state_dir_;
    bool workers_running_ = false;
    std::uint64_t workers_began_ = 0; // rte_rdtsc()
    MetricsServer metrics_;
    ServiceManager service_;
    StatusFiles status_files_;

    std::mutex command_mutex_;                             // one command at a time; taken before mutex_
    std::mutex mutex_;                                     // guards what follows
    std::unique_lock<std::mutex>* command_lock_ = nullptr; // on mutex_, of the command that is carried out
    std::vector<std::unique_ptr<BondUnit>> units_;
    std::vector<std::unique_ptr<BondUnit>> stuck_; // have left, but a worker that hangs may still use them
    bool ending_ = false;
    enum class Leaving { for_good, warm, again } leaving_ = Leaving::for_good;

    std::mutex served_mutex_; // the host thread must not wait for a command: it finds a bond by this
    std::array<BondUnit*, kMaxBonds> served_{};

    std::mutex reload_mutex_;
    std::condition_variable reload_wish_;
    int reload_wishes_ = 0;    // guarded by reload_mutex_; negative: end
    bool look_wish_ = false;   // likewise
    std::string reload_asker_; // "SIGHUP from process 71"; likewise
    std::thread reload_thread_;
};

} // namespace dpdkbond
