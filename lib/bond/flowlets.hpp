// SPDX-License-Identifier: BSD-3-Clause
// Which path a flow is on, until it pauses: after a silence longer than the difference between the paths'
// delays its next frame cannot overtake the last one, and may take another path. Flows whose hashes fall
// together share an entry and so a path; that costs balance and never order. One writer; no allocation.
#pragma once

#include <array>
#include <cstdint>

namespace dpdkbond {

class Flowlets {
public:
    static constexpr std::size_t kSize = 2048;

    // The path, by index, of a frame at `now`: the one before if it is in `live` (bit path) and the last
    // frame went no more than `gap` ago, else what next() says.
    template <class Next>
    std::uint8_t pick(std::uint32_t hash, std::uint64_t now, std::uint64_t gap, std::uint32_t live,
                      Next next) noexcept {
        const std::size_t i = (hash * 0x9e37'79b1U) >> 21U;
        static_assert(kSize == 1U << 11U);
        const bool stays = used_[i] && now - last_[i] <= gap && (live >> path_[i] & 1U) != 0;
        if (!stays) {
            path_[i] = next();
            used_[i] = true;
        }
        last_[i] = now;
        return path_[i];
    }

private:
    std::array<std::uint64_t, kSize> last_{};
    std::array<std::uint8_t, kSize> path_{};
    std::array<bool, kSize> used_{};
};

} // namespace dpdkbond
