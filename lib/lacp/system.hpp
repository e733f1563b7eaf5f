// SPDX-License-Identifier: BSD-3-Clause
// One bond's LACP: its ports, their machines, its aggregators. Every input records what happened and settles:
// the machines run until none moves, then frames are composed. owner: control lcore.
// system.cpp: configuration and status; system_input.cpp: what comes in; system_settle.cpp: the rest.
#pragma once

#include <memory>
#include <span>

#include "base/saved.hpp"
#include "lacp/marker.hpp"
#include "lacp/outbox.hpp"
#include "lacp/selection.hpp"
#include "lacp/status.hpp"

namespace dpdkbond::lacp {

enum class FrameVerdict : std::uint8_t {
    consumed, // LACP or marker, valid or not; it is not handed up
    not_mine, // another subtype or ethertype: hand it up
};

class System {
public:
    System(BondId id, Outbox& outbox, const LacpOptions& options, Mac mac);

    bool add_port(MemberId member, Mac mac, PortPriority priority, Time now);
    void remove_port(MemberId member, Time now);
    void set_options(const LacpOptions& options, Time now);
    void set_mac(Mac mac, Time now);
    void set_port_priority(MemberId member, PortPriority priority, Time now);

    FrameVerdict handle_frame(MemberId member, Bytes frame, Time now);
    void handle_link(MemberId member, bool up, std::uint32_t speed_mbps, bool full_duplex, Time now);
    void handle_timeout(Time now);
    std::optional<MarkerRunId> start_marker(MemberSet ports, Time deadline, Time now);

    [[nodiscard]] Time next_deadline() const { return deadline_; }
    [[nodiscard]] const Forwarding& forwarding() const { return forwarding_; }
    [[nodiscard]] MemberSet members() const { return members_; }
    [[nodiscard]] const Port* port(MemberId member) const;
    [[nodiscard]] const Selection& selection() const { return selection_; }
    void status(BondStatus& out) const;

    // ---- a warm restart. restore() before the first port is added: from then on a port begins where it
    // stood, by its member's number, and no machine moves until resume().
    void save(Saved& out) const;
    void restore(const Saved& saved);
    void resume(Time now);
    // Each port whose partner is heard speaks once more, so that the partner's wait begins now.
    void speak_before_leaving(Time now);

private:
    Port* find(MemberId member);
    std::span<Port> places() { return {ports_.data(), end_}; } // the ones in use and gaps between them
    void refresh_actor(Port& port);
    static void forget(Port& port);
    bool resume_port(Port& port); // false: nothing is known of it

    void handle_lacpdu(Port& port, Bytes frame, Time now);
    void handle_marker(Port& port, Bytes frame, Time now);
    void complain(Port& port, EventKind kind, std::uint64_t count, std::string_view text, Time now);
    void note_moved_partner(const Port& heard_on, const LacpInfo& partner);

    void settle(Time now);
    bool step(Time now);
    template <class Machine> bool run_and_tell(Port& port, EventKind kind, Time now);
    bool run_rx(Port& port, Time now);
    bool run_selection(Port& port, Time now);
    bool run_choice(Time now);
    void tell_periodic(Time now);
    void transmit(Time now);
    void update_forwarding(Time now);
    void finish_markers(Time now);
    void update_deadline(Time now);

    bool send(Port& port, const SlowFrame& frame);
    void tell(Time now, MemberId member, EventKind kind, std::uint32_t from, std::uint32_t to,
              std::string_view text);

    BondId id_;
    Outbox& outbox_;
    LacpOptions options_;
    Mac mac_; // of the bond
    std::array<Port, kMaxPorts> ports_{};
    MemberSet members_;
    std::size_t end_ = 0; // ports_ behind it are unused
    Selection selection_;
    MarkerRuns markers_;
    Forwarding forwarding_;
    Time deadline_ = kNever;
    std::unique_ptr<Saved> before_; // between restore() and resume()
};

} // namespace dpdkbond::lacp
