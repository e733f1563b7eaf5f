// SPDX-License-Identifier: BSD-3-Clause
#include "capture/capture.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <utility>

#include "capture/pcapng.hpp"
#include "capture/port_tap.hpp"
#include "capture/words.hpp"
#include "dpdk/clock.hpp"
#include "host/log.hpp"

namespace dpdkbond {

namespace {

constexpr std::size_t kRingsInAll = std::size_t{32} << 20U;
constexpr std::size_t kSmallestRing = std::size_t{1} << 20U, kLargestRing = std::size_t{8} << 20U;
constexpr std::size_t kFlushAt = std::size_t{256} << 10U;
constexpr auto kPause = std::chrono::milliseconds(10);
// Workers' frames are sorted by time; what is younger than this may not lie in its ring yet.
constexpr Duration kSettle = std::chrono::milliseconds(2);

std::size_t ring_size() {
    return std::clamp(kRingsInAll / std::max(rte_lcore_count(), 1U), kSmallestRing, kLargestRing);
}

std::uint64_t since_1970() {
    timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

TappedFrame head_of(std::span<const std::byte> record) {
    TappedFrame head;
    std::memcpy(&head, record.data(), sizeof head);
    return head;
}

constexpr unsigned kPatiences = 5; // a file that takes little at a time is given up after so many

} // namespace

struct Capture::Work {
    Work(CapturePlan wanted, Fd to)
        : plan(std::move(wanted)), file_(std::move(to)), start_ns_(since_1970()),
          rings_(std::make_shared<TapRings>(ring_size())) {}

    void prepare();
    Result<void> attach();
    void run();
    // Returns false when the file was given up.
    bool wait_for_end(Duration patience);
    bool give_up(std::unique_lock<std::mutex>& lock);
    void forget(std::uint16_t port);
    [[nodiscard]] std::string text() const;

    const CapturePlan plan;
    std::atomic<bool> running{false};

private:
    void drain(Time until);
    void flush();
    void finish();
    void wait_for_workers();
    std::vector<std::unique_ptr<PortTap>> take_taps();
    [[nodiscard]] bool anyone_left() const;
    friend class Capture;

    Fd file_;
    const std::uint64_t start_ns_; // since 1970
    Time end_{};
    std::shared_ptr<TapRings> rings_;
    std::vector<std::unique_ptr<PortTap>> taps_; // attached ones: guarded by mutex_
    std::vector<std::byte> buffer_;
    Pcapng out_{buffer_};
    std::uint64_t written_ = 0;             // bytes in the file, whole blocks
    std::uint64_t buffered_ = 0;            // frames in buffer_
    std::atomic<std::uint64_t> in_file_{0}; // frames
    std::atomic<std::uint64_t> writes_{0};  // that have returned
    std::atomic<bool> given_up_{false};     // the file takes nothing; its thread may hang in a write
    std::string failure_;                   // why writing has ended early; owner: the thread

    mutable std::mutex mutex_;
    std::condition_variable wake_, ended_;
    // Guarded by mutex_:
    bool stop_ = false;
    bool finishing_ = false, parted_ = false; // the thread ends; no worker copies any more
    std::string reason_;                      // why it has ended
    std::uint64_t lost_ = 0;                  // what taps had counted that were given up
};

Result<Fd> open_capture_file(const std::string& path) {
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
    if (fd.get() < 0 && errno == ENXIO) return Error{path + ": nobody reads this pipe"};
    if (fd.get() < 0 && errno == ELOOP) return Error{path + ": it is a symbolic link; name the file itself"};
    if (fd.get() < 0) return Error{path + ": " + std::strerror(errno)};
    // Root writes here: in a folder that others may write to, another user's file may have been put in the
    // way.
    struct stat s {};
    if (::fstat(fd.get(), &s) != 0) return Error{path + ": " + std::strerror(errno)};
    if (!S_ISREG(s.st_mode)) return fd;
    if (s.st_uid != ::geteuid())
        return Error{path + ": it belongs to another user; remove it, or choose another name"};
    if (s.st_nlink > 1) return Error{path + ": it has another name too (a hard link); choose another name"};
    if (::ftruncate(fd.get(), 0) != 0) return Error{path + ": " + std::strerror(errno)};
    return fd;
}

Capture::Capture(std::shared_ptr<Work> work) : work_(std::move(work)) {}

Result<std::unique_ptr<Capture>> Capture::prepare(CapturePlan plan, Fd file) {
    auto work = std::make_shared<Work>(std::move(plan), std::move(file));
    work->prepare();
    if (!work->failure_.empty()) return Error{fmt::format("{}: {}", work->plan.path, work->failure_)};
    return std::unique_ptr<Capture>(new Capture(std::move(work)));
}

void Capture::Work::prepare() {
    utsname here{};
    const bool known = ::uname(&here) == 0;
    out_.section({"dpdk-bond", known ? fmt::format("{} {}", here.sysname, here.release) : "",
                  known ? fmt::format("{} on {}", plan.bond, here.nodename) : plan.bond});
    for (const CapturedMember& m : plan.members) out_.interface(m.name, m.description, m.mac);
    flush();
}

Result<void> Capture::start() {
    if (auto attached = work_->attach(); !attached) return attached;
    thread_ = std::thread([work = work_] { work->run(); });
    return {};
}

Result<void> Capture::Work::attach() {
    bool all = true;
    for (const CapturedMember& m : plan.members) {
        const auto interface = static_cast<std::uint16_t>(taps_.size());
        taps_.push_back(std::make_unique<PortTap>(m.port, interface, *rings_));
        all = all && taps_.back()->attach();
    }
    if (!all) {
        for (const auto& tap : taps_) tap->detach();
        wait_for_workers();
        return Error{"there is no memory for the capture's callbacks"};
    }
    end_ = now() + plan.length;
    running = true;
    return {};
}

Capture::~Capture() { stop(); }

void Capture::stop(Duration patience) {
    const std::lock_guard lock(join_mutex_);
    if (!thread_.joinable()) return;
    if (work_->wait_for_end(patience))
        thread_.join();
    else
        thread_.detach();
}

bool Capture::Work::wait_for_end(Duration patience) {
    std::unique_lock lock(mutex_);
    stop_ = true;
    wake_.notify_one();
    for (unsigned i = 0;; ++i) {
        const std::uint64_t writes = writes_;
        if (ended_.wait_for(lock, patience, [&] { return !running; })) return true;
        if (writes_ == writes || i + 1 == kPatiences) return give_up(lock);
    }
}

// The thread hangs in a write. Workers are parted from it here, and it ends should the write ever return:
// after the end of DPDK perhaps, so what needs DPDK is given back here.
bool Capture::Work::give_up(std::unique_lock<std::mutex>& lock) {
    ended_.wait(lock,
                [&] { return !running || !finishing_ || parted_; }); // the thread waits for workers, not long
    if (!running) return true;
    given_up_ = true;
    reason_ = "its file takes no more data";
    running = false;
    if (!parted_) {
        for (const auto& tap : taps_) tap->detach();
        lock.unlock();
        wait_for_workers();
        lock.lock();
    }
    take_taps();
    lock.unlock();
    log_line(text());
    return false;
}

bool Capture::running() const { return work_->running.load(); }

const std::vector<CapturedMember>& Capture::members() const { return work_->plan.members; }

std::string Capture::text() const { return work_->text(); }

void Capture::forget(std::uint16_t port) { work_->forget(port); }

void Capture::Work::forget(std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    for (const auto& tap : taps_)
        if (tap->port() == port) tap->detach();
}

bool Capture::Work::anyone_left() const {
    return std::ranges::any_of(taps_, [](const auto& tap) { return tap->attached(); });
}

void Capture::Work::run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 10); // control may live on the same processor
    const auto over = [&]() -> std::string {
        if (!failure_.empty()) return failure_;
        if (given_up_) return reason_;
        if (stop_) return "stopped";
        if (!anyone_left()) return "its members have left";
        return now() >= end_ ? "its time is up" : "";
    };
    std::unique_lock lock(mutex_);
    std::string why;
    while (why = over(), why.empty()) {
        lock.unlock();
        drain(now() - kSettle);
        lock.lock();
        if (failure_.empty()) wake_.wait_for(lock, kPause, [&] { return stop_; });
    }
    lock.unlock();
    finish();
    lock.lock();
    if (given_up_) return;
    reason_ = failure_.empty() ? why : failure_;
    running = false;
    lock.unlock();
    ended_.notify_all();
    log_line(text());
}

// Frames of all workers until then, the oldest first.
void Capture::Work::drain(Time until) {
    const auto limit = static_cast<std::uint64_t>(to_ns(until));
    const std::uint64_t to_1970 = since_1970() - static_cast<std::uint64_t>(to_ns(now()));
    while (failure_.empty()) {
        RecordRing* oldest = nullptr;
        std::span<const std::byte> record;
        TappedFrame head;
        for (const auto& ring : rings_->of_lcore) {
            if (ring == nullptr) continue;
            const auto candidate = ring->front();
            if (candidate.empty()) continue;
            const TappedFrame h = head_of(candidate);
            if (h.time_ns > limit || (oldest != nullptr && h.time_ns >= head.time_ns)) continue;
            oldest = ring.get();
            record = candidate;
            head = h;
        }
        if (oldest == nullptr) break;
        out_.packet(head.interface, head.time_ns + to_1970, head.outbound, record.subspan(sizeof head));
        oldest->pop();
        ++buffered_;
        if (buffer_.size() >= kFlushAt) flush();
    }
    flush();
}

void Capture::Work::flush() {
    std::size_t done = 0;
    while (done < buffer_.size() && failure_.empty()) {
        const ssize_t n = ::write(file_.get(), buffer_.data() + done, buffer_.size() - done);
        ++writes_;
        if (given_up_) {
            failure_ = "given up";
        } else if (n >= 0) {
            done += static_cast<std::size_t>(n);
        } else if (errno == EAGAIN) { // a FIFO
            pollfd room{file_.get(), POLLOUT, 0};
            if (::poll(&room, 1, 100) != 0) continue;
            const std::lock_guard lock(mutex_); // the head of the file does not wait
            if (!running || stop_ || now() >= end_) failure_ = "who reads it does not keep up";
        } else if (errno != EINTR) {
            failure_ = std::strerror(errno);
        }
    }
    if (failure_.empty()) {
        written_ += buffer_.size();
        in_file_ += buffered_;
    } else if (done != 0 && ::ftruncate(file_.get(), static_cast<off_t>(written_)) != 0) {
        failure_ += "; the file ends amid a block";
    }
    buffer_.clear();
    buffered_ = 0;
}

// A worker that hangs may be amid a copy: taps and rings are left to it for good, and the file ends with what
// has been written.
void Capture::Work::wait_for_workers() {
    if (plan.grace()) return;
    log_line(
        fmt::format("{}: capture: a worker does not come round; it ends without the last frames", plan.bond));
    const std::lock_guard lock(mutex_);
    for (auto& tap : take_taps()) static_cast<void>(tap.release());
    static_cast<void>(new std::shared_ptr<TapRings>(rings_));
    if (!given_up_) rings_ = nullptr; // else the thread may be amid them
}

// What they have counted stays; mutex_ is held. Freeing them is for when no worker copies any more.
std::vector<std::unique_ptr<PortTap>> Capture::Work::take_taps() {
    for (const auto& tap : taps_) lost_ += tap->copied() + tap->lost();
    return std::exchange(taps_, {});
}

void Capture::Work::finish() {
    {
        const std::lock_guard lock(mutex_);
        if (given_up_) return;
        finishing_ = true;
        for (const auto& tap : taps_) tap->detach();
    }
    wait_for_workers();
    {
        const std::lock_guard lock(mutex_);
        parted_ = true;
    }
    ended_.notify_all();
    if (rings_) drain(now());
    const std::uint64_t end = since_1970();
    {
        const std::lock_guard lock(mutex_);
        for (const auto& tap : taps_)
            out_.statistics(tap->interface(), {start_ns_, end, tap->copied() + tap->lost(), tap->lost()});
    }
    flush();
    file_ = Fd();
    if (rings_)
        for (auto& ring : rings_->of_lcore) ring.reset(); // a line of text is all that is kept
}

std::string Capture::Work::text() const {
    const std::lock_guard lock(mutex_);
    const std::uint64_t frames = in_file_.load();
    std::uint64_t lost = lost_;
    std::vector<std::string_view> names;
    for (const auto& tap : taps_) lost += tap->lost() + (reason_.empty() ? 0 : tap->copied());
    if (!reason_.empty()) lost -= frames; // what a full disk did not take is lost too
    for (const CapturedMember& m : plan.members) names.push_back(m.name);
    const auto left = std::chrono::ceil<std::chrono::seconds>(std::max(end_ - now(), Duration{0}));
    return fmt::format("{}: capture of {} to {}{}: {} frames, {} not kept", plan.bond, fmt::join(names, ", "),
                       plan.path,
                       reason_.empty() ? fmt::format(" runs, {} s to go", left.count())
                                       : fmt::format("{}{})", kCaptureEnded, reason_),
                       frames, lost);
}

} // namespace dpdkbond
