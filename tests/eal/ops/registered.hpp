// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdio>
#include <string>
#include <utility>

#include <unistd.h>

#include "fake_instance.hpp"
#include "ops/telemetry.hpp"

namespace dpdkbond::test {

struct Registered { // an instance with bond0 that telemetry knows while this lives
    FakeInstance instance;
    Registered() {
        instance.bonds.push_back(make_bond(Mode::active_backup));
        REQUIRE(register_telemetry(instance));
    }
    ~Registered() { forget_telemetry(); }
    BondView& bond0() { return instance.bonds.front(); }
};

// What the function prints to stdout, and its exit code.
template <class Run> std::pair<int, std::string> printed(Run run) {
    std::FILE* file = std::tmpfile();
    std::fflush(stdout);
    const int saved = ::dup(1);
    ::dup2(::fileno(file), 1);
    const int code = run();
    std::fflush(stdout);
    ::dup2(saved, 1);
    ::close(saved);
    std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
    std::rewind(file);
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    return {code, text};
}

} // namespace dpdkbond::test
