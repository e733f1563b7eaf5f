// SPDX-License-Identifier: BSD-3-Clause
#include "host/hugepage_lease.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <sys/mount.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "host/files.hpp"
#include "host/hugepages.hpp"

namespace dpdkbond {

namespace fs = std::filesystem;

namespace {

constexpr const char* kOwnMount = "/run/dpdk-bond.hugepages";
constexpr const char* kPool = "hugepages/hugepages-2048kB/nr_hugepages";

Result<void> mount_own() {
    std::error_code error;
    fs::create_directories(kOwnMount, error);
    if (error) return Error{std::string("cannot create ") + kOwnMount + ": " + error.message()};
    if (::mount("dpdk-bond", kOwnMount, "hugetlbfs", 0, "pagesize=2M,mode=0700") == 0) return {};
    const int why = errno;
    ::rmdir(kOwnMount);
    return Error{std::string("cannot mount hugetlbfs on ") + kOwnMount + ": " + errno_text(why)};
}

void unmount_own() {
    if (::umount2(kOwnMount, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL) ::rmdir(kOwnMount);
}

// Takes `pages` off a pool again; what is in use by others stays theirs until they free it.
void lower(const fs::path& pool, std::uint64_t pages) {
    const auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(0, read_number(pool).value_or(0)));
    (void)write_text(pool, std::to_string(now - std::min(now, pages)));
}

} // namespace

HugepageHooks HugepageHooks::real() {
    return {.mount = mount_own, .unmount = unmount_own, .usable = hugepages_are_given};
}

Result<HugepageLease> HugepageLease::take(const HugepageWish& wish, HugepageHooks hooks) {
    constexpr std::uint64_t kPageMb = 2;
    HugepageLease lease;
    lease.hooks_ = std::move(hooks);
    const auto look = [&] { return HugepageState::read(lease.hooks_.proc, lease.hooks_.sysfs); };
    HugepageState state = look();
    const std::uint64_t unmounted_mb = state.pages_2m.mounted ? 0 : state.pages_2m.free * kPageMb;
    const std::uint64_t there_mb = state.usable_mb() + unmounted_mb;
    if (there_mb < wish.memory_mb) {
        if (!wish.reserve)
            return Error{std::to_string(wish.memory_mb) + " MB of hugepages are asked for and " +
                         std::to_string(there_mb) + " MB are free"};
        const std::string where =
            wish.node ? "devices/system/node/node" + std::to_string(*wish.node) + "/" : "kernel/mm/";
        lease.pool_ = lease.hooks_.sysfs / where / kPool;
        auto note = CrashNote::hold(wish.notes / ("hugepages-" + std::to_string(::getpid())));
        if (!note) return Error{note.error()};
        lease.note_ = std::move(note).value();
        if (auto done = lease.reserve((wish.memory_mb - there_mb + kPageMb - 1) / kPageMb); !done)
            return Error{done.error()};
    }
    if (!look().enough_for(wish.memory_mb))
        if (auto mounted = lease.hooks_.mount(); !mounted) return Error{mounted.error()};
    if (lease.hooks_.usable && !lease.hooks_.usable(wish.memory_mb))
        return Error{
            std::to_string(wish.memory_mb) +
            " MB of hugepages are free, but this process is not given them (the hugetlb limit of its "
            "cgroup?)"};
    return lease;
}

Result<void> HugepageLease::reserve(std::uint64_t pages) {
    const auto before = read_number(pool_);
    if (!before) return Error{"this kernel has no hugepages of 2 MB"};
    if (auto noted = note_.write("pool " + pool_.string() + "\npages " + std::to_string(pages) + "\n");
        !noted)
        return noted;
    const auto wanted = static_cast<std::uint64_t>(*before) + pages;
    auto written = write_text(pool_, std::to_string(wanted));
    const auto after = static_cast<std::uint64_t>(read_number(pool_).value_or(*before));
    pages_ = after - std::min(after, static_cast<std::uint64_t>(*before));
    if (!written) return written;
    if (after < wanted)
        return Error{"the kernel found memory for " + std::to_string(pages_) + " of " +
                     std::to_string(pages) +
                     " more hugepages of 2 MB; reserve them soon after boot (vm.nr_hugepages), or lower "
                     "runtime.memory_mb"};
    return {};
}

HugepageLease::HugepageLease(HugepageLease&& other) noexcept
    : hooks_(std::move(other.hooks_)), pool_(std::move(other.pool_)), pages_(other.pages_),
      note_(std::move(other.note_)) {
    other.hooks_.unmount = nullptr;
}

HugepageLease::~HugepageLease() {
    if (!hooks_.unmount) return; // moved from
    if (note_) {
        lower(pool_, pages_);
        note_.remove();
    }
    hooks_.unmount();
}

std::uint64_t give_back_left_hugepages(const fs::path& notes) {
    std::uint64_t given = 0;
    for (CrashNote& note : CrashNote::left_in(notes, "hugepages-")) {
        std::istringstream words(note.text());
        std::string pool_word, pages_word, pool;
        std::uint64_t pages = 0;
        if (words >> pool_word >> pool >> pages_word >> pages) {
            lower(pool, pages);
            given += pages * 2;
        }
        note.remove();
    }
    return given;
}

} // namespace dpdkbond
