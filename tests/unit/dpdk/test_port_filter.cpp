// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "dpdk/port_filter.hpp"

using namespace dpdkbond;

namespace {

constexpr Mac kA{{2, 0, 0, 0, 0, 1}}, kB{{2, 0, 0, 0, 0, 2}}, kC{{2, 0, 0, 0, 0, 3}};
constexpr Mac kGroup{{1, 0, 0x5e, 1, 1, 1}}, kOther{{1, 0, 0x5e, 1, 1, 2}};

// What a NIC would have been told, and how much of it it takes.
struct Nic {
    bool hardware = true, takes_groups = true;
    std::size_t address_slots = 2;
    bool promiscuous = false, all_groups = false;
    std::set<Mac> addresses;
    std::vector<Mac> groups;
    std::set<std::uint16_t> vlans;
    int calls = 0;
};

class FakeDevice final : public FilterDevice {
public:
    explicit FakeDevice(Nic& nic) : nic_(nic) {}
    [[nodiscard]] bool filters() const override { return nic_.hardware; }
    [[nodiscard]] bool sorts() const override { return nic_.hardware; }
    Result<void> promiscuous(bool on) override { return set(nic_.promiscuous, on); }
    Result<void> all_groups(bool on) override { return set(nic_.all_groups, on); }
    Result<void> address(bool on, const Mac& mac) override {
        ++nic_.calls;
        if (!on) {
            nic_.addresses.erase(mac);
            return {};
        }
        if (nic_.addresses.size() == nic_.address_slots) return Error{"a further address: No space left"};
        nic_.addresses.insert(mac);
        return {};
    }
    Result<void> groups(const std::vector<Mac>& groups) override {
        ++nic_.calls;
        if (!nic_.takes_groups) return Error{"a list of groups: Operation not supported"};
        nic_.groups = groups;
        return {};
    }
    Result<void> vlan(bool on, std::uint16_t id) override {
        ++nic_.calls;
        if (on)
            nic_.vlans.insert(id);
        else
            nic_.vlans.erase(id);
        return {};
    }

private:
    Result<void> set(bool& what, bool on) {
        ++nic_.calls;
        what = on;
        return {};
    }
    Nic& nic_;
};

struct Bench {
    Nic nic;
    PortFilter filter{std::make_unique<FakeDevice>(nic)};
};

ReceiveWishes wishes(std::vector<Mac> unicast = {}, std::vector<Mac> groups = {}) {
    ReceiveWishes w;
    w.promiscuous = w.all_groups = false;
    w.unicast = std::move(unicast);
    w.groups = std::move(groups);
    return w;
}

} // namespace

TEST_CASE("a NIC gets addresses, groups and VLANs, and sorts by itself") {
    Bench b;
    ReceiveWishes w = wishes({kA, kB}, {kGroup});
    w.vlans = {5, 100};
    CHECK(b.filter.apply(w, false).empty());
    CHECK(b.nic.addresses == std::set<Mac>{kA, kB});
    CHECK(b.nic.groups == std::vector<Mac>{kGroup});
    CHECK(b.nic.vlans == std::set<std::uint16_t>{5, 100});
    CHECK_FALSE(b.nic.promiscuous);
    CHECK_FALSE(b.nic.all_groups);
    CHECK(b.filter.sorts());

    const int before = b.nic.calls;
    CHECK(b.filter.apply(w, false).empty());
    CHECK(b.nic.calls == before); // nothing new

    w = wishes({kB}, {kOther});
    w.vlans = {5};
    b.filter.apply(w, false);
    CHECK(b.nic.addresses == std::set<Mac>{kB});
    CHECK(b.nic.groups == std::vector<Mac>{kOther});
    CHECK(b.nic.vlans == std::set<std::uint16_t>{5});
}

TEST_CASE("promiscuous and all-multicast come and go") {
    Bench b;
    ReceiveWishes w = wishes();
    w.promiscuous = w.all_groups = true;
    b.filter.apply(w, false);
    CHECK(b.nic.promiscuous);
    CHECK(b.nic.all_groups);
    CHECK(b.filter.promiscuous());
    CHECK(b.filter.all_groups());
    CHECK(b.filter.sorts()); // there is nothing to sort
    b.filter.apply(wishes(), false);
    CHECK_FALSE(b.nic.promiscuous);
    CHECK_FALSE(b.nic.all_groups);
}

TEST_CASE("one address more than the NIC has room for: it receives everything, is told once, and recovers") {
    Bench b;
    const auto warnings = b.filter.apply(wishes({kA, kB, kC}), false);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0] == "it cannot take a further address: No space left; while there are such it receives "
                         "everything, and software sorts");
    CHECK(b.nic.promiscuous);
    CHECK_FALSE(b.filter.sorts());
    CHECK(b.filter.apply(wishes({kB}), false).empty());
    CHECK_FALSE(b.nic.promiscuous);
    CHECK(b.filter.sorts());
    CHECK(b.filter.apply(wishes({kA, kB, kC}), false).empty()); // it was told
    CHECK(b.nic.promiscuous);
}

TEST_CASE("a NIC without a list of groups receives them all, and is told once") {
    Bench b;
    b.nic.takes_groups = false;
    const auto warnings = b.filter.apply(wishes({}, {kGroup}), false);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].size() < 127); // what an event has room for
    CHECK(b.nic.all_groups);
    CHECK_FALSE(b.filter.sorts());
    CHECK(b.filter.apply(wishes({}, {kOther}), false).empty());
    CHECK(b.nic.all_groups);
}

TEST_CASE("a NIC that could not wear its MAC hears everything whatever is wished") {
    Bench b;
    b.filter.apply(wishes({kA}), true);
    CHECK(b.nic.promiscuous);
    CHECK_FALSE(b.filter.sorts());
}

TEST_CASE("a device that keeps nothing from us is asked for nothing but its modes") {
    Bench b;
    b.nic.hardware = false;
    CHECK(b.filter.apply(wishes({kA, kB, kC}, {kGroup}), false).empty());
    CHECK(b.nic.addresses.empty());
    CHECK(b.nic.groups.empty());
    CHECK_FALSE(b.nic.promiscuous);
    CHECK_FALSE(b.filter.sorts());
}
