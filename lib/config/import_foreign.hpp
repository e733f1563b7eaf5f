// SPDX-License-Identifier: BSD-3-Clause
// A bond as the files of other configuration systems describe it, and the readers of those, one a file. Each
// reader only takes a text apart; what the options mean, and the YAML, is the writer's. Ordinary threads;
// touches nothing.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace dpdkbond {

struct ForeignMember {
    std::string netdev;
    std::vector<std::pair<std::string, std::string>> options; // by Linux's names: prio, queue_id
    std::vector<std::string> remarks;                         // what cannot be taken over
};

struct ForeignBond {
    std::string name;
    std::vector<std::pair<std::string, std::string>>
        options; // by Linux's names, `mode` among them; lists with commas
    std::string mac, mtu;
    std::vector<std::string> addresses; // ADDRESS/LENGTH
    std::vector<ForeignMember> members;
    std::vector<std::string> remarks;

    void set(std::string_view option, std::string value); // instead of what it had
    ForeignMember& member(const std::string& netdev);     // made at its first naming
    void remark(std::string_view key, std::string_view value);
};

// The bonds of some files, by name, in the order in which they were found.
class ForeignBonds {
public:
    ForeignBond& of(const std::string& name); // made at its first naming
    [[nodiscard]] const ForeignBond* find(std::string_view name) const;
    [[nodiscard]] std::vector<ForeignBond>& all() { return bonds_; }

private:
    std::vector<ForeignBond> bonds_;
};

struct ForeignFile {
    std::filesystem::path path;
    std::string text;
};
using ForeignFiles = std::vector<ForeignFile>;

// A configuration system: whether a file is one of its, by what stands in it, and what a set of its files
// says of bonds. An error is one line that begins with the file's name.
struct ForeignFormat {
    std::string_view name;
    bool (*is)(const ForeignFile& file);
    Result<ForeignBonds> (*read)(const ForeignFiles& files);
    bool (*belongs)(const std::filesystem::path& path); // a file of this name beside it is one of the set
};
extern const ForeignFormat netplan_format, ifcfg_format, keyfile_format, networkd_format, ifupdown_format;

// ---- what readers share
std::string_view trimmed(std::string_view text);
std::vector<std::string> split(std::string_view text, std::string_view separators); // no empty parts
std::vector<std::string> lines_of(const std::string& text);                         // without their ends
std::string with_dashes_as_underscores(std::string_view text);
// "192.0.2.1" and "24" or "255.255.255.0" → "192.0.2.1/24"; what has a length keeps it.
std::string with_length(const std::string& address, const std::string& length);
// A time with unit ("100ms", "1s", "0.1") in milliseconds, as text; without unit it has `unit` (ms). Text
// that is no time stays as it is.
std::string in_milliseconds(const std::string& text, double unit);
// yes, no, true, false, on, off → 1, 0; else as it is.
std::string as_switch(const std::string& text);

// [Section] and Key=Value lines; comments, and keys outside of sections, are left out.
struct IniSection {
    std::string name;
    std::vector<std::pair<std::string, std::string>> keys;
    [[nodiscard]] std::string value(std::string_view key) const; // the last one; empty: none
};
std::vector<IniSection> read_ini(const std::string& text);
bool has_section(const std::vector<IniSection>& sections, std::string_view name);

} // namespace dpdkbond
