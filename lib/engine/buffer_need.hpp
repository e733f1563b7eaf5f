// SPDX-License-Identifier: BSD-3-Clause
// How many packet buffers a configuration takes when every queue is full: the size of the pools. Ordinary
// threads, after the EAL has started.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "options/model.hpp"

namespace dpdkbond {

struct BufferNeed {
    std::uint64_t queues = 0; // receive and transmit queues of members and logical interfaces
    std::uint64_t lanes = 0;  // frames that workers have staged, hold back or have given to control
    std::uint64_t caches = 0; // buffers that workers keep at hand
    [[nodiscard]] std::uint64_t total() const { return queues + lanes + caches; }
    [[nodiscard]] std::string text() const; // "5120 are needed: 4096 in queues, …"
};

// A pool keeps so many at hand for each worker.
inline constexpr unsigned kBufferCache = 256;

// At most, in the queues of one device that is asked for so many. Drivers that copy hold none; PCI devices
// that the EAL has probed say how many queues they have.
std::uint64_t buffers_in_queues(const std::string& device, unsigned rx_queues, unsigned tx_queues);

// Of a pool that these members receive into, and the logical interfaces too where `logical` says so.
BufferNeed buffer_need(const Config& config, const std::function<bool(const MemberConfig&)>& here,
                       bool logical);

} // namespace dpdkbond
