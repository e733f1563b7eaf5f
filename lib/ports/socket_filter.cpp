// SPDX-License-Identifier: BSD-3-Clause
#include "ports/socket_filter.hpp"

namespace dpdkbond {

Result<void> SocketFilter::groups(const std::vector<Mac>& groups) {
    const std::set<Mac> wanted(groups.begin(), groups.end());
    Result<void> first;
    for (const Mac& mac : wanted) {
        if (joined_.contains(mac)) continue;
        auto done = memberships_.address(true, mac);
        if (done)
            joined_.insert(mac);
        else if (first)
            first = std::move(done);
    }
    std::erase_if(joined_, [&](const Mac& mac) {
        return !wanted.contains(mac) && memberships_.address(false, mac).ok();
    });
    return first;
}

} // namespace dpdkbond
