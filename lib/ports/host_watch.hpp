// SPDX-License-Identifier: BSD-3-Clause
// The thread that looks at the machine for control: link states (told by rtnetlink, and polled at miimon
// besides), what the logical interfaces want, signals; and that says aloud what control noticed: log,
// history, carrier of the logical interface. It may block; control never waits for it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/control.hpp"
#include "host/carrier.hpp"
#include "host/netlink.hpp"
#include "ports/logical_watch.hpp"
#include "ports/member_port.hpp"

namespace dpdkbond {

class HostWatch {
public:
    struct Hooks {
        std::function<void(const Notice&)> on_notice; // every event of every bond, in order
        // Whatever would end a process that does not catch it; `sender`: its PID, 0: the kernel.
        std::function<void(int signal, std::uint32_t sender)> on_signal;
        std::function<void(std::uint32_t bond, MemberPort&)> on_poll; // each member, about ten times a second
        std::function<void(const LinkEvent&)> on_netdev; // one of this namespace has come, changed or gone
    };
    HostWatch(Control& control, Hooks hooks);
    ~HostWatch();
    HostWatch(const HostWatch&) = delete;
    HostWatch& operator=(const HostWatch&) = delete;

    void start();
    void stop(); // the thread has ended when it returns; signals go unheard from then on

    // ---- ordinary threads
    void watch_member(std::uint32_t bond, MemberPort& member); // after it has joined
    void forget_member(MemberPort& member);                    // before it is closed
    // See LogicalWatch::watch().
    void watch_logical(std::uint32_t bond, const LogicalPort& port, std::uint32_t mtu, std::uint32_t max_mtu);
    void forget_logical(std::uint32_t bond);
    void expect_addresses(std::uint32_t bond, const std::vector<IpPrefix>& addresses) {
        logical_.expect_addresses(bond, addresses);
    }
    void tell_members(std::uint32_t bond) { logical_.tell_members(bond); } // once more what it wants of them
    [[nodiscard]] LogicalFacts logical(std::uint32_t bond) const { return logical_.view(bond); }
    Doubt& doubt() { return doubt_; }                                 // for lanes
    void set_options(std::uint32_t bond, const BondOptions& options); // what monitors need of this thread

private:
    struct Watched {
        std::uint32_t bond;
        MemberPort* member;
    };
    void run();
    [[nodiscard]] std::uint32_t full_poll_ms() const; // the shortest miimon; mutex_ is held
    void arm_timer();
    void on_tick();
    void on_link(const LinkEvent& link);
    void look_at(const Watched& w);
    bool carrier_changed(MemberPort& member);
    void hear_control();

    Control& control_;
    Hooks hooks_;
    LogicalWatch logical_;
    Doubt doubt_;
    std::optional<NetlinkWatcher> netlink_;
    void hear_netlink(const Result<void>& done);
    std::string netlink_trouble_; // as it was told; owner: the host thread
    LookPace pace_;               // of looks at lagging netdevs
    int timer_ = -1, signals_ = -1, end_ = -1;
    std::thread thread_;
    std::mutex mutex_; // guards what follows
    std::vector<Watched> members_;
    std::map<std::uint32_t, std::uint32_t> miimon_;
    Time last_full_poll_{};
    Time last_slow_poll_{};
    unsigned slow_polls_ = 0;
};

// Blocks the signals that HostWatch hears, and those of net_tap, in this thread and all that it starts.
// Before the EAL starts.
void block_signals();

} // namespace dpdkbond
