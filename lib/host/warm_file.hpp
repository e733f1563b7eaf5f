// SPDX-License-Identifier: BSD-3-Clause
// The file by which an instance that leaves warm tells the next one what it knows (docs/warm-restart.md has
// the format). Written whole or not at all; read once. Ordinary threads.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "base/saved.hpp"
#include "base/time.hpp"

namespace dpdkbond {

// Raised when a reader of the number before would take something for what it is not. Older ones are read.
inline constexpr unsigned kWarmFormat = 1;

// The folder of the notes of one instance, and the file in it.
std::filesystem::path state_dir_of(const std::string& file_prefix);
// It and the folder of all prefixes, each unless there is still a note in it.
void remove_state_dir(const std::filesystem::path& state_dir);
std::filesystem::path warm_file_of(const std::string& file_prefix);
std::filesystem::path
keeper_socket_of(const std::string& file_prefix); // of whoever keeps the interfaces meanwhile

// Of `body`'s sections, with what says whether it still holds. `program`: its version, for people.
std::string warm_text(const Saved& body, std::string_view program, Time now);
Result<void> write_warm_file(const std::filesystem::path& file, const std::string& text); // fsync, rename

// What the text holds. The error says in words why it does not serve: not whole, of a later format, of
// another boot or network namespace, older than `valid`.
Result<Saved> read_warm_text(std::string_view text, Duration valid, Time now);

} // namespace dpdkbond
