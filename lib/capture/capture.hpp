// SPDX-License-Identifier: BSD-3-Clause
// Writes members' frames to a pcapng file, with one pcapng interface a member. Workers put copies into rings,
// and the capture's own thread writes them. A slow disk costs copies, which are counted; it delays no worker.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "capture/pcapng.hpp"
#include "capture/port_tap.hpp"

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

    void stop(); // when it returns the file is complete and closed
    // A member leaves, and no worker serves it any more; before its port stops. The rest goes on.
    void forget(std::uint16_t port);

    [[nodiscard]] bool running() const { return running_.load(); }
    [[nodiscard]] const std::vector<CapturedMember>& members() const { return plan_.members; }
    [[nodiscard]] std::string text() const; // one line: what it does or has done

private:
    Capture(CapturePlan plan, Fd file);
    void run();
    void drain(Time until);
    void flush();
    void finish();
    void wait_for_workers();
    [[nodiscard]] bool anyone_left() const;

    const CapturePlan plan_;
    Fd file_;
    const std::uint64_t start_ns_; // since 1970
    Time end_{};
    std::unique_ptr<TapRings> rings_;
    std::vector<std::unique_ptr<PortTap>> taps_; // attached ones: guarded by mutex_
    std::vector<std::byte> buffer_;
    Pcapng out_{buffer_};
    std::uint64_t written_ = 0;             // bytes in the file, whole blocks
    std::uint64_t buffered_ = 0;            // frames in buffer_
    std::atomic<std::uint64_t> in_file_{0}; // frames
    std::string failure_;                   // why writing has ended early; owner: the thread

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;      // guarded by mutex_
    std::string reason_;     // why it has ended; guarded by mutex_
    std::uint64_t lost_ = 0; // what taps had counted that were given up; guarded by mutex_
    std::atomic<bool> running_{false};
    std::mutex join_mutex_; // several may stop it at once
    std::thread thread_;
};

} // namespace dpdkbond
