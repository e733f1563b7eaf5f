// SPDX-License-Identifier: BSD-3-Clause
// What comes in: link changes, LACPDUs, markers, time.
#include "lacp/system.hpp"
#include "proto/marker.hpp"

namespace dpdkbond::lacp {

namespace {

constexpr Duration kComplaintInterval = 1s;

} // namespace

// --- input
// -----------------------------------------------------------------------------------------------------------

void System::handle_link(MemberId member, bool up, std::uint32_t speed_mbps, bool full_duplex, Time now) {
    Port* port = find(member);
    if (port == nullptr) return;
    port->port_enabled = up;
    if (up) { // a port that is down keeps its key, so that it finds its aggregator again
        port->speed_mbps = speed_mbps;
        port->full_duplex = full_duplex;
        port->lacp_enabled = full_duplex; // 6.4.8: LACP needs a point-to-point link
        refresh_actor(*port);
    } else {
        port->hears_itself = false;
        markers_.lost(member);
    }
    settle(now);
}

FrameVerdict System::handle_frame(MemberId member, Bytes frame, Time now) {
    Port* port = find(member);
    const auto subtype = slow_frame_subtype(frame);
    if (port == nullptr || !subtype) return FrameVerdict::not_mine;
    switch (*subtype) {
    case slow_subtype::lacp: handle_lacpdu(*port, frame, now); return FrameVerdict::consumed;
    case slow_subtype::marker: handle_marker(*port, frame, now); return FrameVerdict::consumed;
    default: ++port->counters.unknown_rx; return FrameVerdict::not_mine;
    }
}

void System::handle_lacpdu(Port& port, Bytes frame, Time now) {
    const auto pdu = decode_lacpdu(frame);
    // Ours: a system of zero means "no partner" to every machine, so no partner may claim to be it.
    if (!pdu || !is_lacp_destination(Mac::from_bytes(frame.data())) || pdu->actor.system.is_zero()) {
        complain(port, EventKind::bad_pdu, ++port.counters.bad_rx, "malformed LACPDU ignored", now);
        return;
    }
    port.hears_itself = port.port_enabled && pdu->actor.system == port.actor.system;
    if (pdu->actor.system == port.actor.system) {
        complain(port, EventKind::loopback, ++port.counters.loopback_rx, "LACPDU of our own system ignored",
                 now);
        return;
    }
    ++port.counters.lacpdu_rx;
    if (pdu->version != kLacpVersion) ++port.counters.other_version_rx;
    note_moved_partner(port, pdu->actor);
    port.pdu = *pdu;
    port.had_partner |= port.port_enabled;
    settle(now);
}

// port_moved, 6.4.8.
void System::note_moved_partner(const Port& heard_on, const LacpInfo& partner) {
    for (Port& port : places())
        if (port.in_use && &port != &heard_on && port.rx == RxState::PORT_DISABLED &&
            port.partner.system == partner.system && port.partner.port == partner.port)
            port.port_moved = true;
}

void System::handle_marker(Port& port, Bytes frame, Time now) {
    const auto marker = decode_marker(frame);
    if (!marker || !is_lacp_destination(Mac::from_bytes(frame.data()))) {
        complain(port, EventKind::bad_pdu, ++port.counters.bad_rx, "malformed marker ignored", now);
        return;
    }
    switch (marker->type) {
    case marker_type::information: {
        if (marker->requester_system == port.actor.system) {
            complain(port, EventKind::loopback, ++port.counters.loopback_rx,
                     "marker of our own system ignored", now);
            return;
        }
        ++port.counters.marker_rx;
        if (!port.port_enabled) return;
        if (!port.answer_window.allows(now)) {
            ++port.counters.marker_limited;
            return;
        }
        port.answer_window.note(now);
        SlowFrame response;
        build_marker_response(response, port.mac, frame);
        if (send(port, response)) ++port.counters.marker_response_tx;
        return;
    }
    case marker_type::response:
        ++port.counters.marker_response_rx;
        if (marker->requester_system == port.actor.system && marker->requester_port == port.actor.port) {
            markers_.answered({marker->transaction}, port.member);
            finish_markers(now);
            update_deadline(now);
        }
        return;
    default: ++port.counters.unknown_rx;
    }
}

void System::handle_timeout(Time now) {
    if (deadline_ <= now) settle(now);
}

std::optional<MarkerRunId> System::start_marker(MemberSet ports, Time deadline, Time now) {
    MemberSet gone = ports, unsent;
    for (const Port& port : ports_) {
        if (!port.in_use || !port.port_enabled || port.rx != RxState::CURRENT) continue;
        gone.remove(port.member);
        if (!port.marker_window.allows(now)) unsent.add(port.member);
    }
    const auto run = markers_.start(id_, ports, gone, unsent, deadline);
    if (!run) return std::nullopt;
    const MemberSet asked = ports - (gone | unsent);
    for (Port& port : places()) {
        if (!port.in_use || !asked.has(port.member)) continue;
        port.marker_window.note(now);
        SlowFrame frame;
        encode_marker(frame, port.mac,
                      {marker_type::information, port.actor.port, port.actor.system, run->value});
        if (send(port, frame)) ++port.counters.marker_tx;
    }
    finish_markers(now);
    update_deadline(now);
    return run;
}

void System::complain(Port& port, EventKind kind, std::uint64_t count, std::string_view text, Time now) {
    Time& next = kind == EventKind::loopback ? port.next_loopback_complaint : port.next_bad_complaint;
    if (now < next) return;
    next = now + kComplaintInterval;
    tell(now, port.member, kind, 0, static_cast<std::uint32_t>(count), text);
}

} // namespace dpdkbond::lacp
