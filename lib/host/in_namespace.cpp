// SPDX-License-Identifier: BSD-3-Clause
#include "host/in_namespace.hpp"

#include <exception>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

namespace dpdkbond {

namespace {

constexpr const char* kOwn = "/proc/thread-self/ns/net";

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

} // namespace dpdkbond
