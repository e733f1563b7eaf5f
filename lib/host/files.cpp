// SPDX-License-Identifier: BSD-3-Clause
#include "host/files.hpp"

#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <system_error>

#include "base/fd.hpp"

namespace dpdkbond {

namespace fs = std::filesystem;

std::string errno_text(int error) { return std::generic_category().message(error); }

std::optional<std::string> read_text(const fs::path& file) {
    const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::string text;
    char chunk[4096];
    for (;;) {
        const ssize_t n = ::read(fd.get(), chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return std::nullopt;
        if (n == 0) break;
        text.append(chunk, static_cast<std::size_t>(n));
    }
    const std::size_t last = text.find_last_not_of(" \t\r\n");
    text.resize(last == std::string::npos ? 0 : last + 1);
    return text;
}

std::optional<std::int64_t> read_number(const fs::path& file) {
    const auto text = read_text(file);
    if (!text) return std::nullopt;
    const bool hex = text->starts_with("0x");
    const char* first = text->data() + (hex ? 2 : 0);
    const char* last = text->data() + text->size();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(first, last, value, hex ? 16 : 10);
    if (error != std::errc{} || end != last) return std::nullopt;
    return value;
}

Result<void> write_text(const fs::path& file, std::string_view text) {
    const Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return Error{"cannot open " + file.string() + ": " + errno_text(errno)};
    const ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0) return Error{"cannot write to " + file.string() + ": " + errno_text(errno)};
    if (static_cast<std::size_t>(n) != text.size())
        return Error{file.string() + " took only a part of what was written"};
    return {};
}

Result<void> replace_file(const fs::path& file, std::string_view text) {
    fs::path fresh = file;
    fresh += ".new";
    {
        const Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!fd) return Error{"cannot create " + fresh.string() + ": " + errno_text(errno)};
        if (auto written = write_text(fresh, text); !written) return written;
        if (::fsync(fd.get()) != 0) return Error{"cannot write " + fresh.string() + ": " + errno_text(errno)};
    }
    if (::rename(fresh.c_str(), file.c_str()) != 0)
        return Error{"cannot rename " + fresh.string() + ": " + errno_text(errno)};
    const Fd folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder) (void)::fsync(folder.get());
    return {};
}

std::optional<std::string> link_target_name(const fs::path& link) {
    std::error_code error;
    const fs::path target = fs::read_symlink(link, error);
    if (error) return std::nullopt;
    return target.filename().string();
}

} // namespace dpdkbond
