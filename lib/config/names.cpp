// SPDX-License-Identifier: BSD-3-Clause
#include "config/names.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string_view>

#include "base/quote.hpp"
#include "config/validate.hpp"

namespace dpdkbond {
namespace {

constexpr std::size_t kLongestInterface = 15, kLongestMember = 31;

// Words that commands (all, stop), readers of the status text (None) or the kernel's own files (default, lo,
// bonding_masters) know.
constexpr std::array<std::string_view, 4> kNoBonds = {"all", "default", "lo", "bonding_masters"};
constexpr std::array<std::string_view, 4> kNoMembers = {"all", "none", "None", "stop"};

bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("._-+@~").find(c) != std::string_view::npos;
}

std::string name_problem(const std::string& name, const char* what, std::size_t longest,
                         std::span<const std::string_view> taken) {
    if (std::ranges::find(taken, name) != taken.end())
        return in_quotes(name) + " cannot name a " + what +
               ", as the word has a meaning of its own; allowed: another name";
    if (!name.empty() && name.size() <= longest && std::ranges::all_of(name, is_word) && name[0] != '-' &&
        name != "." && name != "..")
        return {};
    return in_quotes(name) + " cannot name a " + what + "; allowed: 1 to " + std::to_string(longest) +
           " letters, digits and . _ - + @ ~, without a - in front";
}

} // namespace

std::string interface_name_problem(const std::string& name) {
    const bool plain = std::ranges::all_of(name, [](char c) {
        return c > ' ' && c < 0x7f && std::string_view("/,\"\\:%").find(c) == std::string_view::npos;
    });
    if (plain && !name.empty() && name.size() <= kLongestInterface && name != "." && name != "..") return {};
    return in_quotes(name) +
           " cannot name an interface; allowed: 1 to 15 printable characters without space, slash, "
           "colon, comma, percent sign, quote and backslash";
}

std::string bond_name_problem(const std::string& name) {
    return name_problem(name, "bond", kLongestInterface, kNoBonds);
}

std::string member_name_problem(const std::string& name) {
    return name_problem(name, "member", kLongestMember, kNoMembers);
}

std::string default_member_name(const std::string& device) {
    const std::string netdev = devargs_value(device, "iface");
    if (!netdev.empty()) return netdev;
    const std::string head = devargs_head(device);
    std::string name = pci_address(head).value_or(head);
    std::ranges::replace(name, ':', '-');
    return name;
}

Result<CarrierSource> carrier_source(const std::string& text) {
    constexpr std::string_view prefix = "netdev:";
    if (text == "auto") return CarrierSource{};
    if (text == "ethdev") return CarrierSource{CarrierKind::ethdev, {}};
    if (!text.starts_with(prefix))
        return Error{in_quotes(text) + " is no source of link state; allowed: auto, ethdev, netdev:NAME"};
    const std::string name = text.substr(prefix.size());
    if (const std::string wrong = interface_name_problem(name); !wrong.empty()) return Error{wrong};
    return CarrierSource{CarrierKind::netdev, name};
}

namespace {

Result<void> set_driver(MemberConfig& member, const std::string& value) {
    if (!member.is_pci()) return Error{"driver: it is only for a PCI device"};
    if (value != "vfio-pci" && value != "uio_pci_generic" && value != "none")
        return Error{"driver: " + in_quotes(value) + " is none; allowed: vfio-pci, uio_pci_generic, none"};
    member.driver = value;
    return {};
}

Result<void> set_word(MemberConfig& member, const std::string& key, const std::string& value) {
    if (key == "driver") return set_driver(member, value);
    if (key == "name") {
        member.name = value;
        return {}; // judged at the end, as the default one is
    }
    if (key == "carrier") {
        auto source = carrier_source(value);
        if (!source) return Error{"carrier: " + source.error()};
        member.carrier = source.value();
        return {};
    }
    const OptionDef* def = find_option(key);
    if (def == nullptr || !def->of_member)
        return Error{in_quotes(key) +
                     " is no setting of a member; allowed: name, driver, carrier, prio, queue_id, "
                     "actor_port_prio, each with its value, and force"};
    if (auto set = set_member_option(member.options, key, value); !set)
        return Error{key + ": " + set.error()};
    member.given |= option_bit(option_index(*def));
    return {};
}

} // namespace

Result<MemberConfig> member_of_words(std::string_view device, std::span<const std::string> settings) {
    MemberConfig member;
    member.device = std::string(device);
    if (const std::string wrong = device_problem(member.device); !wrong.empty()) return Error{wrong};
    if (const std::string wrong = packet_socket_problem(member.device); !wrong.empty()) return Error{wrong};
    member.name = default_member_name(member.device);
    std::set<std::string> seen;
    for (std::size_t i = 0; i < settings.size(); ++i) {
        const std::string& key = settings[i];
        if (!seen.insert(key).second) return Error{key + ": it is given twice"};
        if (key == "force") {
            member.force = true;
            continue;
        }
        if (i + 1 == settings.size()) return Error{key + ": its value is missing"};
        if (auto set = set_word(member, key, settings[++i]); !set) return Error{set.error()};
    }
    if (const std::string wrong = member_name_problem(member.name); !wrong.empty()) return Error{wrong};
    return member;
}

} // namespace dpdkbond
