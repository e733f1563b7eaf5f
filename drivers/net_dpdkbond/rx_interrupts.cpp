// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/net_dpdkbond/rx_interrupts.hpp"

#include <cerrno>
#include <utility>

#include "embed/embedded_bond.hpp"

namespace dpdkbond {

int RxInterrupts::offer(EmbeddedBond& bond, std::uint16_t queues) {
    withdraw();
    handle_ = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
    if (handle_ == nullptr) return -ENOMEM;
    // Of a virtual device's descriptors rte_epoll_wait() reads as many bytes as this says: none, as one that
    // is an epoll instance cannot be read.
    bool done = rte_intr_type_set(handle_, RTE_INTR_HANDLE_VDEV) == 0 &&
                rte_intr_efd_counter_size_set(handle_, 0) == 0 &&
                rte_intr_max_intr_set(handle_, queues + RTE_INTR_VEC_RXTX_OFFSET) == 0 &&
                rte_intr_nb_efd_set(handle_, queues) == 0 &&
                rte_intr_vec_list_alloc(handle_, dev_.data->name, queues) == 0;
    for (std::uint16_t q = 0; done && q < queues; ++q)
        done = rte_intr_efds_index_set(handle_, q, bond.wake_of(q)->fd()) == 0 &&
               rte_intr_vec_list_index_set(handle_, q, RTE_INTR_VEC_RXTX_OFFSET + q) == 0;
    if (!done) {
        withdraw();
        return -ENOMEM;
    }
    dev_.intr_handle = handle_;
    return 0;
}

void RxInterrupts::withdraw() {
    if (handle_ == nullptr) return;
    dev_.intr_handle = nullptr;
    rte_intr_free_epoll_fd(handle_);
    rte_intr_vec_list_free(handle_);
    rte_intr_instance_free(std::exchange(handle_, nullptr));
}

} // namespace dpdkbond
