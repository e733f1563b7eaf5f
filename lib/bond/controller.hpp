// SPDX-License-Identifier: BSD-3-Clause
// The control half of a mode: from the members as they stand, who sends, who receives, who is active.
// Owner: the control lcore.
#pragma once

#include <cstdint>
#include <span>

#include "bond/options.hpp"
#include "bond/select_active.hpp"

namespace dpdkbond {

struct ControllerInput {
    std::span<const Candidate> members; // in the order in which they joined
    const BondOptions& options;
    MemberId current_active = kNoMember;
    MemberId primary = kNoMember;
    bool primary_is_new = false;
};

struct Decision {
    MemberId active = kNoMember;
    std::uint32_t usable = 0;      // bit MemberId: could send, were it chosen
    std::uint32_t may_send = 0;    // bit MemberId: of these
    std::uint32_t may_receive = 0; // bit MemberId
};

class Controller {
public:
    virtual ~Controller() = default;
    virtual Decision decide(const ControllerInput& in) = 0;
    // The active member is the one that the bond's addresses are reached by: a change of it is announced to
    // the neighbours (gratuitous ARP, unsolicited NA).
    [[nodiscard]] virtual bool announces() const { return false; }
    // The mode has an active member that an operator may name (Linux: primary, active_slave).
    [[nodiscard]] virtual bool has_active() const { return false; }
};

} // namespace dpdkbond
