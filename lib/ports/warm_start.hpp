// SPDX-License-Identifier: BSD-3-Clause
// What an instance that left warm has left for the next one of its file prefix: what it knew, and its logical
// interfaces. Ordinary threads.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/saved.hpp"
#include "base/time.hpp"
#include "host/handover.hpp"
#include "options/model.hpp"

namespace dpdkbond {

class WarmStart {
public:
    WarmStart() = default; // nothing was left
    // Takes it: nobody finds it afterwards. `lines` get why it is of no use, if it is not.
    static WarmStart take(const std::string& file_prefix, Duration valid, Time now,
                          std::vector<std::string>& lines);

    [[nodiscard]] bool is_warm() const { return state_.has_value(); }
    [[nodiscard]] Time left_at() const { return state_ ? state_->time("written", {}) : Time{}; }
    [[nodiscard]] const Saved* bond(std::string_view name) const {
        return state_ ? state_->find("bond", name) : nullptr;
    }
    // Those of the names (LogicalPort, MemberPort); what nobody takes goes with this object.
    HandedFds take_handed(const std::vector<std::string>& names);

private:
    std::optional<Saved> state_;
    HandedFds fds_;
};

// Members whose netdev of before the restart has another name now than the file gives it; a line for each.
std::vector<std::string> renamed_netdevs(const Saved& bond, std::span<const MemberConfig> members);

// Removes what waits for the next start of the prefix, and what an instance that died has left: interfaces,
// what was changed of members' netdevs and NICs, hugepages. A line for each. When no instance of the prefix
// runs.
std::vector<std::string> clean_up(const std::string& file_prefix);

// `dpdk-bond keep`: waits so long for the next start, and cleans up when nobody comes.
void keep_interfaces(const std::string& file_prefix, unsigned seconds);

} // namespace dpdkbond
