// SPDX-License-Identifier: BSD-3-Clause
#include "ops/console_session.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include <cmdline.h>
#include <cmdline_parse.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "ops/console_commands.hpp"
#include "ops/console_grammar.hpp"

namespace dpdkbond {

namespace {

constexpr std::size_t kMaxTerminalLine =
    500; // rdline drops what does not fit its 512 bytes: cut lines are not run
constexpr unsigned kMaxWords = 16;

// The socket as the session sees it.
class Peer {
public:
    Peer(int fd, const Wake& stop) : fd_(fd), stop_(stop) {
        ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
        sigset_t pipe; // a peer that is gone is an error of write(), not a signal
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    }
    [[nodiscard]] int fd() const { return fd_; }

    // Bytes read; 0: the peer ended or the session shall.
    std::size_t read(char* to, std::size_t room) {
        while (!gone_ && stop_.wait(fd_, POLLIN)) {
            const ssize_t got = ::read(fd_, to, room);
            if (got > 0) return static_cast<std::size_t>(got);
            if (got == 0 || (errno != EAGAIN && errno != EINTR)) break;
        }
        gone_ = true;
        return 0;
    }
    void write(std::string_view text) {
        while (!gone_ && !text.empty()) {
            const ssize_t done = ::write(fd_, text.data(), text.size());
            if (done > 0)
                text.remove_prefix(static_cast<std::size_t>(done));
            else if ((errno != EAGAIN && errno != EINTR) || !stop_.wait(fd_, POLLOUT))
                gone_ = true;
        }
    }
    [[nodiscard]] bool gone() const { return gone_; }

private:
    int fd_;
    const Wake& stop_;
    bool gone_ = false;
};

// librte_cmdline is given one instruction whose words are made when it asks for them: run_command() knows the
// commands, their words and values and says better what is wrong. To run a line, its first word takes the
// whole line; to complete one, each word is taken alone and the words before it decide what may follow.
class Terminal {
public:
    Terminal(Instance& instance, Peer& peer);
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal();
    void run(std::string_view first_bytes);

private:
    static void instruction(void* result_or_token, cmdline* cl, void* slot);
    static int parse(cmdline_parse_token_hdr_t*, const char* text, void* result, unsigned room);
    static int choices(cmdline_parse_token_hdr_t*);
    static int choice(cmdline_parse_token_hdr_t*, int index, char* to, unsigned room);
    static int help(cmdline_parse_token_hdr_t*, char* to, unsigned room);

    cmdline_parse_token_hdr_t* token(std::size_t index);
    void run_line();
    void pass_echo();
    bool feed(std::string_view bytes); // false: the peer left

    static thread_local Terminal* self; // the callbacks carry nothing of ours; a session has one thread
    Instance& instance_;
    Peer& peer_;
    cmdline_token_ops ops_{parse, choices, choice, help};
    cmdline_parse_token_hdr_t token_{&ops_, 0};
    std::unique_ptr<unsigned char[]> storage_; // cmdline_inst ends in an array without a size
    cmdline_parse_inst_t* inst_;
    cmdline_parse_ctx_t context_[2];
    // What librte_cmdline writes, byte by byte and deaf to errors, waits here until the peer takes it: within
    // one key's work, so far below a pipe's capacity.
    int echo_[2] = {-1, -1};
    cmdline* cl_ = nullptr;

    std::string line_;      // to run
    bool whole_ = false;    // line_ was taken: there is no second word
    Words words_;           // to complete: the words before
    Completion completion_; // what may follow them
    std::string help_text_; // of the last choice that was asked for
};

thread_local Terminal* Terminal::self = nullptr;

Terminal::Terminal(Instance& instance, Peer& peer)
    : instance_(instance), peer_(peer),
      storage_(new unsigned char[sizeof(cmdline_parse_inst_t) + sizeof(void*)]()) {
    self = this;
    inst_ = new (storage_.get()) cmdline_parse_inst_t;
    inst_->f = instruction;
    inst_->help_str = "";
    inst_->tokens[0] = nullptr; // "ask f for the words"
    context_[0] = inst_;
    context_[1] = nullptr;
    if (::pipe2(echo_, O_CLOEXEC | O_NONBLOCK) != 0) return;
    cl_ = cmdline_new(context_, kPrompt.data(), -1, echo_[1]);
    pass_echo();
}

Terminal::~Terminal() {
    if (cl_ != nullptr)
        cmdline_free(cl_); // closes echo_[1]
    else if (echo_[1] >= 0)
        ::close(echo_[1]);
    if (echo_[0] >= 0) ::close(echo_[0]);
    self = nullptr;
}

void Terminal::pass_echo() {
    char bytes[4096];
    for (ssize_t got; (got = ::read(echo_[0], bytes, sizeof bytes)) > 0;)
        peer_.write({bytes, static_cast<std::size_t>(got)});
}

void Terminal::instruction(void* result_or_token, cmdline* cl, void* slot) {
    if (cl != nullptr) {
        self->run_line();
        return;
    }
    const auto* first = reinterpret_cast<const unsigned char*>(&self->inst_->tokens[0]);
    const auto index =
        static_cast<std::size_t>(static_cast<const unsigned char*>(slot) - first) / sizeof(void*);
    auto* token = self->token(index);
    std::memcpy(result_or_token, &token, sizeof token);
}

cmdline_parse_token_hdr_t* Terminal::token(std::size_t index) {
    if (index == 0) whole_ = false;
    if (whole_ || index >= kMaxWords) return nullptr;
    words_.resize(std::min(index, words_.size()));
    return &token_;
}

int Terminal::parse(cmdline_parse_token_hdr_t*, const char* text, void* result, unsigned) {
    const char* end = text;
    if (result != nullptr) {
        end += std::strcspn(end, "#\r\n");
        self->line_.assign(text, end);
        self->whole_ = true;
        return static_cast<int>(end - text);
    }
    while (cmdline_isendoftoken(*end) == 0) ++end;
    self->words_.emplace_back(text, end);
    if (end == text || !complete_command(self->instance_, self->words_).possible) return -1;
    return static_cast<int>(end - text);
}

int Terminal::choices(cmdline_parse_token_hdr_t*) {
    self->completion_ = complete_command(self->instance_, self->words_);
    const Completion& c = self->completion_;
    if (c.suggestions.empty()) self->inst_->help_str = c.wanted.empty() ? "" : c.wanted_help.c_str();
    return static_cast<int>(c.suggestions.size());
}

int Terminal::choice(cmdline_parse_token_hdr_t*, int index, char* to, unsigned room) {
    const Suggestion& s = self->completion_.suggestions[static_cast<std::size_t>(index)];
    if (s.word.size() + 2 > room) return -1; // completing half a name would be wrong
    std::memcpy(to, s.word.c_str(), s.word.size() + 1);
    self->help_text_ = s.help;
    self->inst_->help_str = self->help_text_.c_str();
    return 0;
}

int Terminal::help(cmdline_parse_token_hdr_t*, char* to, unsigned room) {
    const Completion& c = self->completion_;
    const char* kind = c.wanted.empty() ? (c.complete ? "RETURN" : "word") : c.wanted.c_str();
    std::snprintf(to, room, "%s", kind);
    return 0;
}

void Terminal::run_line() {
    pass_echo();
    if (line_.size() >= kMaxTerminalLine)
        peer_.write(
            fmt::format("error: a line of more than {} characters; nothing was done\n", kMaxTerminalLine));
    else
        peer_.write(run_command(instance_, line_).text);
}

bool Terminal::feed(std::string_view bytes) {
    for (const char c : bytes) {
        const bool over = cmdline_in(cl_, &c, 1) < 0;
        pass_echo();
        if (over || peer_.gone()) return false;
    }
    return true;
}

void Terminal::run(std::string_view first_bytes) {
    if (cl_ == nullptr || !feed(first_bytes)) return;
    char bytes[256];
    while (const std::size_t got = peer_.read(bytes, sizeof bytes))
        if (!feed({bytes, got})) return;
}

void run_plain(Instance& instance, Peer& peer, std::string_view first_bytes) {
    std::string line;
    const auto take = [&](char c) {
        if (c != '\n') {
            if (line.size() <= kMaxPlainLine) line += c; // one more than allowed marks it as too long
            return;
        }
        if (line.size() > kMaxPlainLine)
            peer.write(
                fmt::format("error: a line of more than {} characters; nothing was done\n", kMaxPlainLine));
        else
            peer.write(run_command(instance, line).text);
        line.clear();
    };
    for (const char c : first_bytes) take(c);
    char bytes[4096];
    while (const std::size_t got = peer.read(bytes, sizeof bytes))
        for (const char c : std::string_view(bytes, got)) take(c);
    if (!line.empty()) take('\n');
}

} // namespace

void serve_console(Instance& instance, int fd, const Wake& stop) {
    Peer peer(fd, stop);
    Terminal terminal(instance, peer); // shows the prompt
    char bytes[256];
    const std::size_t got = peer.read(bytes, sizeof bytes);
    const std::string_view first(bytes, got);
    if (first.empty()) return;
    if (first.front() != kPlainMark) {
        terminal.run(first);
        return;
    }
    peer.write(std::string_view(&kPlainMark, 1));
    run_plain(instance, peer, first.substr(1));
}

} // namespace dpdkbond
