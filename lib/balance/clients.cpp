// SPDX-License-Identifier: BSD-3-Clause
#include "balance/clients.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace dpdkbond {

namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool same(const ClientKey& a, const ClientKey& b) {
    return a.client == b.client && a.ours == b.ours && std::ranges::equal(a.tags, b.tags);
}

} // namespace

Ipv6 mapped(Ipv4 address) {
    Ipv6 v6;
    std::memcpy(v6.bytes.data(), kMappedPrefix.data(), 12);
    std::memcpy(v6.bytes.data() + 12, address.bytes.data(), 4);
    return v6;
}

bool is_mapped_v4(const Ipv6& address) {
    return std::memcmp(address.bytes.data(), kMappedPrefix.data(), 12) == 0;
}

Ipv4 unmapped(const Ipv6& address) {
    Ipv4 v4;
    std::memcpy(v4.bytes.data(), address.bytes.data() + 12, 4);
    return v4;
}

std::string ip_text(const Ipv6& address) {
    return is_mapped_v4(address) ? unmapped(address).to_string() : address.to_string();
}

Clients::Clients() : items_(std::make_unique<std::array<Client, kMost>>()) {
    heads_.fill(kEnd);
    next_.fill(kEnd);
}

// All entries of a client hang below one head.
std::size_t Clients::head_of(const Ipv6& client) {
    std::uint64_t half[2];
    std::memcpy(half, client.bytes.data(), sizeof half);
    std::uint64_t h = 0x9e3779b97f4a7c15ULL;
    for (const std::uint64_t v : half) { // the finaliser of splitmix64
        h ^= v;
        h = (h ^ h >> 30U) * 0xbf58476d1ce4e5b9ULL;
        h = (h ^ h >> 27U) * 0x94d049bb133111ebULL;
    }
    return (h ^ h >> 31U) % kHeads;
}

Client* Clients::find(const ClientKey& key) {
    for (std::uint16_t i = heads_[head_of(key.client)]; i != kEnd; i = next_[i])
        if (same((*items_)[i].key, key)) return &(*items_)[i];
    return nullptr;
}

bool Clients::may_know(const Ipv6& ours) const {
    return other_ours_ != 0 || std::ranges::any_of(ours_, [&](const Ours& o) { return o.address == ours; });
}

void Clients::count_ours(const Ipv6& ours, bool more) {
    for (std::size_t i = 0; i < ours_.size(); ++i) {
        if (ours_[i].address != ours) continue;
        ours_[i].entries += more ? 1U : -1U;
        if (ours_[i].entries == 0) ours_.erase_at(i);
        return;
    }
    if (!more || !ours_.push_back({ours, 1})) other_ours_ += more ? 1U : -1U;
}

std::uint16_t Clients::free_slot() {
    if (free_ != kEnd) {
        const std::uint16_t i = free_;
        free_ = next_[i];
        return i;
    }
    return static_cast<std::uint16_t>(top_++);
}

Client& Clients::at(const ClientKey& key, Time now, Client* gone, bool* fresh) {
    *fresh = false;
    if (Client* found = find(key)) {
        found->heard = now;
        return *found;
    }
    *fresh = true;
    if (size_ == kMost) {
        Client& oldest = *std::ranges::min_element(
            *items_, {}, [](const Client& c) { return std::pair(!c.mac.is_zero(), c.heard); });
        *gone = oldest;
        erase(oldest);
    }
    const std::uint16_t i = free_slot();
    Client& c = (*items_)[i];
    c = Client{};
    c.key = key;
    c.heard = now;
    c.in_use = true;
    std::uint16_t& head = heads_[head_of(key.client)];
    next_[i] = head;
    head = i;
    ++size_;
    count_ours(key.ours, true);
    return c;
}

void Clients::erase(Client& client) {
    const auto i = static_cast<std::uint16_t>(&client - items_->data());
    for (std::uint16_t* at = &heads_[head_of(client.key.client)]; *at != kEnd; at = &next_[*at]) {
        if (*at != i) continue;
        *at = next_[i];
        break;
    }
    count_ours(client.key.ours, false);
    client = Client{};
    next_[i] = free_;
    free_ = i;
    --size_;
}

} // namespace dpdkbond
