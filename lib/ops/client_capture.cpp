// SPDX-License-Identifier: BSD-3-Clause
// `dpdk-bond capture`: a console session of one capture, from its begin to its end.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/quote.hpp"
#include "capture/words.hpp"
#include "ops/client.hpp"
#include "ops/console_attach.hpp"
#include "ops/console_commands.hpp"
#include "ops/console_grammar.hpp"
#include "ops/console_session.hpp"
#include "ops/instance.hpp"
#include "ops/wake.hpp"

namespace dpdkbond {

namespace {

constexpr int kLookEveryMs = 200;

// Plain: a line a question, a line an answer.
class Questions {
public:
    static Result<Questions> connect(const std::string& prefix) {
        auto fd = connect_unix_stream(console_path(prefix));
        if (!fd) return unreachable(prefix, errno);
        Questions q(fd.value());
        constexpr std::string_view ends = ">\n"; // of the prompt, of a refusal
        if (const std::string greeting = q.until(ends); greeting.starts_with(kRefusal))
            return Error{greeting.substr(kRefusal.size(), greeting.size() - kRefusal.size() - 1)};
        if (!q.send(std::string(1, kPlainMark)) || q.until({&kPlainMark, 1}).empty())
            return Error{"the console does not answer"};
        return q;
    }
    Questions(Questions&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Questions& operator=(Questions&&) = delete;
    ~Questions() {
        if (fd_ >= 0) ::close(fd_);
    }

    Result<std::string> ask(const std::string& line) {
        constexpr char ends[] = {kAnswered, kRefused};
        std::string answer;
        if (send(line + '\n')) answer = until({ends, sizeof ends});
        if (answer.empty()) return Error{"the program has ended"};
        const bool refused = answer.back() == kRefused;
        answer.pop_back();
        if (answer.ends_with('\n')) answer.pop_back();
        if (refused) return Error{answer.substr(std::min(kRefusal.size(), answer.size()))};
        return answer;
    }

private:
    explicit Questions(int fd) : fd_(fd) {}
    [[nodiscard]] bool send(const std::string& text) const {
        return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
    }
    // What comes up to one of `marks`, with it; empty: the end came first.
    [[nodiscard]] std::string until(std::string_view marks) const {
        std::string text;
        for (char c = 0;;) {
            const ssize_t got = ::read(fd_, &c, 1);
            if (got < 0 && errno == EINTR) continue;
            if (got != 1) return {};
            text += c;
            if (marks.find(c) != std::string_view::npos) return text;
        }
    }
    int fd_;
};

const Wake* stop_capture = nullptr; // for the handler; set once, before it is installed

void end_capture(int) { stop_capture->set(); }

} // namespace

int capture_command(const std::string& prefix, std::vector<std::string> operands) {
    operands[2] = std::filesystem::absolute(operands[2]); // the instance has another working directory
    for (const std::string& word : operands)
        if (word.empty() || word.find_first_of("\n\r") != std::string::npos)
            return client_failed(in_quotes(word) + ": cannot be a word of a command", 2);
    auto console = Questions::connect(prefix);
    if (!console) return client_failed(console.error());
    static const Wake stop;
    stop_capture = &stop;
    struct sigaction end {};
    end.sa_handler = end_capture;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &end, nullptr);

    auto said = console.value().ask("capture " + join_words(operands));
    if (!said) return client_failed(said.error());
    fmt::print(stderr, "{}\n", said.value());
    while (said.value().find(kCaptureEnded) == std::string::npos) {
        pollfd wake{stop.fd(), POLLIN, 0};
        const std::string look = join_words({"show", "bond", operands[0], "capture"});
        const bool end_it = ::poll(&wake, 1, kLookEveryMs) > 0;
        auto asked = console.value().ask(end_it ? join_words({"capture", operands[0], "stop"}) : look);
        if (!asked && end_it) asked = console.value().ask(look); // it has ended by itself
        if (!asked) return client_failed(asked.error());
        said = std::move(asked);
    }
    fmt::print("{}\n", said.value());
    return 0;
}

} // namespace dpdkbond
