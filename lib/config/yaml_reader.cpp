// SPDX-License-Identifier: BSD-3-Clause
#include "config/yaml_reader.hpp"

#include <algorithm>
#include <charconv>

#include "config/spellings.hpp"

namespace dpdkbond {
namespace {

// A file of nothing but mistakes is told about up to here, and read a little further to know how it goes on.
constexpr std::size_t kMaxProblems = 200;
constexpr std::size_t kEnoughProblems = 1000;
// Aliases let a small file stand for a huge one. No real one has as many entries.
constexpr std::size_t kMaxEntries = 200'000;

std::string form_of(const YAML::Node& node) {
    switch (node.Type()) {
    case YAML::NodeType::Map: return "a mapping";
    case YAML::NodeType::Sequence: return "a list";
    case YAML::NodeType::Scalar: return in_quotes(node.Scalar());
    default: return "empty";
    }
}

std::string child(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
}

std::string unknown_key(const std::string& key, const std::vector<YamlReader::Key>& keys,
                        const YamlReader::Hint& hint) {
    if (key == "<<") return "merge keys are not taken; write the keys out";
    if (hint) {
        if (std::string text = hint(key); !text.empty()) return text;
    }
    const std::string near = likely_key(key, keys);
    if (!near.empty()) return "unknown key; did you mean " + near + "?";
    std::string list;
    for (const YamlReader::Key& one : keys) list += (list.empty() ? "" : ", ") + std::string(one.name);
    return "unknown key; " + (keys.size() > 12 ? "`dpdk-bond modes` lists the options" : "allowed: " + list);
}

// For a name of the file's own, which may hold anything.
std::string shown_child(const std::string& path, const std::string& name) {
    const std::string shown = in_quotes(name, 64);
    return child(path, std::string_view(shown).substr(1, shown.size() - 2));
}

} // namespace

std::string likely_key(const std::string& unknown, const std::vector<YamlReader::Key>& keys) {
    const std::string known_elsewhere = key_of_others(unknown);
    std::vector<std::string_view> names;
    for (const YamlReader::Key& one : keys) {
        names.push_back(one.name);
        if (one.name == known_elsewhere) return known_elsewhere;
    }
    return nearest_name(unknown, names);
}

void YamlReader::words_of(const YAML::Node& node, const std::string& path, std::string_view word,
                          std::string_view otherwise, const VisitWord& visit) {
    if (node.IsNull()) return;
    if (!node.IsMap()) {
        broken(path,
               form_of(node) + " is not a mapping; allowed: " + std::string(word) + ": VALUE, one a line");
        return;
    }
    for (const auto& entry : node) {
        if (!may_go_on()) return;
        const YAML::Mark mark = entry.first.Mark();
        if (entry.first.IsScalar())
            visit(entry.first.Scalar(), mark, entry.second);
        else
            problem_at(mark.line + 1, mark.column + 1, path, form_of(entry.first) + std::string(otherwise));
    }
}

void YamlReader::map(const YAML::Node& node, const std::string& path, const std::vector<Key>& keys,
                     const Hint& hint) {
    words_of(node, path, "KEY", " is not a key; a word is needed",
             [&](const std::string& name, const YAML::Mark& mark, const YAML::Node& value) {
                 const auto key = std::ranges::find(keys, name, &Key::name);
                 if (key == keys.end()) {
                     problem_at(mark.line + 1, mark.column + 1, shown_child(path, name),
                                unknown_key(name, keys, hint));
                     return;
                 }
                 const std::string key_path = child(path, key->path_name);
                 if (is_new_key(mark, key_path)) key->read(value, key_path);
             });
}

void YamlReader::entries(const YAML::Node& node, const std::string& path, const VisitEntry& visit) {
    words_of(node, path, "NAME", " is not a name",
             [&](const std::string& name, const YAML::Mark& mark, const YAML::Node& value) {
                 const std::string key_path = shown_child(path, name);
                 if (is_new_key(mark, key_path)) visit(name, value, key_path);
             });
}

bool YamlReader::is_new_key(const YAML::Mark& mark, const std::string& key_path) {
    const auto first = places_.find(key_path);
    if (first == places_.end()) {
        note_place(key_path, mark);
        return true;
    }
    problem_at(mark.line + 1, mark.column + 1, key_path,
               "is given twice, first in line " + std::to_string(first->second.line) + "; allowed: once");
    return false;
}

void YamlReader::list(const YAML::Node& node, const std::string& path, const Visit& visit) {
    if (!node.IsSequence()) {
        broken(path, form_of(node) + " is not a list; allowed: a list" +
                         (path == "bonds" ? " of one or more" : ", [] for none"));
        return;
    }
    std::size_t i = 0;
    for (const auto& item : node) {
        if (!may_go_on()) return;
        const std::string item_path = path + "[" + std::to_string(i++) + "]";
        note_place(item_path, item.Mark());
        visit(item, item_path);
    }
}

std::optional<std::string> YamlReader::text(const YAML::Node& node, const std::string& path) {
    if (node.IsScalar()) return node.Scalar();
    broken(path, form_of(node) + " is not a value; a single value is needed");
    return std::nullopt;
}

std::optional<unsigned> YamlReader::number(const YAML::Node& node, const std::string& path, unsigned min,
                                           unsigned max) {
    const auto written = text(node, path);
    if (!written) return std::nullopt;
    std::int64_t value = 0;
    const char* end = written->data() + written->size();
    const auto [stop, error] = std::from_chars(written->data(), end, value);
    const std::string allowed = "; allowed: " + std::to_string(min) + "-" + std::to_string(max);
    if (stop != end || error == std::errc::invalid_argument) {
        broken(path, in_quotes(*written) + " is not a decimal whole number" + allowed);
        return std::nullopt;
    }
    if (error != std::errc{} || value < min || value > max) {
        broken(path, in_quotes(*written) + " is out of range" + allowed);
        return std::nullopt;
    }
    return static_cast<unsigned>(value);
}

std::optional<bool> YamlReader::flag(const YAML::Node& node, const std::string& path) {
    bool value = false;
    if (node.IsScalar() && YAML::convert<bool>::decode(node, value)) return value;
    if (node.IsScalar() && (node.Scalar() == "0" || node.Scalar() == "1")) return node.Scalar() == "1";
    broken(path, form_of(node) + " is neither yes nor no; allowed: true, false");
    return std::nullopt;
}

void YamlReader::broken(const std::string& path, std::string message) {
    broken_.insert(path);
    problem(path, std::move(message));
}

void YamlReader::problem(const std::string& path, std::string message) {
    Place place;
    for (std::string at = path; !at.empty();) {
        if (const auto found = places_.find(at); found != places_.end()) {
            place = found->second;
            break;
        }
        const std::size_t cut = at.find_last_of(".[");
        at.resize(cut == std::string::npos ? 0 : cut);
    }
    problem_at(place.line, place.column, path, std::move(message));
}

void YamlReader::problem_at(int line, int column, std::string path, std::string message) {
    problems_.push_back({std::max(line, 1), std::max(column, 1), std::move(path), std::move(message)});
}

std::vector<ConfigProblem> YamlReader::take_problems() {
    const auto before = [](const ConfigProblem& a, const ConfigProblem& b) {
        return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    };
    std::ranges::stable_sort(problems_, before);
    if (problems_.size() > kMaxProblems) {
        ConfigProblem last = problems_[kMaxProblems];
        last.key.clear();
        last.message =
            "and " + std::to_string(problems_.size() - kMaxProblems) + " more problems from here on";
        problems_.resize(kMaxProblems);
        problems_.push_back(std::move(last));
    }
    return std::exchange(problems_, {});
}

bool YamlReader::may_go_on() {
    if (++entries_ == kMaxEntries)
        problem_at(1, 1, "", "the file has too many entries to be a configuration");
    return entries_ < kMaxEntries && problems_.size() < kEnoughProblems;
}

void YamlReader::note_place(const std::string& path, const YAML::Mark& mark) {
    places_.emplace(path, Place{std::max(mark.line + 1, 1), std::max(mark.column + 1, 1)});
}

} // namespace dpdkbond
