// SPDX-License-Identifier: BSD-3-Clause
#include "host/hugepages.hpp"

#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include <algorithm>
#include <sstream>
#include <string>

#include "host/files.hpp"

namespace dpdkbond {

namespace {

namespace fs = std::filesystem;

std::uint64_t unpromised(const fs::path& pool) {
    const auto free = read_number(pool / "free_hugepages").value_or(0);
    const auto reserved = read_number(pool / "resv_hugepages").value_or(0);
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, free - reserved));
}

// The size of the pages that a hugetlbfs mount hands out, in kB. `options` as in /proc/mounts.
std::uint64_t page_kb(const std::string& options, std::uint64_t default_kb) {
    std::istringstream list(options);
    for (std::string option; std::getline(list, option, ',');) {
        if (!option.starts_with("pagesize=")) continue;
        std::istringstream text(option.substr(9));
        std::uint64_t number = 0;
        char unit = 'B';
        text >> number >> unit;
        if (unit == 'G' || unit == 'g') return number << 20;
        if (unit == 'M' || unit == 'm') return number << 10;
        if (unit == 'K' || unit == 'k') return number;
        return number >> 10;
    }
    return default_kb;
}

std::uint64_t default_page_kb(const fs::path& proc) {
    std::istringstream lines(read_text(proc / "meminfo").value_or(""));
    for (std::string word; lines >> word;) {
        std::uint64_t kb = 0;
        if (word == "Hugepagesize:" && lines >> kb) return kb;
    }
    return 0;
}

} // namespace

HugepageState HugepageState::read(const fs::path& proc, const fs::path& sysfs) {
    constexpr std::uint64_t k2mInKb = 2048;
    constexpr std::uint64_t k1gInKb = 1048576;
    HugepageState state;
    state.pages_2m.free = unpromised(sysfs / "kernel/mm/hugepages/hugepages-2048kB");
    state.pages_1g.free = unpromised(sysfs / "kernel/mm/hugepages/hugepages-1048576kB");
    const std::uint64_t default_kb = default_page_kb(proc);
    std::istringstream mounts(read_text(proc / "self/mounts").value_or(""));
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream fields(line);
        std::string device;
        std::string where;
        std::string type;
        std::string options;
        if (!(fields >> device >> where >> type >> options) || type != "hugetlbfs") continue;
        if (options == "ro" || options.starts_with("ro,")) continue;
        const std::uint64_t kb = page_kb(options, default_kb);
        if (kb == k2mInKb) state.pages_2m.mounted = true;
        if (kb == k1gInKb) state.pages_1g.mounted = true;
    }
    return state;
}

std::uint64_t HugepageState::usable_mb() const {
    return (pages_2m.mounted ? pages_2m.free * 2 : 0) + (pages_1g.mounted ? pages_1g.free * 1024 : 0);
}

bool hugepages_are_given(std::uint64_t memory_mb) {
    const pid_t child = ::fork();
    if (child < 0) return true; // EAL will find out
    if (child == 0) {
        const rlimit no_core{0, 0};
        ::setrlimit(RLIMIT_CORE, &no_core);
        const HugepageState state = HugepageState::read();
        const bool small = state.pages_2m.free * 2 >= memory_mb;
        constexpr int kTwoMb = 21 << MAP_HUGE_SHIFT, kOneGb = 30 << MAP_HUGE_SHIFT;
        const std::size_t page = small ? std::size_t{2} << 20U : std::size_t{1} << 30U;
        const std::size_t size = ((std::size_t{memory_mb} << 20U) + page - 1) / page * page;
        void* p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (small ? kTwoMb : kOneGb), -1, 0);
        if (p == MAP_FAILED) ::_exit(1);
        *static_cast<volatile char*>(p) = 1;
        ::_exit(0);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

} // namespace dpdkbond
