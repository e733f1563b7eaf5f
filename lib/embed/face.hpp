// SPDX-License-Identifier: BSD-3-Clause
// What an embedded bond looks like from outside: an ethdev port, or a handle of the C library. The bond asks
// its face how it is set up, and tells it what changes.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/mac.hpp"
#include "base/result.hpp"
#include "bond/events.hpp"

namespace dpdkbond {

struct RxQueue;
struct TxQueue;

struct FaceSetup {
    const rte_eth_conf* conf = nullptr; // owner: the face
    std::vector<RxQueue*> rx;           // owner: the face; they live while the bond runs
    std::vector<TxQueue*> tx;
    std::uint32_t mtu = 0;
};

class Face {
public:
    static constexpr std::uint16_t kNoPort = 0xffff;

    virtual ~Face() = default;
    // Short, unique in the process: part of the names of rings, pools and threads.
    [[nodiscard]] virtual std::string tag() const = 0;
    // Its number and name as an ethdev.
    [[nodiscard]] virtual std::uint16_t port() const { return kNoPort; }
    [[nodiscard]] virtual std::string logical_name() const = 0;
    [[nodiscard]] virtual std::string_view backend() const = 0;
    // By the thread that starts, stops or counts.
    virtual FaceSetup setup() = 0;
    // A bond of which no member is there may run.
    [[nodiscard]] virtual bool may_be_empty() const { return false; }

    // ---- told by the bond's threads, or by the one that starts or stops it
    virtual void show_link(const rte_eth_link& link) = 0;
    virtual void show_mac(const Mac& mac) = 0;
    virtual void tell(const Event&, std::int64_t /*wall_ns*/) {}
    // The device of a member has been started and is to join; what the face wants of each member is put on
    // it. Errors keep it out.
    virtual Result<void> member_joins(std::uint16_t /*port*/) { return {}; }
    // … is about to be stopped, or has gone already.
    virtual void member_leaves(std::uint16_t /*port*/, bool /*gone*/) {}

    // ---- what DPDK's public headers do not say
    // The name of a port that has just been made and that ethdev does not show yet; empty: not known.
    [[nodiscard]] virtual std::string name_of_new(std::uint16_t /*port*/) const { return {}; }
    [[nodiscard]] virtual bool is_started(std::uint16_t /*port*/) const { return true; }
    // Its bus has finished with the probe. ethdev shows a port before that, and rte_eth_dev_info_get() needs
    // what the bus sets last.
    [[nodiscard]] virtual bool is_probed(std::uint16_t /*port*/) const { return true; }
    // Its driver has receive interrupts, or may have once it is configured.
    [[nodiscard]] virtual bool has_rx_interrupts(std::uint16_t /*port*/) const { return true; }
};

} // namespace dpdkbond
