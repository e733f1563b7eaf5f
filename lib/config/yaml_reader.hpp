// SPDX-License-Identifier: BSD-3-Clause
// Typed reading of YAML nodes that collects problems with their places instead of stopping at the first.
// Private to lib/config; used by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "base/quote.hpp"
#include "config/load.hpp"

namespace dpdkbond {

class YamlReader {
public:
    using Visit = std::function<void(const YAML::Node& value, const std::string& path)>;

    struct Key {
        std::string_view name;
        Visit read;
        std::string_view path_name = name; // differs for another spelling of the same key
    };
    // What to say of an unknown key when there is more to say than the nearest name; empty: nothing.
    using Hint = std::function<std::string(const std::string& unknown)>;

    // The entries of a mapping, each key at most once. An empty value is an empty mapping.
    void map(const YAML::Node& node, const std::string& path, const std::vector<Key>& keys,
             const Hint& hint = {});
    // The entries of a mapping whose keys are names that somebody chose, each at most once.
    using VisitEntry =
        std::function<void(const std::string& name, const YAML::Node& value, const std::string& path)>;
    void entries(const YAML::Node& node, const std::string& path, const VisitEntry& visit);
    void list(const YAML::Node& node, const std::string& path, const Visit& visit);

    // Single values; nothing and a problem if the value has another form or is not allowed.
    std::optional<std::string> text(const YAML::Node& node, const std::string& path);
    std::optional<unsigned> number(const YAML::Node& node, const std::string& path, unsigned min,
                                   unsigned max);
    std::optional<bool> flag(const YAML::Node& node, const std::string& path);
    template <class Value>
    std::optional<Value> choice(const YAML::Node& node, const std::string& path,
                                std::span<const std::pair<std::string_view, Value>> choices);

    // A value that could not be read: a problem, and nothing that depends on it is judged further.
    void broken(const std::string& path, std::string message);
    void mark_broken(const std::string& path) { broken_.insert(path); }
    void problem(const std::string& path, std::string message); // at the place of path, or of what it lies in
    void problem_at(int line, int column, std::string path, std::string message);
    bool has(const std::string& path) const { return places_.contains(path); }
    const std::set<std::string>& broken_paths() const { return broken_; }
    std::vector<ConfigProblem> take_problems(); // in the order of the file

private:
    // The entries of a mapping whose keys are words. `word` stands for them in the problem of what is no
    // mapping; `otherwise` is said of a key that is none.
    using VisitWord =
        std::function<void(const std::string& name, const YAML::Mark& mark, const YAML::Node& value)>;
    void words_of(const YAML::Node& node, const std::string& path, std::string_view word,
                  std::string_view otherwise, const VisitWord& visit);
    bool may_go_on();
    // Notes where the key is; false, and a problem, when it was there before.
    bool is_new_key(const YAML::Mark& mark, const std::string& key_path);
    void note_place(const std::string& path, const YAML::Mark& mark);

    struct Place {
        int line = 1, column = 1;
    };
    std::map<std::string, Place> places_; // where each key, or item of a list, was written
    std::set<std::string> broken_;
    std::vector<ConfigProblem> problems_;
    std::size_t entries_ = 0; // read so far
};

// The key that was probably meant by one that is not among them; empty: none comes near.
std::string likely_key(const std::string& unknown, const std::vector<YamlReader::Key>& keys);

template <class Value>
std::optional<Value> YamlReader::choice(const YAML::Node& node, const std::string& path,
                                        std::span<const std::pair<std::string_view, Value>> choices) {
    const auto written = text(node, path);
    if (!written) return std::nullopt;
    std::string allowed;
    for (const auto& [name, value] : choices) {
        if (*written == name || (name == "off" && *written == "false")) return value; // YAML 1.1 writes it so
        allowed += (allowed.empty() ? "" : ", ") + std::string(name);
    }
    broken(path, in_quotes(*written) + " is not one of its values; allowed: " + allowed);
    return std::nullopt;
}

} // namespace dpdkbond
