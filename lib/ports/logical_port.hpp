// SPDX-License-Identifier: BSD-3-Clause
// The logical interface: a netdev of the kernel's (virtio-user over vhost-net, or tap), or a device that
// serves a VM or another DPDK application. Ordinary threads. Destruction removes it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dpdk/port.hpp"
#include "host/handover.hpp"
#include "host/netlink.hpp"
#include "options/model.hpp"

struct rte_mempool;

namespace dpdkbond {

class LogicalPort {
public:
    // `handed`: the queues of its netdev, which is there and is taken over as it is, if the backend is the
    // same and can. With backend auto a tap serves where virtio-user does not start; the warning says why.
    static Result<std::unique_ptr<LogicalPort>> open(const std::string& bond, const LogicalConfig& config,
                                                     std::optional<Mac> mac, rte_mempool* pool, bool sleepy,
                                                     std::vector<std::string>& warnings,
                                                     HandedFds handed = {});

    // Of a netdev that is to stay when this program ends: its queues, for open() of the next one. Empty: it
    // goes.
    [[nodiscard]] HandedFds hand_over() const;
    static std::vector<std::string> handed_names(const std::string& bond); // of each backend that can

    [[nodiscard]] bool in_kernel() const { return !netdev_.empty(); }
    [[nodiscard]] const std::string& netdev() const { return netdev_; } // empty: backend `device`
    [[nodiscard]] std::string_view backend() const { return backend_; } // "tap", "virtio-user", "device"
    [[nodiscard]] const std::string& name() const { return name_; } // netdev, or the device's devargs head
    [[nodiscard]] const Port& port() const { return *port_; }

    // The kernel gives and takes super-frames and leaves checksums undone.
    [[nodiscard]] Offloads offloads() const { return offloads_; }
    [[nodiscard]] bool is_gone() const; // its netdev was deleted

    Result<void> set_carrier(bool up);
    Result<void> set_mac(const Mac& mac);
    [[nodiscard]] const Mac& mac() const { return mac_; } // as it was last set; zero: never
    Result<void> set_mtu(std::uint32_t mtu);
    // On: what does not ask for a queue is queue 0's, as on Linux's bond. Off: the kernel spreads flows over
    // all.
    Result<void> steer(bool on);
    Result<void> set_speed(std::uint32_t mbps); // what ethtool shows; 0: unknown

    // Runs f with the netdev as it is now, under whatever name, and in the namespace that it lives in now: by
    // its descriptors, so that no other netdev is ever meant. An error: it was deleted, or f's.
    Result<void> visit(const std::function<Result<void>(const LinkEvent&)>& f) const;

private:
    LogicalPort() = default;
    static Result<std::unique_ptr<LogicalPort>> open_as(LogicalBackend backend, const std::string& bond,
                                                        const LogicalConfig& config, std::optional<Mac> mac,
                                                        rte_mempool* pool, bool sleepy, HandedFds handed);
    std::string backend_, netdev_, name_;
    int ifindex_ = 0;
    std::vector<int> tun_fds_; // the queues of the netdev; the driver owns them
    std::optional<Port> port_;
    Mac mac_{};
    bool steered_ = false;
    Offloads offloads_ = Offloads::none;
};

} // namespace dpdkbond
