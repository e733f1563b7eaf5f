// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <cmdline.h>
#include <cmdline_parse.h>

#include "ops/console_commands.hpp"
#include "ops/console_grammar.hpp"
#include "ops/console_peer.hpp"
#include "ops/line_history.hpp"

namespace dpdkbond {

// librte_cmdline is given one instruction whose words are made when it asks for them: run_command() knows the
// commands, their words and values and says better what is wrong. To run a line, its first word takes the
// whole line; to complete one, each word is taken alone and the words before it decide what may follow.
class Terminal {
public:
    Terminal(Instance& instance, LineHistory& history, Peer& peer, bool own);
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal();
    void run(std::string_view first_bytes);

private:
    static void instruction(void* result_or_token, cmdline* cl, void* slot) noexcept;
    static int parse(cmdline_parse_token_hdr_t*, const char* text, void* result, unsigned room) noexcept;
    static int choices(cmdline_parse_token_hdr_t*) noexcept;
    static int choice(cmdline_parse_token_hdr_t*, int index, char* to, unsigned room) noexcept;
    static int help(cmdline_parse_token_hdr_t*, char* to, unsigned room) noexcept;

    cmdline_parse_token_hdr_t* token(std::size_t index) noexcept;
    void run_line() noexcept;
    void answer(std::string_view line);
    [[nodiscard]] const char* prompt() const;
    void pass_echo();
    void recall();
    bool feed(std::string_view bytes); // false: the peer left
    bool key(char c);                  // … before librte_cmdline gets it; false: it shall not
    bool line_editor(std::string_view keys);

    static thread_local Terminal* self; // the callbacks carry nothing of ours; a session has one thread
    Instance& instance_;
    LineHistory& history_;
    Peer& peer_;
    Dialogue dialogue_;
    bool left_ = false;
    bool recalling_ = false;
    bool typed_ = false; // something stands on the line, or has stood there
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

} // namespace dpdkbond
