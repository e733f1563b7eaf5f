// SPDX-License-Identifier: BSD-3-Clause
#include "ops/console_session.hpp"

#include <exception>
#include <string>

#include <fmt/format.h>

#include "ops/acting.hpp"
#include "ops/console_commands.hpp"
#include "ops/console_peer.hpp"
#include "ops/console_terminal.hpp"

namespace dpdkbond {

namespace {

class PlainSession {
public:
    PlainSession(Instance& instance, Peer& peer, bool own)
        : instance_(instance), peer_(peer), dialogue_{own} {}

    void run(std::string_view first_bytes) {
        if (first_bytes.starts_with(kStopMark)) {
            stops_ = true;
            first_bytes.remove_prefix(1);
        }
        char bytes[4096];
        bool more = take(first_bytes);
        while (more) {
            const std::size_t got = peer_.read(bytes, sizeof bytes);
            if (got == 0) break;
            more = take({bytes, got});
        }
        if (more && !line_.empty()) run_line();
        peer_.write({&kAllAnswered, 1});
    }

private:
    bool take(std::string_view text) { // false: the session is over
        for (const char c : text) {
            if (c == '\n') {
                if (!run_line()) return false;
                line_.clear();
            } else if (line_.size() <= kMaxPlainLine) { // one more than allowed marks it as too long
                line_ += c;
            }
        }
        return true;
    }
    bool run_line() {
        if (stopped_) return true; // what else comes is read and not run
        Reply reply;
        if (line_.size() > kMaxPlainLine)
            reply = {false, fmt::format("{}a line of more than {} characters; nothing was done\n", kRefusal,
                                        kMaxPlainLine)};
        else
            reply = run_command(instance_, dialogue_, line_);
        peer_.write(reply.text);
        peer_.write({reply.ok ? &kAnswered : &kRefused, 1});
        stopped_ = stops_ && !reply.ok;
        return !reply.leave;
    }

    Instance& instance_;
    Peer& peer_;
    Dialogue dialogue_;
    std::string line_;
    bool stops_ = false, stopped_ = false;
};

void serve(Instance& instance, LineHistory& history, Peer& peer, bool own) {
    Terminal terminal(instance, history, peer, own); // shows the prompt
    char bytes[256];
    const std::size_t got = peer.read(bytes, sizeof bytes);
    const std::string_view first(bytes, got);
    if (first.empty()) return;
    if (first.front() != kPlainMark) {
        terminal.run(first);
        return;
    }
    peer.write({&kPlainMark, 1});
    PlainSession(instance, peer, own).run(first.substr(1));
}

} // namespace

void serve_console(Instance& instance, LineHistory& history, int fd, const Wake& stop, WaitingSince& waiting,
                   bool own) {
    try {
        const Acting who(own ? "console on stdin" : fmt::format("console ({})", peer_name(fd)));
        Peer peer(fd, stop, waiting);
        serve(instance, history, peer, own);
    } catch (const std::exception&) { // no memory: this session ends
    }
}

} // namespace dpdkbond
