// SPDX-License-Identifier: BSD-3-Clause
// Which member is active, in the modes that have one (Linux: primary, primary_reselect, prio). Pure.
#pragma once

#include <span>

#include "base/fixed_vec.hpp"
#include "base/mac.hpp"
#include "base/strong_id.hpp"
#include "bond/status.hpp"
#include "options/options.hpp"

namespace dpdkbond {

struct Candidate {
    MemberId id{};
    bool up = false; // its watchers agree and it is not taken out by hand
    std::int32_t prio = 0;
    std::uint32_t speed_mbps = 0; // 0: unknown
    Duplex duplex = Duplex::unknown;
    Mac mac{}; // that it wears, or will as soon as its device has been told; zero: none of its own
};
// The members as a bond has them, in the order in which they joined. Owner: the bond; controllers look at it.
using MembersView = FixedVec<Candidate, kMaxMembers>;

struct ActiveQuestion {
    std::span<const Candidate> members; // in the order in which they joined
    MemberId current = kNoMember;
    MemberId primary = kNoMember;
    PrimaryReselect reselect = PrimaryReselect::always;
    bool primary_is_new = false; // just named or just joined: it takes over whatever `reselect` says
};

// kNoMember when none is up.
MemberId select_active(const ActiveQuestion& q);

} // namespace dpdkbond
