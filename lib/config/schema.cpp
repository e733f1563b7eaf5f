// SPDX-License-Identifier: BSD-3-Clause
#include "config/schema.hpp"

#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "config/keys.hpp"

namespace dpdkbond {

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>; // key and JSON

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string json_object(const Pairs& pairs) {
    std::string out;
    for (const auto& [key, value] : pairs)
        out += (out.empty() ? "" : ",\n") + json_string(key) + ": " + value;
    return "{" + out + "}";
}

std::string json_list(const std::vector<std::string>& items) {
    std::string out;
    for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
    return "[" + out + "]";
}

std::string any_of(const std::vector<std::string>& schemas) {
    return schemas.size() == 1 ? schemas[0] : json_object({{"anyOf", json_list(schemas)}});
}

std::string text_like(std::string_view pattern) {
    return json_object({{"type", json_string("string")}, {"pattern", json_string(pattern)}});
}

// YAML leaves it open whether a number stands between quotes.
std::string whole_number(std::int64_t least, std::int64_t most) {
    return any_of({json_object({{"type", json_string("integer")},
                                {"minimum", std::to_string(least)},
                                {"maximum", std::to_string(most)}}),
                   text_like("^-?[0-9]+$")});
}

std::string list_of(const std::string& items) {
    return json_object({{"type", json_list({json_string("array"), json_string("null")})}, {"items", items}});
}

constexpr std::string_view kText = R"({"type": ["string", "number", "boolean"]})";
constexpr std::string_view kIpv4 = "^[0-9]{1,3}(\\.[0-9]{1,3}){3}$";
constexpr std::string_view kIpv6 = "^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*$";
constexpr std::string_view kPrefix = "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$";
constexpr std::string_view kMac = "^([0-9A-Fa-f]{1,2}[:-]){5}[0-9A-Fa-f]{1,2}$";
constexpr std::string_view kUnicastMac = "^[0-9A-Fa-f]?[02468aceACE]([:-][0-9A-Fa-f]{1,2}){5}$";
constexpr std::string_view kName = "[A-Za-z0-9._@~+-]";

std::optional<std::int64_t> number_in(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// "0-1023", "32-1048576 MB".
std::optional<std::string> range_in(std::string_view text) {
    text = text.substr(0, text.find(' '));
    const std::size_t dash = text.find('-', 1);
    if (dash == std::string_view::npos) return std::nullopt;
    const auto least = number_in(text.substr(0, dash)), most = number_in(text.substr(dash + 1));
    if (!least || !most) return std::nullopt;
    return whole_number(*least, *most);
}

std::string mode_schema() {
    std::vector<std::string> names;
    for (const ModeDef& mode : mode_table()) {
        const std::string number = std::to_string(static_cast<unsigned>(mode.mode));
        names.insert(names.end(), {json_string(mode.name), number, json_string(number)});
    }
    return json_object({{"enum", json_list(names)}});
}

// What the table's words for the values of a key say: ranges, words, lists of them, and some phrases.
std::string values_schema(std::string_view values) {
    if (values == "a mode's name or number") return mode_schema();
    if (values == "a section") return "{}"; // put in by its name
    if (values.starts_with("a list of up to ") || values.starts_with("a list, up to ")) return "{}";
    if (values == "a list of ADDRESS/LENGTH") return list_of(text_like(kPrefix));
    if (values == "a list of arguments") return list_of(std::string(kText));
    if (values.starts_with("a list of ")) return list_of(values_schema(values.substr(10)));
    if (values == "a unicast MAC address") return text_like(kUnicastMac);
    if (values == "an IPv4 address") return text_like(kIpv4);
    if (values == "ADDRESS:PORT, or empty")
        return any_of(
            {text_like("^((localhost|[0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5})?$"), R"({"type": "null"})"});
    if (values == "a group of this machine, or empty") return R"({"type": ["string", "null", "integer"]})";
    if (values == "DPDK devargs") return R"({"type": ["string", "null"]})";
    if (values == "a PCI address or vdev devargs") return R"({"type": "string", "minLength": 1})";
    if (values.starts_with("MEMBER: ")) {
        const std::string_view of = values.substr(8);
        std::string value = of == "ADDRESS"          ? text_like(kIpv4)
                            : of == "MAC"            ? text_like(kMac)
                            : of == "ADDRESS/LENGTH" ? text_like(kPrefix)
                                                     : values_schema(of);
        return json_object({{"type", json_list({json_string("object"), json_string("null")})},
                            {"additionalProperties", value}});
    }
    if (values.ends_with(" letters, digits and . _ - + @ ~")) { // "1 to 15 letters …"
        const std::string_view most = values.substr(5, values.find(' ', 5) - 5);
        return any_of({text_like("^" + std::string(kName) + "{1," + std::string(most) + "}$"),
                       R"({"type": "integer"})"});
    }
    if (values.starts_with("1 to 64 printable characters"))
        return any_of({text_like("^[^\\s/%]{1,64}$"), R"({"type": "integer"})"});
    std::vector<std::string> schemas, words;
    std::string_view rest = values;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(", "), rest.size());
        const std::string_view part = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 2, rest.size()));
        if (auto range = range_in(part)) {
            schemas.push_back(std::move(*range));
        } else if (part == "netdev:NAME") {
            schemas.push_back(text_like("^netdev:."));
        } else {
            words.push_back(json_string(part));
            if (part == "true" || part == "false") words.emplace_back(part);
            if (part == "off") words.insert(words.end(), {"false", json_string("false")}); // as in YAML 1.1
        }
    }
    if (!words.empty()) schemas.push_back(json_object({{"enum", json_list(words)}}));
    return any_of(schemas);
}

std::string option_schema(const OptionDef& def) {
    switch (def.kind) {
    case ValueKind::number: return whole_number(def.min, def.max);
    case ValueKind::mac: return text_like(kMac);
    case ValueKind::member: return R"({"type": ["string", "integer"]})";
    case ValueKind::ipv4_list:
    case ValueKind::ipv6_list: {
        const std::string one = text_like(def.kind == ValueKind::ipv4_list ? kIpv4 : kIpv6);
        return any_of(
            {json_object(
                 {{"type", json_string("array")}, {"items", one}, {"maxItems", std::to_string(def.max)}}),
             R"({"type": "string"})"});
    }
    case ValueKind::choice: break;
    }
    std::vector<std::string> values;
    bool is_switch = false;
    for (const Choice& choice : def.choices) {
        const std::string number = std::to_string(choice.number);
        values.insert(values.end(), {json_string(choice.name), number, json_string(number)});
        is_switch |= choice.name == "on" || choice.name == "off";
    }
    if (is_switch)
        for (const char* word : {"true", "false", "\"true\"", "\"false\"", "\"yes\"", "\"no\""})
            values.emplace_back(word);
    return json_object({{"enum", json_list(values)}});
}

std::string described(const std::string& schema, std::string_view help) {
    return json_object({{"description", json_string(help)}, {"allOf", json_list({schema})}});
}

std::string section(const Pairs& properties, const std::vector<std::string>& required,
                    const std::vector<std::string>& rules = {}) {
    Pairs all{{"type", json_list({json_string("object"), json_string("null")})},
              {"additionalProperties", "false"},
              {"properties", json_object(properties)}};
    if (!required.empty()) all.emplace_back("required", json_list(required));
    if (!rules.empty()) all.emplace_back("allOf", json_list(rules));
    return json_object(all);
}

void add_keys(Pairs& to, std::vector<std::string>& required, std::span<const SectionKey> keys,
              const Pairs& subsections) {
    for (const SectionKey& key : keys) {
        if (key.name.find('.') != std::string_view::npos) continue;
        std::string schema = values_schema(key.values);
        for (const auto& [name, sub] : subsections)
            if (name == key.name) schema = sub;
        to.emplace_back(key.name, described(schema, key.help));
        if (key.default_text.empty()) required.push_back(json_string(key.name));
    }
}

void add_options(Pairs& to, bool of_member) {
    for (const OptionDef& def : option_table()) {
        if (def.of_member != of_member) continue;
        const std::string schema = described(option_schema(def), def.help);
        to.emplace_back(def.name, schema);
        for (const std::string_view alias : def.aliases) to.emplace_back(alias, schema);
    }
}

// A key that stands there asks for one of these modes.
std::string needs_mode(std::string_view key, const std::vector<const ModeDef*>& modes) {
    std::vector<std::string> names;
    bool by_default = false; // balance-rr, where no mode is given
    for (const ModeDef* mode : modes) {
        const std::string number = std::to_string(static_cast<unsigned>(mode->mode));
        names.insert(names.end(), {json_string(mode->name), number, json_string(number)});
        by_default |= mode->mode == Mode::balance_rr;
    }
    Pairs rule{{"properties", json_object({{"mode", json_object({{"enum", json_list(names)}})}})}};
    if (!by_default) rule.emplace_back("required", json_list({json_string("mode")}));
    return json_object(
        {{"if", json_object({{"type", json_string("object")}, {"required", json_list({json_string(key)})}})},
         {"then", json_object(rule)}});
}

std::vector<std::string> mode_rules() {
    std::vector<std::string> rules;
    for (const OptionDef& def : option_table()) {
        if (def.of_member || def.taken_by.has(Trait::any)) continue;
        std::vector<const ModeDef*> modes;
        for (const ModeDef& mode : mode_table())
            if (mode.has_one_of(def.taken_by)) modes.push_back(&mode);
        rules.push_back(needs_mode(def.name, modes));
        for (const std::string_view alias : def.aliases) rules.push_back(needs_mode(alias, modes));
    }
    for (const ModeSection* s : mode_sections()) rules.push_back(needs_mode(s->name, {&mode_of(*s)}));
    // Linux has one way of monitoring or the other; delays count in steps of miimon.
    const auto above_zero = [](std::string_view key) {
        return json_object(
            {{"type", json_string("object")},
             {"required", json_list({json_string(key)})},
             {"properties", json_object({{std::string(key), R"({"not": {"enum": [0, "0"]}})"}})}});
    };
    rules.push_back(json_object(
        {{"not", json_object({{"allOf", json_list({above_zero("miimon"), above_zero("arp_interval")})}})}}));
    for (const char* delay : {"updelay", "downdelay"})
        rules.push_back(json_object(
            {{"if", above_zero(delay)},
             {"then",
              R"({"not": {"required": ["miimon"], "properties": {"miimon": {"enum": [0, "0"]}}}})"}}));
    return rules;
}

std::string of_mode(const ModeSection& s) {
    Pairs properties, nested;
    std::vector<std::string> required, nested_required;
    std::string list;
    for (const SectionKey& key : s.keys) {
        const std::size_t mark = key.name.find("[].");
        if (mark == std::string_view::npos) continue;
        list = key.name.substr(0, mark);
        nested.emplace_back(key.name.substr(mark + 3), described(values_schema(key.values), key.help));
        if (key.default_text.empty()) nested_required.push_back(json_string(key.name.substr(mark + 3)));
    }
    add_keys(properties, required, s.keys, {{list, list_of(section(nested, nested_required))}});
    return section(properties, required);
}

std::string pretty(const std::string& json) {
    std::string out, indent = "\n";
    bool in_text = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (c == '"' && (i == 0 || json[i - 1] != '\\' || (i > 1 && json[i - 2] == '\\'))) in_text = !in_text;
        if (in_text) {
            out += c;
            continue;
        }
        if (c == '\n') continue;
        if (c == '{' && json[i + 1] != '}') indent += "  ";
        if (c == '}' && json[i - 1] != '{') indent.resize(indent.size() - 2), out += indent;
        out += c;
        if (c == '{' && json[i + 1] != '}') out += indent;
        if (c == ',' && json[i + 1] == '\n') out += indent;
    }
    return out + "\n";
}

} // namespace

std::string config_schema() {
    Pairs runtime, bond, logical, member;
    std::vector<std::string> none, bond_needs, member_needs;
    add_keys(runtime, none, keys_of(Section::runtime), {});
    add_keys(logical, none, keys_of(Section::logical), {});
    add_keys(member, member_needs, keys_of(Section::member), {});
    add_options(member, true);
    add_keys(bond, bond_needs, keys_of(Section::bond),
             {{"logical", section(logical, {})}, {"members", list_of(section(member, member_needs))}});
    for (const ModeSection* s : mode_sections()) bond.emplace_back(s->name, of_mode(*s));
    add_options(bond, false);
    const std::string bonds = json_object({{"type", json_string("array")},
                                           {"minItems", "1"},
                                           {"items", section(bond, bond_needs, mode_rules())}});
    const std::string root =
        json_object({{"type", json_string("object")},
                     {"additionalProperties", "false"},
                     {"properties", json_object({{"runtime", section(runtime, {})}, {"bonds", bonds}})},
                     {"required", R"(["bonds"])"}});
    return pretty(json_object(
        {{"$schema", json_string("http://json-schema.org/draft-07/schema#")},
         {"title", json_string("dpdk-bond.yaml")},
         {"description",
          json_string(
              "The configuration of dpdk-bond. dpdk-bond -c FILE --check judges what a schema cannot.")},
         {"allOf", json_list({root})}}));
}

} // namespace dpdkbond
