// SPDX-License-Identifier: BSD-3-Clause
#ifdef __x86_64__
#include <immintrin.h>
#include <rte_common.h>
extern "C" { // DPDK 22.11's header forgets it
#include <rte_vect.h>
}
#endif

#include "dpdk/simd.hpp"

namespace dpdkbond {

bool ask_for_avx2() noexcept {
#ifdef __x86_64__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"   // experimental in DPDK 22.11, not in 24.11
    const unsigned limit = rte_vect_get_max_simd_bitwidth(); // 0: no EAL
#pragma GCC diagnostic pop
    return __builtin_cpu_supports("avx2") != 0 && (limit == 0 || limit >= 256);
#else
    return false;
#endif
}

} // namespace dpdkbond
