// SPDX-License-Identifier: BSD-3-Clause
// A note on disk of what has to be undone should this process die. Its owner holds a lock on it, which goes
// with the process however that ends: a note that can be locked is a dead owner's. Ordinary threads.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace dpdkbond {

// Notes about what of the machine is lent to instances: PCI devices, hugepages. One folder for all instances.
inline constexpr const char* kLentNotes = "/run/dpdk-bond.lent";

class CrashNote {
public:
    CrashNote() = default; // holds nothing
    // Makes the file (and its folder) or takes over what a dead owner left. An error when its owner
    // lives: another process, or another note of this one.
    static Result<CrashNote> hold(const std::filesystem::path& file);
    // Notes in `folder` whose names start with `prefix` and whose owners are dead, held from now on.
    static std::vector<CrashNote> left_in(const std::filesystem::path& folder, std::string_view prefix);
    // A living process holds it.
    static bool is_held(const std::filesystem::path& file);

    explicit operator bool() const { return static_cast<bool>(fd_); }
    [[nodiscard]] const std::filesystem::path& file() const { return file_; }
    [[nodiscard]] std::string text() const;
    Result<void> write(std::string_view text);
    // It has been undone. Without this the destructor leaves the note for whoever starts next.
    void remove();

private:
    Fd fd_;
    std::filesystem::path file_;
};

} // namespace dpdkbond
