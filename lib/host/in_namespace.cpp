// SPDX-License-Identifier: BSD-3-Clause
#include "host/in_namespace.hpp"

#include <algorithm>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <sched.h>
#include <set>
#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace dpdkbond {

namespace {

constexpr const char* kOwn = "/proc/thread-self/ns/net";
constexpr const char* kNamed[] = {"/run/netns", "/run/docker/netns"};

template <class Visit> void each_entry(const char* folder, const Visit& visit) {
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        visit(it->path());
}

} // namespace

InNamespace::InNamespace(const Fd& netns) : before_(::open(kOwn, O_RDONLY | O_CLOEXEC)) {
    entered_ = before_ && netns && ::setns(netns.get(), CLONE_NEWNET) == 0;
}

InNamespace::~InNamespace() {
    // A thread that stayed there would take everything it does next for another machine's.
    if (entered_ && ::setns(before_.get(), CLONE_NEWNET) != 0) std::terminate();
}

bool is_own_namespace(const Fd& netns) {
    struct stat own {};
    struct stat there {};
    return ::stat(kOwn, &own) == 0 && ::fstat(netns.get(), &there) == 0 && own.st_ino == there.st_ino &&
           own.st_dev == there.st_dev;
}

bool in_each_namespace(const std::function<bool()>& look) {
    std::set<std::pair<dev_t, ino_t>> seen;
    bool done = false;
    const auto visit = [&](const std::filesystem::path& file) {
        struct stat at {};
        if (done || ::stat(file.c_str(), &at) != 0 || !seen.insert({at.st_dev, at.st_ino}).second) return;
        const Fd netns(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
        const InNamespace there(netns);
        done = there.entered() && look();
    };
    visit(kOwn);
    for (const char* folder : kNamed) each_entry(folder, visit);
    each_entry("/proc", [&](const std::filesystem::path& process) {
        const std::string name = process.filename().string();
        if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) visit(process / "ns/net");
    });
    return done;
}

} // namespace dpdkbond
