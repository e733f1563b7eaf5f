// SPDX-License-Identifier: BSD-3-Clause
#include "base/saved.hpp"

#include <algorithm>

namespace dpdkbond {

namespace {

constexpr std::size_t kDeepest = 16;

// What has a meaning of its own in the text stands as %XX.
std::string escaped(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const char c : text) {
        const auto u = static_cast<unsigned char>(c);
        if (u >= 0x20 && c != '%' && c != '{' && c != '}') {
            out += c;
            continue;
        }
        out += {'%', digits[u >> 4U], digits[u & 15U]};
    }
    return out;
}

std::optional<std::string> unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        unsigned value = 0;
        const char* begin = text.data() + i + 1;
        if (text.size() - i < 3) return std::nullopt;
        const auto [end, error] = std::from_chars(begin, begin + 2, value, 16);
        if (error != std::errc{} || end != begin + 2) return std::nullopt;
        out += static_cast<char>(value);
        i += 2;
    }
    return out;
}

} // namespace

std::optional<std::string_view> Saved::text(std::string_view key) const {
    for (const auto& [name, value] : values_)
        if (name == key) return value;
    return std::nullopt;
}

Mac Saved::mac(std::string_view key) const {
    const auto value = text(key);
    return value ? Mac::parse(std::string(*value)).value_or(Mac{}) : Mac{};
}

const Saved* Saved::find(std::string_view kind, std::string_view label) const {
    for (const Saved& s : sections_)
        if (s.kind_ == kind && s.label_ == label) return &s;
    return nullptr;
}

void Saved::write(std::string& out, unsigned depth) const {
    const std::string indent(2 * depth, ' ');
    for (const auto& [key, value] : values_) out += indent + key + ' ' + escaped(value) + '\n';
    for (const Saved& s : sections_) {
        out += indent + s.kind_ + ' ' + escaped(s.label_) + (s.label_.empty() ? "{\n" : " {\n");
        s.write(out, depth + 1);
        out += indent + "}\n";
    }
}

std::string Saved::to_text() const {
    std::string out;
    write(out, 0);
    return out;
}

std::optional<Saved> Saved::parse(std::string_view text) {
    Saved root;
    std::vector<Saved> open; // the sections that the line is in, but for the root
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) return std::nullopt; // cut short
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        if (line == "}") {
            if (open.empty()) return std::nullopt;
            Saved done = std::move(open.back());
            open.pop_back();
            (open.empty() ? root : open.back()).sections_.push_back(std::move(done));
            continue;
        }
        const bool opens = line.ends_with('{');
        if (opens) line.remove_suffix(1);
        const std::size_t space = line.find(' ');
        if (space == 0 || space == std::string_view::npos) return std::nullopt;
        const std::string_view key = line.substr(0, space);
        std::string_view rest = line.substr(space + 1);
        if (opens && rest.ends_with(' ')) rest.remove_suffix(1);
        const auto value = unescaped(rest);
        if (!value || (opens && open.size() == kDeepest)) return std::nullopt;
        if (opens)
            open.emplace_back(key, *value);
        else
            (open.empty() ? root : open.back()).put(key, std::string_view(*value));
    }
    if (!open.empty()) return std::nullopt;
    return root;
}

} // namespace dpdkbond
