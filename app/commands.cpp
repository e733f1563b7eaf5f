// SPDX-License-Identifier: BSD-3-Clause
// What operators ask of the running program (class Program as an Instance). One command at a time.
#include <fmt/format.h>

#include <algorithm>

#include "app/program.hpp"
#include "bond/flow_hash.hpp"
#include "config/dump.hpp"
#include "config/validate.hpp"
#include "datapath/punt_neighbors.hpp"
#include "dpdk/clock.hpp"
#include "drivers/balance.hpp"
#include "drivers/lacp.hpp"
#include "drivers/registry.hpp"

namespace dpdkbond {

BondUnit* Program::find(std::string_view bond) {
    for (const auto& unit : units_)
        if (unit->config.name == bond) return unit.get();
    return nullptr;
}

Result<BondUnit*> Program::find_or_error(std::string_view bond) {
    if (ending_) return Error{"the program is ending"};
    if (BondUnit* unit = find(bond)) return unit;
    return Error{fmt::format("{}: no such bond", bond)};
}

Result<MemberPort*> Program::member_or_error(BondUnit& unit, std::string_view member) {
    if (MemberPort* m = unit.find_member(member)) return m;
    return Error{fmt::format("{}: {} has no member of that name", member, unit.config.name)};
}

std::vector<std::string> Program::bond_names() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& unit : units_) names.push_back(unit->config.name);
    return names;
}

namespace {

MemberView member_view(const BondUnit& unit, const MemberPort& member, const MemberStatus& status) {
    const MemberPort::ReceiveMode mode = member.receive_mode();
    return {status, unit.counters(member), mode.mtu, mode.promiscuous, mode.all_groups, mode.sorts};
}

} // namespace

std::optional<BondView> Program::bond(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const BondUnit* unit = find(name);
    if (unit == nullptr) return std::nullopt;
    BondView view;
    unit->core->status.load(view.status);
    view.status.link_up = view.status.link_up && unit->carrier_set; // up is what can carry frames now
    view.status.logical_backend = unit->logical->backend();
    view.status.logical_name = unit->logical->name();
    view.options = unit->config.options;
    view.logical = host_->logical(unit->number);
    if (lacp::BondStatus lacp; lacp_status(*unit->core->controller, lacp)) view.lacp = lacp;
    view.counters = unit->counters();
    for (MemberStatus& s : view.status.members) { // a penalty sinks without anybody saying so
        const Time at = now();
        s.flap_penalty = decayed(s.flap_penalty, at - s.flap_penalty_at,
                                 std::chrono::seconds(view.options.damping_half_life));
        s.flap_penalty_at = at;
    }
    for (const MemberStatus& s : view.status.members)
        if (const MemberPort* m = unit->find_member(s.name.view()))
            view.members.push_back(member_view(*unit, *m, s));
    return view;
}

std::vector<Event> Program::events(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const BondUnit* unit = find(name);
    return unit != nullptr ? unit->history() : std::vector<Event>{};
}

Result<Explanation> Program::explain(std::string_view name, const FlowSpec& flow) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(name);
    if (!unit) return Error{unit.error()};
    BondUnit& u = *unit.value();
    BondStatus status;
    u.core->status.load(status);
    FlowSpec whole = flow;
    if (!whole.smac) whole.smac = status.mac; // what the logical interface sends has its own address
    std::uint8_t frame[kMaxFlowFrame];
    const std::size_t length = build_flow_frame(whole, frame);

    const HashPolicy policy = u.config.options.xmit_hash_policy;
    Explanation out;
    const ModeDescriptor& mode = *find_mode(u.config.mode);
    const OptionDef* def = find_option("xmit_hash_policy");
    const Bytes bytes{frame, length};
    Placing placing = mode.place != nullptr
                          ? mode.place(u.config.options, bytes)
                          : Placing{true, flow_hash(policy, frame, static_cast<std::uint32_t>(length)),
                                    bond_option_text(u.config.options, *def)};
    out.hashed = mode.hashes && placing.spread;
    MemberId member = kNoMember;
    unsigned usable = 0;
    control_->call([&] {
        const Snapshot& s = *u.core->publisher.slot().load(std::memory_order_acquire);
        usable = s.tx_count;
        out.buckets = out.hashed ? s.buckets : 0;
        if (out.hashed && s.buckets != 0) {
            out.hash = placing.hash;
            out.bucket = out.hash % s.buckets;
            member = MemberId{s.bucket[out.bucket]};
        } else {
            member = s.active;
        }
    });
    for (const MemberStatus& m : status.members)
        if (m.id == member) out.member = m.name.str();
    if (usable == 0) {
        out.member.clear();
        out.reason = "no member is usable: the frame is dropped and counted as no_member";
    } else if (out.hashed) {
        out.reason = fmt::format("{} hashes to {}, bucket {} of {} belongs to {}", placing.by, out.hash,
                                 out.bucket, out.buckets, out.member);
    } else if (mode.hashes) {
        out.reason = "only unicast IP is spread; all else leaves by the active member";
    } else if (u.config.mode == Mode::broadcast) {
        out.member = "*";
        out.reason = "every usable member sends every frame";
    } else if (u.config.mode == Mode::balance_rr) {
        out.member = "*";
        out.reason = u.config.options.packets_per_slave == 0
                         ? "each frame leaves by a usable member at random"
                         : fmt::format("the usable members take turns of {} frame(s), whatever the flow",
                                       u.config.options.packets_per_slave);
    } else {
        out.reason = "the active member sends everything";
    }
    return out;
}

std::optional<std::vector<MemberLoad>> Program::load(std::string_view name) {
    const std::lock_guard lock(mutex_);
    BondUnit* unit = find(name);
    if (unit == nullptr || ending_ || !find_mode(unit->config.mode)->hashes) return std::nullopt;
    std::array<std::uint32_t, kMaxMembers> buckets{};
    std::array<std::optional<std::uint64_t>, kMaxMembers> rates{};
    control_->call([&] {
        if (const LoadTable* table = load_table_of(*unit->core->controller))
            for (std::uint8_t m = 0; m < kMaxMembers; ++m)
                rates[m] = static_cast<std::uint64_t>(table->member_rate(MemberId{m}));
        const Snapshot& s = *unit->core->publisher.slot().load(std::memory_order_acquire);
        for (std::uint32_t b = 0; b < s.buckets; ++b) ++buckets[s.bucket[b]];
    });
    std::vector<MemberLoad> out;
    for (const auto& m : unit->members)
        out.push_back({m->config.name, buckets[m->id.value], rates[m->id.value]});
    return out;
}

std::optional<std::vector<RlbClientView>> Program::rlb(std::string_view name) {
    const std::lock_guard lock(mutex_);
    BondUnit* unit = find(name);
    if (unit == nullptr || ending_) return std::nullopt;
    std::vector<Client> clients;
    clients.reserve(Clients::kMost); // control does not allocate
    bool balances = false;
    control_->call([&] {
        const Rlb* rlb = rlb_of(*unit->core->controller);
        balances = rlb != nullptr;
        if (balances) rlb->clients().each([&](const Client& c) { clients.push_back(c); });
    });
    if (!balances) return std::nullopt;
    std::vector<RlbClientView> out;
    for (const Client& c : clients) {
        const auto m = std::ranges::find(unit->members, c.member, [](const auto& p) { return p->id; });
        out.push_back({ip_text(c.key.client), ip_text(c.key.ours), c.mac,
                       m != unit->members.end() ? (*m)->config.name : std::string{}, c.updates,
                       c.key.tags.empty() ? std::nullopt : std::optional(c.key.tags.back().id())});
    }
    std::ranges::sort(out, {}, &RlbClientView::client);
    return out;
}

Result<std::string> Program::config_text(std::string_view name) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(name);
    if (!unit) return Error{unit.error()};
    return dump_bond(unit.value()->config);
}

// Checks as the configuration file is checked, then tells control and remembers.
Result<void> Program::apply_options(BondUnit& unit, Mode mode, const BondOptions& wanted, OptionSet given) {
    BondOptions options = wanted;
    const ModeDescriptor* descriptor = find_mode(mode);
    if (descriptor == nullptr) return Error{fmt::format("mode {} is not available yet", mode_name(mode))};
    const auto problems = check_options(mode, options, given);
    if (!problems.empty()) return Error{fmt::format("{}: {}", problems[0].option, problems[0].message)};
    const TxBurstFn data_half = descriptor->data_half(options);
    if (mode == unit.config.mode) {
        control_->call([&] { unit.core->bond.set_options(options, data_half, now()); });
    } else {
        auto controller = descriptor->control_half();
        control_->call([&] {
            unit.core->bond.set_mode({mode, controller.get(), data_half, descriptor->punt, punt_neighbors},
                                     options, now());
            unit.core->controller.swap(controller);
        });
    }
    unit.config.mode = mode;
    unit.config.options = options;
    unit.config.given = given;
    host_->set_poll_interval(unit.number, options.miimon);
    return {};
}

namespace {

// Options that the mode does not take go back to their defaults: they were for the mode before.
void forget_foreign(Mode mode, BondOptions& options, OptionSet& given) {
    for (const OptionDef& def : option_table()) {
        if (def.of_member || (def.modes & mask_of(mode)) != 0) continue;
        given &= ~option_bit(option_index(def));
        (void)dpdkbond::set_bond_option(options, def.name, def.default_text);
    }
}

} // namespace

Result<void> Program::set_bond_option(std::string_view bond, std::string_view option,
                                      std::string_view value) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    BondUnit& u = *unit.value();
    BondOptions options = u.config.options;
    OptionSet given = u.config.given;
    Mode mode = u.config.mode;
    if (option == "mode") {
        const auto parsed = parse_mode(value);
        if (!parsed)
            return Error{fmt::format("mode: {} is no mode; see `help modes` or dpdk-bond modes", value)};
        mode = *parsed;
        forget_foreign(mode, options, given);
    } else {
        const OptionDef* def = find_option(option);
        if (def == nullptr) return Error{fmt::format("{}: no such option", option)};
        if (def->of_member) return Error{fmt::format("{}: an option of a member; use set member", option)};
        if (auto may = may_change_running(mode, *def, !u.members.empty()); !may) return may;
        if (auto set = dpdkbond::set_bond_option(options, option, value); !set)
            return Error{fmt::format("{}: {}", option, set.error())};
        if (def->name == "primary" && !options.primary.empty() && u.find_member(options.primary) == nullptr)
            return Error{fmt::format("primary: {} has no member {}", bond, options.primary)};
        if (def->name == "active_slave") { // a command and not a setting
            Result<void> done;
            control_->call([&] { done = u.core->bond.set_active(options.active_slave, now()); });
            return done;
        }
        given |= option_bit(option_index(*def));
        end_other_monitor(*def, options, given);
    }
    const Mode before = u.config.mode;
    if (auto done = apply_options(u, mode, options, given); !done) return done;
    if (mode == before)
        control_->call([&] {
            u.core->bond.note(EventKind::option_changed, kNoMember, fmt::format("{} {}", option, value),
                              now());
        });
    return {};
}

Result<void> Program::set_active(std::string_view bond, std::string_view member) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    Result<void> done;
    control_->call([&] { done = unit.value()->core->bond.set_active(member, now()); });
    if (!done) return Error{fmt::format("{}: {}", member, done.error())};
    return done;
}

Result<void> Program::set_member_option(std::string_view bond, std::string_view member,
                                        std::string_view option, std::string_view value) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    auto m = member_or_error(*unit.value(), member);
    if (!m) return Error{m.error()};
    const OptionDef* def = find_option(option);
    if (def == nullptr || !def->of_member)
        return Error{fmt::format("{}: no such option of a member", option)};
    if (auto may = may_change_running(unit.value()->config.mode, *def); !may) return may;
    MemberOptions options = m.value()->config.options;
    if (auto set = dpdkbond::set_member_option(options, option, value); !set)
        return Error{fmt::format("{}: {}", option, set.error())};
    control_->call([&] { unit.value()->core->bond.set_member_options(m.value()->id, options, now()); });
    m.value()->config.options = options;
    return {};
}

Result<void> Program::set_member_link(std::string_view bond, std::string_view member, bool up) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    auto m = member_or_error(*unit.value(), member);
    if (!m) return Error{m.error()};
    control_->call([&] { unit.value()->core->bond.set_link_admin(m.value()->id, up, now()); });
    return {};
}

Result<void> Program::add_member(std::string_view bond, std::string_view device) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    BondUnit& u = *unit.value();
    MemberConfig config;
    config.device = std::string(device);
    if (const std::string wrong = device_problem(config.device); !wrong.empty()) return Error{wrong};
    config.name = default_member_name(config.device);
    if (u.find_member(config.name) != nullptr)
        return Error{fmt::format("{}: {} has a member of that name already", config.name, bond)};
    std::vector<std::string> warnings;
    auto member = open_member(u.config, config, warnings);
    if (!member) return Error{member.error()};
    return put_in_service(u, std::move(member).value(), warnings);
}

Result<void> Program::remove_member(std::string_view bond, std::string_view member) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    auto m = member_or_error(*unit.value(), member);
    if (!m) return Error{m.error()};
    part(*unit.value(), *m.value());
    return {};
}

Result<void> Program::clear_stats(std::string_view bond) {
    const std::lock_guard lock(mutex_);
    auto unit = find_or_error(bond);
    if (!unit) return Error{unit.error()};
    unit.value()->clear_counters();
    return {};
}

} // namespace dpdkbond
