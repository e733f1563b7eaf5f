// SPDX-License-Identifier: BSD-3-Clause
// The section `spray:` of a bond in mode balance-spray.
#include "config/section.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "bond/spray_table.hpp"
#include "config/validate.hpp"
#include "config/yaml_reader.hpp"

namespace dpdkbond {

namespace {

constexpr unsigned kMaxWeight = 256;

constexpr std::array kKeys = {
    SectionKey{
        "granularity", "packet, flow, flowlet", "packet",
        "what may take another path than the one before: each packet, each flow, or a flow after a pause"},
    SectionKey{"flowlet_gap_us", "1-1000000 us", "500",
               "with flowlet: how long a flow has to pause; longer than the paths' delays differ", 1,
               1000000},
    SectionKey{"probe_interval", "10-60000 ms", "1000",
               "how often each next hop is asked whether it is there", 10, 60000},
    SectionKey{"probe_missed", "1-255", "3", "after so many unanswered probes the path is out of use", 1,
               255},
    SectionKey{"addresses", "MEMBER: ADDRESS/LENGTH", "none",
               "each member's own next-hop address, for which it answers ARP on its own wire alone"},
    SectionKey{"peers", "a list, up to 64", "none",
               "the hosts that are sprayed to; all else goes by the active member"},
    SectionKey{"peers[].address", "an IPv4 address", "",
               "the peer's virtual address, by which packets are told"},
    SectionKey{"peers[].via", "MEMBER: ADDRESS", "none",
               "its next hop behind each member, resolved by ARP …"},
    SectionKey{"peers[].macs", "MEMBER: MAC", "none", "… or the next hop's MAC"},
    SectionKey{"peers[].weights", "MEMBER: 1-256", "by the members' speeds",
               "shares of the paths; a path that is left out has 1"},
};

const SectionKey& key(std::string_view name) { return *std::ranges::find(kKeys, name, &SectionKey::name); }

constexpr std::array<std::pair<std::string_view, SprayGranularity>, 3> kGranularities = {
    {{"packet", SprayGranularity::packet},
     {"flow", SprayGranularity::flow},
     {"flowlet", SprayGranularity::flowlet}}};

bool is_host(Ipv4 a) { return a.bytes[0] != 0 && a.bytes[0] < 224 && a.bytes[0] != 127; }

std::uint32_t number_of(Ipv4 a) {
    return std::uint32_t{a.bytes[0]} << 24U | std::uint32_t{a.bytes[1]} << 16U |
           std::uint32_t{a.bytes[2]} << 8U | a.bytes[3];
}

class Reading {
public:
    Reading(YamlReader& reader, SprayOptions& out) : reader_(reader), out_(out) {}

    void section(const YAML::Node& node, const std::string& path) {
        const auto number = [&](std::uint32_t& field, const char* name) {
            return [this, &field, name](const YAML::Node& v, const std::string& at) {
                if (const auto n = reader_.number(v, at, key(name).min, key(name).max)) field = *n;
            };
        };
        reader_.map(node, path,
                    {{"granularity",
                      [&](auto& v, auto& at) {
                          const auto g = reader_.choice<SprayGranularity>(v, at, std::span(kGranularities));
                          if (g) out_.granularity = *g;
                      }},
                     {"flowlet_gap_us", number(out_.flowlet_gap_us, "flowlet_gap_us")},
                     {"probe_interval", number(out_.probe_interval, "probe_interval")},
                     {"probe_missed", number(out_.probe_missed, "probe_missed")},
                     {"addresses", [&](auto& v, auto& at) { addresses(v, at); }},
                     {"peers", [&](auto& v, auto& at) {
                          reader_.list(v, at, [&](auto& item, auto& item_at) { peer(item, item_at); });
                      }}});
    }

private:
    void addresses(const YAML::Node& node, const std::string& path) {
        reader_.entries(
            node, path, [&](const std::string& member, const YAML::Node& v, const std::string& at) {
                const auto text = reader_.text(v, at);
                if (!text) return;
                const auto prefix = IpPrefix::parse(*text);
                const bool good = prefix && !prefix->is_v6 && is_host(prefix->v4) && prefix->length >= 8 &&
                                  prefix->length <= 31 && text->find('/') != std::string::npos;
                if (good) return out_.addresses.push_back({member, *prefix});
                reader_.broken(
                    at, in_quotes(*text) +
                            " cannot be a member's next-hop address; allowed: an IPv4 address with the "
                            "length of its network (8-31), such as 10.0.1.1/24");
            });
    }

    std::optional<Ipv4> host(const YAML::Node& node, const std::string& path, const char* what) {
        const auto text = reader_.text(node, path);
        if (!text) return std::nullopt;
        const auto address = Ipv4::parse(*text);
        if (address && is_host(*address)) return address;
        reader_.broken(path, in_quotes(*text) + " is not the IPv4 address of " + what +
                                 "; allowed: one such as 10.0.1.2");
        return std::nullopt;
    }

    void peer(const YAML::Node& node, const std::string& path) {
        SprayPeerOptions peer;
        std::vector<SprayPathOptions> by_mac;
        std::vector<std::pair<std::string, std::uint32_t>> weights;
        const auto via = [&](const std::string& member, const YAML::Node& v, const std::string& at) {
            if (const auto address = host(v, at, "a next hop"))
                peer.paths.push_back({member, address, {}, 0});
        };
        const auto mac = [&](const std::string& member, const YAML::Node& v, const std::string& at) {
            const auto text = reader_.text(v, at);
            if (!text) return;
            const auto parsed = Mac::parse(*text);
            if (parsed && parsed->is_valid_unicast()) return by_mac.push_back({member, {}, *parsed, 0});
            reader_.broken(at, in_quotes(*text) + " is not a unicast MAC address; allowed: one such as "
                                                  "02:bd:00:00:00:01");
        };
        const auto weight = [&](const std::string& member, const YAML::Node& v, const std::string& at) {
            if (const auto n = reader_.number(v, at, 1, kMaxWeight)) weights.emplace_back(member, *n);
        };
        bool has_address = false;
        reader_.map(node, path,
                    {{"address",
                      [&](auto& v, auto& at) {
                          const auto address = host(v, at, "a peer");
                          has_address = true;
                          if (address) peer.address = *address;
                      }},
                     {"via", [&](auto& v, auto& at) { reader_.entries(v, at, via); }},
                     {"macs", [&](auto& v, auto& at) { reader_.entries(v, at, mac); }},
                     {"weights", [&](auto& v, auto& at) { reader_.entries(v, at, weight); }}});
        if (!node.IsNull() && !node.IsMap()) return;
        if (!has_address) {
            reader_.problem(path + ".address", "is missing; the peer's virtual address is needed");
            reader_.mark_broken(path + ".address");
        }
        for (const SprayPathOptions& p : by_mac) {
            if (std::ranges::find(peer.paths, p.member, &SprayPathOptions::member) != peer.paths.end())
                reader_.problem(path + ".macs." + p.member,
                                "its next hop is given by via too; allowed: one of them");
            else
                peer.paths.push_back(p);
        }
        if (!weights.empty())
            for (SprayPathOptions& p : peer.paths) p.weight = 1;
        for (const auto& [member, n] : weights) {
            const auto p = std::ranges::find(peer.paths, member, &SprayPathOptions::member);
            if (p != peer.paths.end())
                p->weight = n;
            else if (!any_broken(path + ".via") && !any_broken(path + ".macs"))
                reader_.problem(
                    path + ".weights." + member,
                    "there is no path to weigh; give its next hop by via or macs, or leave it out");
        }
        out_.peers.push_back(std::move(peer));
    }

    bool any_broken(const std::string& prefix) const {
        const auto it = reader_.broken_paths().lower_bound(prefix);
        return it != reader_.broken_paths().end() && it->starts_with(prefix);
    }

    YamlReader& reader_;
    SprayOptions& out_;
};

class Judging {
public:
    Judging(const BondConfig& bond, const std::string& bond_key, const std::set<std::string>& broken)
        : bond_(bond), spray_(bond.options.spray), key_(bond_key + ".spray"), bond_key_(bond_key),
          broken_(broken) {}

    std::vector<ConfigProblem> run() {
        if (!any_broken(key_ + ".addresses")) addresses();
        std::size_t paths = 0;
        for (std::size_t i = 0; i < spray_.peers.size(); ++i) {
            peer(spray_.peers[i], key_ + ".peers[" + std::to_string(i) + "]");
            paths += spray_.peers[i].paths.size();
        }
        if (spray_.peers.size() > kMaxSprayPeers || paths > kMaxSprayPaths)
            add(key_ + ".peers", fmt::format("{} peers with {} paths are too many; allowed: up to {} with {}",
                                             spray_.peers.size(), paths, kMaxSprayPeers, kMaxSprayPaths));
        return std::move(problems_);
    }

private:
    void add(std::string key, std::string message) {
        problems_.push_back({0, 0, std::move(key), std::move(message)});
    }
    bool any_broken(const std::string& prefix) const {
        const auto it = broken_.lower_bound(prefix);
        return it != broken_.end() && it->starts_with(prefix);
    }

    // False, and a problem: there is no such member.
    bool names_member(const std::string& name, const std::string& key) {
        if (any_broken(bond_key_ + ".members")) return true;
        const std::string wrong = unknown_member_problem(name, bond_.members);
        if (!wrong.empty()) add(key, wrong);
        return wrong.empty();
    }

    // Notes what uses the address; a problem when it is in use already.
    void claim(Ipv4 address, const std::string& key) {
        const auto [user, is_new] = users_.emplace(address, key);
        if (!is_new)
            add(key, address.to_string() + " is already used by " + user->second + "; allowed: once");
    }

    void addresses() {
        for (const SprayAddress& a : spray_.addresses) {
            const std::string at = key_ + ".addresses." + a.member;
            (void)names_member(a.member, at);
            claim(a.prefix.v4, at);
            if (!is_in_network(a.prefix.v4, a.prefix))
                add(at, a.prefix.to_string() +
                            " is the network or its broadcast address; allowed: one of its hosts");
        }
    }

    // A host's address in the network of `prefix`.
    static bool is_in_network(Ipv4 address, const IpPrefix& prefix) {
        const std::uint32_t hosts = ~std::uint32_t{0} >> prefix.length, n = number_of(address);
        if ((n | hosts) != (number_of(prefix.v4) | hosts)) return false;
        return prefix.length == 31 || ((n & hosts) != 0 && (n & hosts) != hosts);
    }

    void peer(const SprayPeerOptions& peer, const std::string& at) {
        const bool named = !any_broken(at + ".address");
        if (named) claim(peer.address, at + ".address");
        for (const IpPrefix& own : bond_.logical.addresses)
            if (named && !own.is_v6 && own.v4 == peer.address)
                add(at + ".address",
                    peer.address.to_string() + " is the bond's own address; the peer's is needed");
        if (peer.paths.empty() && !any_broken(at + ".via") && !any_broken(at + ".macs"))
            add(at, "no path leads there; give its next hop behind each member by via, or by macs");
        for (const SprayPathOptions& p : peer.paths) {
            const std::string path_at = at + (p.via ? ".via." : ".macs.") + p.member;
            if (names_member(p.member, path_at) && p.via) next_hop(p, path_at);
        }
    }

    void next_hop(const SprayPathOptions& p, const std::string& at) {
        if (any_broken(key_ + ".addresses")) return;
        const auto own = std::ranges::find(spray_.addresses, p.member, &SprayAddress::member);
        if (own == spray_.addresses.end())
            return add(at, p.member +
                               " has no address to ask for it with; give it one by addresses, or the next "
                               "hop's MAC by macs");
        if (*p.via == own->prefix.v4)
            add(at, p.via->to_string() + " is the member's own address; the peer's is needed");
        else if (!is_in_network(*p.via, own->prefix))
            add(at, fmt::format("{} is no host of the member's network; allowed: one of {}",
                                p.via->to_string(), own->prefix.to_string()));
    }

    const BondConfig& bond_;
    const SprayOptions& spray_;
    const std::string key_, bond_key_;
    const std::set<std::string>& broken_;
    std::map<Ipv4, std::string> users_;
    std::vector<ConfigProblem> problems_;
};

void read_spray(YamlReader& reader, BondOptions& out, const YAML::Node& node, const std::string& path) {
    Reading(reader, out.spray).section(node, path);
}

std::vector<ConfigProblem> check_spray(const BondConfig& bond, const std::string& bond_key,
                                       const std::set<std::string>& broken) {
    return Judging(bond, bond_key, broken).run();
}

std::string dump_spray(const BondOptions& options) {
    const SprayOptions& spray = options.spray;
    std::string out =
        fmt::format("    spray:\n      granularity: {}\n      flowlet_gap_us: {}\n      probe_interval: {}\n"
                    "      probe_missed: {}\n",
                    spray_granularity_name(spray.granularity), spray.flowlet_gap_us, spray.probe_interval,
                    spray.probe_missed);
    const auto entry = [&](int indent, const std::string& member, const std::string& value) {
        out += fmt::format("{:{}}{}: {}\n", "", indent, in_quotes(member, member.size()), in_quotes(value));
    };
    if (!spray.addresses.empty()) out += "      addresses:\n";
    for (const SprayAddress& a : spray.addresses) entry(8, a.member, a.prefix.to_string());
    out += spray.peers.empty() ? "      peers: []\n" : "      peers:\n";
    for (const SprayPeerOptions& peer : spray.peers) {
        out += fmt::format("        - address: {}\n", in_quotes(peer.address.to_string()));
        const auto some = [&](const char* name, auto has, auto value) {
            if (std::ranges::none_of(peer.paths, has)) return;
            out += fmt::format("          {}:\n", name);
            for (const SprayPathOptions& p : peer.paths)
                if (has(p)) entry(12, p.member, value(p));
        };
        using Path = const SprayPathOptions&;
        some(
            "via", [](Path p) { return p.via.has_value(); }, [](Path p) { return p.via->to_string(); });
        some(
            "macs", [](Path p) { return !p.via; }, [](Path p) { return p.mac.to_string(); });
        some(
            "weights", [](Path p) { return p.weight != 0; }, [](Path p) { return std::to_string(p.weight); });
    }
    return out;
}

} // namespace

const ModeSection spray_section{
    .name = "spray",
    .keys = kKeys,
    .read = read_spray,
    .check = check_spray,
    .dump = dump_spray,
    .equal = [](const BondOptions& a, const BondOptions& b) { return a.spray == b.spray; },
};

} // namespace dpdkbond
