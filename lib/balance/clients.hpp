// SPDX-License-Identifier: BSD-3-Clause
// Who has been told which of our MACs: the neighbours of a balance-alb bond, a bounded table found by
// address. Linux keeps 256, one for each XOR of an address's bytes; here clients do not displace one another
// until the table is full; then one that never answered goes, else the one that was not heard of for longest.
// Owner: the control lcore; nothing allocates after construction.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/fixed_vec.hpp"
#include "base/ip.hpp"
#include "base/mac.hpp"
#include "base/strong_id.hpp"
#include "base/time.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

// IPv4 addresses are held as ::ffff:a.b.c.d.
Ipv6 mapped(Ipv4 address);
bool is_mapped_v4(const Ipv6& address);
Ipv4 unmapped(const Ipv6& address);
std::string ip_text(const Ipv6& address); // IPv4 ones as such

// A neighbour, as seen from one of our addresses.
struct ClientKey {
    Ipv6 client{}, ours{};
    VlanTags tags{}; // of the frames between them
};

struct Client {
    ClientKey key;
    Mac mac{}; // the client's; zero: it has not answered yet
    MemberId member = kNoMember;
    Mac told{};                // which MAC of ours it has for our address, as far as we know; zero: none
    Time heard{};              // last asked, answered, or heard
    Time taught_at{};          // when it was last to take another MAC of ours
    Time due = kNever;         // the next update
    std::uint8_t rounds = 0;   // updates still to be sent, each of them a burst
    std::uint32_t updates = 0; // frames sent of our own accord
    bool in_use = false;
};

class Clients {
public:
    static constexpr std::size_t kMost = 1024;

    Clients();
    Client* find(const ClientKey& key);
    // Found or made. When the table is full one that has no MAC yet, else the one heard of longest ago, is
    // handed to `gone` and replaced.
    Client& at(const ClientKey& key, Time now, Client* gone, bool* fresh);
    void erase(Client& client);
    [[nodiscard]] std::size_t size() const { return size_; }
    // Whether there may be an entry for this address of ours: false is certain, true is not.
    [[nodiscard]] bool may_know(const Ipv6& ours) const;

    template <class F> void each(F f) {
        for (std::size_t i = 0; i < top_; ++i)
            if ((*items_)[i].in_use) f((*items_)[i]);
    }
    template <class F> void each(F f) const {
        for (std::size_t i = 0; i < top_; ++i)
            if ((*items_)[i].in_use) f(static_cast<const Client&>((*items_)[i]));
    }
    template <class F> void each_of(const Ipv6& client, F f) const {
        for (std::uint16_t i = heads_[head_of(client)]; i != kEnd; i = next_[i])
            if ((*items_)[i].key.client == client) f(static_cast<const Client&>((*items_)[i]));
    }
    // The entries of one client, for all our addresses and all tags.
    template <class F> void each_of(const Ipv6& client, F f) {
        for (std::uint16_t i = heads_[head_of(client)]; i != kEnd; i = next_[i])
            if ((*items_)[i].key.client == client) f((*items_)[i]);
    }

private:
    static constexpr std::size_t kHeads = 2048;
    static constexpr std::uint16_t kEnd = 0xffff;
    struct Ours {
        Ipv6 address{};
        std::uint32_t entries = 0;
    };
    static std::size_t head_of(const Ipv6& client);
    std::uint16_t free_slot();
    void count_ours(const Ipv6& ours, bool more);

    std::unique_ptr<std::array<Client, kMost>> items_;
    std::array<std::uint16_t, kHeads> heads_;
    std::array<std::uint16_t, kMost> next_; // of the same head; of a free one: the next that is free
    std::uint16_t free_ = kEnd;
    std::size_t top_ = 0; // from here on none was ever in use
    std::size_t size_ = 0;
    FixedVec<Ours, 64> ours_;
    std::uint32_t other_ours_ = 0; // entries for addresses that found no place there
};

} // namespace dpdkbond
