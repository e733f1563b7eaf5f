// SPDX-License-Identifier: BSD-3-Clause
// The receive interrupts of the port as ethdev has them: an interrupt handle of a virtual device with the
// descriptor of each receive queue's RxWake. Ordinary threads of the application.
#pragma once

#include <cstdint>

#include "drivers/net_dpdkbond/ethdev.hpp"

namespace dpdkbond {

class EmbeddedBond;

class RxInterrupts {
public:
    explicit RxInterrupts(rte_eth_dev& dev) : dev_(dev) {}
    ~RxInterrupts() { withdraw(); }
    RxInterrupts(const RxInterrupts&) = delete;
    RxInterrupts& operator=(const RxInterrupts&) = delete;

    // Of the bond's queues 0 … queues-1 as they have been configured. 0 or a negative errno.
    int offer(EmbeddedBond& bond, std::uint16_t queues);
    // What the application has put into its epoll instances leaves them.
    void withdraw();

private:
    rte_eth_dev& dev_;
    rte_intr_handle* handle_ = nullptr;
};

} // namespace dpdkbond
