// SPDX-License-Identifier: BSD-3-Clause
#include "host/service_manager.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>

#ifdef DPDKBOND_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

namespace dpdkbond {

namespace {

#ifdef DPDKBOND_SYSTEMD

bool service_manager_listens() { return std::getenv("NOTIFY_SOCKET") != nullptr; }

void tell_service_manager(const std::string& what) { sd_notify(0, what.c_str()); }

bool store_fd(const HandedFd& f) {
    const int fd = f.fd.get();
    return sd_pid_notify_with_fds(0, 0, ("FDSTORE=1\nFDNAME=" + f.name).c_str(), &fd, 1) > 0;
}
void wait_until_heard() { sd_notify_barrier(0, 500'000); } // a process that has ended is not listened to

std::chrono::microseconds watchdog_time() { // 0: the unit has none
    std::uint64_t usec = 0;
    return std::chrono::microseconds(sd_watchdog_enabled(0, &usec) > 0 ? usec : 0);
}

#else

bool service_manager_listens() { return false; }
void tell_service_manager(const std::string&) {}
bool store_fd(const HandedFd&) { return false; }
void wait_until_heard() {}
std::chrono::microseconds watchdog_time() { return {}; }

#endif

constexpr std::chrono::microseconds kStatusInterval = std::chrono::seconds(2);
// A start in the same process: as long as systemd waits for one of its own (DefaultTimeoutStartSec=).
constexpr std::chrono::microseconds kStartAgain = std::chrono::seconds(90);
constexpr const char* kStartsAgain = "DPDK_BOND_STARTS_AGAIN"; // in the environment of the next one

} // namespace

bool ServiceManager::store(const HandedFds& fds) {
    if (!service_manager_listens()) return false;
    bool stored = true;
    for (const HandedFd& f : fds) stored = store_fd(f) && stored;
    wait_until_heard();
    return stored;
}

void ServiceManager::forget(const HandedFds& fds) {
    if (!service_manager_listens()) return;
    for (const HandedFd& f : fds) tell_service_manager("FDSTOREREMOVE=1\nFDNAME=" + f.name);
}

void ServiceManager::start(Hooks hooks) {
    if (!service_manager_listens() || thread_.joinable()) return;
    hooks_ = std::move(hooks);
    ending_ = false;
    std::string ready = "READY=1\nSTATUS=" + hooks_.status();
    if (std::getenv(kStartsAgain) != nullptr)
        ready += "\nWATCHDOG_USEC=" + std::to_string(watchdog_time().count()); // the unit's own again
    ::unsetenv(kStartsAgain);
    tell_service_manager(ready);
    thread_ = std::thread([this] { run(); });
}

void ServiceManager::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
    if (says_stopping_) {
        tell_service_manager("STOPPING=1\nSTATUS=putting devices back");
    } else if (watchdog_time().count() > 0) { // nobody answers until it runs again
        ::setenv(kStartsAgain, "1", 1);
        tell_service_manager("WATCHDOG_USEC=" + std::to_string(kStartAgain.count()) +
                             "\nSTATUS=starting again");
    }
}

void ServiceManager::run() {
    const auto watchdog = watchdog_time();
    // sd_watchdog_enabled(3): half of the time is what to keep.
    const auto interval = watchdog.count() > 0 ? std::min(watchdog / 2, kStatusInterval) : kStatusInterval;
    std::string told;
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, interval, [this] { return ending_; })) {
        lock.unlock();
        hooks_.alive();
        std::string message = "WATCHDOG=1";
        if (std::string status = hooks_.status(); status != told) {
            message += "\nSTATUS=" + status;
            told = std::move(status);
        }
        tell_service_manager(message);
        lock.lock();
    }
}

} // namespace dpdkbond
