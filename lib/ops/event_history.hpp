// SPDX-License-Identifier: BSD-3-Clause
// The last events of a bond. A storm of one kind does not push out what happened before it. One thread at a
// time.
#pragma once

#include <vector>

#include "ops/instance.hpp"

namespace dpdkbond {

class EventHistory {
public:
    void add(const Event& event, std::int64_t wall_ns);
    void put_before(std::vector<PastEvent> older);                             // than those that are there
    [[nodiscard]] const std::vector<PastEvent>& list() const { return list_; } // oldest first

private:
    void make_room();
    std::vector<PastEvent> list_;
};

} // namespace dpdkbond
