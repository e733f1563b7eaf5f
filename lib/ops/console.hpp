// SPDX-License-Identifier: BSD-3-Clause
// The console's two doors: this process's stdin and stdout, and a UNIX stream socket. Each client has a
// session and a thread of its own; one that does not read its answers holds up no other.
#pragma once

#include <chrono>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.hpp"
#include "ops/console_peer.hpp"
#include "ops/instance.hpp"
#include "ops/line_history.hpp"
#include "ops/wake.hpp"

namespace dpdkbond {

// Sessions at once. One more takes the place of the one that has waited for its peer the longest, if for
// kForgotten; else it is told so and closed.
inline constexpr std::size_t kMaxConsoles = 16;
inline constexpr std::chrono::nanoseconds kForgotten = std::chrono::minutes(10);

class Console {
public:
    // The instance must outlive this.
    explicit Console(Instance& instance, std::chrono::nanoseconds forgotten = kForgotten)
        : instance_(instance), forgotten_(forgotten) {}
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;
    ~Console() { stop(); }

    // Serves clients on a UNIX stream socket at `path`, mode 0600; a socket left there by an earlier process
    // is replaced, anything else is not. Error: why the path cannot be had.
    Result<void> listen(const std::string& path);

    // A session on stdin and stdout: on a terminal with history and completion, else a line a command and
    // nothing but the answers. The end of stdin ends the session only. Call at most once.
    Result<void> run_on_stdio();

    // Ends every session and thread, within 100 ms unless a command is being carried out, and removes the
    // socket. The terminal is as it was. Any thread but a session's; more than once is fine.
    void stop();

private:
    struct Session {
        std::thread thread;
        WaitingSince waiting{0};
        int fd = -1;       // owner of this and what follows: sessions_lock_
        bool own = false;  // on the program's own stdin
        bool over = false; // its fd is closed
        bool told_to_go = false;
    };
    void accept_clients();
    // Takes the fd; false: there are too many, and the peer has been told so.
    bool start_session(int fd, bool own);
    static void turn_away(int fd);
    bool make_room(); // sessions_lock_ is held
    void join_ended(bool all);

    Instance& instance_;
    const std::chrono::nanoseconds forgotten_;
    LineHistory history_;
    Wake stop_;
    std::string path_;
    int listener_ = -1;
    std::thread acceptor_;
    std::thread stdio_;
    std::mutex sessions_lock_;
    std::list<Session> sessions_;
};

} // namespace dpdkbond
