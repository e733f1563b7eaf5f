// SPDX-License-Identifier: BSD-3-Clause
// The hashes against what Linux's bonding driver chose (linux_hash_vectors.txt tells how it was recorded).
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "flow/fast_mod.hpp"
#include "flow/hash.hpp"
#include "flow_frames.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;

namespace {

struct Vector {
    std::string name;
    Frame frame;
    std::string members[6]; // in the order of kPolicies: "i/j/k" or "-"
};

std::vector<Vector> read_vectors() {
    std::ifstream file(LINUX_HASH_VECTORS);
    REQUIRE(file.is_open());
    std::vector<Vector> vectors;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with('#')) continue;
        std::istringstream fields(line);
        Vector v;
        std::string hex;
        fields >> v.name >> hex;
        v.frame = from_hex(hex);
        for (auto& members : v.members) fields >> members;
        REQUIRE(!fields.fail());
        vectors.push_back(std::move(v));
    }
    return vectors;
}

std::string members_of(std::uint32_t hash) {
    const auto member = [hash](std::uint32_t count) { return std::to_string(FastMod(count)(hash)); };
    return member(3) + "/" + member(5) + "/" + member(7);
}

} // namespace

TEST_CASE("every frame leaves by the member that Linux chose, under every policy", "[linux]") {
    const auto vectors = read_vectors();
    REQUIRE(vectors.size() > 400);
    std::map<HashPolicy, int> compared;
    for (const Vector& v : vectors) {
        const auto len = static_cast<std::uint32_t>(v.frame.size());
        for (std::size_t i = 0; i < 6; ++i) {
            const HashPolicy policy = kPolicies[i];
            const std::uint32_t hash = flow_hash(policy, v.frame.data(), len);
            INFO(v.name << ", policy " << static_cast<int>(policy));
            CHECK(hash == flow_hash_slow(policy, v.frame.data(), len));
            if (v.members[i] == "-") continue;
            CHECK(members_of(hash) == v.members[i]);
            ++compared[policy];
        }
    }
    for (const HashPolicy policy : kPolicies) CHECK(compared[policy] > 350);
}
