// SPDX-License-Identifier: BSD-3-Clause
// Bonds made by hand and an Instance that holds them and writes down what it was told.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "ops/instance.hpp"

namespace dpdkbond::test {

inline MemberView make_member(unsigned number) { // "m0", "m1" … up and usable
    MemberView m;
    m.status.id = MemberId{static_cast<std::uint8_t>(number)};
    m.status.name = "m" + std::to_string(number);
    m.status.device = "net_null" + std::to_string(number);
    m.status.port_id = static_cast<std::uint16_t>(number + 1);
    m.status.carrier = true;
    m.status.mii = MiiStatus::up;
    m.status.active = m.status.usable = true;
    m.status.speed_mbps = 10000;
    m.status.duplex = Duplex::full;
    m.status.mac = *Mac::parse("02:00:00:00:00:01");
    m.status.perm_mac = m.status.mac;
    m.status.perm_mac.bytes[5] = static_cast<std::uint8_t>(number + 1);
    return m;
}

inline BondView make_bond(Mode mode, unsigned members = 2) {
    BondView v;
    v.status.name = "bond0";
    v.status.mode = mode;
    v.status.link_up = members > 0;
    v.status.mac = *Mac::parse("02:00:00:00:00:01");
    v.status.mtu = 1500;
    v.status.logical_backend = "tap";
    v.status.logical_name = "bond0";
    for (unsigned i = 0; i < members; ++i) v.members.push_back(make_member(i));
    return v;
}

inline void set_down(MemberView& m, unsigned failures) {
    m.status.carrier = m.status.active = m.status.usable = false;
    m.status.mii = MiiStatus::down;
    m.status.link_failures = failures;
}

inline Event make_event(std::int64_t t_ns, EventKind kind, std::string_view member,
                        std::string_view detail = "") {
    Event e;
    e.at = time_from_ns(t_ns);
    e.kind = kind;
    e.member = member;
    e.detail = detail;
    return e;
}

// As the program's own: status.members says what `members` says.
inline BondView settled(BondView v) {
    v.status.members.clear();
    for (const MemberView& m : v.members) v.status.members.push_back(m.status);
    return v;
}

inline PastEvent past(const Event& event, std::int64_t wall_ns = 0, std::uint64_t more = 0) {
    return {event, wall_ns, more};
}

class FakeInstance : public Instance {
public:
    std::vector<BondView> bonds;
    std::vector<PastEvent> history;
    Explanation explanation{true, 0x2f3a1b04, 4, 6, "m1", "layer2+3 of the frame"};
    std::vector<MemberLoad> shares;
    std::optional<SprayView> paths;
    std::optional<std::vector<RlbClientView>> rlb_clients;
    std::string refusal; // not empty: every command is refused with it

    std::vector<std::string> calls() {
        const std::lock_guard lock(mutex_);
        return calls_;
    }

    std::vector<std::string> bond_names() override {
        std::vector<std::string> names;
        for (const BondView& v : bonds) names.push_back(v.status.name.str());
        return names;
    }
    std::optional<BondView> bond(std::string_view name) override {
        for (const BondView& v : bonds)
            if (v.status.name == name) return settled(v);
        return std::nullopt;
    }
    std::vector<PastEvent> events(std::string_view) override { return history; }
    Result<Explanation> explain(std::string_view, const FlowSpec&) override { return explanation; }
    std::optional<std::vector<MemberLoad>> load(std::string_view) override {
        if (shares.empty()) return std::nullopt;
        return shares;
    }
    std::optional<SprayView> spray(std::string_view) override { return paths; }
    std::optional<std::vector<RlbClientView>> rlb(std::string_view) override { return rlb_clients; }
    Result<std::string> config_text(std::string_view bond) override {
        return "name: " + std::string(bond) + "\nmode: balance-rr\n";
    }
    Result<void> set_bond_option(std::string_view b, std::string_view o, std::string_view v) override {
        return note("set", {b, o, v});
    }
    Result<void> set_active(std::string_view b, std::string_view m) override {
        return note("active", {b, m});
    }
    Result<void> set_member_option(std::string_view b, std::string_view m, std::string_view o,
                                   std::string_view v) override {
        return note("set_member", {b, m, o, v});
    }
    Result<void> set_member_link(std::string_view b, std::string_view m, bool up) override {
        return note("link", {b, m, up ? "up" : "down"});
    }
    Result<void> add_member(std::string_view b, std::string_view d,
                            std::span<const std::string> settings) override {
        std::string words(d);
        for (const std::string& s : settings) words += " " + s;
        return note("add", {b, words});
    }
    Result<void> remove_member(std::string_view b, std::string_view m) override {
        return note("remove", {b, m});
    }
    Result<void> clear_stats(std::string_view b) override { return note("clear", {b}); }
    Result<void> reload() override { return note("reload", {}); }
    Result<std::string> start_capture(std::string_view b, std::string_view m, std::string_view f,
                                      std::uint32_t seconds) override {
        return answer(note("capture", {b, m, f, std::to_string(seconds)}), "runs");
    }
    Result<std::string> stop_capture(std::string_view b) override {
        return answer(note("capture_stop", {b}), "has ended");
    }
    Result<std::string> show_capture(std::string_view b) override {
        return std::string(b) + ": no capture has been made";
    }
    Result<void> may_quit() override {
        if (!refusal.empty()) return Error{refusal};
        return {};
    }
    void quit() override { (void)note("quit", {}); }

private:
    static Result<std::string> answer(const Result<void>& done, const char* text) {
        if (!done) return Error{done.error()};
        return std::string(text);
    }
    Result<void> note(std::string text, std::vector<std::string_view> words) {
        if (!refusal.empty()) return Error{refusal};
        for (const std::string_view word : words) text += " " + std::string(word);
        const std::lock_guard lock(mutex_);
        calls_.push_back(text);
        return {};
    }
    std::mutex mutex_;
    std::vector<std::string> calls_;
};

} // namespace dpdkbond::test
