// SPDX-License-Identifier: BSD-3-Clause
#include "ports/tap_signals.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <rte_ethdev.h>

#include "host/fd_finder.hpp"

namespace dpdkbond {

void read_tap_without_signals(const Port& port) {
    if (port.driver() != "net_tap") return;
    rte_eth_dev_info info;
    char name[IF_NAMESIZE];
    if (rte_eth_dev_info_get(port.id(), &info) != 0 || if_indextoname(info.if_index, name) == nullptr) return;
    for (const int fd : find_tun_fds(name)) {
        const int flags = fcntl(fd, F_GETFL);
        if (flags >= 0) fcntl(fd, F_SETFL, flags & ~O_ASYNC);
    }
}

} // namespace dpdkbond
