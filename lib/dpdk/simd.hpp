// SPDX-License-Identifier: BSD-3-Clause
// Which vectors the data path may use.
#pragma once

namespace dpdkbond {

// Whether the processor has AVX2 and EAL allows 256 bits, its default (--force-max-simd-bitwidth); without
// EAL the processor alone decides. Any thread.
[[gnu::cold]] bool ask_for_avx2() noexcept;

// The same, asked once, at the first burst: EAL has read its options before.
inline bool may_use_avx2() noexcept {
    static const bool may = ask_for_avx2();
    return may;
}

} // namespace dpdkbond
