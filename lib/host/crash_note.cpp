// SPDX-License-Identifier: BSD-3-Clause
#include "host/crash_note.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>

#include "host/files.hpp"

namespace dpdkbond {

namespace fs = std::filesystem;

namespace {

// The file was removed, or made anew, between open() and flock().
bool still_there(int fd, const fs::path& file) {
    struct stat held {};
    struct stat named {};
    return ::fstat(fd, &held) == 0 && ::stat(file.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

} // namespace

Result<CrashNote> CrashNote::hold(const fs::path& file) {
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    if (error) return Error{"cannot create " + file.parent_path().string() + ": " + error.message()};
    for (;;) {
        CrashNote note;
        note.file_ = file;
        note.fd_.reset(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        if (!note.fd_) return Error{"cannot open " + file.string() + ": " + errno_text(errno)};
        if (::flock(note.fd_.get(), LOCK_EX | LOCK_NB) != 0)
            return Error{file.string() + " is held by another process"};
        if (still_there(note.fd_.get(), file)) return note;
    }
}

std::vector<CrashNote> CrashNote::left_in(const fs::path& folder, std::string_view prefix) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        if (it->path().filename().string().starts_with(prefix)) files.push_back(it->path());
    std::ranges::sort(files);
    std::vector<CrashNote> notes;
    for (const fs::path& file : files)
        if (auto note = hold(file)) notes.push_back(std::move(note).value());
    return notes;
}

bool CrashNote::is_held(const fs::path& file) {
    const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0;
}

std::string CrashNote::text() const { return read_text(file_).value_or(""); }

Result<void> CrashNote::write(std::string_view text) {
    if (::ftruncate(fd_.get(), 0) != 0 || ::pwrite(fd_.get(), text.data(), text.size(), 0) < 0)
        return Error{"cannot write to " + file_.string() + ": " + errno_text(errno)};
    return {};
}

void CrashNote::remove() {
    if (!fd_) return;
    ::unlink(file_.c_str()); // while it is locked, so that no other process takes it over in between
    ::rmdir(file_.parent_path().c_str());
    fd_.reset();
}

} // namespace dpdkbond
