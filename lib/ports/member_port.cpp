// SPDX-License-Identifier: BSD-3-Clause
#include "ports/member_port.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <rte_ethdev.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "engine/control.hpp"
#include "host/fd_finder.hpp"
#include "host/link_speed.hpp"
#include "host/log.hpp"
#include "host/stack.hpp"
#include "ports/packet_socket.hpp"
#include "ports/socket_filter.hpp"
#include "ports/tap_signals.hpp"
#include "ports/waiting.hpp"

namespace dpdkbond {

namespace {

LinkState from(const PortLink& l) {
    return {l.up, l.speed_mbps,
            !l.full_duplex   ? Duplex::unknown
            : *l.full_duplex ? Duplex::full
                             : Duplex::half};
}

// While the netdev below holds frames back (a slow queueing discipline, flow control) the driver waits until
// the socket has room in its send buffer, and the worker with it. A buffer that no ring can fill always has.
void never_wait_for_room(int socket) {
    const int bytes = 1 << 29;
    setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
}

Result<Port> open_port(const std::string& device, HandedFds handed) {
    if (!is_packet_socket(device)) return Port::open(without_pmd_key(device));
    auto args = packet_socket_args(device);
    if (!args) return Error{args.error()};
    auto ops = open_packet_socket(std::move(args).value(), std::move(handed));
    if (!ops) return Error{ops.error()};
    return Port::open(device, std::move(ops).value());
}

} // namespace

Result<std::unique_ptr<MemberPort>> MemberPort::open(const MemberConfig& config, MemberSetup setup,
                                                     std::vector<std::string>& warnings) {
    std::unique_ptr<MemberPort> member(new MemberPort);
    member->config = config;
    member->workers_ = setup.workers;

    const std::string below = socket_netdev(config.device);
    if (!below.empty()) {
        NetdevGuardOptions options;
        options.state_dir = setup.state_dir;
        options.state_root = options.state_dir.parent_path();
        options.adopt = setup.adopt;
        options.merge = setup.merge && is_packet_socket(config.device);
        auto guard = NetdevGuard::take(below, options);
        if (!guard) return Error{guard.error()};
        if (guard.value().in_use() && !config.force)
            return Error{*guard.value().in_use() + "; free it, or say force: true to take it all the same"};
        if (guard.value().in_use())
            warnings.push_back(fmt::format("member {}: {}; as a member it serves the bond alone", config.name,
                                           *guard.value().in_use()));
        member->guard_.emplace(std::move(guard).value());
        member->below_ = member->called_ = below;
        member->uses_before_ = netdev_uses(member->guard_->ifindex());
    }

    const std::vector<int> xdp_before = list_xdp_socket_fds();
    auto port = open_port(config.device, std::move(setup.handed));
    if (!port) return Error{port.error()};
    member->port.emplace(std::move(port).value());
    Port& p = *member->port;
    if (member->guard_) p.set_permanent_mac(member->guard_->mac_before());

    PortSetup s;
    s.rx_queues = static_cast<std::uint16_t>(setup.workers);
    s.tx_queues = static_cast<std::uint16_t>(setup.workers);
    s.mtu = setup.mtu;
    s.rx_interrupts = setup.sleepy;
    s.link_interrupts = true;
    s.slow_queue = true;
    s.offloads = setup.merge;
    s.pool = setup.pool;
    if (auto started = p.start(s); !started) return Error{started.error()};
    member->worn_ = p.mac();
    if (auto done = member->set_mtu(setup.mtu); !done) return Error{done.error()};
    read_tap_without_signals(p);
    member->sockets = p.rx_fds();
    if (member->guard_ && p.driver() == "net_af_packet") {
        member->sockets = find_packet_socket_fds(member->guard_->ifindex());
        for (const int socket : member->sockets) never_wait_for_room(socket);
    }
    if (member->guard_ && (p.driver() == "net_af_packet" || p.offloads() == Offloads::all)) {
        if (auto opened = LacpSocket::open(below))
            member->lacp_socket.emplace(std::move(opened).value());
        else
            warnings.push_back(fmt::format("member {}: {}", config.name, opened.error()));
    }
    if (member->guard_ && p.driver() == "net_af_xdp") member->sockets = xdp_socket_fds_since(xdp_before);

    std::unique_ptr<FilterDevice> device;
    if (member->guard_) {
        auto memberships = Memberships::open(member->guard_->ifindex());
        if (!memberships) return Error{memberships.error()};
        device = std::make_unique<SocketFilter>(std::move(memberships).value());
    } else {
        device = ethdev_filter(p.id());
    }
    member->filter_ = std::make_unique<PortFilter>(std::move(device));
    ReceiveWishes until_known; // all groups, so that no protocol of control's waits for the first look
    until_known.promiscuous = false;
    (void)member->filter_->apply(until_known, false);

    switch (config.carrier.kind) {
    case CarrierKind::netdev: member->netdev = config.carrier.netdev; break;
    case CarrierKind::ethdev: break;
    case CarrierKind::automatic:
        if (!p.has_link_state()) member->netdev = devargs_value(config.device, "iface");
        break;
    }
    if (!member->netdev.empty()) {
        // Frames use the netdev that was opened: another one with its name says nothing about their link.
        const bool own = member->guard_ && member->netdev == below;
        member->ifindex_ = own ? member->guard_->ifindex() : 0;
        member->carrier_ = std::make_unique<CarrierPoll>(member->netdev, member->ifindex_);
        member->netdev_lags = carrier_events_may_lag(member->netdev);
    }
    return member;
}

HandedFds MemberPort::hand_over() const {
    HandedFds fds;
    if (!guard_ || !is_packet_socket(config.device)) return fds;
    for (const int fd : port->rx_fds())
        fds.push_back({handed_name(below_), Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3))});
    return fds;
}

void MemberPort::put_netdev_back() {
    shield.reset();
    if (!guard_) return;
    if (auto done = guard_->release(); !done)
        log_line(fmt::format("warning: member {}: {}", config.name, done.error()));
    guard_.reset();
}

void MemberPort::close_device() {
    if (link_target_) // -EAGAIN: it runs just now
        while (rte_eth_dev_callback_unregister(port->id(), RTE_ETH_EVENT_INTR_LSC,
                                               reinterpret_cast<rte_eth_dev_cb_fn>(on_link_interrupt),
                                               link_target_.get()) == -EAGAIN)
            usleep(100);
    link_target_.reset();
    shield.reset();
    port.reset(); // gives its MAC back
}

MemberPort::~MemberPort() {
    close_device();    // goes …
    put_netdev_back(); // … before the netdev below it gets its old state
}

LinkState MemberPort::read_link() {
    if (!carrier_) return from(port->link());
    LinkState link;
    link.carrier = carrier_->carrier();
    link.set_down = carrier_->set_down();
    link.no_source = carrier_->missing();
    if (!link.carrier) return link;
    const LinkSpeed speed = link_speed(netdev_now());
    link.speed_mbps = speed.mbps;
    link.duplex = !speed.full_duplex ? Duplex::unknown : *speed.full_duplex ? Duplex::full : Duplex::half;
    return link;
}

bool MemberPort::carrier_changed() {
    return (carrier_ ? carrier_->carrier() : port->link().up) != last_posted.carrier;
}

int MemberPort::on_link_interrupt(std::uint16_t port, int, void* arg, void*) {
    const auto* target = static_cast<LinkTarget*>(arg);
    rte_eth_link link{};
    if (rte_eth_link_get_nowait(port, &link) != 0) return 0;
    LinkState state;
    state.carrier = link.link_status == RTE_ETH_LINK_UP;
    if (state.carrier && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN) {
        state.speed_mbps = link.link_speed;
        state.duplex = link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX ? Duplex::full : Duplex::half;
    }
    target->control->post_link(target->bond, target->id, state);
    return 0;
}

void MemberPort::report_interrupts_to(Control& control, std::uint32_t bond, MemberId member) {
    if (!netdev.empty() || !port->has_link_interrupts()) return;
    link_target_ = std::make_unique<LinkTarget>(LinkTarget{&control, bond, member});
    rte_eth_dev_callback_register(port->id(), RTE_ETH_EVENT_INTR_LSC,
                                  reinterpret_cast<rte_eth_dev_cb_fn>(on_link_interrupt), link_target_.get());
}

std::optional<std::string> MemberPort::wear_mac(const Mac& mac) {
    if (mac.is_zero() || !why_gone().empty()) return std::nullopt;
    const std::lock_guard lock(device_mutex_);
    if (std::erase(also_, mac) != 0) (void)apply_filter(); // it is not to be there twice
    const auto set = set_mac(mac);
    if (set || std::exchange(mac_refused_, true)) return std::nullopt;
    port->set_promiscuous(true);
    (void)apply_filter(); // where the netdev below is asked for it
    return fmt::format("{}; it receives everything instead", set.error());
}

Result<void> MemberPort::set_mac(const Mac& mac) {
    auto done = mac == mac_now() ? Result<void>()
                : guard_         ? dpdkbond::set_mac(guard_->ifindex(), mac)
                                 : port->set_mac(mac);
    if (done) worn_ = mac;
    if (done && guard_) guard_->gave_mac(mac);
    return done;
}

Result<void> MemberPort::set_mtu(std::uint32_t mtu) {
    mtu_ = mtu;
    if (!guard_) return port->set_mtu(mtu);
    auto link = get_link(guard_->ifindex());
    if (!link) return Error{link.error()};
    guard_->gave_mtu(mtu);
    if (link.value().name == below_) { // the driver knows how long its frames may be
        if (auto done = port->set_mtu(mtu); !done) return done;
        link = get_link(guard_->ifindex());
    }
    if (link && link.value().mtu == mtu) return {};
    return dpdkbond::set_mtu(guard_->ifindex(), mtu);
}

std::vector<std::string> MemberPort::apply_filter() {
    ReceiveWishes all = wishes_;
    for (const Mac& mac : also_)
        if (mac != worn_ && std::ranges::find(all.unicast, mac) == all.unicast.end())
            all.unicast.push_back(mac);
    for (std::uint8_t last = 0; tap_ && last < 16; ++last) {
        const Mac group{{0x01, 0x80, 0xc2, 0, 0, last}};
        if (std::ranges::find(all.groups, group) == all.groups.end()) all.groups.push_back(group);
    }
    return filter_->apply(all, mac_refused_);
}

Result<void> MemberPort::open_tap() {
    const std::lock_guard lock(device_mutex_);
    tap_.reset(); // its name is free again
    auto tap = MemberTap::open(member_tap_name(config.name), port->permanent_mac());
    if (!tap) return Error{tap.error()};
    tap_.emplace(std::move(tap).value());
    (void)apply_filter();
    return {};
}

void MemberPort::close_tap() {
    const std::lock_guard lock(device_mutex_);
    if (!tap_) return;
    tap_.reset();
    (void)apply_filter();
}

int MemberPort::tap_fd() const {
    const std::lock_guard lock(device_mutex_);
    return tap_ ? tap_->fd() : -1;
}

std::string MemberPort::tap_name() const {
    const std::lock_guard lock(device_mutex_);
    return tap_ && !tap_->is_gone() ? tap_->name() : std::string();
}

void MemberPort::show_carrier(bool up) {
    const std::lock_guard lock(device_mutex_);
    if (tap_) tap_->set_carrier(up);
}

std::vector<std::string> MemberPort::accept_also(std::span<const Mac> macs) {
    const std::lock_guard lock(device_mutex_);
    if (macs.empty() && also_.empty()) return {};
    also_.assign(macs.begin(), macs.end());
    return apply_filter();
}

std::vector<std::string> MemberPort::follow(const MemberWishes& wishes) {
    if (!why_gone().empty()) return {}; // whoever looks for members tells that
    const std::lock_guard lock(device_mutex_);
    wishes_ = wishes.receive;
    std::vector<std::string> warnings = apply_filter();
    if (wishes.mtu == 0 || wishes.mtu == refused_mtu_) return warnings;
    refused_mtu_ = 0;
    if (auto done = set_mtu(wishes.mtu); !done) {
        refused_mtu_ = wishes.mtu;
        warnings.push_back(done.error());
    }
    return warnings;
}

Mac MemberPort::mac() const {
    const std::lock_guard lock(device_mutex_);
    return mac_now();
}

Mac MemberPort::mac_now() const {
    if (guard_) // somebody else may have changed it, under whatever name the netdev has by now
        if (const auto link = get_link(guard_->ifindex())) return link.value().mac;
    return port->mac();
}

MemberPort::ReceiveMode MemberPort::receive_mode() const {
    const std::lock_guard lock(device_mutex_);
    ReceiveMode mode;
    mode.promiscuous = filter_->promiscuous() || port->is_promiscuous();
    mode.all_groups = filter_->all_groups();
    mode.sorts = filter_->sorts() && !mac_refused_;
    mode.mtu = port->mtu();
    return mode;
}

MemberInfo MemberPort::info() const {
    MemberInfo i;
    i.name = config.name;
    i.device = config.device;
    i.perm_mac = port->permanent_mac();
    i.ifindex = ifindex();
    i.options = config.options;
    i.data.port = port->id();
    i.data.rx_queues = static_cast<std::uint8_t>(std::min<unsigned>(port->rx_queues(), 255));
    i.data.tx_queues = static_cast<std::uint8_t>(std::min<unsigned>(port->tx_queues(), 255));
    i.data.first_worker = static_cast<std::uint8_t>(first_worker());
    i.data.kernel_socket = port->is_kernel_socket();
    i.data.offloads = port->offloads();
    i.nic = port->nic_limits();
    return i;
}

} // namespace dpdkbond
