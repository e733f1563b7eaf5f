// SPDX-License-Identifier: BSD-3-Clause
// What a MAC plan means for devices, whatever they are.
#pragma once

#include <algorithm>

#include "bond/member_macs.hpp"

namespace dpdkbond {

// `devices`: a range of pointers. A device has `id` (kNoMember: it is in no bond), mac(), wear_mac() and
// accept_also(). `warn` is called with a member and what its device cannot. Ordinary threads; whoever calls
// keeps others from the devices meanwhile.
template <class Devices, class Warn> void wear_macs(const MacPlan& plan, const Devices& devices, Warn warn) {
    const auto device_of = [&](MemberId id) {
        return std::ranges::find_if(devices, [id](const auto& d) { return d->id == id; });
    };
    FixedVec<MacStep, kMaxMembers> wanted;
    for (const MemberMac& m : plan.members)
        if (const auto d = device_of(m.id); d != devices.end()) wanted.push_back({m.id, (*d)->mac(), m.mac});
    for (const MemberMac& step : order_mac_steps({wanted.begin(), wanted.size()}, plan.bond))
        if (const auto warning = (*device_of(step.id))->wear_mac(step.mac)) warn(step.id, *warning);
    FixedVec<Mac, kMaxMembers> all;
    if (plan.accept_all)
        for (const MemberMac& m : plan.members) all.push_back(m.mac);
    for (const auto& d : devices)
        if (d->id != kNoMember)
            for (const auto& what : d->accept_also({all.begin(), all.size()})) warn(d->id, what);
}

} // namespace dpdkbond
