// SPDX-License-Identifier: BSD-3-Clause
// A member below the bond: its device, what of the host had to be arranged for it, and where its carrier is
// read. Ordinary threads. Destruction puts everything back.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bond/bond.hpp"
#include "bond/status.hpp"
#include "dpdk/port.hpp"
#include "dpdk/port_filter.hpp"
#include "host/carrier.hpp"
#include "host/handover.hpp"
#include "host/lacp_socket.hpp"
#include "host/netdev_guard.hpp"
#include "host/netlink.hpp"
#include "options/model.hpp"
#include "ports/member_tap.hpp"

struct rte_mempool;

namespace dpdkbond {

class Control;

struct MemberSetup {
    rte_mempool* pool = nullptr;
    unsigned workers = 1;
    std::uint32_t mtu = 1500;
    bool merge = false; // the logical interface takes super-frames: the member may receive such
    bool sleepy = true; // idle: adaptive: receive interrupts are worth having
    std::string state_dir;
    bool adopt = false;    // after a warm stop: NetdevGuardOptions::adopt
    HandedFds handed = {}; // … hand_over()
};

// What the logical interface wants of every member.
struct MemberWishes {
    ReceiveWishes receive;
    std::uint32_t mtu = 0; // 0: not known
};

class MemberPort {
public:
    // Takes the device and starts it. An error leaves everything as it was. `warning` gets what the operator
    // should know.
    static Result<std::unique_ptr<MemberPort>> open(const MemberConfig& config, MemberSetup setup,
                                                    std::vector<std::string>& warnings);
    ~MemberPort();
    // Where frames wait that come while this program is restarted, for MemberSetup. Empty: they are lost.
    [[nodiscard]] HandedFds hand_over() const;
    static std::string handed_name(const std::string& netdev) { return "rx." + netdev; }
    // For a member that cannot be closed, as a worker hangs in it: at least its netdev gets its old state.
    void put_netdev_back();
    // The device alone: it reads and writes no memory of ours any more. Nothing else is asked of it
    // afterwards.
    void close_device();
    MemberPort(const MemberPort&) = delete;
    MemberPort& operator=(const MemberPort&) = delete;

    // What the link says now. May wait for the kernel's rtnl lock.
    LinkState read_link();
    // NetdevGuard::suit_peer(), about once a second however often it is called. The host thread.
    void suit_peer();
    // The cheaper half of it: whether carrier is not what was last posted.
    bool carrier_changed();
    // Why its device is not there any more: deleted, unplugged, moved to another namespace. Empty: it is.
    [[nodiscard]] std::string why_gone();
    // Of any netdev of this namespace; the host thread. What to tell, or empty.
    std::string heard(const LinkEvent& link);
    // Likewise, where somebody else has given the netdev below a MAC or an MTU by which frames are lost.
    // Empty: it has what the bond gave it, or that has been told.
    std::string heard_of_change(const LinkEvent& link);
    // What others had made of the netdev below when it became a member; Stack::uses().
    [[nodiscard]] const std::vector<std::string>& uses_before() const { return uses_before_; }
    [[nodiscard]] int ifindex() const {
        return guard_ ? guard_->ifindex() : 0;
    } // of the netdev below; 0: there is none
    // Link interrupts of the PMD go to control as the link of (bond, id) from now on.
    void report_interrupts_to(Control& control, std::uint32_t bond, MemberId id);
    // Takes this MAC; a PMD that cannot receives everything instead. Returns what to tell the operator,
    // or nothing.
    std::optional<std::string> wear_mac(const Mac& mac); // told once only
    // Takes frames to these too, whatever the logical interface wants; a device that cannot receives
    // everything instead.
    std::vector<std::string> accept_also(std::span<const Mac> macs);
    // Receives what the logical interface wants and takes its MTU, as far as it can. Returns what the
    // operator should know, each once.
    std::vector<std::string> follow(const MemberWishes& wishes);
    // Its tap, in the namespace of this thread; made anew if it was deleted. An error: it has none.
    Result<void> open_tap();
    void close_tap();                           // after control has forgotten it
    [[nodiscard]] int tap_fd() const;           // -1: none
    [[nodiscard]] std::string tap_name() const; // empty: none, or it was deleted
    void show_carrier(bool up);                 // on the tap
    // Of the netdev below, what somebody has changed since it was told: up, MAC and MTU are as they should be
    // again. A line for each.
    std::vector<std::string> put_back();
    struct ReceiveMode {
        bool promiscuous = false, all_groups = false;
        bool sorts = false; // its hardware; software need not
        std::uint32_t mtu = 0;
    };
    [[nodiscard]] ReceiveMode receive_mode() const; // any ordinary thread
    [[nodiscard]] Mac mac() const;                  // which it wears now; any ordinary thread
    [[nodiscard]] MemberInfo info() const;
    [[nodiscard]] unsigned first_worker() const { return port->id() % workers_; } // who reads its queue 0

    MemberConfig config;
    MemberId id = kNoMember; // once it has joined

private:
    MemberPort() = default;
    std::optional<NetdevGuard> guard_;
    int ifindex_ = 0; // of the netdev below, where frames pass by that very one
    unsigned looks_at_peer_ = 0;
    std::string below_;  // its name when it became a member, which the driver may go on using
    std::string called_; // … and as it was last heard of; owner: the host thread
    std::vector<std::string> uses_before_;
    Mac told_mac_{};             // heard_of_change(); owner: the host thread
    std::uint32_t told_mtu_ = 0; // likewise
    // Of a netdev by its index: its name may be another's by now. device_mutex_ is held.
    [[nodiscard]] Mac mac_now() const;
    Result<void> set_mac(const Mac& mac);
    Result<void> set_mtu(std::uint32_t mtu);
    [[nodiscard]] std::string netdev_now() const;

public:
    std::optional<Port> port;
    std::optional<SegmentationShield> shield; // once a peer on this machine has sent unsegmented frames

    // Where the carrier is read: a netdev, or (empty) the PMD.
    std::string netdev;
    [[nodiscard]] bool drives(const LinkEvent& link) const {
        return ifindex_ != 0 ? ifindex_ == link.ifindex : netdev == link.name;
    }
    std::vector<int>
        sockets; // what its receive queues wait on, where the driver hides it; in the queues' order
    std::optional<LacpSocket> lacp_socket; // where data could displace LACPDUs before the driver reads them
    bool netdev_lags = false;              // the kernel may tell of its carrier late: poll it often
    LinkState last_posted;                 // owner: the host thread, once watched
    std::uint64_t oversize_seen = 0;

    // Counters of this slot when the member joined, or at the last `clear stats`.
    MemberCounters baseline;

private:
    mutable std::mutex device_mutex_; // one at a time tells the device what to wear and to receive
    unsigned workers_ = 1;
    bool mac_refused_ = false;
    Mac worn_{};            // what it was told last; device_mutex_
    std::uint32_t mtu_ = 0; // likewise
    std::unique_ptr<PortFilter> filter_;
    ReceiveWishes wishes_;                   // of the logical interface, and …
    std::vector<Mac> also_;                  // accept_also()
    std::optional<MemberTap> tap_;           // device_mutex_
    std::vector<std::string> apply_filter(); // device_mutex_ is held
    std::uint32_t refused_mtu_ = 0;
    std::unique_ptr<CarrierPoll> carrier_;
    struct LinkTarget {
        Control* control;
        std::uint32_t bond;
        MemberId id;
    };
    std::unique_ptr<LinkTarget> link_target_;
    static int on_link_interrupt(std::uint16_t port, int event, void* self, void*);
};

} // namespace dpdkbond
