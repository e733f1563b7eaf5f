// SPDX-License-Identifier: BSD-3-Clause
#include <memory>
#include <string>

#include "bond/bond.hpp"
#include "drivers/registry.hpp"
#include "fuzz_reader.hpp"
#include "fuzz_targets.hpp"

namespace dpdkbond::fuzz {

namespace {

MemberId id(unsigned n) { return MemberId{static_cast<std::uint8_t>(n)}; }
Mode mode_of(std::uint8_t n) { return static_cast<Mode>(n % kModeCount); }

struct Life {
    Time now = time_from_ns(1'000'000'000);
    BondOptions options;
    std::unique_ptr<Controller> controller;
    Bond bond;
    std::uint32_t members = 0; // bit: it has joined

    explicit Life(Mode mode)
        : controller(find_mode(mode)->control_half()),
          bond("b", parts(mode, *controller, options), options, std::nullopt, 1500) {}

    static ModeParts parts(Mode mode, Controller& c, const BondOptions& o) {
        const ModeDescriptor* d = find_mode(mode);
        return {mode, &c, d->data_half(o), d->punt};
    }
    void join(unsigned n, bool up, std::uint32_t speed) {
        MemberInfo info;
        info.name = "m" + std::to_string(n);
        info.perm_mac = Mac{{2, 0xbd, 0, 0, 0, static_cast<std::uint8_t>(n)}};
        info.data.port = static_cast<std::uint8_t>(n);
        const auto joined = bond.add_member(info, {up, speed, Duplex::full}, now);
        if (joined.ok()) members |= 1U << joined.value().value;
    }
    void leave(MemberId m) {
        if ((members >> m.value & 1U) == 0) return;
        bond.dismiss_member(m, now);
        bond.remove_member(m, now);
        members &= ~(1U << m.value);
    }
    void change_mode(Mode mode) {
        auto next = find_mode(mode)->control_half();
        bond.set_mode(parts(mode, *next, options), options, now);
        controller = std::move(next);
    }
    void pass(Duration d) {
        const Time end = now + d;
        for (int turns = 0; bond.next_deadline() <= end && turns < 2000; ++turns) {
            now = std::max(now, bond.next_deadline());
            if (bond.wants_load(now)) bond.handle_load(LoadTotals{}, now);
            bond.handle_timeout(now);
            if (bond.awaits_workers()) bond.handle_published(now);
            drain();
        }
        now = end;
    }
    void drain() {
        int frames = 0, events = 0;
        for (Bond::Transmit f; bond.poll_transmit(f) && frames < 100'000;) ++frames;
        for (Event e; bond.poll_event(e) && events < 100'000;) ++events;
        require(frames < 100'000 && events < 100'000, "what a bond has to say ends");
        bond.macs_applied(bond.mac_plan().version, now);
    }
    void check() const {
        Snapshot s;
        bond.fill(s);
        require((s.senders.bits() & ~members) == 0, "only members send");
        require(s.buckets <= s.bucket.size(), "the table of buckets is bounded");
        // Once nobody sends no worker looks anything up.
        for (std::size_t b = 0; s.tx_count != 0 && b < s.buckets; ++b)
            require(s.bucket[b] < kMaxMembers && (members >> s.bucket[b] & 1U) != 0,
                    "every bucket has a member");
        BondStatus status;
        bond.fill(status);
        require(status.link_up == bond.wanted().carrier,
                "the carrier that is told is the one that is wanted");
    }
};

} // namespace

void bond_events(Bytes input) {
    Reader in(input);
    auto life = std::make_unique<Life>(mode_of(in.byte()));
    for (int steps = 0; !in.empty() && steps < 100; ++steps) {
        const std::uint8_t op = in.byte();
        const std::uint8_t what = in.byte();
        const MemberId member = id(what % 6U);
        const bool present = (life->members >> member.value & 1U) != 0;
        switch (op & 15U) {
        case 0: life->join(what % 6U, (what & 0x40U) != 0, in.word()); break;
        case 1: life->leave(member); break;
        case 2:
        case 3:
            if (present)
                life->bond.handle_link(member, {(what & 0x40U) != 0, in.word(), Duplex::full}, life->now);
            break;
        case 4: life->change_mode(mode_of(what)); break;
        case 5: {
            RxFilter filter;
            filter.up = (what & 1U) != 0;
            life->bond.set_filter(filter, life->now);
            break;
        }
        case 6: (void)life->bond.set_active("m" + std::to_string(what % 6U), life->now).ok(); break;
        case 7:
            if (present) life->bond.set_link_admin(member, (what & 0x40U) != 0, life->now);
            break;
        case 8: {
            LocalAddresses addresses;
            for (unsigned n = 0; n < what % 70U; ++n) {
                LocalAddress a;
                a.prefix = {false, Ipv4{{192, 0, 2, static_cast<std::uint8_t>(n)}}, {}, 24};
                if ((what & 0x80U) != 0)
                    a.tags.push_back({ethertype::vlan, static_cast<std::uint16_t>(n + 1)});
                addresses.push_back(a);
            }
            life->bond.set_addresses(addresses);
            break;
        }
        case 9: {
            BondOptions& o = life->options;
            o.updelay = in.byte();
            o.downdelay = in.byte();
            o.min_links = what & 3U;
            o.lacp_strict = (what & 4U) != 0;
            o.tlb_dynamic_lb = (what & 8U) != 0;
            o.all_slaves_active = (what & 16U) != 0;
            o.fail_over_mac = static_cast<FailOverMac>(what >> 6U > 2U ? 0 : what >> 6U);
            // The mode's own data half, as the options are now.
            BondStatus status;
            life->bond.fill(status);
            life->bond.set_options(o, find_mode(status.mode)->data_half(o), life->now);
            break;
        }
        case 10:
            if (present) life->bond.handle_frame(member, in.bytes(in.byte() & 127U), life->now);
            break;
        case 11: life->bond.set_mac(Mac{{2, 0xaa, 0, 0, 0, what}}, life->now); break;
        default: life->pass(std::chrono::milliseconds(what * 20)); break;
        }
        life->drain();
        life->check();
    }
}

} // namespace dpdkbond::fuzz
