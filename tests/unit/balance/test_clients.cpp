// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "balance/clients.hpp"

using namespace dpdkbond;

namespace {

ClientKey key(unsigned n, unsigned ours = 1) {
    ClientKey k;
    k.client = mapped({{10, 0, static_cast<std::uint8_t>(n >> 8U), static_cast<std::uint8_t>(n)}});
    k.ours = mapped({{192, 0, 2, static_cast<std::uint8_t>(ours)}});
    return k;
}

} // namespace

TEST_CASE("addresses that Linux's table mixes up are clients of their own") {
    Clients clients;
    Client gone;
    bool fresh = false;
    const Time now = time_from_ns(1);
    clients.at(key(0x0102), now, &gone, &fresh).mac.bytes[0] = 2;
    clients.at(key(0x0201), now, &gone, &fresh).mac.bytes[0] = 4; // the same XOR
    CHECK(clients.size() == 2);
    CHECK(clients.find(key(0x0102))->mac.bytes[0] == 2);
    CHECK(clients.find(key(0x0201))->mac.bytes[0] == 4);
    CHECK(clients.find(key(0x0102, 2)) == nullptr);
    ClientKey tagged = key(0x0102);
    tagged.tags.push_back({ethertype::vlan, 10});
    CHECK(clients.find(tagged) == nullptr);
}

TEST_CASE("a full table gives up the one that was not heard of for longest, and keeps all others") {
    Clients clients;
    Client gone;
    bool fresh = false;
    for (unsigned n = 0; n < Clients::kMost; ++n) clients.at(key(n), time_from_ns(100 + n), &gone, &fresh);
    clients.at(key(0), time_from_ns(5000), &gone, &fresh);
    CHECK_FALSE(fresh);
    CHECK_FALSE(gone.in_use);
    clients.at(key(5000), time_from_ns(5001), &gone, &fresh);
    CHECK(fresh);
    CHECK(gone.in_use);
    CHECK(gone.key.client == key(1).client);
    CHECK(clients.size() == Clients::kMost);
    CHECK(clients.find(key(1)) == nullptr);
    for (unsigned n = 2; n < Clients::kMost; ++n) CHECK(clients.find(key(n)) != nullptr);
}

TEST_CASE("what is erased is gone and its place is used again") {
    Clients clients;
    Client gone;
    bool fresh = false;
    for (unsigned round = 0; round < 5; ++round) {
        for (unsigned n = 0; n < Clients::kMost; ++n)
            clients.at(key(n, 1 + n % 100), time_from_ns(1), &gone, &fresh);
        CHECK(clients.may_know(mapped({{192, 0, 2, 100}})));
        for (unsigned n = 0; n < Clients::kMost; ++n) clients.erase(*clients.find(key(n, 1 + n % 100)));
        CHECK(clients.size() == 0);
        CHECK_FALSE(clients.may_know(mapped({{192, 0, 2, 1}})));
        CHECK_FALSE(clients.may_know(mapped({{192, 0, 2, 100}})));
    }
    CHECK_FALSE(gone.in_use);
}

TEST_CASE("an address is told as what it is") {
    CHECK(ip_text(mapped({{192, 0, 2, 9}})) == "192.0.2.9");
    CHECK(ip_text(*Ipv6::parse("2001:db8::9")) == "2001:db8::9");
    CHECK(unmapped(mapped({{192, 0, 2, 9}})) == Ipv4{{192, 0, 2, 9}});
}
