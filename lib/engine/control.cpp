// SPDX-License-Identifier: BSD-3-Clause
#include "engine/control.hpp"

#include <poll.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <thread>

#include "datapath/link_local.hpp"
#include "dpdk/clock.hpp"
#include "host/lacp_socket.hpp"
#include "proto/slow.hpp"

namespace dpdkbond {

namespace {

constexpr unsigned kDrainedAtOnce = 64; // messages
constexpr unsigned kLinksAtOnce = 8;    // of them, changes of links
constexpr int kMostPieces = 16;         // of a frame for a tap
constexpr std::size_t kLongestTapFrame = RTE_MBUF_DEFAULT_DATAROOM;

// What epoll says of a socket or tap (kTapEar) that can be read.
constexpr std::uint64_t kTapEar = std::uint64_t{1} << 47U;
constexpr std::uint64_t ear_of(std::uint32_t bond, MemberId member, int fd) {
    return std::uint64_t{bond} << 48U | std::uint64_t{member.value} << 32U | static_cast<std::uint32_t>(fd);
}

bool hear_from(int epoll, int fd, std::uint64_t what) {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.u64 = what;
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

} // namespace

Control::Control(Idle idle, rte_mempool* pool, const std::string& tag)
    : idle_(idle), pool_(pool), inbox_("control-inbox" + tag, 1024, RingKind::mpsc),
      outbox_("control-outbox" + tag, 1024, RingKind::spsc), event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      outbox_event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), ears_(epoll_create1(EPOLL_CLOEXEC)),
      scratch_(std::make_unique<BondStatus>()) {
    if (event_ < 0 || outbox_event_ < 0 || ears_ < 0)
        throw std::runtime_error("control got no eventfd or epoll descriptor");
}

Control::~Control() {
    close(event_);
    close(outbox_event_);
    close(ears_);
}

void Control::wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof one);
}

bool Control::post_link(std::uint32_t bond, MemberId member, LinkState link) {
    Message m;
    m.bond = bond;
    m.member = member.value;
    m.speed = link.speed_mbps;
    m.carrier = link.carrier ? 1 : 0;
    m.duplex = static_cast<std::uint8_t>(link.duplex);
    m.set_down = link.set_down ? 1 : 0;
    m.no_source = link.no_source ? 1 : 0;
    const bool taken = inbox_.push(m);
    ring_bell();
    return taken;
}

void Control::ring_bell() noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst); // what is to be heard was written before
    if (sleeping_.load(std::memory_order_seq_cst)) wake();
}

void Control::stop() noexcept {
    stop_.store(true);
    wake();
}

void Control::submit(Call& c) {
    if (!serving_.load()) {
        c.run(c.with);
        return;
    }
    // The caller's stack may be gone as soon as it sees that the call is done: what it waits on is ours.
    Receipt* receipt = nullptr;
    for (std::size_t i = 0; receipt == nullptr; i = (i + 1) % receipts_.size()) {
        if (!receipts_[i].taken.exchange(true)) receipt = &receipts_[i];
        if (i + 1 == receipts_.size()) std::this_thread::yield(); // all have been taken, for a moment
    }
    receipt->done.store(0);
    c.receipt = receipt;
    Message m;
    m.is_call = 1;
    m.call = &c;
    while (!inbox_.push(m)) {
        wake();
        std::this_thread::yield();
    }
    ring_bell();
    receipt->done.wait(0);
    receipt->taken.store(false);
}

// So many at a time that partners are heard in between.
void Control::drain() {
    Message m;
    unsigned links = 0;
    for (unsigned n = 0; n < kDrainedAtOnce && inbox_.pop(m); ++n) {
        if (m.is_call != 0) {
            Receipt* const receipt = m.call->receipt;
            m.call->run(m.call->with);
            receipt->done.store(1);
            receipt->done.notify_one();
        } else if (BondCore* core = bonds_[m.bond]) {
            core->bond.handle_link(
                MemberId{static_cast<std::uint8_t>(m.member)},
                {m.carrier != 0, m.speed, static_cast<Duplex>(m.duplex), m.set_down != 0, m.no_source != 0},
                now());
            // Each may raise several events, and a bond has room for some dozens.
            if (++links % kLinksAtOnce == 0) tend(m.bond, *core, now());
        }
    }
}

void Control::set_bond(std::uint32_t number, BondCore* core) {
    if (BondCore* gone = bonds_[number]) {
        stop_listening(*gone, MemberSet::all());
        forget_taps(*gone, MemberSet::all());
    }
    bonds_[number] = core;
}

void Control::put_on_wire(BondCore& core, MemberId member, Bytes frame) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) {
        core.lost_no_buffer.add(1);
        return;
    }
    std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size());
    m->port = member.value;
    if (core.inject.push(m)) return;
    core.lost_ring_full.add(1);
    rte_pktmbuf_free(m);
}

void Control::hear(BondCore& core, Time at) {
    rte_mbuf* frames[32];
    for (const auto& ring : core.punted) {
        const unsigned n = ring->pop_burst(frames, 32); // a flood of them leaves time for the other bonds
        for (unsigned i = 0; i < n; ++i) {
            const rte_mbuf* m = frames[i];
            if ((m->port & kForTap) != 0) {
                give_to_host(core, MemberId{static_cast<std::uint8_t>(m->port)}, m);
                continue;
            }
            const Bytes frame{rte_pktmbuf_mtod(m, const std::uint8_t*), m->data_len};
            // kNoMember: a frame that the logical interface sent, which no socket hears.
            const MemberId from{static_cast<std::uint8_t>(m->port)};
            if (!core.ears.has(from) || !is_lacpdu(frame)) core.bond.handle_frame(from, frame, at);
        }
        if (n != 0) rte_pktmbuf_free_bulk(frames, n);
    }
}

// What the members carried, for a monitor that takes any frame for a sign of life.
void Control::look_at_traffic(BondCore& core, Time at) {
    for (std::uint8_t id = 0; id < kMaxMembers; ++id) {
        if (!core.bond.has_member(MemberId{id})) continue;
        MemberTraffic sum;
        for (const Lane* lane : core.lanes) {
            sum.rx += lane->counters.member[id].rx.get();
            sum.tx += lane->counters.member[id].tx.get();
        }
        core.bond.handle_traffic(MemberId{id}, sum, at);
    }
}

void Control::stop_listening(BondCore& core, MemberSet members) {
    const MemberSet heard = core.ears & members;
    for (const MemberId id : heard) epoll_ctl(ears_, EPOLL_CTL_DEL, core.ear_socket[id], nullptr);
    core.ears -= members;
}

void Control::listen(std::uint32_t bond, MemberId member, int socket) {
    BondCore* core = bonds_[bond];
    if (core == nullptr) return;
    stop_listening(*core, {member});
    if (socket < 0) return;
    if (!hear_from(ears_, socket, ear_of(bond, member, socket))) return;
    core->ears.add(member);
    core->ear_socket[member] = socket;
    has_ears_ = true;
}

void Control::forget_taps(BondCore& core, MemberSet members) {
    const MemberSet gone = core.taps & members;
    for (const MemberId id : gone) epoll_ctl(ears_, EPOLL_CTL_DEL, core.tap[id], nullptr);
    core.taps -= members;
    core.unpublished |= !gone.empty();
}

void Control::set_tap(std::uint32_t bond, MemberId member, int tap) {
    BondCore* core = bonds_[bond];
    if (core == nullptr) return;
    forget_taps(*core, {member});
    if (tap < 0 || !hear_from(ears_, tap, ear_of(bond, member, tap) | kTapEar)) return;
    core->taps.add(member);
    core->tap[member] = tap;
    core->unpublished = true;
    has_ears_ = true;
}

// What finds no taker is counted there: control waits for nobody.
void Control::give_to_host(BondCore& core, MemberId member, const rte_mbuf* frame) {
    TapCounters& counters = core.tap_counters[member];
    iovec pieces[kMostPieces];
    int count = 0;
    for (const rte_mbuf* m = frame; m != nullptr && count < kMostPieces; m = m->next)
        pieces[count++] = {rte_pktmbuf_mtod(m, void*), m->data_len};
    if (core.taps.has(member) && count == frame->nb_segs && writev(core.tap[member], pieces, count) > 0)
        counters.to_host.add(1);
    else
        counters.refused.add(1);
}

void Control::hear_tap(BondCore& core, MemberId member) {
    TapCounters& counters = core.tap_counters[member];
    const std::size_t longest =
        std::min<std::size_t>({core.seen().max_frame, kLongestTapFrame,
                               std::size_t{rte_pktmbuf_data_room_size(pool_)} - RTE_PKTMBUF_HEADROOM});
    std::array<std::uint8_t, kLongestTapFrame + 1> room; // what is longer is cut there
    bool heard = false;
    // A flood of them leaves time for the other members and room for LACPDUs; what is not read waits in the
    // tap.
    for (int some = 0; some < 8 && !core.inject.half_full(); ++some) {
        const ssize_t got = read(core.tap[member], room.data(), room.size());
        if (got == 0 ||
            (got < 0 && errno != EAGAIN && errno != EINTR)) { // deleted: nothing comes of it any more
            forget_taps(core, {member});
            core.bond.note(EventKind::warning, member, "its tap has been deleted; a reload makes it again",
                           now());
        }
        if (got <= 0) break;
        const auto length = static_cast<std::size_t>(got);
        if (length < kEthHeaderSize || !is_tapped(room.data())) {
            counters.foreign.add(1);
            continue;
        }
        if (length > longest) {
            counters.oversize.add(1);
            continue;
        }
        counters.from_host.add(1);
        put_on_wire(core, member, {room.data(), length});
        heard = true;
    }
    if (heard && !workers_.empty()) workers_[0]->wake();
}

void Control::warn(std::uint32_t bond, MemberId member, const std::string& what, EventKind kind) {
    call([&] {
        if (BondCore* core = bonds_[bond]) core->bond.note(kind, member, what, now());
    });
}

void Control::hear_sockets(Time at) {
    epoll_event events[16];
    const int n = epoll_wait(ears_, events, 16, 0);
    for (int i = 0; i < n; ++i) {
        const std::uint64_t whose = events[i].data.u64;
        BondCore* core = bonds_[whose >> 48U];
        if ((whose & kTapEar) != 0) {
            const MemberId member{static_cast<std::uint8_t>(whose >> 32U)};
            if (core != nullptr && core->taps.has(member)) hear_tap(*core, member);
            continue;
        }
        std::array<std::uint8_t, 256> room;
        for (int some = 0; some < 8; ++some) { // a flood of them leaves time for the other members
            const Bytes frame = receive_lacpdu(static_cast<int>(whose & 0xffffffffU), room);
            if (frame.empty()) break;
            if (core != nullptr)
                core->bond.handle_frame(MemberId{static_cast<std::uint8_t>(whose >> 32U)}, frame, at);
        }
    }
}

bool Control::anything_heard() const {
    for (const BondCore* core : bonds_) {
        if (core == nullptr) continue;
        for (const auto& ring : core->punted)
            if (!ring->empty()) return true;
    }
    return false;
}

// What the bond has to say, after whatever happened to it.
void Control::tend(std::uint32_t number, BondCore& core, Time at) {
    hear(core, at);
    if (core.bond.wants_load(at)) {
        LoadTotals totals{};
        for (const Lane* lane : core.lanes)
            for (std::size_t b = 0; b < totals.size(); ++b) totals[b] += lane->load.bytes[b].get();
        core.bond.handle_load(totals, at);
    }
    if (core.bond.wants_traffic(at)) look_at_traffic(core, at);
    core.bond.handle_timeout(at);
    if (const auto gap = core.gap.look(core.lanes, at)) core.bond.handle_gap(*gap, at);
    core.publisher.retire();
    if (!core.unpublished && core.publisher.settled()) core.bond.handle_published(at);
    if (core.bond.take_changed()) {
        core.unpublished = true;
        core.bond.fill(*scratch_);
        core.status.store(*scratch_);
    }
    if (core.unpublished) {
        if (Snapshot* draft = core.publisher.draft()) {
            core.bond.fill(*draft);
            draft->taps = core.taps;
            core.publisher.publish(draft);
            core.unpublished = false;
            core.gap.follow(core.bond.failover(), at);
        }
    }
    Bond::Transmit frame;
    bool sent = false;
    while (core.bond.poll_transmit(frame)) {
        put_on_wire(core, frame.member, {frame.frame.data(), frame.length});
        sent = true;
    }
    if (sent && !workers_.empty()) workers_[0]->wake();
    const LostFrames lost = core.bond.frames_lost();
    core.lost_no_member.add(lost.no_member - core.lost_before.no_member);
    core.lost_ring_full.add(lost.no_room - core.lost_before.no_room);
    core.lost_before = lost;

    tell(number, core, at);
    core.publisher.retire();
    soon_ |= !core.publisher.settled();
    next_deadline_ = std::min({next_deadline_, core.bond.next_deadline(), core.gap.next_look()});
    if (core.bond.awaits_workers() && core.publisher.settled())
        next_deadline_ = at; // they slept: go on at once
}

// Hands over what the bond wants of its devices, then what it has to say. Neither is lost when the outbox is
// full: the first is offered again, the second waits in the bond, which counts what it has no room for.
void Control::tell(std::uint32_t number, BondCore& core, Time at) {
    bool told = false;
    Notice notice;
    notice.bond = number;
    notice.serial = core.serial;
    const auto hand_over = [&](Notice::Kind kind) {
        notice.kind = kind;
        const bool taken = outbox_.push(notice);
        told |= taken;
        soon_ |= !taken;
        return taken;
    };
    // Before the events: a failover is over when the MACs have moved.
    notice.wanted = core.bond.wanted();
    if (core.handed != notice.wanted && hand_over(Notice::Kind::wanted)) core.handed = notice.wanted;
    while (!outbox_.full() && core.bond.poll_event(notice.event)) hand_over(Notice::Kind::event);
    soon_ |= outbox_.full();
    if (const std::uint64_t lost = core.bond.events_lost(); lost != core.losses_told) {
        notice.event = {};
        notice.event.at = at;
        notice.event.kind = EventKind::warning;
        notice.event.detail = std::to_string(lost - core.losses_told) + " events lost: too many at once";
        if (hand_over(Notice::Kind::event)) core.losses_told = lost;
    }
    if (!told) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(outbox_event_, &one, sizeof one);
}

void Control::serve(Time at) {
    drain();
    if (at == Time{}) at = now();
    next_deadline_ = kNever;
    soon_ = false;
    if (has_ears_) hear_sockets(at);
    for (std::uint32_t i = 0; i < kMaxBonds; ++i)
        if (bonds_[i] != nullptr) tend(i, *bonds_[i], at);
}

void Control::sleep(Time until, bool soon) {
    sleeping_.store(true, std::memory_order_seq_cst);
    std::atomic_thread_fence(
        std::memory_order_seq_cst); // the looks that follow come after it: ring_bell() has its like
    if (inbox_.empty() && !anything_heard() && !stop_.load()) {
        Duration wait = std::chrono::seconds(1);
        if (until != kNever) wait = std::clamp(until - now(), Duration{0}, wait);
        if (soon) wait = std::min(wait, Duration{std::chrono::milliseconds(1)});
        const timespec t{static_cast<time_t>(wait.count() / 1'000'000'000), wait.count() % 1'000'000'000};
        pollfd wake[] = {{event_, POLLIN, 0}, {ears_, POLLIN, 0}};
        ppoll(wake, 2, &t, nullptr);
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = read(event_, &count, sizeof count);
    }
    sleeping_.store(false, std::memory_order_seq_cst);
}

void Control::run() {
    run([] { return kNever; });
}

void Control::run(const Also& also) {
    while (!stop_.load(std::memory_order_relaxed)) {
        serve();
        next_deadline_ = std::min(next_deadline_, also());
        if (idle_ == Idle::busy)
            rte_pause();
        else
            sleep(next_deadline_, soon_);
    }
}

} // namespace dpdkbond
