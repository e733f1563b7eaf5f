// SPDX-License-Identifier: BSD-3-Clause
// What systemd hears of a unit with Type=notify: that the program runs, its state in a line, that control
// answers (WatchdogSec=), that it stops. Does nothing when no service manager started the program
// (NOTIFY_SOCKET is not set), or when it was built without libsystemd.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "host/handover.hpp"

namespace dpdkbond {

class ServiceManager {
public:
    // Both are called on a thread of this object's own. `alive` returns once the control lcore has answered:
    // while it does not, systemd hears nothing, and ends the program after WatchdogSec=.
    struct Hooks {
        std::function<void()> alive;
        std::function<std::string()> status; // one line
    };

    ~ServiceManager() { stop(); }

    void start(Hooks hooks);                     // "ready"; from now on the hooks are called
    void leave_out() { says_stopping_ = false; } // it starts again in this process: stop() asks for time
    void stop();                                 // "stopping"; returns once no hook runs any more

    // The unit's store (FileDescriptorStoreMax=) keeps them for the next start of a restart; false: no
    // service manager listens. They are taken out again by forget(), else they would stay until the unit is
    // stopped.
    static bool store(const HandedFds& fds);
    static void forget(const HandedFds& fds);

private:
    void run();

    Hooks hooks_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool ending_ = false;
    bool says_stopping_ = true;
    std::thread thread_;
};

} // namespace dpdkbond
