// SPDX-License-Identifier: BSD-3-Clause
// The small text files of sysfs and procfs. Any ordinary thread; every call is a few system calls and may
// block.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace dpdkbond {

// "No such file or directory" and the like; safe on any thread.
std::string errno_text(int error);

// The whole file without trailing white space; nothing if it cannot be read.
std::optional<std::string> read_text(const std::filesystem::path& file);
// Decimal, or hexadecimal with 0x; nothing if the file is missing or holds anything else.
std::optional<std::int64_t> read_number(const std::filesystem::path& file);
// One write(2) of an existing file, as sysfs attributes want it.
Result<void> write_text(const std::filesystem::path& file, std::string_view text);
// Creates or replaces a file so that a reader (or a crash) sees all of it or none.
Result<void> replace_file(const std::filesystem::path& file, std::string_view text);
// The last component of what a symbolic link points to; nothing if there is no such link.
std::optional<std::string> link_target_name(const std::filesystem::path& link);

} // namespace dpdkbond
