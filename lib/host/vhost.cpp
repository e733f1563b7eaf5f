// SPDX-License-Identifier: BSD-3-Clause
#include "host/vhost.hpp"

#include <charconv>
#include <fcntl.h>
#include <optional>
#include <sched.h>
#include <set>
#include <string>
#include <system_error>

#include "base/fd.hpp"
#include "host/files.hpp"
#include "host/kernel_module.hpp"

namespace dpdkbond {

namespace fs = std::filesystem;

namespace {

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Numbered folders of /proc and of /proc/self/task.
std::vector<int> numbered(const fs::path& folder) {
    std::vector<int> found;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        if (const auto n = number(it->path().filename().string())) found.push_back(*n);
    return found;
}

std::vector<int> named_vhost(const fs::path& folder, const std::set<int>& owners) {
    constexpr std::string_view kPrefix = "vhost-";
    std::vector<int> found;
    for (const int id : numbered(folder)) {
        const std::string name = read_text(folder / std::to_string(id) / "comm").value_or("");
        if (!name.starts_with(kPrefix)) continue;
        const auto owner = number(std::string_view(name).substr(kPrefix.size()));
        if (owner && owners.contains(*owner)) found.push_back(id);
    }
    return found;
}

} // namespace

bool vhost_net_works(const fs::path& dev) {
    const auto opens = [](const fs::path& node) {
        return static_cast<bool>(Fd(::open(node.c_str(), O_RDWR | O_CLOEXEC)));
    };
    std::error_code ignored;
    if (dev == "/dev" && !fs::exists(dev / "vhost-net", ignored)) load_module("vhost_net");
    return opens(dev / "vhost-net") && opens(dev / "net/tun");
}

void provide_tun() {
    std::error_code ignored;
    if (!fs::exists("/dev/net/tun", ignored)) load_module("tun");
}

std::vector<int> vhost_threads(const fs::path& proc) {
    const fs::path own = proc / "self/task";
    const auto tasks = numbered(own);
    const std::set<int> owners(tasks.begin(), tasks.end());
    auto found = named_vhost(own, owners);
    return found.empty() ? named_vhost(proc, owners) : found;
}

unsigned place_vhost_threads(const std::vector<unsigned>& cpus) {
    if (cpus.empty()) return 0;
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const unsigned cpu : cpus)
        if (cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
    unsigned placed = 0;
    for (const int thread : vhost_threads())
        placed += ::sched_setaffinity(thread, sizeof set, &set) == 0 ? 1 : 0;
    return placed;
}

} // namespace dpdkbond
