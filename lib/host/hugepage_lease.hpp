// SPDX-License-Identifier: BSD-3-Clause
// Hugepages for EAL: what there is gets mounted, what is missing is reserved when asked for, and both are
// undone at the end, after a crash at the next start. Ordinary threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "host/crash_note.hpp"

namespace dpdkbond {

struct HugepageWish {
    std::uint64_t memory_mb = 0;
    bool reserve = false;    // pages that are not there
    std::optional<int> node; // where to reserve them; nothing: wherever the kernel likes
    std::filesystem::path notes = kLentNotes;
};

// How the machine is reached; the defaults are the real one.
struct HugepageHooks {
    std::filesystem::path proc = "/proc";
    std::filesystem::path sysfs = "/sys";
    std::function<Result<void>()> mount;          // a hugetlbfs of 2 MiB pages of our own
    std::function<void()> unmount;                // if it is there and unused
    std::function<bool(std::uint64_t mb)> usable; // whether this process is given so many; none: it is

    static HugepageHooks real();
};

class HugepageLease {
public:
    // The error says why there are not enough; the machine is as it was then.
    static Result<HugepageLease> take(const HugepageWish& wish, HugepageHooks hooks = HugepageHooks::real());
    HugepageLease(HugepageLease&& other) noexcept;
    HugepageLease& operator=(HugepageLease&&) = delete;
    ~HugepageLease(); // after EAL has given the pages back

    [[nodiscard]] std::uint64_t reserved_mb() const { return pages_ * 2; }

private:
    HugepageLease() = default;
    Result<void> reserve(std::uint64_t pages);

    HugepageHooks hooks_;
    std::filesystem::path pool_; // nr_hugepages that was raised
    std::uint64_t pages_ = 0;    // by so many
    CrashNote note_;
};

// Gives back what processes that died had reserved. Returns how many MB.
std::uint64_t give_back_left_hugepages(const std::filesystem::path& notes = kLentNotes);

} // namespace dpdkbond
