// SPDX-License-Identifier: BSD-3-Clause
// What is set on all members alike, so that a frame finds the same queue by whichever it comes: all of them
// take it, or none has it. It is kept for members that join later, and for the next start. One thread at a
// time: the bond's devices are held meanwhile.
#pragma once

#include <rte_ethdev.h>
#include <rte_flow.h>

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.hpp"

// A rule of the port: one on each member that runs.
struct rte_flow {
    struct Part {
        std::uint16_t port;
        rte_flow* rule; // the member's
    };
    std::vector<Part> parts;
    std::vector<std::max_align_t> copy; // rte_flow_conv_rule and what it points to
    [[nodiscard]] const rte_flow_conv_rule& rule() const {
        return *reinterpret_cast<const rte_flow_conv_rule*>(copy.data());
    }
};

namespace dpdkbond {

class SharedSettings {
public:
    using Ports = std::vector<std::uint16_t>;

    // A member that has been started gets all of it. Error: it refuses a part, and has none.
    Result<void> put_on(std::uint16_t port);
    void leave(std::uint16_t port, bool gone);

    // ---- on those that run; 0 or the errno of the first that refuses, after which none has it
    int set_vlan(const Ports& on, std::uint16_t id, bool pass);
    int set_rss(const Ports& on, const rte_eth_rss_conf& conf);
    int set_reta(const Ports& on, const rte_eth_rss_reta_entry64* reta, std::uint16_t size);
    // Owner: this object, until destroy(). nullptr: the reason is in `error`.
    rte_flow* create(const Ports& on, const rte_flow_attr& attr, const rte_flow_item* pattern,
                     const rte_flow_action* actions, rte_flow_error& error);
    int destroy(rte_flow* flow, rte_flow_error& error);
    int flush(rte_flow_error& error);

private:
    struct Rss {
        rte_eth_rss_conf conf{};
        std::vector<std::uint8_t> key;
    };
    std::bitset<4096> vlans_;
    std::optional<Rss> rss_;
    std::vector<rte_eth_rss_reta_entry64> reta_;
    std::uint16_t reta_size_ = 0;
    std::vector<std::unique_ptr<rte_flow>> rules_; // in the order of their creation
};

} // namespace dpdkbond
