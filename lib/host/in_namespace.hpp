// SPDX-License-Identifier: BSD-3-Clause
// Work in another network namespace. Ordinary threads; needs CAP_SYS_ADMIN there.
#pragma once

#include <functional>

#include "base/fd.hpp"

namespace dpdkbond {

// While it lives this thread, and no other, works in that network namespace.
class InNamespace {
public:
    explicit InNamespace(const Fd& netns);
    InNamespace(const InNamespace&) = delete;
    InNamespace& operator=(const InNamespace&) = delete;
    ~InNamespace();
    [[nodiscard]] bool entered() const { return entered_; }

private:
    Fd before_;
    bool entered_ = false;
};

// Whether it is the one that this thread works in.
bool is_own_namespace(const Fd& netns);

// Works in each network namespace that a process of this machine lives in or that has a name below
// /run/netns, each once, this thread's own among them, until `look` answers true. Whether it did.
bool in_each_namespace(const std::function<bool()>& look);

} // namespace dpdkbond
