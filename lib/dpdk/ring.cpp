// SPDX-License-Identifier: BSD-3-Clause
#include <rte_config.h>

// rte_ring_elem.h of DPDK 24.11 declares this function outside its extern "C". The linkage of the first
// declaration holds for the later ones, so this one stands before every header of librte_ring.
extern "C" struct rte_ring* rte_ring_create_elem(const char* name, unsigned int esize, unsigned int count,
                                                 int socket_id, unsigned int flags);

#include "dpdk/ring.hpp"

#include <stdexcept>

namespace dpdkbond {

rte_ring* create_ring(const std::string& name, unsigned record_bytes, unsigned slots, RingKind kind) {
    rte_ring* const ring =
        rte_ring_create_elem(name.c_str(), record_bytes, slots, SOCKET_ID_ANY,
                             RING_F_SC_DEQ | RING_F_EXACT_SZ | (kind == RingKind::spsc ? RING_F_SP_ENQ : 0U));
    if (ring == nullptr) throw std::runtime_error("no memory for the queue " + name);
    return ring;
}

} // namespace dpdkbond
