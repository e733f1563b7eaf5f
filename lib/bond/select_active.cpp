// SPDX-License-Identifier: BSD-3-Clause
#include "bond/select_active.hpp"

namespace dpdkbond {

namespace {

const Candidate* find(std::span<const Candidate> members, MemberId id) {
    for (const Candidate& c : members)
        if (c.id == id) return &c;
    return nullptr;
}

const Candidate* if_up(const Candidate* c) { return c != nullptr && c->up ? c : nullptr; }

// The up member of the highest prio; the current one among equals, else the first that joined.
const Candidate* highest_prio(const ActiveQuestion& q, const Candidate* current) {
    const Candidate* best = current;
    for (const Candidate& c : q.members)
        if (c.up && (best == nullptr || c.prio > best->prio)) best = &c;
    return best;
}

// Linux: strictly faster, or as fast with a strictly better duplex. An unknown duplex counts as half.
bool is_better(const Candidate& a, const Candidate& b) {
    if (a.speed_mbps != b.speed_mbps) return a.speed_mbps > b.speed_mbps;
    return a.duplex == Duplex::full && b.duplex != Duplex::full;
}

} // namespace

MemberId select_active(const ActiveQuestion& q) {
    const Candidate* current = if_up(find(q.members, q.current));
    const Candidate* primary = if_up(find(q.members, q.primary));
    if (primary != nullptr && q.primary_is_new) return primary->id;

    const Candidate* preferred = primary != nullptr ? primary : highest_prio(q, current);
    if (preferred == nullptr) return kNoMember;
    if (current == nullptr || preferred == current) return preferred->id;

    switch (q.reselect) {
    case PrimaryReselect::always: return preferred->id;
    case PrimaryReselect::better: return is_better(*preferred, *current) ? preferred->id : current->id;
    case PrimaryReselect::failure: break;
    }
    return current->id;
}

} // namespace dpdkbond
