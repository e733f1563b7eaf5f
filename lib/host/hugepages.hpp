// SPDX-License-Identifier: BSD-3-Clause
// Are there hugepages for EAL? Any ordinary thread.
#pragma once

#include <cstdint>
#include <filesystem>

namespace dpdkbond {

// EAL uses pages of a size only through a hugetlbfs mounted for that size, so both are counted together.
struct HugepageState {
    struct Size {
        std::uint64_t free = 0; // pages that are neither in use nor reserved
        bool mounted = false;
    };
    Size pages_2m;
    Size pages_1g;

    // The roots are for tests.
    static HugepageState read(const std::filesystem::path& proc = "/proc",
                              const std::filesystem::path& sysfs = "/sys");
    [[nodiscard]] std::uint64_t usable_mb() const;
    [[nodiscard]] bool enough_for(std::uint64_t memory_mb) const { return usable_mb() >= memory_mb; }
};

// Whether this process gets hugepages for so much memory: reserves them and touches one, in a child, as a
// limit of a cgroup shows itself by a signal. Waits for the child.
bool hugepages_are_given(std::uint64_t memory_mb);

} // namespace dpdkbond
