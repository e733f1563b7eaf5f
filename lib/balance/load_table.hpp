// SPDX-License-Identifier: BSD-3-Clause
// Which member each bucket of flows leaves by, so that members carry load in proportion to their speeds
// (balance-tlb and the sending half of balance-alb). Buckets stay where they are unless balance needs one to
// move, and then as few move as will do: a flow that moves may be put out of order. Linux forgets the whole
// table every 10 s instead. Sans-IO; owner: the control lcore; nothing allocates.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/fixed_vec.hpp"
#include "base/saved.hpp"
#include "base/strong_id.hpp"
#include "base/time.hpp"
#include "bond/load.hpp"

namespace dpdkbond {

struct BalancedMember {
    MemberId id{};
    std::uint32_t speed_mbps = 0; // 0: unknown, counts as the slowest that is known
    bool operator==(const BalancedMember&) const = default;
};

class LoadTable {
public:
    static constexpr Duration kTick = std::chrono::seconds(1);  // how often handle_load() is to be called
    static constexpr Duration kPause = std::chrono::seconds(5); // between two times that buckets move
    // Shares of a member's target: balancing starts when some member is further off than the first, and goes
    // on until none is further off than the second.
    static constexpr double kStart = 0.05, kStop = 0.02;
    static constexpr double kQuiet = 1000; // bytes a second: less in all is not worth a move

    // The members that may send, in the order in which they joined, and which of them takes what is not
    // spread (kNoMember with none). Buckets of members that are gone move now; when one has come, buckets
    // without traffic are shared out anew. No other bucket moves. True: some bucket has another owner.
    bool set_members(std::span<const BalancedMember> members, MemberId active);
    // A warm restart: the owners, and the members among whom they were shared out. set_members() follows.
    void save(Saved& out) const;
    void restore(const Saved& saved);
    // Bytes that left by each bucket up to now. True: buckets have moved.
    bool handle_load(const LoadTotals& totals, Time now);
    void forget_load(); // the next totals are a new beginning

    [[nodiscard]] MemberId owner(std::size_t bucket) const { return buckets_[bucket].owner; }
    [[nodiscard]] double rate(std::size_t bucket) const { return buckets_[bucket].rate; } // smoothed, bytes/s
    [[nodiscard]] double member_rate(MemberId id) const; // … of all its buckets and the unspread
    [[nodiscard]] std::uint64_t moves() const {
        return moves_;
    } // of buckets that carried traffic, for balance

private:
    struct Bucket {
        MemberId owner = kNoMember;
        double rate = 0;
    };
    struct Member {
        MemberId id{};
        double speed = 1;
        double load = 0;         // bytes/s
        std::uint32_t count = 0; // buckets
        double target = 0;
        [[nodiscard]] double off() const { return load - target; }
    };
    Member* find(MemberId id);
    void sum_up();
    bool home_the_homeless();
    bool send_idle_home();
    [[nodiscard]] bool all_within(double share) const;
    std::uint32_t balance();
    std::size_t bucket_to_move(const Member& from, const Member& to) const;

    std::array<Bucket, kLoadBuckets + 1> buckets_{}; // the last: what is not spread
    FixedVec<Member, kMaxMembers> members_;
    FixedVec<BalancedMember, kMaxMembers> given_;
    MemberId active_ = kNoMember;
    LoadTotals last_{};
    Time last_at_{};
    bool counting_ = false;  // last_ is there
    bool smoothing_ = false; // rates are there
    Time may_move_at_{};
    std::uint64_t moves_ = 0;
};

} // namespace dpdkbond
