// SPDX-License-Identifier: BSD-3-Clause
// What `show bond NAME config` prints is a file that makes the same bond.
#include <catch2/catch.hpp>

#include <random>

#include "config/dump.hpp"
#include "config/load.hpp"
#include "config/yaml_json.hpp"

using namespace dpdkbond;

namespace {

class Chance {
public:
    explicit Chance(unsigned seed) : engine_(seed) {}
    unsigned upto(unsigned n) { return static_cast<unsigned>(engine_() % (n + 1)); }
    template <class List> auto one(const List& list) {
        return list[upto(static_cast<unsigned>(list.size()) - 1)];
    }

private:
    std::mt19937 engine_;
};

// A value of the option, as a user might write it.
std::string value_of(const OptionDef& def, Chance& chance) {
    switch (def.kind) {
    case ValueKind::choice: return std::string(chance.one(def.choices).name);
    case ValueKind::member: return chance.upto(1) != 0 ? "m0" : "m1";
    case ValueKind::ipv4_list: return chance.upto(1) != 0 ? "192.0.2.1" : "192.0.2.1,198.51.100.7";
    case ValueKind::ipv6_list: return chance.upto(1) != 0 ? "2001:db8::" : "fe80::1,2001:db8::";
    default: return std::to_string(chance.upto(3) == 0 ? chance.upto(60000) : chance.upto(250));
    }
}

std::string file(Chance& chance) {
    const ModeDef& mode = chance.one(mode_table());
    std::string text = "runtime: {idle: busy, memory_mb: 300, eal_args: [\"--log-level=8\"]}\nbonds:\n  - "
                       "name: bond0\n    mode: " +
                       std::string(mode.name) + "\n";
    for (const OptionDef& def : option_table())
        if (!def.of_member && chance.upto(11) == 0)
            text += "    " + std::string(def.name) + ": [" + value_of(def, chance) + "]\n";
    text += "    logical: {mtu: " + std::to_string(68 + chance.upto(9000)) +
            ", addresses: [\"2001:db8::/64\", 192.0.2.1/24]}\n    members:\n";
    for (unsigned i = 0; i < 2; ++i) {
        text +=
            "      - device: \"net_af_packet" + std::to_string(i) + ",iface=m" + std::to_string(i) + "\"\n";
        for (const OptionDef& def : option_table())
            if (def.of_member && chance.upto(3) == 0)
                text += "        " + std::string(def.name) + ": " + value_of(def, chance) + "\n";
    }
    return text;
}

// A list of one is no list for an option that takes none.
std::string without_brackets(std::string text) {
    for (const OptionDef& def : option_table()) {
        if (def.kind == ValueKind::ipv4_list || def.kind == ValueKind::ipv6_list) continue;
        const std::string key = "    " + std::string(def.name) + ": [";
        const std::size_t at = text.find("\n" + key);
        if (at == std::string::npos) continue;
        const std::size_t open = at + key.size();
        text.erase(text.find(']', open), 1);
        text.erase(open, 1);
    }
    return text;
}

} // namespace

TEST_CASE("D24: a configuration that is shown is read back as the same") {
    unsigned compared = 0;
    for (unsigned seed = 0; seed < 3000; ++seed) {
        Chance chance(seed);
        const LoadedConfig first = parse_config(without_brackets(file(chance)));
        if (!first.problems.empty()) continue; // options that contradict one another
        ++compared;
        const BondConfig& bond = first.config.bonds.at(0);
        const std::string text = dump_runtime(first.config.runtime) + dump_bond(bond);
        const LoadedConfig second = parse_config(text);
        INFO(text);
        for (const ConfigProblem& p : second.problems) FAIL(p.key << ": " << p.message);
        CHECK(second.config.runtime == first.config.runtime);
        const BondConfig& again = second.config.bonds.at(0);
        CHECK(again.mode == bond.mode);
        CHECK(again.options == bond.options);
        CHECK(again.logical == bond.logical);
        REQUIRE(again.members.size() == bond.members.size());
        for (std::size_t i = 0; i < bond.members.size(); ++i) {
            CHECK(again.members[i].options == bond.members[i].options);
            CHECK(again.members[i].device == bond.members[i].device);
            CHECK(again.members[i].name == bond.members[i].name);
        }
        CHECK(dump_bond(again) == dump_bond(bond));
    }
    CHECK(compared > 100);
}

TEST_CASE("D24: an address that ends in colons is shown so that it can be read") {
    BondConfig bond;
    bond.name = "bond0";
    bond.mode = Mode::active_backup;
    bond.options.ns_ip6_target.push_back(*Ipv6::parse("2001:db8::"));
    CHECK_THAT(dump_bond(bond), Catch::Contains("ns_ip6_target: [\"2001:db8::\"]\n"));
}

TEST_CASE("numbers are shown as numbers", "[operator]") {
    BondConfig bond;
    bond.name = "bond0";
    bond.mode = Mode::active_backup;
    bond.options.miimon = 50;
    bond.options.primary = "7"; // a name all the same
    CHECK_THAT(dump_bond(bond),
               Catch::Contains("    miimon: 50\n") && Catch::Contains("    primary: \"7\"\n"));
}

TEST_CASE("YAML becomes JSON with the same values") {
    CHECK(yaml_as_json("a: 1\nb: [x, \"2\", true, -7, 010]\nc: {}\nd:\n  - e: \"q\\\"\\\\\"\nf:\n").value() ==
          "{\n  \"a\": 1,\n  \"b\": [\n    \"x\",\n    \"2\",\n    true,\n    -7,\n    \"010\"\n  ],\n  "
          "\"c\": {},\n"
          "  \"d\": [\n    {\n      \"e\": \"q\\\"\\\\\"\n    }\n  ],\n  \"f\": null\n}\n");
    CHECK_FALSE(yaml_as_json("a: [").ok());
}
