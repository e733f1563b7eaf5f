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
#include <fmt/ranges.h>

#include "base/quote.hpp"
#include "capture/words.hpp"
#include "ops/client.hpp"
#include "ops/console_attach.hpp"
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
        if (!fd)
            return Error{fmt::format("no dpdk-bond with file prefix {} answers; is it running?", prefix)};
        Questions q(fd.value());
        if (!q.send(std::string(1, kPlainMark)) || !q.until(kPlainMark))
            return Error{"the console does not answer"};
        return q;
    }
    Questions(Questions&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Questions& operator=(Questions&&) = delete;
    ~Questions() {
        if (fd_ >= 0) ::close(fd_);
    }

    Result<std::string> ask(const std::string& line) {
        std::optional<std::string> answer;
        if (send(line + '\n')) answer = until('\n');
        if (!answer) return Error{"the program has ended"};
        constexpr std::string_view refused = "error: ";
        if (answer->starts_with(refused)) return Error{answer->substr(refused.size())};
        return *answer;
    }

private:
    explicit Questions(int fd) : fd_(fd) {}
    [[nodiscard]] bool send(const std::string& text) const {
        return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
    }
    // What comes before `mark`; nullopt: the end came first.
    [[nodiscard]] std::optional<std::string> until(char mark) const {
        std::string text;
        for (char c = 0;;) {
            const ssize_t got = ::read(fd_, &c, 1);
            if (got < 0 && errno == EINTR) continue;
            if (got != 1) return std::nullopt;
            if (c == mark) return text;
            text += c;
        }
    }
    int fd_;
};

const Wake* stop_capture = nullptr; // for the handler; set once, before it is installed

void end_capture(int) { stop_capture->set(); }

int capture_failed(const std::string& why, int code = 1) {
    fmt::print(stderr, "dpdk-bond: {}\n", why);
    return code;
}

} // namespace

int capture_command(const std::string& prefix, std::vector<std::string> operands) {
    operands[2] = std::filesystem::absolute(operands[2]); // the instance has another working directory
    for (const std::string& word : operands)
        if (word.empty() || word.find_first_of(" \t\n\r#") != std::string::npos)
            return capture_failed(in_quotes(word) + ": blanks and # cannot be in it", 2);
    auto console = Questions::connect(prefix);
    if (!console) return capture_failed(console.error());
    static const Wake stop;
    stop_capture = &stop;
    struct sigaction end {};
    end.sa_handler = end_capture;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &end, nullptr);

    auto said = console.value().ask(fmt::format("capture {}", fmt::join(operands, " ")));
    if (!said) return capture_failed(said.error());
    fmt::print(stderr, "{}\n", said.value());
    while (said.value().find(kCaptureEnded) == std::string::npos) {
        pollfd wake{stop.fd(), POLLIN, 0};
        const std::string look = fmt::format("show bond {} capture", operands[0]);
        const bool end_it = ::poll(&wake, 1, kLookEveryMs) > 0;
        auto asked = console.value().ask(end_it ? fmt::format("capture {} stop", operands[0]) : look);
        if (!asked && end_it) asked = console.value().ask(look); // it has ended by itself
        if (!asked) return capture_failed(asked.error());
        said = std::move(asked);
    }
    fmt::print("{}\n", said.value());
    return 0;
}

} // namespace dpdkbond
