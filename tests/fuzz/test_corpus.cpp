// SPDX-License-Identifier: BSD-3-Clause
// Replays the committed corpora, and every file cut short at every length, without a fuzzer.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz_targets.hpp"

using namespace dpdkbond;

namespace {

std::size_t replay(const std::string& name, void (*target)(Bytes), bool cut) {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(FUZZ_CORPUS) / name)) {
        std::ifstream in(entry.path(), std::ios::binary);
        const std::vector<char> chars{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
        const std::vector<std::uint8_t> bytes(chars.begin(), chars.end());
        INFO(entry.path().string());
        target(bytes);
        for (std::size_t size = 0; cut && size < bytes.size(); ++size) {
            const std::vector<std::uint8_t> exact(bytes.begin(),
                                                  bytes.begin() + static_cast<std::ptrdiff_t>(size));
            target(exact); // a buffer of its own, so that a sanitizer sees a read behind its end
        }
        ++files;
    }
    return files;
}

} // namespace

TEST_CASE("the decoders take every frame of the corpus, whole and cut") {
    CHECK(replay("lacp_pdu", fuzz::pdu, true) >= 8);
}

TEST_CASE("the loader takes every file of the corpus, whole and cut") {
    CHECK(replay("yaml_config", fuzz::yaml_config, true) >= 8);
}

TEST_CASE("a bond keeps its rules over every event stream of the corpus") {
    CHECK(replay("bond_events", fuzz::bond_events, true) >= 8);
}

TEST_CASE("balance-alb's table keeps its rules over every event stream of the corpus [D2]", "[D2]") {
    CHECK(replay("rlb_events", fuzz::rlb_events, true) >= 4);
}

TEST_CASE("headers of long frames are read, and segments merged, by their rules over the corpus", "[merge]") {
    CHECK(replay("long_frames", fuzz::long_frames, true) >= 8);
}

TEST_CASE("the console takes every line of the corpus, whole and cut") {
    CHECK(replay("console_line", fuzz::console_line, true) >= 8);
}

TEST_CASE("the engine keeps its rules over every event stream of the corpus") {
    CHECK(replay("lacp_events", fuzz::lacp_events, false) >= 8);
}
