// SPDX-License-Identifier: BSD-3-Clause
// The control lcore: alone owns every Bond, drains what others tell it, lets time pass, publishes. It waits
// for nobody: whatever may block lives on ordinary threads and speaks through post() and call(); what it has
// to tell them goes through the outbox.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <type_traits>

#include "app/worker.hpp"
#include "base/seq_box.hpp"
#include "bond/bond.hpp"
#include "datapath/publisher.hpp"
#include "dpdk/clock.hpp"
#include "dpdk/ring.hpp"

struct rte_mempool;

namespace dpdkbond {

// What control keeps of one bond. Made and freed by ordinary threads while control does not know it; in
// between only control touches `bond` and `publisher`.
struct BondCore {
    BondCore(std::string_view name, ModeParts mode, std::unique_ptr<Controller> mode_controller,
             const BondOptions& options, std::optional<Mac> mac, std::uint32_t mtu, Rcu& rcu,
             std::size_t workers, const std::string& tag);
    ~BondCore(); // frees what its rings still hold

    std::unique_ptr<Controller> controller; // of the present mode
    Bond bond;
    Publisher publisher;
    Ring<rte_mbuf*> inject;                               // control → worker 0
    std::vector<std::unique_ptr<Ring<rte_mbuf*>>> punted; // each worker → control
    std::vector<const Lane*> lanes;                       // for their counters
    SeqBox<BondStatus> status;
    Counter lost_no_buffer;         // frames of control's own that found no packet buffer …
    Counter lost_ring_full;         // … or no room in the inject ring; owner: control
    std::uint32_t ears = 0;         // bit MemberId: its LACPDUs come by a socket; owner: control
    bool unpublished = true;        // there is something newer than the published snapshot
    std::uint32_t speed_told = ~0U; // that the ordinary threads were told of; 0: unknown
    bool macs_due = false;          // … than the plan of MACs that the ordinary threads were told of
    bool reports_due = false;       // likewise: they do not know yet that they have to report
};

// What control tells the ordinary threads.
struct Notice {
    std::uint32_t bond = 0; // its number
    enum class Kind : std::uint8_t {
        event,
        macs,    // members or the logical interface are to wear others: the bond's mac_plan()
        reports, // of multicast memberships are to be sent again: the bond's send_by_active()
        speed,   // the bond's speed has changed: its status says
    } kind = Kind::event;
    Event event; // of that kind
};

class Control {
public:
    Control(Rcu& rcu, Idle idle, rte_mempool* pool);
    ~Control();
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

    // ---- any thread
    bool post_link(std::uint32_t bond, MemberId member,
                   LinkState link); // never blocks; false: the inbox is full
    void stop() noexcept;           // ends run(); async-signal-safe
    void ring_bell() noexcept;      // a worker has put frames into a bond's `punted`

    // ---- ordinary threads: runs f() on the control lcore and returns when it has run. Before run() and
    // after it f() runs where it is called. f() must be short: it is run between two PDUs.
    template <class F> void call(F&& f) {
        Call c{[](void* p) { (*static_cast<std::remove_reference_t<F>*>(p))(); }, &f, {}};
        submit(c);
    }
    int outbox_event() const { return outbox_event_; } // readable: take_notice()
    bool take_notice(Notice& out) { return outbox_.pop(out); }

    // ---- the main thread
    void begin() {
        serving_.store(true);
    }             // from now on call() goes through the inbox: before other threads start
    void run();   // until stop()
    void serve(); // one round without sleeping: until the last thread that may call() is gone
    void end() { serving_.store(false); }

    // ---- within call() or before run()
    void set_bond(std::uint32_t number, BondCore* core);
    [[nodiscard]] BondCore* bond(std::uint32_t number) const { return bonds_[number]; } // nullptr: none
    // Publishes, sends and tells at once what the bond has to say.
    void settle(std::uint32_t number) {
        if (bonds_[number] != nullptr) tend(number, *bonds_[number], dpdkbond::now());
    }
    // LACPDUs of the member come by this socket too, and those by the workers count for nothing; -1: they
    // come by the workers alone. Closing the socket is enough to end it.
    void listen(std::uint32_t bond, MemberId member, int socket);
    // Ordinary threads: an event of the bond's, if it is still served.
    void warn(std::uint32_t bond, MemberId member, const std::string& what);
    void set_workers(std::vector<Worker*> workers) { workers_ = std::move(workers); }

private:
    struct Call {
        void (*run)(void*);
        void* with;
        std::atomic<std::uint32_t> done;
    };
    struct Message {
        std::uint32_t bond = 0, member = 0;
        std::uint32_t speed = 0;
        std::uint8_t carrier = 0, duplex = 0, is_call = 0, reserved = 0;
        Call* call = nullptr;
    };
    void submit(Call& c);
    void wake() noexcept;
    void drain();
    void hear(BondCore& core, Time at);
    static void look_at_traffic(BondCore& core, Time at);
    void hear_sockets(Time at);
    [[nodiscard]] bool anything_heard() const;
    void tend(std::uint32_t number, BondCore& core, Time at);
    void put_on_wire(BondCore& core, const Bond::Transmit& frame);
    void sleep(Time until, bool soon);

    Rcu& rcu_;
    const Idle idle_;
    rte_mempool* const pool_;
    std::array<BondCore*, kMaxBonds> bonds_{};
    std::vector<Worker*> workers_;
    Ring<Message> inbox_;
    Ring<Notice> outbox_;
    std::atomic<bool> stop_{false};
    std::atomic<bool> serving_{false}; // somebody drains the inbox
    std::atomic<bool> sleeping_{false};
    int event_ = -1;
    int outbox_event_ = -1;
    int ears_ = -1; // epoll over all sockets of listen()
    bool has_ears_ = false;
    Time next_deadline_ = kNever;
    bool retiring_ = false;
    std::unique_ptr<BondStatus> scratch_;
};

} // namespace dpdkbond
