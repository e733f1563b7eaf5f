// SPDX-License-Identifier: BSD-3-Clause
// What telemetry, the console and the status text see of the running program. Implemented by app/wiring;
// every function may be called from any ordinary thread (telemetry's, the console's), never from control or a
// worker.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/offloads.hpp"
#include "base/result.hpp"
#include "bond/events.hpp"
#include "bond/status.hpp"
#include "bond/views.hpp"
#include "flow/flow.hpp"
#include "lacp/status.hpp"
#include "options/options.hpp"

namespace dpdkbond {

// What the kernel wants of a logical interface that is a netdev.
struct LogicalView {
    bool known = false; // else it is another device, or not looked at yet
    bool up = false;
    bool gone = false; // the netdev has been deleted
    Mac mac{};
    bool promiscuous = false, all_groups = false;
    std::size_t unicast = 0, groups = 0; // addresses besides its own, groups
    std::size_t addresses = 0;           // IP, of what is stacked on it too
    std::set<std::uint16_t> vlans;
};

struct MemberView {
    MemberStatus status;
    MemberCounters counters;
    std::uint32_t mtu = 0;
    bool promiscuous = false, all_groups = false;
    bool sorts_itself = false; // its hardware keeps foreign frames away, so that software need not
    std::string tap{};         // the netdev of its tap (member_taps); empty: none
    // How control receives LACP by it: a receive "queue" of its own, a "socket" of its own, or with the
    // "data".
    std::string_view control_rx = "data";
    std::string_view control_tx = "data"; // … and sends: by a transmit "queue" of its own, or with the "data"
    // What it does of what the logical interface leaves undone; nothing: unknown.
    std::optional<Offloads> offloads{};
    bool checks_received = false; // … and it tells which received checksums are right
};

struct HealthView {
    Health state = Health::down;
    std::int64_t since_ns = 0; // since 1970
    std::string why;           // empty: ok
};

struct BondView {
    BondStatus status;
    std::optional<HealthView> health{};
    BondOptions options;
    BondCounters counters;
    LogicalView logical;
    std::optional<lacp::BondStatus> lacp; // 802.3ad
    std::optional<SprayView> spray{};     // balance-spray, where somebody has asked for it too
    std::vector<MemberView> members;      // as status.members
};

struct WorkerView { // sums since the start; ordinary threads read them while the worker runs
    unsigned lcore = 0;
    std::uint64_t busy_ns = 0;  // in rounds that found frames
    std::uint64_t alive_ns = 0; // altogether
};

struct PastEvent {
    Event event;
    std::int64_t wall_ns = 0; // since 1970, by the clock as it stood then
    std::uint64_t more = 0;   // like it came after it and are not kept
    bool operator==(const PastEvent& o) const {
        return event.at == o.event.at && event.kind == o.event.kind && event.member == o.event.member &&
               event.detail == o.event.detail && more == o.more;
    }
};

class Instance {
public:
    virtual ~Instance() = default;
    virtual std::vector<std::string> bond_names() = 0;
    virtual std::optional<BondView> bond(std::string_view name) = 0;
    virtual std::vector<PastEvent> events(std::string_view name) = 0; // oldest first, at most kEventHistory
    virtual Result<Explanation> explain(std::string_view bond, const FlowSpec& flow) = 0;
    // Load by member and bucket in modes that balance, measured for a moment; nullopt: unknown bond, or
    // another mode.
    virtual std::optional<std::vector<MemberLoad>> load(std::string_view /*bond*/) { return std::nullopt; }
    // balance-alb's clients, by address; nullopt: unknown bond, or another mode.
    virtual std::optional<std::vector<RlbClientView>> rlb(std::string_view /*bond*/) { return std::nullopt; }
    // balance-spray's peers and paths; nullopt: unknown bond, or another mode.
    virtual std::optional<SprayView> spray(std::string_view /*bond*/) { return std::nullopt; }
    virtual std::vector<WorkerView> workers() { return {}; }
    virtual Result<std::string> config_text(std::string_view bond) = 0; // YAML of the bond as it runs now

    // Commands. They return when they took effect or were refused; a refusal changes nothing.
    virtual Result<void> set_bond_option(std::string_view bond, std::string_view option,
                                         std::string_view value) = 0;
    virtual Result<void> set_active(std::string_view bond, std::string_view member) = 0;
    virtual Result<void> set_member_option(std::string_view bond, std::string_view member,
                                           std::string_view option, std::string_view value) = 0;
    virtual Result<void> set_member_link(std::string_view bond, std::string_view member, bool up) = 0;
    // `settings`: "name", its value, … as config/names.hpp reads them.
    virtual Result<void> add_member(std::string_view bond, std::string_view device,
                                    std::span<const std::string> settings) = 0;
    virtual Result<void> remove_member(std::string_view bond, std::string_view member) = 0;
    virtual Result<void> clear_stats(std::string_view bond) = 0;
    virtual Result<void> reload() = 0;
    // Frames of a member, or of "all", go to the file for so many seconds; returns when that has begun. One
    // capture a bond at a time. The answers are a line without its end: what it does, or has done.
    // When it is over the line has kCaptureEnded in it.
    virtual Result<std::string> start_capture(std::string_view bond, std::string_view member,
                                              std::string_view file, std::uint32_t seconds) = 0;
    virtual Result<std::string> stop_capture(std::string_view bond) = 0; // the file is complete
    virtual Result<std::string> show_capture(std::string_view bond) = 0; // the last one
    // Ends it so that the next one carries on where it stood; `again`: that is started at once, in this
    // process. Returns at once; an error: it goes on.
    virtual Result<void> leave_warm(bool /*again*/) { return Error{"it cannot be left warm"}; }
    virtual Result<void> may_quit() { return {}; } // why quit() is not for whoever asks
    virtual void quit() = 0;                       // asks the program to end; returns at once
};

} // namespace dpdkbond
