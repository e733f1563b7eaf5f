// SPDX-License-Identifier: BSD-3-Clause
// What comes of it: events, frames, the snapshot for the workers and the status for readers.
#include "bond/bond.hpp"

#include <algorithm>

namespace dpdkbond {

void Bond::note(EventKind kind, MemberId id, std::string_view detail, Time now) {
    raise(kind, member(id), detail, now);
}

void Bond::raise(EventKind kind, const Member* m, std::string_view detail, Time now) {
    Event e;
    e.at = now;
    e.kind = kind;
    if (m != nullptr) e.member = m->info.name;
    e.detail = detail;
    if (!events_.push_back(e)) ++events_lost_;
}

bool Bond::poll_event(Event& out) {
    if (events_.empty()) hear_controller();
    if (events_.empty()) return false;
    out = events_[0];
    events_.erase_at(0);
    return true;
}

Wanted Bond::wanted() const {
    Wanted w;
    w.carrier = link_up_;
    w.speed_mbps = speed_mbps();
    w.macs = macs_.version();
    w.reports = report_wishes_;
    return w;
}

std::size_t Bond::send_by_active(std::span<const OwnFrame> frames) {
    if (active_ == kNoMember) return 0;
    std::size_t taken = 0;
    for (OwnFrame f : frames) {
        f.member = active_;
        const Mac worn = macs_.worn_by(active_);
        if (!worn.is_zero() && std::equal(mac_.bytes.begin(), mac_.bytes.end(), f.frame.begin() + 6))
            std::copy(worn.bytes.begin(), worn.bytes.end(), f.frame.begin() + 6);
        if (!queue(f)) break;
        ++taken;
    }
    return taken;
}

bool Bond::queue(const OwnFrame& frame) {
    const bool taken = frames_.push_back(frame);
    lost_.no_room += taken ? 0 : 1;
    return taken;
}

bool Bond::poll_transmit(Transmit& out) {
    while (next_frame(out)) {
        if (out.member != kNoMember) return true; // of one that has left the workers count it
        ++lost_.no_member;
    }
    return false;
}

bool Bond::next_frame(OwnFrame& out) {
    const auto probe = [&] {
        const MemberId asker = prober_.next_asker();
        if (asker == kNoMember) return false;
        const Mac worn = macs_.worn_by(asker);
        return prober_.poll_transmit(worn.is_zero() ? mac_ : worn, out);
    };
    const auto from_others = [&] {
        return announcer_.poll(out, addresses_, announced_mac(mode_.controller->mac_policy(options_))) ||
               probe() || mode_.controller->poll_transmit(out);
    };
    if (!filter_.up) { // as Linux: a bond that is down says nothing
        frames_.clear();
        while (from_others()) {
        }
        return false;
    }
    if (frames_.empty()) return from_others();
    out = frames_[0];
    frames_.erase_at(0);
    return true;
}

void Bond::fill(Snapshot& out) const {
    out.tx_burst = mode_.tx_burst;
    const bool listens = mode_.punt == nullptr && prober_.on();
    out.punt = !filter_.up ? nullptr : listens ? mode_.punt_neighbors : mode_.punt;
    out.active = decision_.active;
    out.packets_per_member = options_.packets_per_slave;
    out.hash_seed = options_.hash_seed;
    out.rx_accept = decision_.may_receive;
    out.max_frame = static_cast<std::uint16_t>(std::min<std::uint32_t>(mtu_ + 14 + 2 * 4, 0xffff));
    MemberSet sorting;
    out.senders = decision_.may_send;
    out.tx_count = 0;
    out.rx_count = 0;
    out.by_queue = Snapshot::nobody();
    static const OptionDef& queue_id = *find_option("queue_id");
    const bool by_queue = works_in(mode_.mode, queue_id);
    for (const Member& m : members_) {
        const std::uint16_t queue = m.info.options.queue_id;
        if (by_queue && queue != 0 && decision_.usable.has(m.id)) out.by_queue[queue] = m.id.value;
        out.member[m.id.value] = m.info.data;
        out.nic[m.id.value] = m.info.nic;
        out.rx[out.rx_count++] = {m.info.data.port, m.id.value, m.info.data.rx_queues,
                                  m.info.data.first_worker};
        if (!m.info.data.sorts_itself) sorting.add(m.id);
        if (!decision_.may_send.has(m.id)) continue;
        out.tx[out.tx_count++] = m.id.value;
    }
    out.turn_mod = FastMod(std::max<std::uint32_t>(out.tx_count, 1));
    fill_filter(out.filter, filter_, mac_, sorting);
    out.failover = failover_;
    move_.fill(out);
    mode_.controller->fill(out);
    out.counted = nullptr;
    if (counting_ != nullptr) out.counted = std::exchange(out.tx_burst, counting_);
}

std::uint32_t Bond::speed_mbps() const {
    std::uint32_t sum = 0;
    for (const Member& m : members_) {
        const std::uint32_t speed = m.link.speed_mbps;
        if (!decision_.may_send.has(m.id) || speed == 0) continue;
        sum = decision_.all_send_all && sum != 0 ? std::min(sum, speed)
              : decision_.all_send_all           ? speed
                                                 : sum + speed;
    }
    return sum;
}

void Bond::note_health(Time now) {
    const bool first = health_since_ == Time{};
    bool all = !members_.empty(); // of those that have joined; who waits for a device is not known here
    for (Member& m : members_) {
        const bool usable = decision_.usable.has(m.id);
        if (usable != m.was_usable || m.usable_since == Time{}) m.usable_since = now;
        m.was_usable = usable;
        all = all && usable;
    }
    // The carrier of an 802.3ad bond may outlive its last usable port by some seconds.
    const bool none = !link_up_ || !filter_.up || decision_.usable.empty();
    const Health is = none ? Health::down : all ? Health::ok : Health::degraded;
    if (first || is != health_) health_since_ = now;
    health_ = is;
}

void Bond::fill(BondStatus& out) const {
    out.speed_mbps = speed_mbps();
    out.name = name_;
    out.mode = mode_.mode;
    out.link_up = link_up_;
    out.health = health_;
    out.health_since = health_since_;
    out.active_member = mode_.controller->has_active() ? active_ : kNoMember;
    out.primary = options_.primary.empty() ? kNoMember : find(options_.primary);
    out.mac = mac_;
    out.mtu = mtu_;
    out.failovers = failovers_;
    out.gaps = gaps_;
    out.members.clear();
    for (const Member& m : members_) {
        MemberStatus s;
        s.id = m.id;
        s.name = m.info.name;
        s.device = m.info.device;
        s.port_id = m.info.data.port;
        s.carrier = m.link.carrier;
        s.admin_down = m.admin_down;
        s.mii = m.mii;
        s.active = decision_.may_receive.has(m.id) && (!mode_.controller->has_active() || m.id == active_);
        s.usable = decision_.usable.has(m.id);
        s.usable_since = m.usable_since;
        s.speed_mbps = m.link.speed_mbps;
        s.duplex = m.link.duplex;
        s.link_failures = m.link_failures;
        s.mac = macs_.worn_by(m.id);
        s.perm_mac = m.info.perm_mac;
        s.options = m.info.options;
        s.watching = watching();
        s.objecting = m.objecting;
        s.objection = describe(m, m.objecting);
        if (m.objecting.empty() && !s.usable) s.objection = mode_.controller->why_unused(m.id);
        s.flap_suppressed = m.damping.suppressed();
        s.flap_penalty = m.damping.last_penalty();
        s.flap_penalty_at = m.damping.at();
        out.members.push_back(s);
    }
}

} // namespace dpdkbond
