// SPDX-License-Identifier: BSD-3-Clause
// Carries to a member's device what the logical interface wants to receive, and adapts to what the device
// cannot: one address too many, and it receives all; no list of groups, and it receives all groups. Software
// sorts out the rest. Ordinary threads, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mac.hpp"
#include "base/result.hpp"

namespace dpdkbond {

struct ReceiveWishes {
    bool promiscuous = true;
    bool all_groups = true;
    std::vector<Mac> unicast, groups; // besides the MAC that it wears; without repeats
    std::set<std::uint16_t> vlans;    // 802.1Q ids
    bool operator==(const ReceiveWishes&) const = default;
};

// What can be asked of a device. An error says that it cannot; then nothing has changed.
class FilterDevice {
public:
    virtual ~FilterDevice() = default;
    // Whether anything at all is kept from us unless it was asked for; without that the rest is not asked.
    [[nodiscard]] virtual bool filters() const = 0;
    // … and so well that software need not look again.
    [[nodiscard]] virtual bool sorts() const = 0;
    virtual Result<void> promiscuous(bool on) = 0;
    virtual Result<void> all_groups(bool on) = 0;
    virtual Result<void> address(bool on, const Mac& mac) = 0;
    virtual Result<void> groups(const std::vector<Mac>& groups) = 0; // instead of those before
    virtual Result<void> vlan(bool on, std::uint16_t id) = 0;
};

// A started ethdev port, by its PMD.
std::unique_ptr<FilterDevice> ethdev_filter(std::uint16_t port);

class PortFilter {
public:
    explicit PortFilter(std::unique_ptr<FilterDevice> device) : device_(std::move(device)) {}

    // `hear_all`: it has to be promiscuous whatever is wished (it cannot wear its MAC). Returns what the
    // operator should know, each once.
    std::vector<std::string> apply(const ReceiveWishes& wishes, bool hear_all);
    [[nodiscard]] bool promiscuous() const { return promiscuous_; }
    [[nodiscard]] bool all_groups() const { return all_groups_; }
    [[nodiscard]] bool sorts() const { return sorts_; } // software need not

private:
    void apply_addresses(const std::vector<Mac>& wanted, std::vector<std::string>& warnings);
    void apply_groups(const ReceiveWishes& wishes, std::vector<std::string>& warnings);
    void apply_vlans(const std::set<std::uint16_t>& wanted, std::vector<std::string>& warnings);

    std::unique_ptr<FilterDevice> device_;
    std::set<Mac> taken_, refused_;
    std::vector<Mac> groups_;
    std::set<std::uint16_t> vlans_;
    bool touched_ = false; // whether the device has been told anything yet
    bool promiscuous_ = false, all_groups_ = false, no_groups_ = false, no_vlans_ = false, warned_ = false;
    bool sorts_ = false;
};

} // namespace dpdkbond
