// SPDX-License-Identifier: BSD-3-Clause
// The status text of each bond as a file, for programs that open one: FOLDER/net/bonding/BOND, laid out below
// FOLDER as below /proc. A thread of its own writes a file anew when its text has changed: right after a
// poke(), else within a second. A file is replaced as a whole, so that no reader sees half of it, and touched
// once a second, so that an old one tells of a program that has died.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "ops/instance.hpp"

namespace dpdkbond {

inline constexpr const char* kStatusRoot = "/run/dpdk-bond"; // the folder of an instance: its prefix below it

// Removes the folders below `root` whose files nobody has touched for ten seconds, and by whose name no
// console answers: their programs have died.
// Returns their names. Any ordinary thread.
std::vector<std::string> sweep_status_files(const std::string& root = kStatusRoot);

class StatusFiles {
public:
    StatusFiles() = default;
    StatusFiles(const StatusFiles&) = delete;
    StatusFiles& operator=(const StatusFiles&) = delete;
    ~StatusFiles() { stop(); }

    // Makes the folder, removes what an instance that died left there, and begins. Error: one line; nothing
    // is written then.
    Result<void> start(Instance& instance, const std::string& folder);
    void poke(); // any thread, never waits for a file
    // Ends the thread and removes the files. More than once is fine.
    void stop();

private:
    void run();
    void write_all();
    void write_one(const std::string& bond, const std::string& text);

    Instance* instance_ = nullptr;
    std::string folder_, files_;                 // FOLDER, and FOLDER/net/bonding
    std::map<std::string, std::string> written_; // bond → text; owner: the thread
    std::thread thread_;
    std::mutex mutex_; // guards what follows
    std::condition_variable wake_;
    bool poked_ = false, ending_ = false;
};

} // namespace dpdkbond
