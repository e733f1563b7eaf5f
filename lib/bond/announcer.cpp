// SPDX-License-Identifier: BSD-3-Clause
#include "bond/announcer.hpp"

#include <utility>

#include "proto/arp.hpp"
#include "proto/learning.hpp"
#include "proto/nd.hpp"

namespace dpdkbond {

bool Rounds::take(Time now, Duration distance) {
    if (left_ == 0 || now < next_) return false;
    if (std::exchange(first_, false)) next_ = now; // it could not be made earlier
    next_ += distance;
    if (next_ <= now) next_ = now + distance;
    if (--left_ == 0) next_ = kNever;
    return true;
}

void Announcer::handle_timeout(Time now, Duration distance, MemberSet by) {
    if (!rounds_.take(now, distance)) return;
    ++owed_;
    speakers_ = by;
}

bool Announcer::poll(OwnFrame& out, const LocalAddresses& addresses, const Mac& bond) {
    while (by_.empty() || address_ >= addresses.size()) {
        by_.remove(by_.first());
        address_ = 0;
        if (!by_.empty()) continue;
        if (owed_ == 0) return false;
        --owed_;
        by_ = speakers_;
    }
    const LocalAddress& a = addresses[address_++];
    const Mac& mac = a.mac.is_zero() ? bond : a.mac;
    const IpPrefix& p = a.prefix;
    out.member = by_.first();
    out.length =
        static_cast<std::uint16_t>(p.is_v6 ? build_unsolicited_na(out.frame, mac, p.v6, a.router, a.tags)
                                           : build_gratuitous_arp(out.frame, mac, p.v4, a.tags));
    return true;
}

OwnFrame learning_frame(MemberId member, const Mac& mac, const VlanTags& tags) {
    OwnFrame out;
    out.member = member;
    out.length = static_cast<std::uint16_t>(build_learning(out.frame, mac, tags));
    return out;
}

} // namespace dpdkbond
