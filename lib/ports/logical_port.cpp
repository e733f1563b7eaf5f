// SPDX-License-Identifier: BSD-3-Clause
#include "ports/logical_port.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <rte_ethdev.h>

#include "host/bpf.hpp"
#include "host/fd_finder.hpp"
#include "host/in_namespace.hpp"
#include "host/link_speed.hpp"
#include "host/netlink.hpp"
#include "host/vhost.hpp"
#include "ports/own_tap.hpp"
#include "ports/tap_signals.hpp"

namespace dpdkbond {

namespace {

LogicalBackend choose(const LogicalConfig& config) {
    const LogicalBackend asked = config.backend;
    if (asked == LogicalBackend::device) return asked;
    const bool is_for_virtio_user =
        asked == LogicalBackend::virtio_user ||
        (asked == LogicalBackend::automatic && config.queues <= kMaxVirtioUserQueues);
    if (is_for_virtio_user && vhost_net_works()) return LogicalBackend::virtio_user;
    provide_tun();
    return asked == LogicalBackend::virtio_user ? asked : LogicalBackend::tap;
}

std::string devargs(const std::string& bond, const LogicalConfig& config, LogicalBackend backend,
                    std::optional<Mac> mac) {
    const std::string address = mac ? ",mac=" + mac->to_string() : "";
    switch (backend) {
    case LogicalBackend::virtio_user:
        return fmt::format("net_virtio_user_{0},path=/dev/vhost-net,queues={1},queue_size=1024,iface={0}{2}",
                           bond, config.queues, address);
    case LogicalBackend::device: return config.device;
    default: return "tap_" + bond;
    }
}

// The netdev behind them still has the bond's name, and is in this namespace.
bool is_at_home(const HandedFds& handed, const std::string& bond) {
    std::vector<int> fds;
    for (const HandedFd& f : handed) fds.push_back(f.fd.get());
    const Fd netns = tun_namespace(fds);
    return tun_name(fds) == bond && (!netns || is_own_namespace(netns));
}

constexpr std::string_view kTap = "tap", kVirtioUser = "virtio-user";

std::string_view name_of(LogicalBackend backend) {
    if (backend == LogicalBackend::device) return "device";
    return backend == LogicalBackend::tap ? kTap : kVirtioUser;
}

std::string handed_name(std::string_view backend, const std::string& bond) {
    return fmt::format("{}.{}", backend, bond);
}

// Why the netdev cannot be taken over; empty: it can.
std::string why_made_anew(LogicalBackend backend, const std::string& bond, const HandedFds& handed) {
    if (handed.front().name != handed_name(name_of(backend), bond)) return "its backend is another now";
    std::vector<int> fds;
    for (const HandedFd& f : handed) fds.push_back(f.fd.get());
    if (!tun_name(fds)) return "it has been deleted";
    return is_at_home(handed, bond) ? std::string() : "it was renamed or moved";
}

Result<Port> open_tap(const std::string& device, const std::string& bond, const LogicalConfig& config,
                      HandedFds handed) {
    auto ops = make_tap({bond, config.offloads, std::move(handed)});
    if (!ops) return Error{ops.error()};
    return Port::open(device, std::move(ops).value());
}

} // namespace

Result<std::unique_ptr<LogicalPort>> LogicalPort::open(const std::string& bond, const LogicalConfig& config,
                                                       std::optional<Mac> mac, rte_mempool* pool, bool sleepy,
                                                       std::vector<std::string>& warnings, HandedFds handed) {
    const LogicalBackend backend = choose(config);
    const auto make_anew = [&](const std::string& why) {
        warnings.push_back("its interface is made anew: " + why);
        handed.clear(); // and with them the netdev
    };
    if (!handed.empty())
        if (const std::string why = why_made_anew(backend, bond, handed); !why.empty()) make_anew(why);
    if (!handed.empty() && backend == LogicalBackend::virtio_user) {
        auto taken = open_as(backend, bond, config, mac, pool, sleepy, std::move(handed));
        if (taken) return taken;
        make_anew(taken.error());
    }
    auto logical = open_as(backend, bond, config, mac, pool, sleepy, std::move(handed));
    if (logical || config.backend != LogicalBackend::automatic || backend == LogicalBackend::tap)
        return logical;
    provide_tun();
    auto tap = open_as(LogicalBackend::tap, bond, config, mac, pool, sleepy, {});
    if (!tap) return logical; // what keeps both from serving
    warnings.push_back(fmt::format("{}; a tap serves instead of vhost-net", logical.error()));
    return tap;
}

Result<std::unique_ptr<LogicalPort>> LogicalPort::open_as(LogicalBackend backend, const std::string& bond,
                                                          const LogicalConfig& config, std::optional<Mac> mac,
                                                          rte_mempool* pool, bool sleepy, HandedFds handed) {
    std::unique_ptr<LogicalPort> logical(new LogicalPort);
    const bool in_kernel = backend != LogicalBackend::device;
    const bool taken_over = !handed.empty();
    if (in_kernel && !taken_over && get_link(bond).ok())
        return Error{
            fmt::format("{}: a netdev of that name is there already; remove it or rename the bond", bond)};

    const std::string device = devargs(bond, config, backend, mac);
    // DPDK's virtio-user opens the queues of its netdev itself, beside those that keep it until then.
    HandedFds held;
    if (backend == LogicalBackend::virtio_user) held.swap(handed);
    auto port = backend == LogicalBackend::tap ? open_tap(device, bond, config, std::move(handed))
                                               : Port::open(device);
    if (!port) return Error{fmt::format("{}: the logical interface: {}", bond, port.error())};
    logical->port_.emplace(std::move(port).value());
    logical->backend_ = name_of(backend);
    logical->name_ = in_kernel ? bond : device.substr(0, device.find(','));
    if (in_kernel) logical->netdev_ = bond;

    PortSetup setup;
    setup.rx_queues = setup.tx_queues = static_cast<std::uint16_t>(config.queues);
    setup.rx_interrupts = sleepy;
    setup.pool = pool;
    setup.offloads = config.may_take_super_frames();
    setup.mtu = in_kernel ? 0 : config.mtu;
    if (auto started = logical->port_->start(setup); !started)
        return Error{fmt::format("{}: the logical interface: {}", bond, started.error())};
    if (setup.offloads) logical->offloads_ = logical->port_->offloads();
    read_tap_without_signals(*logical->port_);
    held.clear();
    // What the other side of a device asks for is its own business.
    if (!in_kernel) {
        logical->port_->set_promiscuous(true);
        logical->port_->set_allmulticast(true);
        return logical;
    }
    if (auto link = get_link(bond)) logical->ifindex_ = link.value().ifindex;
    logical->tun_fds_ = find_tun_fds(bond);
    if (auto done = dpdkbond::set_mtu(bond, config.mtu); !done) return Error{done.error()};
    if (!taken_over) (void)logical->set_carrier(false);
    if (taken_over) (void)unsteer_tun(logical->tun_fds_.empty() ? -1 : logical->tun_fds_.front());
    // One that has it already is not told: the kernel would forget its neighbours.
    if (const auto link = get_link(bond); mac && link && link.value().mac == *mac)
        logical->mac_ = *mac;
    else if (mac)
        if (auto done = logical->set_mac(*mac); !done) return Error{done.error()};
    for (const IpPrefix& a : config.addresses)
        if (auto done = dpdkbond::add_address(bond, a); !done) return Error{done.error()};
    if (config.managed)
        if (auto done = dpdkbond::set_admin_up(bond, true); !done) return Error{done.error()};
    return logical;
}

HandedFds LogicalPort::hand_over() const {
    HandedFds fds;
    for (const int fd : tun_fds_)
        fds.push_back({handed_name(backend_, netdev_), Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3))});
    return fds;
}

std::vector<std::string> LogicalPort::handed_names(const std::string& bond) {
    return {handed_name(kTap, bond), handed_name(kVirtioUser, bond)};
}

Result<void> LogicalPort::visit(const std::function<Result<void>(const LinkEvent&)>& f) const {
    const auto name = tun_name(tun_fds_);
    if (!name && !tun_fds_.empty()) return Error{fmt::format("netdev {} has been deleted", netdev_)};
    const Fd netns = tun_namespace(tun_fds_);
    if (!netns || is_own_namespace(netns)) {
        const auto link = name ? get_link(*name) : get_link(ifindex_);
        return link ? f(link.value()) : Error{link.error()};
    }
    const InNamespace there(netns);
    if (!there.entered())
        return Error{fmt::format("netdev {} is in a namespace that cannot be entered", *name)};
    auto link = get_link(*name);
    if (!link) return Error{link.error()};
    link.value().nsid = kUnknownNamespace;
    return f(link.value());
}

bool LogicalPort::is_gone() const {
    return in_kernel() && (tun_fds_.empty() ? !get_link(ifindex_).ok() : !tun_name(tun_fds_));
}

Result<void> LogicalPort::set_carrier(bool up) {
    if (in_kernel()) {
        // By the descriptor it reaches the netdev under any name and in any namespace.
        const bool set = set_tun_carrier(tun_fds_, up);
        if (set && !up) return {};
        // The kernel lets traffic through a moment after the carrier came; asking for the link, as visit()
        // does, hurries it (6.12 and newer).
        return visit(
            [&](const LinkEvent& at) { return set ? Result<void>{} : dpdkbond::set_carrier(at.name, up); });
    }
    up ? rte_eth_dev_set_link_up(port_->id()) : rte_eth_dev_set_link_down(port_->id()); // where the PMD can
    return {};
}

Result<void> LogicalPort::set_mac(const Mac& mac) {
    auto done = !in_kernel() ? port_->set_mac(mac)
                             : visit([&](const LinkEvent& at) { return dpdkbond::set_mac(at.ifindex, mac); });
    if (done) mac_ = mac;
    return done;
}

Result<void> LogicalPort::steer(bool on) {
    if (on == steered_ || !in_kernel()) return {}; // the program behind a device chooses its queues itself
    Result<void> done;
    for (const int fd : tun_fds_) {
        done = on ? steer_tun(fd) : unsteer_tun(fd);
        if (!done) continue; // a descriptor that has no queue
        steered_ = on;
        return {}; // it is for all queues
    }
    return Error{fmt::format("{}: {}; what asks for no queue may lie in any, and leave by that one's member",
                             netdev_, done ? "no queue of it is found" : done.error())};
}

Result<void> LogicalPort::set_speed(std::uint32_t mbps) {
    if (!in_kernel()) return {}; // other devices do not ask
    return visit([&](const LinkEvent& at) { return set_link_speed(at.name, mbps); });
}

Result<void> LogicalPort::set_mtu(std::uint32_t mtu) {
    if (!in_kernel()) return port_->set_mtu(mtu);
    return visit([&](const LinkEvent& at) { return dpdkbond::set_mtu(at.ifindex, mtu); });
}

} // namespace dpdkbond
