// SPDX-License-Identifier: BSD-3-Clause
// A netdev that a DPDK socket driver (af_packet, af_xdp) drives as a member of a bond: prepared for that, and
// given back as it was, also where somebody has moved it meanwhile. Ordinary threads, one at a time, always
// in the network namespace it was taken in.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/mac.hpp"
#include "base/result.hpp"
#include "host/crash_note.hpp"

namespace dpdkbond {

struct NetdevState;

struct NetdevGuardOptions {
    // Where to note what was changed, for restore_leftovers() after a crash; created if missing. Empty:
    // nowhere.
    std::filesystem::path state_dir;
    // Where the folders of all instances lie: what one of them that died changed of this netdev is put right
    // before it is taken. Empty: nowhere.
    std::filesystem::path state_root = {};
    // Also drop by tcx what the netdev receives before the kernel's protocols see it.
    bool use_tcx = true;
    // Who held it left warm: it is taken as it is, and what it was like before that one is what goes back.
    bool adopt = false;
    // Leave GRO as it is: whoever reads the netdev knows what to do with merged frames.
    bool merge = false;
};

// While it is held: the netdev is up, merges no frames on receive (GRO if not wanted, LRO), and the kernel
// does not speak on it (no IPv6, no ARP answers, strict reverse path, and all ingress dropped by tcx where
// the kernel has it). Release puts back the administrative state, MAC, MTU, promiscuous and allmulticast
// mode, offloads, sysctls and permanent IPv6 addresses of before, whoever changed them meanwhile. IPv6 routes
// that were configured on it do not come back.
class NetdevGuard {
public:
    // An error leaves the netdev as it was. What a crashed process left changed is put right first. Refused:
    // what is no Ethernet device (lo), and what this or another process holds.
    static Result<NetdevGuard> take(const std::string& name, const NetdevGuardOptions& options);
    NetdevGuard(NetdevGuard&&) noexcept;
    NetdevGuard& operator=(NetdevGuard&&) noexcept;
    ~NetdevGuard();

    // Everything is tried even if something fails; the error is the first. A netdev that has gone is no
    // error, but one that is known to have moved and is not found is.
    Result<void> release();
    void gave_mac(const Mac& mac); // what it has had of the bond last
    void gave_mtu(std::uint32_t mtu);
    // It went to another namespace, rtnetlink says; whoever has read or written it there has lost it, though
    // it may be back.
    void has_moved() { moved_ = true; }
    [[nodiscard]] bool moved() const { return moved_; }
    bool look_for_it(); // its number is of no netdev here any more: whether it is in another namespace
    // Why the netdev was not free when it was taken (an address, a route, a master): for a warning or a
    // refusal.
    [[nodiscard]] const std::optional<std::string>& in_use() const { return in_use_; }
    // One line: what was applied, and what was not for want of support.
    [[nodiscard]] const std::string& describe() const { return description_; }
    [[nodiscard]] bool drops_by_tcx() const { return static_cast<bool>(tcx_); }
    [[nodiscard]] int ifindex() const;
    [[nodiscard]] Mac mac_before() const; // its own
    // A veth hands frames over as they are. A bridge at the far end takes unfinished checksums and
    // super-frames; a program that reads it (Open vSwitch's userspace, a DPDK driver, a relay) takes them for
    // errors, and whether there is one cannot be seen. So the kernel finishes and cuts here what is sent
    // unless the far end has a master. Call it now and then, as masters come and go. True: frames are
    // finished now.
    bool suit_peer();

private:
    NetdevGuard();
    Result<void> apply(const NetdevGuardOptions& options);
    void note() const;

    std::unique_ptr<NetdevState> before_; // null: nothing to give back
    std::filesystem::path state_file_;
    CrashNote claim_; // the lock that keeps others from taking the netdev
    Fd tcx_;
    std::optional<std::string> in_use_;
    std::string description_;
    bool finishes_ = false; // suit_peer()
    std::atomic<bool> moved_{false}, looked_{false};
};

// Puts right what a process that died left changed, in whatever network namespace, and forgets it. Entries
// whose netdev has gone are forgotten; entries of namespaces that are not found, of netdevs that somebody
// holds and of those that could not be put right are kept. One line for each netdev that was dealt with. Call
// it when no other process can be using the directory.
Result<std::vector<std::string>> restore_leftovers(const std::filesystem::path& state_dir);

// Locks of netdevs that processes held which have died, in this namespace or another, are removed; their
// number. Nothing has to be undone for them: what was changed stands in the state files. Any thread, any
// time.
unsigned forget_dead_claims(const std::filesystem::path& notes = kLentNotes);

// A veth's far end hands over TCP segments of up to 64 KiB, which nothing on a real wire would. The kernel
// stops that while a native XDP program is attached to our end: then the far end segments in software.
class SegmentationShield {
public:
    SegmentationShield(SegmentationShield&&) noexcept = default;
    SegmentationShield& operator=(SegmentationShield&& other) noexcept;
    ~SegmentationShield() { release(); }
    void release();

private:
    friend Result<SegmentationShield> ask_peer_to_segment(const std::string&);
    SegmentationShield(Fd link, int ifindex, bool gro_before)
        : link_(std::move(link)), ifindex_(ifindex), gro_before_(gro_before) {}
    Fd link_;
    int ifindex_;
    bool gro_before_;
};

// Not for a veth driven by af_xdp, which attaches a program of its own. An error for everything that is not a
// veth. Switches GRO off, as attaching the program would switch it on; take the NetdevGuard first, so that a
// crash is covered.
Result<SegmentationShield> ask_peer_to_segment(const std::string& name);

} // namespace dpdkbond
