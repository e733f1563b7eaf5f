// SPDX-License-Identifier: BSD-3-Clause
// SIGHUP and `reload`: the file is read again and the difference applied to the running bonds. What is known
// to fail is refused before anything is changed; what fails later is named and tried again.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "app/program.hpp"
#include "config/carry_out.hpp"
#include "config/load.hpp"
#include "config/plan.hpp"
#include "dpdk/clock.hpp"
#include "host/log.hpp"
#include "host/netlink.hpp"
#include "ops/acting.hpp"

namespace dpdkbond {

namespace {

// Besides when rtnetlink tells of a netdev: nothing tells of a PCI device.
constexpr auto kLookEvery = std::chrono::seconds(1);
constexpr const char* kApplied = "reloaded, but: "; // begins the error of a reload that has changed something

// Compares with what the netdev has, and not with what the file said before.
Result<void> apply_addresses(const std::string& netdev, std::span<const IpPrefix> before,
                             std::span<const IpPrefix> wanted, std::vector<std::string>& said) {
    const auto listed = [&]() -> Result<std::vector<IpPrefix>> {
        const auto link = get_link(netdev);
        if (!link) return Error{link.error()};
        const auto all = list_addresses(link.value().ifindex);
        if (!all) return Error{all.error()};
        std::vector<IpPrefix> out;
        for (const AddressEvent& a : all.value())
            if (a.permanent && !a.is_v6_link_local()) out.push_back(a.prefix);
        return out;
    };
    const auto has = listed();
    if (!has) return Error{has.error()};
    const AddressPlan plan = plan_addresses(has.value(), before, wanted);
    Result<void> removed;
    for (const IpPrefix& a : plan.remove)
        if (auto done = remove_address(netdev, a); !done) removed = done;
    const auto left = listed();
    if (!left) return Error{left.error()};
    const auto there = [&](const IpPrefix& a) {
        return std::ranges::find(left.value(), a) != left.value().end();
    };
    Result<void> first;
    for (const IpPrefix& a : plan.remove) // one that its primary has taken along is gone too
        if (there(a))
            first = removed;
        else
            said.push_back(fmt::format("address {} removed", a.to_string()));
    for (const IpPrefix& a : plan.keep) {
        if (there(a)) continue;
        const auto done = add_address(netdev, a);
        if (!done && first) first = done;
        if (done && std::ranges::find(has.value(), a) == has.value().end())
            said.push_back(fmt::format("address {} {}", a.to_string(),
                                       std::ranges::find(before, a) == before.end() ? "added" : "put back"));
    }
    return first;
}

// "prio 5, queue_id 2": what differs.
std::string member_changes(const MemberOptions& was, const MemberOptions& is) {
    std::string text;
    for (const OptionDef& def : option_table())
        if (def.of_member && member_option_text(was, def) != member_option_text(is, def))
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", def.name, member_option_text(is, def));
    return text;
}

} // namespace

Result<void> Program::reload() {
    const auto done = read_again();
    log_line(done                                 ? fmt::format("{}: reloaded", config_file_)
             : done.error().starts_with(kApplied) ? fmt::format("{}: {}", config_file_, done.error())
                                                  : "reload refused: " + done.error());
    return done;
}

Result<void> Program::read_again() {
    const Command command(*this);
    if (ending_) return Error{"the program is ending"};
    if (acting().starts_with("console")) log_line(acting() + ": reading the file again");
    LoadedConfig loaded = load_config(config_file_);
    if (!loaded.problems.empty()) {
        for (const ConfigProblem& p : loaded.problems) log_line(problem_line(config_file_, p));
        return Error{fmt::format("{}: {} problem(s), the first: {}; nothing is changed", config_file_,
                                 loaded.problems.size(), problem_line(config_file_, loaded.problems[0]))};
    }
    for (const std::string& note : loaded.notes) log_line("warning: " + note);
    pci_.plan(loaded.config);
    auto done = apply(std::move(loaded.config));
    // Devices of bonds that left, or of members that did not come to be.
    std::set<PciAddress> used;
    for (const auto& unit : units_)
        for (const auto& member : unit->members)
            if (const auto address = pci_address_of(member->config)) used.insert(*address);
    pci_.keep_only(used);
    return done;
}

// The steps of a reload; mutex_ is held.
class Program::Reload final : public ReloadSteps {
public:
    // `by`: what the events of changes end with.
    Reload(Program& program, const ReloadPlan& plan, std::span<const BondConfig> wanted, std::string by)
        : p_(program), plan_(plan), wanted_(wanted), by_(std::move(by)) {}

    Result<void> open_member(const std::string& bond, const Joining& j) override {
        auto opened = open(bond, j.member);
        if (!opened) return Error{opened.error()};
        BondUnit& unit = *p_.find(bond);
        const bool somebody_leaves =
            !plan_.bonds_leaving.empty() ||
            std::ranges::any_of(plan_.bonds, [](const BondPlan& b) { return !b.leaving.empty(); });
        if (!somebody_leaves) { // else its MAC may become free
            std::string why;
            p_.control_->call([&] {
                const auto mac = unit.core->bond.mac_to_join(opened.value()->port->permanent_mac());
                if (!mac) why = mac.error();
            });
            if (!why.empty()) return named(bond, j.member, why);
        }
        opened_[{bond, j.member.name}] = std::move(opened).value();
        return {};
    }

    Result<void> make_bond(const NewBond& b) override {
        std::uint32_t number = 0;
        const auto taken = [&] {
            return std::ranges::any_of(p_.units_, [&](const auto& u) { return u->number == number; }) ||
                   std::ranges::any_of(made_, [&](const auto& m) { return m.second->number == number; });
        };
        while (number < kMaxBonds && taken()) ++number;
        if (number == kMaxBonds) return Error{fmt::format("{}: no room for one more bond", b.config.name)};
        std::vector<std::string> warnings;
        auto made = p_.make_bond(number, b.config, warnings);
        if (!made) return Error{made.error()};
        p_.log_warnings(*made.value(), warnings);
        made_[b.config.name] = std::move(made).value();
        return {};
    }

    void forget_prepared() override {
        opened_.clear();
        made_.clear();
    }

    void remove_bond(const std::string& bond) override {
        const auto at = std::ranges::find(p_.units_, bond, [](const auto& u) { return u->config.name; });
        if (at == p_.units_.end()) return;
        const bool remade = std::ranges::any_of(
            plan_.new_bonds, [&](const NewBond& b) { return b.remade && b.config.name == bond; });
        std::unique_ptr<BondUnit> unit = std::move(*at);
        p_.units_.erase(at);
        if (remade) histories_[bond] = unit->history();
        std::vector<MemberConfig> devices = unit->config.members;
        p_.leave_service(std::move(unit));
        for (const MemberConfig& m : devices) p_.pci_.give_back(m);
    }

    void remove_member(const std::string& bond, const std::string& member) override {
        BondUnit* unit = p_.find(bond);
        MemberPort* m = unit != nullptr ? unit->find_member(member) : nullptr;
        if (m == nullptr) return;
        if (const std::string gone = m->why_gone(); !gone.empty()) // it is to have again what it had
            unit->waiting.add(m->config, gone, now(), unit->left_behind(*m));
        p_.part(*unit, *m);
    }

    Result<void> change(const BondPlan& plan, const BondConfig& wanted) override {
        BondUnit& unit = *p_.find(plan.bond);
        Result<void> options;
        if (plan.options_change) options = p_.apply_options(unit, wanted.mode, wanted.options, wanted.given);
        unit.aside = {}; // the file says it all
        for (const auto& [name, values] : plan.member_options) {
            MemberPort* member = unit.find_member(name);
            if (member != nullptr)
                p_.change_member(unit, *member, values, member_changes(member->config.options, values) + by_);
        }
        auto logical = p_.apply_logical(unit, wanted.logical, by_);
        p_.steer(unit);
        if (!options) return Error{fmt::format("{}: {}", plan.bond, options.error())};
        return logical;
    }

    Result<void> join(const std::string& bond, const Joining& j) override {
        BondUnit& unit = *p_.find(bond);
        auto member = std::move(opened_[{bond, j.member.name}]);
        const auto not_yet = [&](const std::string& error) {
            const std::string head = prefix(bond, j.member);
            unit.waiting.add(j.member, error.starts_with(head) ? error.substr(head.size()) : error, now());
            return named(bond, j.member, error);
        };
        if (!member) {
            auto opened = open(bond, j.member);
            if (!opened) return not_yet(opened.error());
            member = std::move(opened).value();
        }
        if (auto joined = p_.put_in_service(unit, std::move(member), warnings_[{bond, j.member.name}]);
            !joined)
            return not_yet(joined.error());
        return {};
    }

    Result<void> serve(const NewBond& b) override {
        if (!made_.contains(b.config.name))
            if (auto done = make_bond(b); !done) return done;
        p_.units_.push_back(std::move(made_.extract(b.config.name).mapped()));
        BondUnit& unit = *p_.units_.back();
        unit.put_history_before(histories_[b.config.name]);
        p_.enter_service(unit);
        return {};
    }

    void keep_waiting(const std::string& bond, const MemberConfig& member) override {
        BondUnit& unit = *p_.find(bond);
        unit.waiting.add(member, why_absent(member), now());
    }

private:
    using Key = std::pair<std::string, std::string>; // bond, member

    static std::string prefix(const std::string& bond, const MemberConfig& m) {
        return fmt::format("{}: member {}: ", bond, m.name);
    }
    static Error named(const std::string& bond, const MemberConfig& m, const std::string& why) {
        return Error{why.starts_with(prefix(bond, m)) ? why : prefix(bond, m) + why};
    }
    Result<std::unique_ptr<MemberPort>> open(const std::string& bond, const MemberConfig& m) {
        auto opened = p_.open_member(*find_bond(wanted_, bond), m, warnings_[{bond, m.name}]);
        if (!opened) return named(bond, m, opened.error());
        return opened;
    }

    Program& p_;
    const ReloadPlan& plan_;
    const std::span<const BondConfig> wanted_;
    const std::string by_;
    std::map<Key, std::unique_ptr<MemberPort>> opened_;
    std::map<Key, std::vector<std::string>> warnings_;
    std::map<std::string, std::unique_ptr<BondUnit>> made_;
    std::map<std::string, std::vector<PastEvent>> histories_;
};

Result<void> Program::apply(Config next) {
    // First all that may fail.
    if (prefix_given_) next.runtime.file_prefix = config_.runtime.file_prefix;
    RuntimeConfig as_now = config_.runtime;
    as_now.warm_restart = next.runtime.warm_restart; // read when it is needed
    if (const std::string keys = runtime_differences(as_now, next.runtime); !keys.empty())
        return Error{fmt::format("{}: runtime: {} cannot change while it runs; restart", config_file_, keys)};
    std::vector<BondAsItRuns> running;
    for (const auto& unit : units_) {
        BondAsItRuns& r = running.emplace_back(BondAsItRuns{unit->config, unit->waiting.configs()});
        for (const auto& m : unit->members)
            if (!m->why_gone().empty())
                r.stale.insert(m->config.name);
            else if (const auto link = get_link(m->ifindex()); link)
                r.netdevs.push_back(link.value().name);
        r.logical_gone = unit->logical->is_gone();
        // Absent, and taken out by hand: the file has known it before all the same.
        if (const BondConfig* before = find_bond(config_.bonds, unit->config.name))
            for (const MemberConfig& m : before->members)
                if (!unit->lists(m.name)) r.waiting.push_back(m);
    }
    const auto plan =
        plan_reload(running, next.bonds, {max_mtu(), [](const MemberConfig& m) { return why_absent(m); }});
    if (!plan) return Error{plan.error()};
    if (auto room = buffers_suffice(next.bonds); !room) return Error{room.error()};
    for (const BondConfig& b : next.bonds)
        if (std::string taken = taken_tap(b); !taken.empty()) return Error{std::move(taken)};
    for (const NewBond& b :
         plan.value().new_bonds) // those that have free devices are made before anything else
        if (!b.devices_are_free && b.config.logical.backend != LogicalBackend::device &&
            get_link(b.config.name).ok() && (b.remade || find(b.config.name) == nullptr))
            return Error{fmt::format(
                "{}: a netdev of that name is there already; remove it or rename the bond", b.config.name)};

    // Known to this thread alone, not to control.
    const std::string reloaded = config_file_ + by_whom();
    const std::string by =
        acting().empty() ? std::string(", by reload") : fmt::format(", by reload ({})", acting());
    for (const auto& unit : units_) {
        put_back_members(*unit, by);
        if (const BondConfig* wanted = find_bond(next.bonds, unit->config.name))
            unit->set_order(wanted->members);
    }
    Reload steps(*this, plan.value(), next.bonds, by);
    auto failed = dpdkbond::carry_out(plan.value(), next.bonds, steps);
    if (!failed) return Error{failed.error()};
    for (const auto& unit : units_) {
        // Nobody waits who is not wanted any more.
        const BondConfig* wanted = find_bond(next.bonds, unit->config.name);
        for (const MemberConfig& m : unit->waiting.configs())
            if (wanted == nullptr || find_same(wanted->members, m) == nullptr)
                unit->give_up_waiting(m.name, now());
        unit->record_members();
        if (auto taps = give_taps(*unit); !taps) failed.value().push_back(taps.error());
        host_->tell_members(unit->number); // whose MTU somebody else may have changed …
        (void)unit->macs->apply();         // … or MAC; what went wrong is an event
        control_->call([&] { unit->core->bond.note(EventKind::reloaded, kNoMember, reloaded, now()); });
    }
    config_ = std::move(next);
    for (const BondPlan& p : plan.value().bonds) {
        BondUnit* unit = find(p.bond);
        if (unit == nullptr) continue;
        log_warnings(*unit, p.remarks);
        for (const std::string& text : p.changed_options)
            if (!text.starts_with("mode ")) // that one is an event of its own
                control_->call(
                    [&] { unit->core->bond.note(EventKind::option_changed, kNoMember, text + by, now()); });
    }
    if (failed.value().empty()) return {};
    return Error{fmt::format("{}{}; the next reload tries again", kApplied, fmt::join(failed.value(), "; "))};
}

void Program::put_back_members(BondUnit& unit, const std::string& by) {
    for (const auto& member : unit.members) {
        std::vector<std::string> said = member->put_back();
        control_->call([&] {
            if (unit.core->bond.set_link_admin(member->id, true, now())) said.emplace_back("link up");
        });
        for (const std::string& what : said) note(unit, what + by, member->id);
    }
}

Result<void> Program::apply_logical(BondUnit& unit, const LogicalConfig& wanted, const std::string& by) {
    LogicalConfig& running = unit.config.logical;
    Result<void> first;
    const auto keep = [&](Result<void> r) {
        if (!r && first.ok()) first = std::move(r);
    };
    LogicalConfig recorded = wanted; // but for what failed: the next reload tries that again
    std::vector<std::string> said;
    std::uint32_t mtu = running.mtu;
    bool up = true;
    if (unit.logical->in_kernel())
        (void)unit.logical->visit([&](const LinkEvent& at) -> Result<void> {
            mtu = at.mtu;
            up = at.admin_up;
            return {};
        });
    const bool ours = wanted.managed || !unit.logical->in_kernel();
    if (ours && !up) {
        auto done = unit.logical->visit([](const LinkEvent& at) { return set_admin_up(at.name, true); });
        if (done) said.emplace_back("the logical interface, which was set down, is up again");
        keep(std::move(done));
    }
    if (ours && wanted.mtu != mtu) {
        auto done = unit.logical->set_mtu(wanted.mtu); // bond and members follow a netdev's
        if (done) said.push_back(fmt::format("mtu {}, and not {}", wanted.mtu, mtu));
        if (!done) recorded.mtu = running.mtu;
        keep(std::move(done));
        if (!unit.logical->in_kernel()) {
            host_->watch_logical(unit.number, *unit.logical, wanted.mtu, max_mtu());
            control_->call([&] { unit.core->bond.set_mtu(wanted.mtu, now()); });
        }
    }
    Mac worn;
    control_->call([&] { worn = unit.core->bond.mac(); });
    const bool may_put_back =
        unit.logical->in_kernel() && ours && unit.config.options.fail_over_mac != FailOverMac::active;
    const std::optional<Mac> file_or_before =
        wanted.mac || !may_put_back ? wanted.mac : host_->logical(unit.number).mac_before_hand;
    if (file_or_before &&
        ((wanted.mac && wanted.mac != running.mac) || (may_put_back && *file_or_before != worn))) {
        Mac mac;
        control_->call([&] {
            unit.core->bond.set_mac(*file_or_before, now());
            mac = unit.core->bond.mac();
        });
        keep(unit.macs->apply());
        said.push_back(fmt::format("MAC {}, and not {}", mac.to_string(), worn.to_string()));
        if (mac != *file_or_before)
            keep(Error{fmt::format("{}: logical.mac: with fail_over_mac active it is the active member's",
                                   unit.config.name)});
        else if (!unit.logical->in_kernel())
            keep(unit.logical->set_mac(mac));
    }
    if (unit.logical->in_kernel() && (wanted.managed || running.managed)) {
        host_->expect_addresses(unit.number, {}); // what it does itself is not news
        auto done = unit.logical->visit([&](const LinkEvent& at) {
            return apply_addresses(at.name, running.addresses, wanted.addresses, said);
        });
        if (!done) recorded.addresses = running.addresses;
        keep(std::move(done));
        if (wanted.managed) host_->expect_addresses(unit.number, wanted.addresses);
    }
    running = recorded;
    for (const std::string& what : said) note(unit, what + by);
    return first;
}

void Program::reload_loop() {
    std::unique_lock lock(reload_mutex_);
    for (;;) {
        reload_wish_.wait_for(lock, kLookEvery, [&] { return reload_wishes_ != 0 || look_wish_; });
        if (reload_wishes_ < 0) return;
        const bool wanted = std::exchange(reload_wishes_, 0) != 0;
        look_wish_ = false;
        const Acting who(wanted ? reload_asker_ : std::string());
        lock.unlock();
        look_for_members();
        log_settle();
        if (wanted) (void)reload(); // what comes of it is in the log
        lock.lock();
    }
}

} // namespace dpdkbond
