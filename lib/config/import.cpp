// SPDX-License-Identifier: BSD-3-Clause
#include "config/import.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <ifaddrs.h>
#include <iterator>
#include <memory>
#include <net/if.h>
#include <netinet/in.h>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

#include "base/quote.hpp"
#include "config/import_file.hpp"
#include "config/import_surroundings.hpp"
#include "config/names.hpp"
#include "options/model.hpp"

namespace dpdkbond {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSysfs = "/sys/class/net";

// The content without the newline at its end; nothing if there is no such file, or the kernel refuses to
// tell.
std::optional<std::string> read_file(const fs::path& path) {
    constexpr std::size_t kPage = 4096; // no file of /sys has more
    auto text = read_at_most(path, kPage);
    while (text && !text->empty() && text->back() == '\n') text->pop_back();
    return text;
}

std::vector<std::string> words(const std::string& text) {
    std::istringstream stream(text);
    return {std::istream_iterator<std::string>(stream), {}};
}

// What sysfs shows, as an option takes it: "layer3+4 1" is layer3+4, lists have blanks.
std::string plain_value(const OptionDef& def, const std::string& shown) {
    const std::vector<std::string> list = words(shown);
    if (list.empty()) return {};
    if (def.kind != ValueKind::ipv4_list && def.kind != ValueKind::ipv6_list) return list[0];
    std::string joined;
    for (const std::string& item : list) joined += (joined.empty() ? "" : ",") + item;
    return joined;
}

std::string yaml_value(const OptionDef& def, const std::string& text) {
    switch (def.kind) {
    case ValueKind::ipv4_list:
    case ValueKind::ipv6_list: {
        std::string list = "[\"";
        for (const char c : text) list += c == ',' ? "\", \"" : std::string(1, c);
        return list + "\"]";
    }
    case ValueKind::member:
    case ValueKind::mac: return in_quotes(text, text.size());
    default: return text;
    }
}

// "NAME: VALUE", the same as a comment with the reason when it would be refused, or nothing for a default.
std::string option_line(const OptionDef& def, const std::string& shown) {
    const std::string value = plain_value(def, shown);
    if (value.empty()) return {};
    BondOptions bond;
    MemberOptions member;
    const std::string line = std::string(def.name) + ": ";
    if (const Result<void> set = def.set(bond, member, def, value); !set) {
        return "# " + line + yaml_value(def, value) + "  # " + set.error();
    }
    const std::string text = def.get(bond, member, def);
    return text == def.default_text ? "" : line + yaml_value(def, text);
}

class Importer {
public:
    Importer(std::string dev, const std::string& root)
        : dev_(std::move(dev)), net_(root), bonding_(net_ / dev_ / "bonding"),
          proc_(root == kSysfs ? fs::path("/proc") : net_.parent_path().parent_path() / "proc") {}

    Result<std::string> run() {
        if (!interface_name_problem(dev_).empty() || !fs::is_directory(bonding_)) {
            return Error{in_quotes(dev_) + " is not a Linux bond: there is no " + bonding_.string()};
        }
        const std::vector<std::string> mode_words = words(read_file(bonding_ / "mode").value_or(""));
        const auto mode = parse_mode(mode_words.empty() ? "" : mode_words[0]);
        if (!mode) return Error{"cannot read the mode of " + dev_ + " from " + (bonding_ / "mode").string()};
        slaves_ = words(read_file(bonding_ / "slaves").value_or(""));

        line(0, "# The Linux bond " + dev_ +
                    ", which must give up its name and its members first: ip link delete " + dev_);
        add_surroundings();
        line(0, "bonds:");
        const bool named = bond_name_problem(dev_).empty();
        line(1, "- name: " + in_quotes(named ? dev_ : "bond0") +
                    (named ? "" : "  # " + bond_name_problem(dev_)));
        line(2, "mode: " + std::string(mode_name(*mode)));
        add_options(*mode);
        add_logical();
        add_members(*mode);
        return std::move(out_);
    }

private:
    void line(int depth, const std::string& text) {
        out_ += std::string(static_cast<std::size_t>(depth) * 2, ' ') + text + "\n";
    }

    void add_options(Mode mode) {
        for (const OptionDef& def : option_table()) {
            // Linux has files for options of other modes too, and active_slave tells a state there.
            if (def.of_member || !takes(mode, def) || def.name == "active_slave") continue;
            const auto shown = read_file(bonding_ / std::string(def.name));
            if (!shown) continue;
            std::string text = option_line(def, *shown);
            if (def.name == "miimon") // Linux's default is 0: each other value was somebody's wish
                text = *shown == "0" ? unwatched() : "miimon: " + *shown;
            if (def.name == "primary" && !text.empty() &&
                std::ranges::find(slaves_, *shown) == slaves_.end()) {
                text = "# " + text + "  # not among the members";
            } else if (def.name == "primary" && !text.empty()) {
                text = "primary: " + in_quotes(name_of(*shown));
            }
            if (!text.empty()) line(2, text);
        }
    }

    // With ARP monitoring miimon is 0 by itself. Without, it is Linux's default and nobody's wish.
    std::string unwatched() const {
        if (read_file(bonding_ / "arp_interval").value_or("0") != "0") return {};
        return "# miimon: 0  # Linux watches no link then, and a dead one stays in use; without this line it "
               "is 100 here";
    }

    // What ends with the Linux bond and is not this program's to make again.
    void add_surroundings() {
        for (const std::string& device : devices_on(dev_, net_))
            line(0, "# On top of it, and gone with it: " + device);
        for (const std::string& route : routes_by(dev_, proc_))
            line(0, "# A route by it, and gone with it: ip route add " + route + " dev " + dev_);
    }

    // The line for its MAC, where a bond of this configuration would not take the same by itself: its first
    // member's, or with fail_over_mac active that of whichever member is active.
    std::string mac_line(const std::string& mac) const {
        const auto perm = [this](const std::string& slave) {
            return read_file(net_ / slave / "bonding_slave" / "perm_hwaddr").value_or("");
        };
        const auto policy = words(read_file(bonding_ / "fail_over_mac").value_or(""));
        const auto mode = words(read_file(bonding_ / "mode").value_or(""));
        const bool moves = !policy.empty() && policy[0] == "active" && mode[0] == "active-backup";
        const bool set = read_file(net_ / dev_ / "addr_assign_type") == "3";
        const bool a_members =
            std::ranges::any_of(slaves_, [&](const std::string& s) { return perm(s) == mac; });
        if (moves && a_members) return {};
        const std::string text = "mac: " + in_quotes(mac);
        if (moves) return "# " + text + "  # with fail_over_mac active it is the active member's";
        const bool by_itself = slaves_.empty() || perm(slaves_[0]) == mac;
        return set || !by_itself ? text : "";
    }

    void add_logical() {
        const fs::path netdev = net_ / dev_;
        std::vector<std::string> lines;
        if (const auto mac = read_file(netdev / "address"))
            if (std::string text = mac_line(*mac); !text.empty()) lines.push_back(std::move(text));
        const auto mtu = read_file(netdev / "mtu");
        if (mtu && *mtu != "1500") lines.push_back("mtu: " + *mtu);
        const std::string addresses = address_list();
        if (!addresses.empty()) lines.push_back("addresses: [" + addresses + "]");
        unsigned highest = 0; // Linux gives every bond 16 queues
        for (const std::string& slave : slaves_) {
            const std::string id = read_file(net_ / slave / "bonding_slave" / "queue_id").value_or("0");
            unsigned queue = 0;
            std::from_chars(id.data(), id.data() + id.size(), queue);
            highest = std::max(highest, queue);
        }
        if (highest != 0) {
            lines.push_back("queues: " + std::to_string(std::min(highest + 1, 16U)));
            lines.push_back(
                "# tc filters that choose a queue (skbedit queue_mapping) end with the Linux bond");
        }
        // A mapping of comments alone would be none.
        const bool any = std::ranges::any_of(lines, [](const std::string& text) { return text[0] != '#'; });
        if (!lines.empty()) line(2, any ? "logical:" : "# logical:");
        for (const std::string& text : lines) line(3, text);
    }

    // Of this machine's interface only, so not for a tree that lies elsewhere. Link-local ones come by
    // themselves.
    std::string address_list() const {
        std::string list;
        ifaddrs* head = nullptr;
        if (net_ != kSysfs || getifaddrs(&head) != 0) return list;
        const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(head, freeifaddrs);
        const std::set<std::string> passing =
            passing_addresses(dev_, proc_); // these come by themselves again
        for (const ifaddrs* entry = head; entry != nullptr; entry = entry->ifa_next) {
            if (entry->ifa_addr == nullptr || entry->ifa_netmask == nullptr || dev_ != entry->ifa_name)
                continue;
            const auto text = prefix_text(*entry->ifa_addr, *entry->ifa_netmask);
            if (text && !passing.contains(text->substr(0, text->find('/'))))
                list += (list.empty() ? "" : ", ") + in_quotes(*text);
        }
        return list;
    }

    static std::optional<std::string> prefix_text(const sockaddr& address, const sockaddr& mask) {
        IpPrefix prefix;
        const auto count = [](const auto& bytes) {
            int bits = 0;
            for (const std::uint8_t byte : bytes) bits += __builtin_popcount(byte);
            return static_cast<std::uint8_t>(bits);
        };
        if (address.sa_family == AF_INET) {
            Ipv4 netmask;
            const auto at = offsetof(sockaddr_in, sin_addr);
            std::copy_n(reinterpret_cast<const std::uint8_t*>(&address) + at, 4, prefix.v4.bytes.begin());
            std::copy_n(reinterpret_cast<const std::uint8_t*>(&mask) + at, 4, netmask.bytes.begin());
            prefix.length = count(netmask.bytes);
        } else if (address.sa_family == AF_INET6) {
            Ipv6 netmask;
            const auto at = offsetof(sockaddr_in6, sin6_addr);
            std::copy_n(reinterpret_cast<const std::uint8_t*>(&address) + at, 16, prefix.v6.bytes.begin());
            std::copy_n(reinterpret_cast<const std::uint8_t*>(&mask) + at, 16, netmask.bytes.begin());
            prefix.is_v6 = true;
            prefix.length = count(netmask.bytes);
            if (prefix.v6.bytes[0] == 0xfe && (prefix.v6.bytes[1] & 0xc0) == 0x80) return std::nullopt;
        } else {
            return std::nullopt;
        }
        return prefix.to_string();
    }

    void add_members(Mode mode) {
        if (slaves_.empty()) return line(2, "members: []");
        line(2, "members:");
        if (takes(mode, *find_option("prio"))) {
            line(3, "# A prio, if set, is not in sysfs: ip -d link show MEMBER tells it.");
        }
        for (std::size_t i = 0; i < slaves_.size(); ++i) add_member(mode, slaves_[i], i);
    }

    void add_member(Mode mode, const std::string& slave, std::size_t index) {
        const fs::path netdev = net_ / slave;
        if (const auto pci = member_nic_of(slave, net_)) {
            line(3, "- device: " + in_quotes(pci->address));
            add_name(slave);
            if (pci->keeps_driver) line(4, "driver: none");
        } else {
            line(3, "- device: " + in_quotes("net_af_packet" + std::to_string(index) + ",iface=" + slave));
            if (!member_name_problem(slave).empty()) add_name(slave);
        }
        for (const OptionDef& def : option_table()) {
            if (!def.of_member || !takes(mode, def)) continue;
            const auto shown = read_file(netdev / "bonding_slave" / std::string(def.name));
            const std::string text = shown ? option_line(def, *shown) : "";
            if (!text.empty()) line(4, text);
        }
    }

    // The name of the member here: that of its netdev, where it can name one.
    static std::string name_of(const std::string& slave) {
        if (member_name_problem(slave).empty()) return slave;
        std::string name = slave;
        for (char& c : name)
            if (!member_name_problem(std::string(1, c)).empty()) c = '_';
        return member_name_problem(name).empty() ? name : "m-" + name;
    }
    void add_name(const std::string& slave) {
        const std::string wrong = member_name_problem(slave);
        line(4, "name: " + in_quotes(name_of(slave)) + (wrong.empty() ? "" : "  # " + wrong));
    }

    std::string dev_;
    fs::path net_, bonding_, proc_;
    std::vector<std::string> slaves_;
    std::string out_;
};

} // namespace

Result<std::string> import_bond(const std::string& dev, const std::string& sysfs_root) {
    try {
        return Importer(dev, sysfs_root).run();
    } catch (const std::exception& error) {
        return Error{"cannot import " + in_quotes(dev) + ": " + error.what()};
    }
}

} // namespace dpdkbond
