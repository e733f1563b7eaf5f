// SPDX-License-Identifier: BSD-3-Clause
#include "config/yaml_json.hpp"

#include <charconv>
#include <string_view>

#include <yaml-cpp/yaml.h>

namespace dpdkbond {

namespace {

std::string json_text(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20) {
            out += "\\u00";
            out += kDigits[static_cast<unsigned char>(c) >> 4U];
            out += kDigits[static_cast<unsigned char>(c) & 0xfU];
            continue;
        }
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

// "010" is none: JSON does not know it, and as an address or a MAC it would lose what it says.
bool is_number(std::string_view text) {
    long long value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && std::to_string(value) == text;
}

std::string json_scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    const bool plain = node.Tag() == "?"; // else it stands in quotes
    return plain && (is_number(text) || text == "true" || text == "false") ? text : json_text(text);
}

std::string json_of(const YAML::Node& node, const std::string& indent) {
    if (!node.IsDefined() || node.IsNull()) return "null";
    if (node.IsScalar()) return json_scalar(node);
    const std::string deeper = indent + "  ";
    std::string out;
    for (const auto& entry : node) {
        out += (out.empty() ? "\n" : ",\n") + deeper;
        out += node.IsMap() ? json_text(entry.first.Scalar()) + ": " + json_of(entry.second, deeper)
                            : json_of(entry, deeper);
    }
    if (!out.empty()) out += "\n" + indent;
    return (node.IsMap() ? "{" : "[") + out + (node.IsMap() ? "}" : "]");
}

} // namespace

Result<std::string> yaml_as_json(const std::string& yaml) {
    try {
        return json_of(YAML::Load(yaml), "") + "\n";
    } catch (const YAML::Exception& problem) {
        return Error{problem.what()};
    }
}

} // namespace dpdkbond
