// SPDX-License-Identifier: BSD-3-Clause
// The control lcore: alone owns every Bond, drains what others tell it, lets time pass, publishes. It never
// waits: whatever may block lives on ordinary threads and uses post_link() and call(); what it has
// to tell them goes through the outbox.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include "dpdk/clock.hpp"
#include "dpdk/ring.hpp"
#include "engine/bond_core.hpp"
#include "engine/notice.hpp"
#include "engine/worker.hpp"

struct rte_mempool;

namespace dpdkbond {

class Control {
public:
    // `tag`: of its queues' names, unique in the process.
    Control(Idle idle, rte_mempool* pool, const std::string& tag = {});
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
        Call c{[](void* p) { (*static_cast<std::remove_reference_t<F>*>(p))(); }, &f, nullptr};
        submit(c);
    }
    int outbox_event() const { return outbox_event_; } // readable: take_notice()
    bool take_notice(Notice& out) { return outbox_.pop(out); }

    // ---- the main thread
    void begin() {
        serving_.store(true);
    }           // from now on call() goes through the inbox: before other threads start
    void run(); // until stop()
    // The same; `also` is called after each round and says until when this thread may sleep.
    using Also = std::function<Time()>;
    void run(const Also& also);
    void serve(Time at = {}); // one round without sleeping, at this time or now
    // When the next round is due, after serve().
    [[nodiscard]] Time deadline() const {
        return soon_ ? dpdkbond::now() + std::chrono::milliseconds(1) : next_deadline_;
    }
    void end() { serving_.store(false); }
    [[nodiscard]] bool serving() const { return serving_.load(); }

    // ---- within call() or before run()
    void set_bond(std::uint32_t number,
                  BondCore* core); // nullptr: it leaves, and its sockets are heard no more
    [[nodiscard]] BondCore* bond(std::uint32_t number) const { return bonds_[number]; } // nullptr: none
    // Publishes, sends and tells at once what the bond has to say.
    void settle(std::uint32_t number) {
        if (bonds_[number] != nullptr) tend(number, *bonds_[number], dpdkbond::now());
    }
    // LACPDUs of the member come by this socket too, and those by the workers count for nothing; -1: they
    // come by the workers alone, as is due before the socket is closed.
    void listen(std::uint32_t bond, MemberId member, int socket);
    // What workers give for the member's tap goes into this descriptor, and what the host has written into it
    // leaves by the member. -1: it has none (any more), as is due before the descriptor is closed.
    void set_tap(std::uint32_t bond, MemberId member, int tap);
    // Ordinary threads: an event of the bond's, if it is still served.
    void warn(std::uint32_t bond, MemberId member, const std::string& what,
              EventKind kind = EventKind::warning);
    void set_workers(std::vector<Worker*> workers) { workers_ = std::move(workers); }

private:
    // By which a caller learns that its call has run.
    struct Receipt {
        std::atomic<bool> taken{false}; // by a caller
        std::atomic<std::uint32_t> done{0};
    };
    struct Call {
        void (*run)(void*);
        void* with;
        Receipt* receipt; // set by submit()
    };
    struct Message {
        std::uint32_t bond = 0, member = 0;
        std::uint32_t speed = 0;
        std::uint8_t carrier = 0, duplex = 0, is_call = 0, set_down = 0, no_source = 0;
        Call* call = nullptr;
    };
    void submit(Call& c);
    void wake() noexcept;
    void drain();
    void stop_listening(BondCore& core, MemberSet members);
    void forget_taps(BondCore& core, MemberSet members);
    static void give_to_host(BondCore& core, MemberId member, const rte_mbuf* frame);
    void hear_tap(BondCore& core, MemberId member);
    void hear(BondCore& core, Time at);
    static void look_at_traffic(BondCore& core, Time at);
    void hear_sockets(Time at);
    [[nodiscard]] bool anything_heard() const;
    void tend(std::uint32_t number, BondCore& core, Time at);
    void tell(std::uint32_t number, BondCore& core, Time at);
    void put_on_wire(BondCore& core, MemberId member, Bytes frame);
    void sleep(Time until, bool soon);

    const Idle idle_;
    rte_mempool* const pool_;
    std::array<BondCore*, kMaxBonds> bonds_{};
    std::vector<Worker*> workers_;
    std::array<Receipt, 64> receipts_; // as many callers at a time; more of them wait for one
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
    bool soon_ = false; // something waits for a worker or for the outbox: look again in a millisecond
    std::unique_ptr<BondStatus> scratch_;
};

} // namespace dpdkbond
