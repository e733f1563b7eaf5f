// SPDX-License-Identifier: BSD-3-Clause
#include "config/validate.hpp"

#include <grp.h>

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/listen_address.hpp"
#include "base/quote.hpp"
#include "config/names.hpp"
#include "config/section.hpp"
#include "options/vdev_args.hpp"

namespace dpdkbond {
namespace {

// A build for another DPDK says otherwise.
constexpr std::size_t kMaxPorts = DPDKBOND_MAX_PORTS;

class Validator {
public:
    Validator(Config& config, const std::set<std::string>& broken) : config_(config), broken_(broken) {}

    std::vector<ConfigProblem> run() {
        check_runtime();
        if (config_.bonds.empty() && !is_broken("bonds"))
            add("bonds", "is missing or empty; at least one bond is needed");
        if (config_.bonds.size() > kMaxBonds)
            add("bonds", "too many bonds; allowed: up to " + std::to_string(kMaxBonds));
        for (std::size_t i = 0; i < config_.bonds.size(); ++i) {
            check_bond(config_.bonds[i], "bonds[" + std::to_string(i) + "]");
        }
        check_port_count();
        check_vdevs();
        check_taps();
        return std::move(problems_);
    }

private:
    void add(std::string key, std::string message) {
        problems_.push_back({0, 0, std::move(key), std::move(message)});
    }
    bool is_broken(const std::string& key) const { return broken_.contains(key); }

    // Notes what uses `id`; false, and a problem, when it is in use already.
    bool claim(std::map<std::string, std::string>& users, const std::string& id, const std::string& key,
               const std::string& what) {
        const auto [user, is_new] = users.emplace(id, key);
        if (!is_new)
            add(key, what + " " + in_quotes(id) + " is already used by " + user->second + "; allowed: once");
        return is_new;
    }

    void check_runtime() {
        const RuntimeConfig& runtime = config_.runtime;
        if (is_broken("runtime.worker_lcores")) return;
        if (runtime.worker_lcores.empty())
            add("runtime.worker_lcores", "is empty; at least one lcore is needed");
        std::set<unsigned> seen;
        for (std::size_t i = 0; i < runtime.worker_lcores.size(); ++i) {
            const std::string key = "runtime.worker_lcores[" + std::to_string(i) + "]";
            const unsigned lcore = runtime.worker_lcores[i];
            if (!seen.insert(lcore).second)
                add(key, std::to_string(lcore) + " is there twice; list each lcore once");
            if (lcore == runtime.control_lcore && runtime.idle == Idle::busy &&
                !is_broken("runtime.control_lcore")) {
                add(key, std::to_string(lcore) + " is control_lcore; with idle: busy the workers need lcores "
                                                 "of their own");
            }
        }
    }

    // Members and logical interfaces are DPDK ports alike, and DPDK is built for so many.
    void check_port_count() {
        std::size_t members = 0;
        for (const BondConfig& bond : config_.bonds) members += bond.members.size();
        const std::size_t bonds = config_.bonds.size();
        if (members + bonds <= kMaxPorts || bonds > kMaxBonds) return;
        if (std::ranges::any_of(config_.bonds,
                                [](const BondConfig& b) { return b.members.size() > kMaxMembers; }))
            return; // which has been said
        add("bonds",
            fmt::format("{} members and {} logical interfaces make {} DPDK ports; the DPDK in use is built "
                        "for {} (RTE_MAX_ETHPORTS)",
                        members, bonds, members + bonds, kMaxPorts));
    }

    // A device that eal_args made already would have two owners.
    void check_vdevs() {
        const auto& args = config_.runtime.eal_args;
        for (std::size_t i = 0; i < args.size(); ++i) {
            const std::string& arg = args[i];
            std::string device;
            if (arg.starts_with("--vdev="))
                device = arg.substr(7);
            else if (arg == "--vdev" && i + 1 < args.size())
                device = args[i + 1];
            if (const auto user = devices_.find(devargs_head(device));
                !device.empty() && user != devices_.end())
                add(fmt::format("runtime.eal_args[{}]", i),
                    fmt::format("{} makes the device of {}; leave it out, the device is made from its key",
                                in_quotes(arg), user->second));
        }
    }

    // Members' taps are netdevs beside the logical interfaces and what is below members.
    void check_taps() {
        std::map<std::string, std::string> users = bonds_;
        users.insert(netdevs_.begin(), netdevs_.end());
        for (std::size_t b = 0; b < config_.bonds.size(); ++b) {
            const BondConfig& bond = config_.bonds[b];
            for (std::size_t m = 0; bond.options.member_taps && m < bond.members.size(); ++m) {
                const std::string& member = bond.members[m].name;
                const std::string tap = member_tap_name(member);
                const auto [user, is_new] = users.emplace(tap, fmt::format("bonds[{}].members[{}]", b, m));
                // A name that two members of a bond have is no second mistake.
                if (is_new || std::ranges::count(bond.members, member, &MemberConfig::name) > 1) continue;
                add(fmt::format("bonds[{}].members[{}].name", b, m),
                    fmt::format("with member_taps its tap is {}, a name that {} has already; allowed: a name "
                                "of the member whose last 12 characters no other has",
                                tap, user->second));
            }
        }
    }

    void check_bond(BondConfig& bond, const std::string& key) {
        if (!bond.name.empty()) claim(bonds_, bond.name, key + ".name", "the name");
        if (!is_broken(key + ".mode")) {
            for (const OptionProblem& problem : check_options(bond.mode, bond.options, bond.given)) {
                add(key + "." + problem.option, problem.message);
            }
        }
        if (const ModeSection* own = section_of(bond.mode))
            for (ConfigProblem& problem : own->check(bond, key, broken_))
                problems_.push_back(std::move(problem));
        check_logical(bond.logical, key + ".logical");
        if (bond.members.size() > kMaxMembers) {
            add(key + ".members", std::to_string(bond.members.size()) +
                                      " members are too many; allowed: up to " + std::to_string(kMaxMembers));
        }
        std::map<std::string, std::string> names;
        for (std::size_t i = 0; i < bond.members.size(); ++i) {
            const std::string member = key + ".members[" + std::to_string(i) + "]";
            check_member(bond, bond.members[i], member, names);
            if (is_broken(key + ".logical.queues")) continue;
            const std::string queue = queue_id_problem(bond.members[i].options.queue_id, bond.logical.queues,
                                                       std::span(bond.members).first(i));
            if (!queue.empty()) add(member + ".queue_id", queue);
        }
        if (is_broken(key + ".members")) return;
        check_names_member(bond, bond.options.primary, key + ".primary");
        check_names_member(bond, bond.options.active_slave, key + ".active_slave");
    }

    void check_names_member(const BondConfig& bond, const std::string& name, const std::string& key) {
        if (name.empty()) return;
        const std::string wrong = unknown_member_problem(name, bond.members);
        if (!wrong.empty()) add(key, wrong);
    }

    void check_logical(const LogicalConfig& logical, const std::string& key) {
        if (!is_broken(key + ".backend")) {
            const bool takes_device = logical.backend == LogicalBackend::device;
            if (takes_device && logical.device.empty() && !is_broken(key + ".device")) {
                add(key + ".backend",
                    "device needs the key device; give the devargs of the device, or use auto");
            }
            if (!takes_device && !logical.device.empty()) {
                add(key + ".device", "is only for backend: device; leave it out or set the backend");
            }
        }
        if (!is_broken(key + ".queues"))
            if (const std::string queues = logical_queues_problem(logical); !queues.empty())
                add(key + ".queues", queues);
        if (!logical.managed && logical.backend == LogicalBackend::device)
            add(key + ".manage", "none is for a netdev, and backend: device has none; leave it out");
        if (!logical.managed && !logical.addresses.empty())
            add(key + ".addresses",
                "with manage: none addresses are another program's; allowed: none here, or manage: self");
        if (!logical.device.empty()) claim_device(logical.device, key + ".device");
    }

    void check_member(const BondConfig& bond, const MemberConfig& member, const std::string& key,
                      std::map<std::string, std::string>& names) {
        bool own_device = true;
        if (!is_broken(key + ".device")) {
            if (!member.device.empty()) own_device = claim_device(member.device, key + ".device");
            const std::string netdev = devargs_value(member.device, "iface");
            if (!netdev.empty() &&
                std::ranges::find(config_.bonds, netdev, &BondConfig::name) != config_.bonds.end())
                add(key + ".device",
                    in_quotes(netdev) + " is the logical interface of a bond; a member is another");
            if (const std::string wrong = packet_socket_problem(member.device); !wrong.empty())
                add(key + ".device", wrong);
            if (!member.driver.empty() && !member.is_pci()) {
                add(key + ".driver", "is only for a PCI device; leave it out");
            }
        }
        // The default name of a device that is there twice is no second mistake.
        const bool judge_name = own_device || member.name != default_member_name(member.device);
        if (!member.name.empty() && judge_name) claim(names, member.name, key + ".name", "the name");
        if (is_broken(bond_key(key) + ".mode")) return;
        for (const OptionProblem& problem : check_member_options(bond.mode, member.options, member.given)) {
            add(key + "." + problem.option, problem.message);
        }
    }

    static std::string bond_key(const std::string& member_key) {
        return member_key.substr(0, member_key.find('.'));
    }

    // A device, and the netdev below it, can serve one member or logical interface of the whole file.
    bool claim_device(const std::string& devargs, const std::string& key) {
        const std::string head = devargs_head(devargs);
        if (!claim(devices_, pci_address(head).value_or(head), key, "the device")) return false;
        const std::string netdev = devargs_value(devargs, "iface");
        return netdev.empty() || claim(netdevs_, netdev, key, "the interface");
    }

    Config& config_;
    const std::set<std::string>& broken_;
    std::vector<ConfigProblem> problems_;
    std::map<std::string, std::string> bonds_, devices_, netdevs_; // what → the key of its first user
};

} // namespace

std::string device_problem(const std::string& devargs) {
    const std::string head = devargs_head(devargs);
    const std::string netdev = interface_name_problem(head).empty() ? head : "m1"; // for the example
    const std::string allowed =
        "; allowed: a PCI address (0000:01:00.0) or vdev devargs (net_af_packet0,iface=" + netdev + ")";
    const bool printable = std::ranges::all_of(devargs, [](char c) { return c > ' ' && c < 0x7f; });
    if (head.empty() || !printable || devargs.size() > 255)
        return in_quotes(devargs) + " is not a device" + allowed;
    if (pci_address(head)) return {};
    if (head[0] >= '0' && head[0] <= '9') return in_quotes(head) + " is not a PCI address" + allowed;
    // Other buses ("auxiliary:mlx5_core.sf.1", "fslmc:dpni.1") have a colon or a dot; a virtual device says
    // its kind.
    const bool known =
        head.starts_with("net_") || head.starts_with("eth_") || head.find_first_of(":.") != std::string::npos;
    return known ? "" : in_quotes(head) + " is not a DPDK device" + allowed;
}

std::string packet_socket_problem(const std::string& devargs) {
    // In the plug-in it may be the name alone, of a device that the application has made.
    if (!is_packet_socket(devargs) || devargs.find(',') == std::string::npos) return {};
    const auto args = packet_socket_args(devargs);
    return args ? std::string() : args.error();
}

std::string file_prefix_problem(const std::string& prefix) {
    const auto plain = [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != '%'; };
    if (!prefix.empty() && prefix.size() <= 64 && prefix != "." && prefix != ".." &&
        std::ranges::all_of(prefix, plain))
        return {};
    return in_quotes(prefix) +
           " cannot be part of a file's name; allowed: 1 to 64 printable characters without "
           "space, slash and percent sign";
}

std::string metrics_problem(const std::string& address) {
    if (address.empty() || ListenAddress::parse(address)) return {};
    return in_quotes(address) +
           " is not an address and a port; allowed: IPV4:PORT, [IPV6]:PORT or localhost:PORT with a port "
           "of 1 to 65535, as 127.0.0.1:9471, or nothing";
}

std::string socket_group_problem(const std::string& group) {
    if (group.empty() || ::getgrnam(group.c_str()) != nullptr) return {};
    return "there is no group " + in_quotes(group) +
           " on this machine; allowed: the name of a group, or nothing";
}

std::string eal_arg_problem(const std::string& arg) {
    const std::string head = arg.substr(0, arg.find('='));
    // DPDK takes abbreviations, and letters with their values at once ("-l0").
    const auto is = [&](std::string_view name) {
        if (!name.starts_with("--")) return !head.starts_with("--") && head.starts_with(name);
        return head.size() > 3 && name.starts_with(head);
    };
    if (is("-h") || is("--help")) return in_quotes(arg) + " ends DPDK; leave it out";
    if (is("--file-prefix")) return in_quotes(arg) + " is not taken; allowed: the key file_prefix";
    for (const char* name : {"-l", "-c", "-s", "-S", "--lcores", "--main-lcore"})
        if (is(name))
            return in_quotes(arg) + " is not taken; allowed: the keys control_lcore and worker_lcores";
    if (is("--proc-type")) return in_quotes(arg) + " is not taken; every instance is a primary process";
    if (is("--no-telemetry"))
        return in_quotes(arg) + " is not taken; status and console ask by telemetry's socket";
    for (const char* name : {"--in-memory", "--no-shconf"})
        if (is(name))
            return in_quotes(arg) +
                   " is not taken; the lock on file_prefix and the console live in the folder "
                   "that it does without";
    return {};
}

std::string logical_queues_problem(const LogicalConfig& logical) {
    const auto is = [&](const char* driver) {
        return logical.backend == LogicalBackend::device && logical.device.starts_with(driver);
    };
    if (is("net_tap") && logical.queues > kMaxNetTapQueues)
        return fmt::format(
            "DPDK's net_tap has at most {} queues: it hands over 2 descriptors for each, and 8 at "
            "most; allowed: 1-{}, or backend: tap",
            kMaxNetTapQueues, kMaxNetTapQueues);
    const bool virtio = logical.backend == LogicalBackend::virtio_user || is("net_virtio_user");
    if (virtio && logical.queues > kMaxVirtioUserQueues)
        return fmt::format("DPDK's virtio-user has at most {} queues; allowed: 1-{}, or backend: tap",
                           kMaxVirtioUserQueues, kMaxVirtioUserQueues);
    return {};
}

std::string unknown_member_problem(const std::string& name, std::span<const MemberConfig> members) {
    std::vector<std::string_view> names;
    std::string list;
    for (const MemberConfig& member : members) {
        if (member.name == name || member.name.empty()) return "";
        names.push_back(member.name);
        list += (list.empty() ? "" : ", ") + member.name;
    }
    const std::string near = nearest_name(name, names);
    return in_quotes(name) + " is not a member of the bond; " +
           (near.empty() ? "allowed: " + (list.empty() ? "none, as it has no members" : list)
                         : "did you mean " + near + "?");
}

std::string queue_id_problem(std::uint16_t queue_id, unsigned queues, std::span<const MemberConfig> others) {
    if (queue_id == 0) return {};
    if (queue_id >= queues)
        return fmt::format(
            "{} is no queue of the logical interface, which has {}, numbered from 0; allowed: {}", queue_id,
            queues,
            queues > 1 ? fmt::format("up to {}, or more logical.queues", queues - 1)
                       : "0, or more logical.queues");
    for (const MemberConfig& m : others)
        if (m.options.queue_id == queue_id)
            return fmt::format("{} is already that of {}; give each a queue of its own", queue_id, m.name);
    return {};
}

std::vector<ConfigProblem> validate(Config& config, const std::set<std::string>& broken) {
    return Validator(config, broken).run();
}

} // namespace dpdkbond
