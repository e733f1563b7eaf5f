// SPDX-License-Identifier: BSD-3-Clause
// `dpdk-bond capture`: a console session of one capture, from its begin to its end.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fd.hpp"
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
using Clock = std::chrono::steady_clock;

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

// A FIFO that the instance writes to, passed on to stdout. In the instance's runtime folder: both see that,
// whatever /tmp a unit of systemd has.
class ToStdout {
public:
    static Result<ToStdout> open(const std::string& prefix) {
        ToStdout to;
        to.path_ = fmt::format("{}/capture.{}", runtime_dir(prefix), ::getpid());
        if (::mkfifo(to.path_.c_str(), 0600) == 0)
            to.fifo_ = Fd(::open(to.path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        if (!to.fifo_) return Error{fmt::format("{}: {}", to.path_, std::strerror(errno))};
        return to;
    }
    ToStdout(ToStdout&& other) noexcept
        : path_(std::exchange(other.path_, {})), fifo_(std::move(other.fifo_)) {}
    ToStdout& operator=(ToStdout&&) = delete;
    ~ToStdout() { hide(); }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] int fd() const { return fifo_.get(); }
    void hide() { // the instance has it open
        if (!path_.empty()) ::unlink(std::exchange(path_, {}).c_str());
    }
    // What has come. False: nobody reads stdout any more.
    bool pass() {
        char bytes[65536];
        for (ssize_t got; (got = ::read(fifo_.get(), bytes, sizeof bytes)) > 0;)
            for (std::string_view left(bytes, static_cast<std::size_t>(got)); !left.empty();) {
                const ssize_t put = ::write(STDOUT_FILENO, left.data(), left.size());
                if (put > 0) left.remove_prefix(static_cast<std::size_t>(put));
                if (put < 0 && errno != EINTR) return false;
            }
        return true;
    }

private:
    ToStdout() = default;
    std::string path_;
    Fd fifo_;
};

const Wake* stop_capture = nullptr; // for the handler; set once, before it is installed

void end_capture(int) { stop_capture->set(); }

} // namespace

int capture_command(const std::string& prefix, std::vector<std::string> operands) {
    const bool to_stdout = operands[2] == "-";
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

    std::optional<ToStdout> frames;
    if (to_stdout) {
        ::signal(SIGPIPE, SIG_IGN);
        auto opened = ToStdout::open(prefix);
        if (!opened) return client_failed(opened.error());
        frames.emplace(std::move(opened).value());
        operands[2] = frames->path();
    }
    auto said = console.value().ask("capture " + join_words(operands));
    if (!said) return client_failed(said.error());
    if (frames) frames->hide();
    fmt::print(stderr, "{}\n", said.value());
    const std::string look = join_words({"show", "bond", operands[0], "capture"});
    for (auto next_look = Clock::now(); said.value().find(kCaptureEnded) == std::string::npos;) {
        pollfd wake[] = {{stop.fd(), POLLIN, 0}, {frames ? frames->fd() : -1, POLLIN, 0}};
        const bool woken = ::poll(wake, 2, kLookEveryMs) > 0;
        const bool read_on = !frames || frames->pass();
        const bool end_it = !read_on || (woken && wake[0].revents != 0);
        if (!end_it && woken && Clock::now() < next_look) continue;
        next_look = Clock::now() + std::chrono::milliseconds(kLookEveryMs);
        auto asked = console.value().ask(end_it ? join_words({"capture", operands[0], "stop"}) : look);
        if (!asked && end_it) asked = console.value().ask(look); // it has ended by itself
        if (!asked) return client_failed(asked.error());
        said = std::move(asked);
    }
    if (frames) (void)frames->pass(); // its end
    fmt::print(to_stdout ? stderr : stdout, "{}\n", said.value());
    return 0;
}

} // namespace dpdkbond
