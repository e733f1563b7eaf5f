// SPDX-License-Identifier: BSD-3-Clause
#include "lacp/engine.hpp"

#include <algorithm>

namespace dpdkbond::lacp {

Engine::Engine(std::size_t max_bonds) : outbox_(max_bonds * kMaxPorts), systems_(max_bonds) {}

System* Engine::find(BondId bond) {
    return bond.value < systems_.size() ? systems_[bond.value].get() : nullptr;
}

const System* Engine::system(BondId bond) const {
    return bond.value < systems_.size() ? systems_[bond.value].get() : nullptr;
}

std::optional<BondId> Engine::add_bond(const LacpOptions& options, Mac mac) {
    const auto free = std::find(systems_.begin(), systems_.end(), nullptr);
    if (free == systems_.end()) return std::nullopt;
    const BondId id{static_cast<std::uint16_t>(free - systems_.begin())};
    *free = std::make_unique<System>(id, outbox_, options, mac);
    return id;
}

void Engine::remove_bond(BondId bond, Time now) {
    System* system = find(bond);
    if (system == nullptr) return;
    for (std::uint8_t member = 0; member < kMaxPorts; ++member) system->remove_port({member}, now);
    systems_[bond.value].reset();
}

bool Engine::add_port(PortRef port, Mac mac, PortPriority priority, Time now) {
    System* system = find(port.bond);
    return system != nullptr && system->add_port(port.member, mac, priority, now);
}

void Engine::remove_port(PortRef port, Time now) {
    if (System* system = find(port.bond)) system->remove_port(port.member, now);
}

void Engine::set_options(BondId bond, const LacpOptions& options, Time now) {
    if (System* system = find(bond)) system->set_options(options, now);
}

void Engine::set_system_mac(BondId bond, Mac mac, Time now) {
    if (System* system = find(bond)) system->set_mac(mac, now);
}

void Engine::set_port_priority(PortRef port, PortPriority priority, Time now) {
    if (System* system = find(port.bond)) system->set_port_priority(port.member, priority, now);
}

void Engine::save(BondId bond, Saved& out) const {
    if (const System* found = system(bond)) found->save(out);
}

void Engine::restore(BondId bond, const Saved& saved) {
    if (System* system = find(bond)) system->restore(saved);
}

void Engine::resume(BondId bond, Time now) {
    if (System* system = find(bond)) system->resume(now);
}

void Engine::speak_before_leaving(BondId bond, Time now) {
    if (System* system = find(bond)) system->speak_before_leaving(now);
}

FrameVerdict Engine::handle_frame(PortRef port, Bytes frame, Time now) {
    System* system = find(port.bond);
    return system == nullptr ? FrameVerdict::not_mine : system->handle_frame(port.member, frame, now);
}

void Engine::handle_link(PortRef port, bool up, std::uint32_t speed_mbps, bool full_duplex, Time now) {
    if (System* system = find(port.bond)) system->handle_link(port.member, up, speed_mbps, full_duplex, now);
}

void Engine::handle_timeout(Time now) {
    for (const auto& system : systems_)
        if (system) system->handle_timeout(now);
}

std::optional<MarkerRunId> Engine::start_marker(BondId bond, MemberSet ports, Time deadline, Time now) {
    System* system = find(bond);
    return system == nullptr ? std::nullopt : system->start_marker(ports, deadline, now);
}

Time Engine::next_deadline() const {
    Time earliest = kNever;
    for (const auto& system : systems_)
        if (system) earliest = std::min(earliest, system->next_deadline());
    return earliest;
}

Forwarding Engine::forwarding(BondId bond) const {
    const System* found = system(bond);
    return found == nullptr ? Forwarding{} : found->forwarding();
}

bool Engine::status(BondId bond, BondStatus& out) const {
    const System* found = system(bond);
    if (found == nullptr) return false;
    found->status(out);
    return true;
}

} // namespace dpdkbond::lacp
