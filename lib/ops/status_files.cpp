// SPDX-License-Identifier: BSD-3-Clause
#include "ops/status_files.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <system_error>

#include "base/fd.hpp"
#include "ops/client.hpp"
#include "ops/console_attach.hpp"
#include "ops/render.hpp"

namespace dpdkbond {

namespace {

namespace fs = std::filesystem;

constexpr auto kLook = std::chrono::seconds(1);
constexpr auto kTogether = std::chrono::milliseconds(20); // changes that come at once make one file

bool write_whole(const std::string& path, const std::string& text) {
    const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0444));
    // Readable by everybody, whatever the umask.
    return file && ::fchmod(file.get(), 0444) == 0 &&
           ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

} // namespace

std::vector<std::string> sweep_status_files(const std::string& root) {
    static constexpr auto kDead = std::chrono::seconds(10);
    const auto has_console = [](const std::string& prefix) { // so has one that stands still in a debugger
        const auto fd = connect_unix_stream(console_path(prefix));
        return fd.ok() && Fd(fd.value());
    };
    const auto young = [](const fs::path& path) {
        std::error_code error;
        const auto touched = fs::last_write_time(path, error);
        return !error && fs::file_time_type::clock::now() - touched < kDead;
    };
    std::vector<std::string> swept;
    std::error_code error;
    for (fs::directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
        const fs::path files = it->path() / "net" / "bonding";
        std::error_code none;
        if (!fs::is_directory(files, none) || young(files)) continue;
        bool lives = false;
        for (fs::directory_iterator file(files, none), last; !none && file != last; file.increment(none))
            lives |= young(file->path());
        if (lives || none || has_console(it->path().filename())) continue;
        fs::remove_all(it->path() / "net", none);
        if (!none) swept.push_back(it->path().filename());
    }
    for (const std::string& name : swept) ::rmdir((root + "/" + name).c_str()); // unless others use it
    ::rmdir(root.c_str());
    return swept;
}

Result<void> StatusFiles::start(Instance& instance, const std::string& folder) {
    instance_ = &instance;
    folder_ = folder;
    files_ = folder + "/net/bonding";
    std::error_code error;
    fs::remove_all(files_, error);
    fs::create_directories(files_, error);
    if (error) return Error{"no status files in " + files_ + ": " + error.message()};
    for (const std::string& made : {folder_.substr(0, folder_.rfind('/')), folder_, folder_ + "/net", files_})
        ::chmod(made.c_str(), 0755); // as /proc/net/bonding, whatever the umask
    thread_ = std::thread([this] { run(); });
    return {};
}

void StatusFiles::poke() {
    {
        const std::lock_guard lock(mutex_);
        poked_ = true;
    }
    wake_.notify_one();
}

void StatusFiles::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
    std::error_code ignored;
    fs::remove_all(files_, ignored);
    // What is left may belong to others.
    for (const std::string& made : {folder_ + "/net", folder_, folder_.substr(0, folder_.rfind('/'))})
        ::rmdir(made.c_str());
}

void StatusFiles::run() {
    pthread_setname_np(pthread_self(), "bond-status");
    for (;;) {
        write_all();
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, kLook, [this] { return poked_ || ending_; });
        if (!ending_ && poked_) wake_.wait_for(lock, kTogether, [this] { return ending_; });
        if (ending_) return;
        poked_ = false;
    }
}

void StatusFiles::write_all() {
    std::map<std::string, std::string> texts;
    for (const std::string& name : instance_->bond_names())
        if (const auto view = instance_->bond(name)) texts.emplace(name, render_proc(*view));
    for (const auto& [bond, text] : written_)
        if (!texts.contains(bond)) ::unlink((files_ + "/" + bond).c_str());
    std::erase_if(written_, [&](const auto& entry) { return !texts.contains(entry.first); });
    for (const auto& [bond, text] : texts) write_one(bond, text);
}

void StatusFiles::write_one(const std::string& bond, const std::string& text) {
    const std::string path = files_ + "/" + bond;
    const auto before = written_.find(bond);
    if (before != written_.end() && before->second == text &&
        ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) == 0)
        return;
    const std::string fresh =
        folder_ + "/net/." + bond; // not beside the others, where a reader would find it
    ::unlink(fresh.c_str());
    if (!write_whole(fresh, text) || ::rename(fresh.c_str(), path.c_str()) != 0) {
        written_.erase(bond); // a full disk: again at the next look
        return;
    }
    written_[bond] = text;
}

} // namespace dpdkbond
