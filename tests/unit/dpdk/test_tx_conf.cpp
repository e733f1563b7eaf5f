// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "dpdk/port.hpp"

using namespace dpdkbond;

TEST_CASE("a virtio-user queue takes back what was sent while 64 descriptors are in use") {
    const auto of = [](std::string_view args) { return tx_free_thresh("net_virtio_user", args); };
    CHECK(of("path=/dev/vhost-net,queues=1,queue_size=1024,iface=bond0") == 960);
    CHECK(of("path=/run/member1,queue_size=512") == 448);
    CHECK(of("path=/run/member1") == 192); // the driver's own size is 256
    CHECK(of("") == 192);
    CHECK(of("queue_size=128") == 64);
    CHECK(of("queue_size=64") == 0); // too small for it
    CHECK(tx_free_thresh("net_virtio", "queue_size=1024") == 0);
    CHECK(tx_free_thresh("net_ixgbe", "") == 0);
}
