// SPDX-License-Identifier: BSD-3-Clause
#include "ops/console_terminal.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "ops/console_session.hpp"

namespace dpdkbond {

namespace {

constexpr std::size_t kMaxTerminalLine =
    500; // rdline drops what does not fit its 512 bytes: cut lines are not run
constexpr unsigned kMaxWords = 16;
constexpr std::string_view kStopPrompt = "Stop it? yes or no: "; // rdline keeps 31 bytes

} // namespace

thread_local Terminal* Terminal::self = nullptr;

Terminal::Terminal(Instance& instance, LineHistory& history, Peer& peer, bool own)
    : instance_(instance), history_(history), peer_(peer), dialogue_{own, true},
      storage_(new unsigned char[sizeof(cmdline_parse_inst_t) + sizeof(void*)]()) {
    self = this;
    inst_ = new (storage_.get()) cmdline_parse_inst_t;
    inst_->f = instruction;
    inst_->help_str = "";
    inst_->tokens[0] = nullptr; // "ask f for the words"
    context_[0] = inst_;
    context_[1] = nullptr;
    if (::pipe2(echo_, O_CLOEXEC | O_NONBLOCK) == 0)
        cl_ = cmdline_new(context_, kPrompt.data(), -1, echo_[1]);
    if (cl_ == nullptr) peer_.write(fmt::format("{}no memory for another console\n", kRefusal));
    pass_echo();
    recall();
}

// The line editor takes no history but by its keys: the lines are typed once more, and neither run nor shown.
void Terminal::recall() {
    if (cl_ == nullptr) return;
    recalling_ = true;
    for (const std::string& line : history_.lines()) {
        for (const char c : line + '\n')
            if (static_cast<unsigned char>(c) >= ' ' || c == '\n') (void)cmdline_in(cl_, &c, 1);
        char shown[4096];
        while (::read(echo_[0], shown, sizeof shown) > 0) {
        }
    }
    recalling_ = false;
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

// The next five are called through librte_cmdline, which is C: nothing may be thrown through it.
void Terminal::instruction(void* result_or_token, cmdline* cl, void* slot) noexcept {
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

cmdline_parse_token_hdr_t* Terminal::token(std::size_t index) noexcept {
    if (index == 0) whole_ = false;
    if (whole_ || index >= kMaxWords) return nullptr;
    while (words_.size() > index) words_.pop_back();
    return &token_;
}

int Terminal::parse(cmdline_parse_token_hdr_t*, const char* text, void* result, unsigned) noexcept try {
    const char* end = text;
    if (result != nullptr) {
        end += std::strcspn(end, "\r\n");
        self->line_.assign(text, end);
        self->whole_ = true;
        return static_cast<int>(end - text);
    }
    while (cmdline_isendoftoken(*end) == 0) ++end;
    self->words_.emplace_back(text, end);
    if (end == text || !complete_command(self->instance_, self->words_).possible) return -1;
    return static_cast<int>(end - text);
} catch (const std::exception&) {
    return -1;
}

int Terminal::choices(cmdline_parse_token_hdr_t*) noexcept try {
    self->completion_ = complete_command(self->instance_, self->words_);
    const Completion& c = self->completion_;
    if (c.suggestions.empty()) self->inst_->help_str = c.wanted.empty() ? "" : c.wanted_help.c_str();
    return static_cast<int>(c.suggestions.size());
} catch (const std::exception&) {
    return 0;
}

int Terminal::choice(cmdline_parse_token_hdr_t*, int index, char* to, unsigned room) noexcept try {
    const Suggestion& s = self->completion_.suggestions[static_cast<std::size_t>(index)];
    if (s.word.size() + 2 > room) return -1; // completing half a name would be wrong
    std::memcpy(to, s.word.c_str(), s.word.size() + 1);
    self->help_text_ = s.help;
    self->inst_->help_str = self->help_text_.c_str();
    return 0;
} catch (const std::exception&) {
    return -1;
}

int Terminal::help(cmdline_parse_token_hdr_t*, char* to, unsigned room) noexcept {
    const Completion& c = self->completion_;
    const char* kind = c.wanted.empty() ? (c.complete ? "RETURN" : "word") : c.wanted.c_str();
    std::snprintf(to, room, "%s", kind);
    return 0;
}

void Terminal::run_line() noexcept try {
    if (recalling_) return;
    pass_echo();
    if (line_.size() >= kMaxTerminalLine)
        peer_.write(fmt::format("{}a line of more than {} characters; nothing was done\n", kRefusal,
                                kMaxTerminalLine));
    else {
        if (!dialogue_.stop_asked) history_.add(line_);
        answer(line_);
    }
} catch (const std::exception&) {
    left_ = true; // no memory even for a message
}

void Terminal::answer(std::string_view line) {
    const Reply reply = run_command(instance_, dialogue_, line);
    peer_.write(reply.text);
    left_ = reply.leave;
    cmdline_set_prompt(cl_, prompt());
}

const char* Terminal::prompt() const { return (dialogue_.stop_asked ? kStopPrompt : kPrompt).data(); }

bool Terminal::line_editor(std::string_view keys) {
    for (const char c : keys) {
        const bool over = cmdline_in(cl_, &c, 1) < 0;
        pass_echo();
        if (over || left_ || peer_.gone()) return false;
    }
    return true;
}

// Ctrl-C drops what was typed. On an empty line it says how to leave; where leaving is stopping, it asks.
// Ctrl-U drops what was typed too. Ctrl-D on an empty line leaves, and stops nothing.
bool Terminal::key(char c) {
    constexpr char kCtrlC = 3, kCtrlU = 21;
    const bool empty = !typed_;
    if (c == kCtrlC || c == '\r' || c == '\n')
        typed_ = false;
    else if (c == kCtrlU)
        return line_editor("\x01\x0b");
    else
        typed_ = true;
    if (dialogue_.stop_asked && (c == kCtrlC || (empty && !typed_))) {
        peer_.write("\r\n");
        answer("no");
    } else if (c == kCtrlC && empty) {
        peer_.write("\r\n");
        if (dialogue_.own)
            answer("shutdown");
        else
            peer_.write("quit or Ctrl-D leaves this console\n");
    } else {
        return line_editor({&c, 1});
    }
    return line_editor("\x01\x0b\n"); // an empty line brings the prompt
}

bool Terminal::feed(std::string_view bytes) {
    return std::ranges::all_of(bytes, [&](char c) { return key(c); });
}

void Terminal::run(std::string_view first_bytes) {
    if (cl_ == nullptr) return;
    bool more = feed(first_bytes);
    char bytes[256];
    while (more) {
        const std::size_t got = peer_.read(bytes, sizeof bytes);
        if (got == 0) break;
        more = feed({bytes, got});
    }
    if (dialogue_.own && !left_)
        peer_.write(
            "\r\nThe console is closed and dpdk-bond runs on: `dpdk-bond console` opens another, Ctrl-C "
            "stops it.\n");
}

} // namespace dpdkbond
