// SPDX-License-Identifier: BSD-3-Clause
// What the kernel, and whoever is stacked on them, want of the logical interfaces: up or down, MAC, MTU, what
// is received, addresses. Read when rtnetlink tells of a change, or a worker doubts (datapath/doubt.hpp);
// carried to control and to the members' devices. The host thread feeds it; any ordinary thread may add and
// remove. It waits for the kernel; control never waits for it.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/tell_limit.hpp"
#include "engine/control.hpp"
#include "host/stack.hpp"
#include "ports/logical_facts.hpp"
#include "ports/logical_port.hpp"
#include "ports/member_port.hpp"

namespace dpdkbond {

class LogicalWatch {
public:
    // `tells_groups`: NetlinkWatcher::tells_groups().
    explicit LogicalWatch(Control& control) : control_(control) {}
    void set_tells_groups(bool tells) { tells_groups_ = tells; }

    // ---- the host thread: what it heard, then settle() once for all of it
    void handle(const LinkEvent& link);
    void handle(const AddressEvent& address);
    void handle(const ForwardingEvent& forwarding);
    void forget_namespace(int nsid);
    void reread();         // some receive list may have changed
    void look_at_routes(); // they may have changed: rtnetlink is not asked to tell of every route of a router
    void settle();

    // ---- any ordinary thread
    // A logical interface (one that is no netdev is given everything), and the longest MTU that fits into
    // buffers. Until forget() of the bond.
    void watch(std::uint32_t bond, const LogicalPort& port, std::uint32_t mtu, std::uint32_t max_mtu);
    void forget(std::uint32_t bond);
    // Of these the netdev should have each: one that goes is told.
    void expect_addresses(std::uint32_t bond, const std::vector<IpPrefix>& addresses);
    // The addresses that the bond probes: from which of its own the kernel would, routes say.
    void set_targets(std::uint32_t bond, std::vector<IpPrefix> targets);
    void add_member(std::uint32_t bond, MemberPort& member); // it has joined; gets all that holds now
    void remove_member(MemberPort& member);
    void tell_members(std::uint32_t bond); // what the logical interface wants, though nothing has changed
    [[nodiscard]] LogicalFacts view(std::uint32_t bond) const;

private:
    struct Logical {
        const LogicalPort* port = nullptr;
        std::string netdev;          // its name now; empty: it is no netdev
        int ifindex = 0;             // in the namespace that it is in now
        bool elsewhere = false;      // … which is not ours
        std::vector<IpPrefix> there; // its addresses then
        std::uint32_t max_mtu = 0;
        bool seen = false;
        bool lost = false; // it was seen, and was deleted
        LinkEvent link;    // as last seen
        std::optional<Mac> mac_before_hand;
        ReceiveList list;
        RxFilter filter;
        MemberWishes wishes;
        LocalAddresses addresses;
        std::size_t too_deep = 0;                        // addresses below too many VLAN tags to be announced
        std::vector<std::pair<IpPrefix, bool>> expected; // expect_addresses(), and whether it has been there
        std::vector<IpPrefix> missing;                   // of them, not told yet
        Time missing_since{};
        TellLimit limit;
    };
    struct Watched {
        std::uint32_t bond;
        MemberPort* port;
        std::vector<std::string> uses; // Stack::uses(), as last seen
        TellLimit limit{};
    };
    // mutex_ is held in all of these.
    void look(std::uint32_t bond, Logical& l);
    void look_at_addresses(std::uint32_t bond, Logical& l);
    void add_routes(std::uint32_t bond, const Logical& l, LocalAddresses& addresses) const;
    void look_at_expected(Logical& l);
    void tell_missing(std::uint32_t bond, Logical& l);
    void look_at_uses(Watched& member);
    void tell(std::uint32_t bond, MemberId member, EventKind kind, TellLimit& limit, const std::string& what);
    void keep_mac(std::uint32_t bond, const Logical& l, const Mac& mac); // at the first look
    void take_mac(std::uint32_t bond, Logical& l, const Mac& mac);
    std::uint32_t take_mtu(std::uint32_t bond, const Logical& l, std::uint32_t mtu);
    void tell_members(std::uint32_t bond, const MemberWishes& wishes);
    void tell_member(std::uint32_t bond, MemberPort& member, const MemberWishes& wishes);

    Control& control_;
    bool tells_groups_ = false;
    mutable std::mutex mutex_; // guards what follows
    Stack stack_;
    std::map<std::uint32_t, Logical> logicals_;
    std::map<std::uint32_t, std::vector<IpPrefix>> targets_; // of bonds that probe
    std::vector<Watched> members_;
    bool reread_ = false, restack_ = false;
};

} // namespace dpdkbond
