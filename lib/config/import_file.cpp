// SPDX-License-Identifier: BSD-3-Clause
#include "config/import_file.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/quote.hpp"
#include "config/import_foreign.hpp"
#include "config/names.hpp"
#include "options/options.hpp"

namespace dpdkbond {

namespace fs = std::filesystem;

// Their size is not asked: files of /sys say how long they are only when they are read.
std::optional<std::string> read_at_most(const fs::path& path, std::size_t most) {
    std::ifstream stream(path);
    if (!stream) return std::nullopt;
    std::string text(most, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (stream.bad()) return std::nullopt;
    text.resize(static_cast<std::size_t>(stream.gcount()));
    return text;
}

namespace {

constexpr std::uintmax_t kMaxForeignFile = 1U << 20U;
constexpr const ForeignFormat* kFormats[] = {&netplan_format, &keyfile_format, &networkd_format,
                                             &ifupdown_format, &ifcfg_format};

std::string yaml_quoted(const std::string& text) { return in_quotes(text, text.size()); }

// Comments are one line, whatever a file has in it.
std::string comment(const std::string& text) {
    std::string out = "# " + text;
    for (char& c : out)
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    return out;
}

std::optional<ForeignFile> file_at(const fs::path& path) {
    std::error_code error;
    if (!fs::is_regular_file(path, error) || fs::file_size(path, error) > kMaxForeignFile)
        return std::nullopt;
    auto text = read_at_most(path, kMaxForeignFile);
    if (!text) return std::nullopt;
    return ForeignFile{path, *std::move(text)};
}

// In the order of their names, which is that of all these systems.
std::vector<fs::path> names_in(const fs::path& folder) {
    std::vector<fs::path> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) names.push_back(entry.path());
    std::ranges::sort(names);
    return names;
}

const ForeignFormat* format_of(const ForeignFile& file) {
    for (const ForeignFormat* format : kFormats)
        if (format->is(file)) return format;
    return nullptr;
}

// The files of the folder that are of this format, and those of a folder NAME.d in it (interfaces.d).
void gather(const fs::path& folder, const ForeignFormat& format, ForeignFiles& into) {
    for (const fs::path& path : names_in(folder)) {
        if (fs::is_directory(path) && path.filename().string().ends_with(".d")) gather(path, format, into);
        const bool there = std::ranges::any_of(into, [&](const ForeignFile& f) { return f.path == path; });
        if (there || !format.belongs(path)) continue;
        if (auto file = file_at(path); file && format.is(*file)) into.push_back(std::move(*file));
    }
}

class ForeignWriter {
public:
    explicit ForeignWriter(std::string sysfs_root) : sysfs_(std::move(sysfs_root)) {}

    void add(const ForeignBond& bond) {
        const std::string wrong = bond_name_problem(bond.name);
        line(1, "- name: " + yaml_quoted(wrong.empty() ? bond.name : "bond" + std::to_string(number_)) +
                    (wrong.empty() ? "" : "  " + comment(wrong)));
        ++number_;
        const Mode mode = add_options(bond);
        for (const std::string& remark : bond.remarks) line(2, comment(remark + "  # not taken over"));
        add_logical(bond);
        const bool any = std::ranges::any_of(
            bond.members, [](const ForeignMember& m) { return interface_name_problem(m.netdev).empty(); });
        line(2, any ? "members:" : "members: []");
        for (const ForeignMember& m : bond.members) add_member(mode, m);
    }
    std::string take() { return std::move(out_); }

private:
    void line(int depth, const std::string& text) {
        out_ += std::string(static_cast<std::size_t>(depth) * 2, ' ') + text + "\n";
    }

    static std::string member_name(const std::string& netdev) {
        std::string name = netdev;
        for (char& c : name)
            if (!member_name_problem(std::string(1, c)).empty()) c = '_';
        return member_name_problem(name).empty() ? name : "m-" + name;
    }

    static std::string yaml_value(const OptionDef& def, const std::string& text) {
        if (def.kind == ValueKind::ipv4_list || def.kind == ValueKind::ipv6_list) {
            std::string list;
            for (const std::string& item : split(text, ","))
                list += (list.empty() ? "" : ", ") + yaml_quoted(item);
            return "[" + list + "]";
        }
        return def.kind == ValueKind::number || def.kind == ValueKind::choice ? text : yaml_quoted(text);
    }

    // One option after the other; what the rules between options refuse at the end is a comment with the
    // reason.
    Mode add_options(const ForeignBond& bond) {
        struct Line {
            const OptionDef* def;
            std::string text, wrong;
        };
        Mode mode = Mode::balance_rr;
        BondOptions options;
        OptionSet given = 0;
        std::vector<Line> lines;
        std::string mode_text = "balance-rr";
        for (const auto& [name, value] : bond.options) {
            if (name != "mode") continue;
            mode_text = value;
            if (const auto parsed = parse_linux_mode(value)) mode = *parsed;
        }
        const bool known = parse_linux_mode(mode_text).has_value();
        line(2, known ? "mode: " + std::string(mode_name(mode))
                      : comment("mode: " + mode_text + "  # there is no such mode"));
        for (const auto& [name, value] : bond.options) {
            if (name == "mode") continue;
            const OptionDef* def = find_option(name);
            if (def == nullptr || def->of_member) {
                line(2, comment(name + ": " + value + "  # not an option of a bond here"));
                continue;
            }
            const bool names_member = def->kind == ValueKind::member;
            const std::string text = names_member ? member_name(value) : value;
            if (auto set = def->set == nullptr ? Result<void>{Error{"?"}}
                                               : set_bond_option(options, def->name, text);
                !set) {
                line(2, comment(name + ": " + value + "  # " + set.error()));
                continue;
            }
            Line made{def, std::string(def->name) + ": " + yaml_value(*def, text), ""};
            const bool listed =
                std::ranges::find(bond.members, value, &ForeignMember::netdev) != bond.members.end();
            if (names_member && !listed) made.wrong = "not among the members";
            if (made.wrong.empty()) given |= option_bit(option_index(*def));
            lines.push_back(std::move(made));
        }
        // Each refusal may be the reason of another one.
        for (bool again = true; again;) {
            BondOptions judged = options;
            again = false;
            for (const OptionProblem& problem : check_options(mode, judged, given)) {
                const OptionDef* def = find_option(problem.option);
                const auto found = std::ranges::find(lines, def, &Line::def);
                if (found == lines.end() || !found->wrong.empty()) continue;
                found->wrong = problem.message;
                given &= ~option_bit(option_index(*def));
                (void)set_bond_option(options, def->name, def->default_text);
                again = true;
                break;
            }
        }
        for (const Line& l : lines) line(2, l.wrong.empty() ? l.text : comment(l.text + "  # " + l.wrong));
        return mode;
    }

    void add_logical(const ForeignBond& bond) {
        std::vector<std::string> lines;
        if (const auto mac = Mac::parse(bond.mac); mac && mac->is_valid_unicast())
            lines.push_back("mac: " + yaml_quoted(bond.mac));
        else if (!bond.mac.empty())
            line(2, comment("mac: " + bond.mac + "  # not a unicast MAC address"));
        if (!bond.mtu.empty() &&
            std::ranges::all_of(bond.mtu, [](unsigned char c) { return c >= '0' && c <= '9'; })) {
            if (bond.mtu != "1500") lines.push_back("mtu: " + bond.mtu);
        } else if (!bond.mtu.empty()) {
            line(2, comment("mtu: " + bond.mtu + "  # not a number"));
        }
        std::string addresses;
        for (const std::string& address : bond.addresses) {
            if (IpPrefix::parse(address))
                addresses += (addresses.empty() ? "" : ", ") + yaml_quoted(address);
            else
                line(2, comment("address: " + address + "  # not ADDRESS/LENGTH"));
        }
        if (!addresses.empty()) lines.push_back("addresses: [" + addresses + "]");
        std::int64_t queues = 0; // that the queue ids of members ask for
        for (const ForeignMember& m : bond.members)
            for (const auto& [option, value] : m.options)
                if (MemberOptions o; option == "queue_id" && set_member_option(o, option, value))
                    queues = std::max<std::int64_t>(queues, o.queue_id + 1);
        if (queues > 1) lines.push_back("queues: " + std::to_string(std::min<std::int64_t>(queues, 16)));
        if (!lines.empty()) line(2, "logical:");
        for (const std::string& text : lines) line(3, text);
    }

    void add_member(Mode mode, const ForeignMember& member) {
        const std::string& netdev = member.netdev;
        if (const std::string wrong = interface_name_problem(netdev); !wrong.empty())
            return line(3, comment("- device: " + netdev + "  # " + wrong));
        const std::string name = member_name(netdev);
        if (const auto nic = member_nic_of(netdev, sysfs_)) {
            line(3, "- device: " + yaml_quoted(nic->address));
            line(4, "name: " + yaml_quoted(name));
            if (nic->keeps_driver) line(4, "driver: none");
        } else {
            line(3,
                 "- device: " + yaml_quoted("net_af_packet" + std::to_string(vdevs_++) + ",iface=" + netdev));
            if (name != netdev) line(4, "name: " + yaml_quoted(name));
        }
        for (const auto& [option, value] : member.options) {
            MemberOptions options;
            const OptionDef* def = find_option(option);
            auto set = set_member_option(options, option, value);
            if (set && def != nullptr && !takes(mode, *def)) set = Error{"the mode does not take it"};
            line(4, set ? option + ": " + value : comment(option + ": " + value + "  # " + set.error()));
        }
        for (const std::string& remark : member.remarks) line(4, comment(remark + "  # not taken over"));
    }

    std::string sysfs_, out_;
    unsigned number_ = 0, vdevs_ = 0;
};

} // namespace

std::optional<MemberNic> member_nic_of(const std::string& netdev, const std::string& sysfs_root) {
    std::error_code error;
    const fs::path at = fs::path(sysfs_root) / netdev / "device";
    fs::path device = fs::canonical(at, error);
    if (error) return std::nullopt;
    // Drivers such as virtio have a device of their own below the PCI device.
    if (device.filename().string().starts_with("virtio")) device = device.parent_path();
    const auto address = pci_address(device.filename().string());
    if (!address) return std::nullopt;
    const std::string driver = fs::read_symlink(at / "driver", error).filename().string();
    return MemberNic{*address, driver == "mlx5_core" || driver == "mlx4_core" || driver == "mana"};
}

Result<std::string> import_files(const std::string& path, const std::string& bond,
                                 const std::string& sysfs_root) {
    ForeignFiles files;
    const ForeignFormat* format = nullptr;
    const bool folder = fs::is_directory(path);
    if (!folder) {
        auto file = file_at(path);
        if (!file) return Error{path + ": cannot be read as a text file of up to 1 MiB"};
        format = format_of(*file);
        if (format != nullptr) files.push_back(std::move(*file));
    } else {
        for (const fs::path& name : names_in(path))
            if (auto file = file_at(name); format == nullptr && file) format = format_of(*file);
        if (format == nullptr && fs::is_directory(fs::path(path) / "interfaces.d")) format = &ifupdown_format;
    }
    if (format == nullptr)
        return Error{path +
                     ": not of netplan, NetworkManager, networkd, ifupdown or ifcfg, by what stands in it"};
    const fs::path beside = folder                             ? fs::path(path)
                            : fs::path(path).has_parent_path() ? fs::path(path).parent_path()
                                                               : ".";
    if (folder || format != &netplan_format) gather(beside, *format, files);
    auto read = format->read(files);
    if (!read) return Error{read.error()};
    ForeignWriter writer(sysfs_root);
    unsigned taken = 0;
    std::string names;
    for (const ForeignBond& b : read.value().all()) {
        names += (names.empty() ? "" : ", ") + b.name;
        if (!bond.empty() && b.name != bond) continue;
        writer.add(b);
        ++taken;
    }
    if (names.empty()) return Error{path + ": " + std::string(format->name) + ", but there is no bond in it"};
    if (taken == 0) return Error{path + ": no bond " + in_quotes(bond) + "; there are: " + names};
    return "# From " + std::string(format->name) + ": " + path +
           "\n# Take the bond out there before this one starts: both would use the members.\nbonds:\n" +
           writer.take();
}

} // namespace dpdkbond
