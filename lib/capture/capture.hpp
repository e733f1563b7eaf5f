// SPDX-License-Identifier: BSD-3-Clause
// Writes members' frames to a pcapng file, with one pcapng interface a member. Workers put copies into rings,
// and the capture's own thread writes them. A slow disk costs copies, which are counted; it delays no worker.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "base/mac.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace dpdkbond {

struct CapturedMember {
    std::string name, description;
    std::uint16_t port = 0;
    Mac mac{};
    bool operator==(const CapturedMember&) const = default;
};

struct CapturePlan {
    std::string bond;
    std::vector<CapturedMember> members;
    std::string path;
    std::chrono::seconds length{};
    // Waits until no worker runs a callback that was removed before; false: one does not come round.
    std::function<bool()> grace;
};

// For writing, what was there is lost. Never waits for a FIFO's reader: without one it is refused.
Result<Fd> open_capture_file(const std::string& path);

class Capture {
public:
    // Ordinary threads, all of it. The file's head is written, as long as the disk may take.
    static Result<std::unique_ptr<Capture>> prepare(CapturePlan plan, Fd file);
    Result<void> start(); // frames are taken from now on; waits for nothing
    ~Capture();           // as stop()
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    // When it returns the file is complete and closed, and no worker copies for it. A file that takes nothing
    // for as long as `patience` (a network disk whose server is gone) is given up: it ends where it ends.
    void stop(Duration patience = std::chrono::seconds(1));
    // A member leaves, and no worker serves it any more; before its port stops. The rest goes on.
    void forget(std::uint16_t port);

    [[nodiscard]] bool running() const;
    [[nodiscard]] const std::vector<CapturedMember>& members() const;
    [[nodiscard]] std::string text() const; // one line: what it does or has done

private:
    struct Work;
    explicit Capture(std::shared_ptr<Work> work);

    const std::shared_ptr<Work> work_; // its thread's too, which may hang in a write
    std::mutex join_mutex_;            // several may stop it at once
    std::thread thread_;
};

} // namespace dpdkbond
