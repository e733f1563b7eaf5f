// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <thread>
#include <vector>

#include "base/fixed_string.hpp"
#include "base/fixed_vec.hpp"
#include "base/ip.hpp"
#include "base/mac.hpp"
#include "base/member_set.hpp"
#include "base/seq_box.hpp"
#include "base/tell_limit.hpp"

using namespace dpdkbond;

TEST_CASE("a MAC is read in the forms people write and refused in others") {
    CHECK(Mac::parse("02:bd:00:00:00:01")->to_string() == "02:bd:00:00:00:01");
    CHECK(Mac::parse("2-BD-0-0-0-1")->to_string() == "02:bd:00:00:00:01");
    for (const char* bad : {"", "02:bd:00:00:00", "02:bd:00:00:00:01:02", "02:bd-00:00:00:01",
                            "0g:bd:00:00:00:01", "002:bd:00:00:00:01", "02bd00000001", "02:bd:00:00:00:01 "})
        CHECK_FALSE(Mac::parse(bad).has_value());
    CHECK(Mac::parse("ff:ff:ff:ff:ff:ff")->is_broadcast());
    CHECK_FALSE(Mac::parse("01:80:c2:00:00:02")->is_valid_unicast());
}

TEST_CASE("a prefix is read as ip(8) writes it") {
    CHECK(IpPrefix::parse("192.0.2.1/24")->to_string() == "192.0.2.1/24");
    CHECK(IpPrefix::parse("2001:db8::1/64")->to_string() == "2001:db8::1/64");
    CHECK(IpPrefix::parse("192.0.2.1")->length == 32);
    for (const char* bad :
         {"192.0.2.1/33", "192.0.2/24", "2001:db8::1/129", "x/24", "192.0.2.1/", "192.0.2.1/2x"})
        CHECK_FALSE(IpPrefix::parse(bad).has_value());
}

TEST_CASE("a full FixedVec takes nothing more and erasing keeps the order") {
    FixedVec<int, 3> v;
    CHECK(v.push_back(1));
    CHECK(v.push_back(2));
    CHECK(v.push_back(3));
    CHECK_FALSE(v.push_back(4));
    v.erase_at(0);
    CHECK(v.size() == 2);
    CHECK(v[0] == 2);
    CHECK(v[1] == 3);
}

TEST_CASE("a FixedString cuts what is too long") { CHECK(FixedString<4>("abcdef") == "abcd"); }

TEST_CASE("readers of a SeqBox never see half of a record", "[threads]") {
    struct Pair {
        std::uint64_t a, b[40];
    };
    SeqBox<Pair> box;
    std::atomic<bool> stop{false};
    std::thread writer([&] {
        for (std::uint64_t i = 1; !stop.load(); ++i) {
            Pair p{i, {}};
            for (auto& x : p.b) x = i;
            box.store(p);
            for (std::uint64_t pause = i % 256; pause > 0 && !stop.load(); --pause)
                continue; // readers need gaps
        }
    });
    bool torn = false;
    for (int i = 0; i < 20000; ++i) {
        Pair p{};
        box.load(p);
        for (const auto& x : p.b) torn |= x != p.a;
    }
    stop = true;
    writer.join();
    CHECK_FALSE(torn);
}

TEST_CASE("an address ends where its text does, a NUL in it is no end [D25]", "[D25]") {
    using namespace std::string_view_literals;
    CHECK(dpdkbond::Ipv4::parse("192.0.2.1"sv));
    CHECK_FALSE(dpdkbond::Ipv4::parse("192.0.2.1\0anything"sv));
    CHECK_FALSE(dpdkbond::Ipv6::parse("2001:db8::1\0"sv));
    CHECK_FALSE(dpdkbond::IpPrefix::parse("192.0.2.1\0/24"sv));
}

TEST_CASE("kNoMember is in no set of members") {
    MemberSet set{MemberId{0}, MemberId{31}, kNoMember};
    CHECK(set.size() == 2);
    CHECK_FALSE(set.has(kNoMember));
    CHECK_FALSE(MemberSet::all().has(kNoMember));
    set.remove(kNoMember);
    CHECK(set == MemberSet{MemberId{31}, MemberId{0}});
    std::vector<unsigned> ids;
    for (const MemberId m : set) ids.push_back(m.value);
    CHECK(ids == std::vector<unsigned>{0, 31});
    CHECK((set - MemberSet{MemberId{0}}).first() == MemberId{31});
    CHECK(MemberSet{kNoMember}.empty());
    CHECK(MemberSet{}.first() == kNoMember);
}

TEST_CASE("what is told is told ten times a minute, and the tenth says so") {
    TellLimit limit;
    const Time start = time_from_ns(3'600'000'000'000);
    for (int i = 0; i < 9; ++i) CHECK(limit.ask(start) == TellLimit::May::tell);
    CHECK(limit.ask(start) == TellLimit::May::tell_last);
    CHECK(limit.ask(start + std::chrono::seconds(59)) == TellLimit::May::be_silent);
    CHECK(limit.ask(start + std::chrono::seconds(60)) == TellLimit::May::tell);
}

TEST_CASE("an item is put between others, while there is room") {
    FixedVec<int, 3> list;
    CHECK(list.insert_at(0, 3));
    CHECK(list.insert_at(0, 1));
    CHECK(list.insert_at(1, 2));
    CHECK_FALSE(list.insert_at(0, 0));
    CHECK(std::vector<int>(list.begin(), list.end()) == std::vector<int>{1, 2, 3});
}
