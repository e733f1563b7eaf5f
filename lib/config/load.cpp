// SPDX-License-Identifier: BSD-3-Clause
#include "config/load.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>

#include "base/quote.hpp"
#include "config/keys.hpp"
#include "config/names.hpp"
#include "config/section.hpp"
#include "config/validate.hpp"
#include "config/yaml_reader.hpp"
#include "options/remarks.hpp"

namespace dpdkbond {
namespace {

using YAML::Node;
using Keys = std::vector<YamlReader::Key>;
template <class Value, std::size_t n> using Names = std::array<std::pair<std::string_view, Value>, n>;

constexpr unsigned kOneAWorker = 0; // LogicalConfig::queues until the workers are known
constexpr std::size_t kMaxFile = 1U << 20U;
constexpr unsigned kMaxLcore = 1023; // what exists and what DPDK was built for, EAL knows

constexpr Names<Idle, 2> kIdle = {{{"adaptive", Idle::adaptive}, {"busy", Idle::busy}}};
constexpr Names<Hugepages, 3> kHugepages = {
    {{"auto", Hugepages::automatic}, {"always", Hugepages::yes}, {"never", Hugepages::no}}};
constexpr Names<bool, 2> kManage = {{{"self", true}, {"none", false}}};
constexpr Names<bool, 2> kOffloads = {{{"auto", true}, {"off", false}}};
constexpr Names<LogicalBackend, 4> kBackends = {{{"auto", LogicalBackend::automatic},
                                                 {"virtio-user", LogicalBackend::virtio_user},
                                                 {"tap", LogicalBackend::tap},
                                                 {"device", LogicalBackend::device}}};
constexpr Names<std::string_view, 3> kDrivers = {
    {{"vfio-pci", "vfio-pci"}, {"uio_pci_generic", "uio_pci_generic"}, {"none", "none"}}};

// Sees where documents start and builds nothing.
class DocumentStarts : public YAML::EventHandler {
public:
    std::optional<YAML::Mark> last;

    void OnDocumentStart(const YAML::Mark& mark) override { last = mark; }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
    void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {}
    void OnMapEnd() override {}
};

// YAML::LoadAll() would tell too, but never returns for a text that starts with a comma (yaml-cpp 0.7).
std::optional<YAML::Mark> second_document(const std::string& text) {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    DocumentStarts starts;
    if (!parser.HandleNextDocument(starts)) return std::nullopt;
    starts.last.reset();
    parser.HandleNextDocument(starts);
    return starts.last;
}

unsigned queues_for(LogicalBackend backend, std::size_t workers) {
    if (backend == LogicalBackend::device) return 1; // nobody knows what it can have
    const std::size_t most = backend == LogicalBackend::tap ? kMaxLogicalQueues : kMaxVirtioUserQueues;
    return static_cast<unsigned>(std::clamp<std::size_t>(workers, 1, most));
}

// Readers for the keys of a section, which the table of keys names; in its order.
Keys by_table(Section section, const Keys& readers) {
    Keys keys;
    for (const SectionKey& key : keys_of(section)) {
        const auto reader = std::ranges::find(readers, key.name, &YamlReader::Key::name);
        if (reader == readers.end()) throw std::logic_error("no reader for the key " + std::string(key.name));
        keys.push_back(*reader);
    }
    if (keys.size() != readers.size()) throw std::logic_error("a reader for a key that no table has");
    return keys;
}

class Loader {
public:
    LoadedConfig load(const std::string& text) {
        if (check_text(text)) read_document(text);
        LoadedConfig loaded;
        loaded.problems = reader_.take_problems();
        loaded.config = std::move(config_);
        loaded.notes = std::move(notes_);
        loaded.check_notes = std::move(check_notes_);
        return loaded;
    }

private:
    bool check_text(const std::string& text);
    void read_document(const std::string& text);
    void read_root(const Node& node);
    void read_runtime(const Node& node, const std::string& path);
    void read_bond(const Node& node, const std::string& path);
    void read_mode(BondConfig& bond, const Node& node, const std::string& path);
    void read_logical(LogicalConfig& logical, const Node& node, const std::string& path);
    void read_queues(LogicalConfig& logical, const Node& node, const std::string& path);
    void read_mac(LogicalConfig& logical, const Node& node, const std::string& path);
    void read_address(LogicalConfig& logical, const Node& node, const std::string& path);
    void read_member(BondConfig& bond, const Node& node, const std::string& path);
    void read_device(std::string& device, const Node& node, const std::string& path);
    void read_carrier(CarrierSource& carrier, const Node& node, const std::string& path);
    void read_option(const OptionDef& def, BondOptions& bond, MemberOptions& member, OptionSet& given,
                     const Node& node, const std::string& path);
    void add_option_keys(Keys& keys, bool of_member, BondOptions& bond, MemberOptions& member,
                         OptionSet& given);

    // Reads into `field` what `value` holds, if it holds something.
    template <class Field, class Value> static void keep(Field& field, std::optional<Value> value) {
        if (value) field = static_cast<Field>(std::move(*value));
    }
    // A key whose value is one of a few words.
    template <class Value, std::size_t n>
    void keep_choice(auto& field, const Node& node, const std::string& path, const Names<Value, n>& names) {
        keep(field,
             reader_.choice<Value>(node, path, std::span<const std::pair<std::string_view, Value>>(names)));
    }

    YamlReader reader_;
    Config config_;
    std::vector<std::string> notes_, check_notes_; // of LoadedConfig
};

bool Loader::check_text(const std::string& text) {
    if (text.size() > kMaxFile) {
        reader_.problem_at(1, 1, "", "the file is too large; allowed: up to 1 MiB");
        return false;
    }
    int line = 1, column = 1;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f) {
            reader_.problem_at(line, column, "", "a control character is no text; allowed: YAML in UTF-8");
            return false;
        }
        ++column;
        if (c == '\n') {
            ++line;
            column = 1;
        }
    }
    return true;
}

void Loader::read_document(const std::string& text) {
    try {
        if (const auto mark = second_document(text)) {
            reader_.problem_at(mark->line + 1, mark->column + 1, "", "a second document; allowed: one");
        }
        read_root(YAML::Load(text));
    } catch (const YAML::DeepRecursion& error) {
        reader_.problem_at(error.mark.line + 1, error.mark.column + 1, "",
                           "lists and mappings lie too deep in one another");
    } catch (const YAML::Exception& error) {
        reader_.problem_at(error.mark.line + 1, error.mark.column + 1, "", "not YAML: " + error.msg);
    } catch (const std::exception& error) {
        reader_.problem_at(1, 1, "", std::string("cannot be read: ") + error.what());
    }
}

void Loader::read_root(const Node& node) {
    if (!node.IsNull() && !node.IsMap()) {
        reader_.problem_at(1, 1, "", "the file is not a mapping; allowed: runtime, bonds");
        return;
    }
    const auto bond = [&](const Node& item, const std::string& path) { read_bond(item, path); };
    reader_.map(
        node, "",
        {{"runtime", [&](const Node& value, const std::string& path) { read_runtime(value, path); }},
         {"bonds", [&](const Node& value, const std::string& path) { reader_.list(value, path, bond); }}});
    for (BondConfig& b : config_.bonds)
        if (b.logical.queues == kOneAWorker)
            b.logical.queues = queues_for(b.logical.backend, config_.runtime.worker_lcores.size());
    for (const BondConfig& b : config_.bonds)
        for (const OptionProblem& r : option_remarks(b.mode, b.options, b.given))
            notes_.push_back(b.name + ": " + r.option + ": " + r.message);
    for (const BondConfig& b : config_.bonds)
        for (const OptionProblem& r : monitor_remarks(b.options))
            check_notes_.push_back(b.name + ": " + r.option + ": " + r.message);
    for (const BondConfig& b : config_.bonds)
        if (works_in(b.mode, *find_option("min_links")) && !b.members.empty() &&
            b.options.min_links > b.members.size())
            check_notes_.push_back(
                fmt::format("{}: min_links: {} of {} members: the bond never has a carrier", b.name,
                            b.options.min_links, b.members.size()));
    for (ConfigProblem& problem : validate(config_, reader_.broken_paths())) {
        reader_.problem(problem.key, std::move(problem.message));
    }
}

void Loader::read_runtime(const Node& node, const std::string& path) {
    RuntimeConfig& runtime = config_.runtime;
    const auto lcore = [&](const Node& item, const std::string& at) {
        const auto number = reader_.number(item, at, 0, kMaxLcore);
        if (number) runtime.worker_lcores.push_back(*number);
        // The list is then shorter than what was written, so it is not judged as a whole.
        if (!number) reader_.mark_broken("runtime.worker_lcores");
    };
    const auto eal_arg = [&](const Node& item, const std::string& at) {
        auto text = reader_.text(item, at);
        if (!text) return;
        if (const std::string wrong = eal_arg_problem(*text); !wrong.empty()) reader_.broken(at, wrong);
        runtime.eal_args.push_back(std::move(*text));
    };
    // Text that `problem` finds nothing wrong with.
    const auto sound = [&](std::string& to, std::string (*problem)(const std::string&)) {
        return [this, &to, problem](const Node& value, const std::string& at) {
            const auto text = reader_.text(value, at);
            if (!text) return;
            if (const std::string wrong = problem(*text); !wrong.empty())
                reader_.broken(at, wrong);
            else
                to = *text;
        };
    };
    reader_.map(
        node, path,
        by_table(
            Section::runtime,
            {{"control_lcore",
              [&](auto& v, auto& at) { keep(runtime.control_lcore, reader_.number(v, at, 0, kMaxLcore)); }},
             {"worker_lcores",
              [&](auto& v, auto& at) {
                  runtime.worker_lcores.clear();
                  reader_.list(v, at, lcore);
              }},
             {"idle", [&](auto& v, auto& at) { keep_choice(runtime.idle, v, at, kIdle); }},
             {"hugepages", [&](auto& v, auto& at) { keep_choice(runtime.hugepages, v, at, kHugepages); }},
             {"memory_mb",
              [&](auto& v, auto& at) { keep(runtime.memory_mb, reader_.number(v, at, 32, 1U << 20U)); }},
             {"file_prefix", sound(runtime.file_prefix, file_prefix_problem)},
             {"metrics", sound(runtime.metrics, metrics_problem)},
             {"socket_group", sound(runtime.socket_group, socket_group_problem)},
             {"warm_restart",
              [&](auto& v, auto& at) { keep(runtime.warm_restart, reader_.number(v, at, 0, 3600)); }},
             {"eal_args", [&](auto& v, auto& at) { reader_.list(v, at, eal_arg); }}}));
}

void Loader::read_option(const OptionDef& def, BondOptions& bond, MemberOptions& member, OptionSet& given,
                         const Node& node, const std::string& path) {
    const bool takes_list = def.kind == ValueKind::ipv4_list || def.kind == ValueKind::ipv6_list;
    std::string text;
    if (takes_list && node.IsSequence()) {
        bool complete = true;
        reader_.list(node, path, [&](const Node& item, const std::string& at) {
            const auto one = reader_.text(item, at);
            complete = complete && one;
            if (one) text += (text.empty() ? "" : ",") + *one;
        });
        if (!complete) return;
    } else if (auto one = reader_.text(node, path)) {
        text = std::move(*one);
    } else {
        return;
    }
    const Result<void> set = def.set(bond, member, def, text);
    if (!set) return reader_.broken(path, set.error());
    given |= option_bit(option_index(def));
}

void Loader::add_option_keys(Keys& keys, bool of_member, BondOptions& bond, MemberOptions& member,
                             OptionSet& given) {
    for (const OptionDef& def : option_table()) {
        if (def.of_member != of_member) continue;
        const YamlReader::Visit read = [&, this](const Node& value, const std::string& path) {
            read_option(def, bond, member, given, value, path);
        };
        keys.push_back({def.name, read});
        for (const std::string_view alias : def.aliases) keys.push_back({alias, read, def.name});
    }
}

void Loader::read_mode(BondConfig& bond, const Node& node, const std::string& path) {
    const auto text = reader_.text(node, path);
    if (!text) return;
    if (const auto mode = parse_mode(*text)) {
        bond.mode = *mode;
        return;
    }
    std::vector<std::string_view> names;
    for (const ModeDef& def : mode_table()) names.push_back(def.name);
    const std::string near = nearest_name(*text, names);
    reader_.broken(path,
                   in_quotes(*text) + " is not a mode; " +
                       (near.empty() ? "allowed: " + every_mode_phrase() : "did you mean " + near + "?"));
}

void Loader::read_bond(const Node& node, const std::string& path) {
    BondConfig& bond = config_.bonds.emplace_back();
    bond.logical.queues = kOneAWorker;
    MemberOptions unused;
    const auto name = [&](const Node& value, const std::string& at) {
        const auto text = reader_.text(value, at);
        if (!text) return;
        const std::string problem = bond_name_problem(*text);
        if (problem.empty()) bond.name = *text;
        if (!problem.empty()) reader_.broken(at, problem);
    };
    const auto member = [&](const Node& item, const std::string& at) { read_member(bond, item, at); };
    Keys keys =
        by_table(Section::bond, {{"name", name},
                                 {"mode", [&](auto& v, auto& at) { read_mode(bond, v, at); }},
                                 {"logical", [&](auto& v, auto& at) { read_logical(bond.logical, v, at); }},
                                 {"members", [&](auto& v, auto& at) { reader_.list(v, at, member); }}});
    for (const ModeSection* section : mode_sections())
        keys.push_back({section->name, [this, &bond, section](auto& v, auto& at) {
                            section->read(reader_, bond.options, v, at);
                        }});
    add_option_keys(keys, false, bond.options, unused, bond.given);
    reader_.map(node, path, keys, [&](const std::string& key) -> std::string {
        // What follows from a misspelt mode is no further mistake.
        if (likely_key(key, keys) == "mode" && !reader_.has(path + ".mode"))
            reader_.mark_broken(path + ".mode");
        const OptionDef* def = find_option(key);
        return def != nullptr ? "is an option of a member; write it below members" : "";
    });
    if (!node.IsNull() && !node.IsMap()) return;
    if (!reader_.has(path + ".name"))
        reader_.problem(path + ".name", "is missing; the name of the interface is needed");
    for (const ModeSection* section : mode_sections()) {
        const ModeDef& owner = mode_of(*section);
        const std::string at = path + "." + std::string(section->name);
        if (bond.mode == owner.mode || !reader_.has(at)) continue;
        owner.reset_section(bond.options);
        if (!reader_.broken_paths().contains(path + ".mode"))
            reader_.problem(at, "belongs to the mode " + modes_phrase({owner.mode}) +
                                    "; leave it out, or set the mode");
    }
}

void Loader::read_mac(LogicalConfig& logical, const Node& node, const std::string& path) {
    const auto text = reader_.text(node, path);
    if (!text) return;
    const auto mac = Mac::parse(*text);
    if (mac && mac->is_valid_unicast()) {
        logical.mac = mac;
        return;
    }
    reader_.broken(path, in_quotes(*text) + (mac ? " is not a unicast address" : " is not a MAC address") +
                             "; allowed: a unicast MAC such as 02:bd:00:00:00:01");
}

void Loader::read_address(LogicalConfig& logical, const Node& node, const std::string& path) {
    const auto text = reader_.text(node, path);
    if (!text) return;
    const auto prefix = IpPrefix::parse(*text);
    const bool unicast = prefix && (prefix->is_v6 ? prefix->v6.bytes[0] != 0xff && prefix->v6 != Ipv6{}
                                                  : prefix->v4.bytes[0] < 224 && prefix->v4 != Ipv4{});
    if (unicast && std::ranges::find(logical.addresses, *prefix) != logical.addresses.end())
        return reader_.broken(path, prefix->to_string() + " is there twice; allowed: once");
    if (unicast) {
        logical.addresses.push_back(*prefix);
        if (text->find('/') == std::string::npos)
            notes_.push_back(fmt::format("{}: {} has no length: it is {}, no network of its own; write "
                                         "{}/{} if others are to be neighbours",
                                         path, *text, prefix->to_string(), *text, prefix->is_v6 ? 64 : 24));
        return;
    }
    reader_.broken(path, in_quotes(*text) +
                             (prefix ? " cannot be an interface's address" : " is not an address") +
                             "; allowed: ADDRESS/LENGTH such as 192.0.2.1/24 or 2001:db8::1/64");
}

void Loader::read_logical(LogicalConfig& logical, const Node& node, const std::string& path) {
    const auto device = [&](const Node& value, const std::string& at) {
        if (value.IsScalar() && value.Scalar().empty()) return;
        read_device(logical.device, value, at);
    };
    const auto address = [&](const Node& item, const std::string& at) { read_address(logical, item, at); };
    reader_.map(
        node, path,
        by_table(Section::logical,
                 {{"backend", [&](auto& v, auto& at) { keep_choice(logical.backend, v, at, kBackends); }},
                  {"device", device},
                  {"mac", [&](auto& v, auto& at) { read_mac(logical, v, at); }},
                  {"mtu", [&](auto& v, auto& at) { keep(logical.mtu, reader_.number(v, at, 68, 65535)); }},
                  {"queues", [&](auto& v, auto& at) { read_queues(logical, v, at); }},
                  {"offloads", [&](auto& v, auto& at) { keep_choice(logical.offloads, v, at, kOffloads); }},
                  {"manage", [&](auto& v, auto& at) { keep_choice(logical.managed, v, at, kManage); }},
                  {"addresses", [&](auto& v, auto& at) { reader_.list(v, at, address); }}}));
}

void Loader::read_queues(LogicalConfig& logical, const Node& node, const std::string& path) {
    const auto text = reader_.text(node, path);
    if (text == "auto")
        logical.queues = kOneAWorker;
    else if (text)
        keep(logical.queues, reader_.number(node, path, 1, kMaxLogicalQueues));
}

void Loader::read_device(std::string& device, const Node& node, const std::string& path) {
    const auto text = reader_.text(node, path);
    if (!text) return;
    const std::string problem = device_problem(*text);
    if (problem.empty()) device = *text;
    if (!problem.empty()) reader_.broken(path, problem);
}

void Loader::read_carrier(CarrierSource& carrier, const Node& node, const std::string& path) {
    const auto text = reader_.text(node, path);
    if (!text) return;
    auto source = carrier_source(*text);
    if (!source) return reader_.broken(path, source.error());
    carrier = source.value();
}

void Loader::read_member(BondConfig& bond, const Node& node, const std::string& path) {
    MemberConfig& member = bond.members.emplace_back();
    BondOptions unused;
    const auto name = [&](const Node& value, const std::string& at) {
        const auto text = reader_.text(value, at);
        if (!text) return;
        const std::string problem = member_name_problem(*text);
        if (problem.empty()) member.name = *text;
        if (!problem.empty()) reader_.broken(at, problem);
    };
    Keys keys = by_table(Section::member,
                         {{"device", [&](auto& v, auto& at) { read_device(member.device, v, at); }},
                          {"driver", [&](auto& v, auto& at) { keep_choice(member.driver, v, at, kDrivers); }},
                          {"name", name},
                          {"carrier", [&](auto& v, auto& at) { read_carrier(member.carrier, v, at); }},
                          {"force", [&](auto& v, auto& at) { keep(member.force, reader_.flag(v, at)); }}});
    add_option_keys(keys, true, unused, member.options, member.given);
    reader_.map(node, path, keys, [](const std::string& key) -> std::string {
        const OptionDef* def = find_option(key);
        return def != nullptr ? "is an option of the bond; write it beside members" : "";
    });
    if (!node.IsNull() && !node.IsMap()) return;
    if (!reader_.has(path + ".device")) {
        reader_.problem(path + ".device", "is missing; a PCI address or vdev devargs are needed");
    }
    if (reader_.has(path + ".name") || member.device.empty()) return;
    member.name = default_member_name(member.device);
    if (!member_name_problem(member.name).empty()) {
        reader_.problem(path + ".name", "is missing, and " + in_quotes(member.name) +
                                            " cannot name a member; a name is needed");
        member.name.clear();
    }
}

} // namespace

LoadedConfig parse_config(const std::string& text) { return Loader().load(text); }

LoadedConfig load_config(const std::string& path) {
    const auto failed = [](const std::string& why) {
        LoadedConfig loaded;
        loaded.problems.push_back({0, 0, "", "cannot be read: " + why});
        return loaded;
    };
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    if (!file) return failed(std::generic_category().message(errno));
    std::string text(kMaxFile + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad()) return failed(std::generic_category().message(errno == 0 ? EIO : errno));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return parse_config(text);
}

std::string problem_line(const std::string& file, const ConfigProblem& problem) {
    std::string line = file + ":";
    if (problem.line > 0) line += std::to_string(problem.line) + ":" + std::to_string(problem.column) + ":";
    if (!problem.key.empty()) line += " " + problem.key + ":";
    return line + " " + problem.message;
}

} // namespace dpdkbond
