// SPDX-License-Identifier: BSD-3-Clause
#include "options/remarks.hpp"

#include <fmt/format.h>

namespace dpdkbond {

namespace {

bool was_given(OptionSet given, std::string_view name) {
    return (given & option_bit(option_index(*find_option(name)))) != 0;
}

} // namespace

std::vector<OptionProblem> option_remarks(Mode mode, const BondOptions& o, OptionSet given) {
    std::vector<OptionProblem> remarks;
    const auto remark = [&](std::string_view name, std::string text) {
        remarks.push_back({std::string(name), std::move(text)});
    };
    for (const OptionDef& def : option_table()) {
        if (def.of_member || !was_given(given, def.name) || !takes(mode, def)) continue;
        if (!works_in(mode, def))
            remark(def.name, fmt::format("it has no effect in mode {}", mode_name(mode)));
    }
    const bool asks = o.arp_interval != 0;
    const std::uint32_t miimon = asks && !was_given(given, "miimon") ? 0 : o.miimon;
    struct Delay {
        std::string_view name;
        std::uint32_t ms;
    };
    for (const Delay d : {Delay{"updelay", o.updelay}, Delay{"downdelay", o.downdelay},
                          Delay{"peer_notif_delay", o.peer_notif_delay}})
        if (miimon != 0 && d.ms % miimon != 0)
            remark(d.name, fmt::format("{} ms is no multiple of miimon ({} ms): it is {} ms", d.ms, miimon,
                                       d.ms - d.ms % miimon));
    for (const char* name :
         {"arp_ip_target", "ns_ip6_target", "arp_all_targets", "arp_missed_max", "arp_validate"})
        if (was_given(given, name) && !asks && works_in(mode, *find_option(name)))
            remark(name, "it has no effect without arp_interval");
    if (was_given(given, "arp_all_targets") && asks && o.arp_validate == ArpValidate::none)
        remark("arp_all_targets", "it has no effect without arp_validate");
    if (was_given(given, "primary_reselect") && o.primary.empty())
        remark("primary_reselect", "it has no effect without primary");
    for (const char* name : {"damping_suppress", "damping_reuse"})
        if (was_given(given, name) && o.damping_half_life == 0)
            remark(name, "it has no effect without damping_half_life");
    if (was_given(given, "hash_seed") && o.tlb_dynamic_lb && takes(mode, *find_option("tlb_dynamic_lb")))
        remark("hash_seed", "it has no effect while tlb_dynamic_lb is on");
    if (was_given(given, "peer_notif_delay") && o.num_grat_arp == 0 &&
        works_in(mode, *find_option("peer_notif_delay")))
        remark("peer_notif_delay", "it has no effect with num_grat_arp 0");
    return remarks;
}

std::vector<OptionProblem> monitor_remarks(const BondOptions& o) {
    if (o.arp_interval == 0) {
        if (o.miimon != 0) return {};
        return {{"miimon", "0 and no arp_interval: nothing watches the links, a lost one is not noticed"}};
    }
    if (!o.arp_ip_target.empty() || !o.ns_ip6_target.empty()) return {};
    return {{"arp_interval", "it has no effect without arp_ip_target or ns_ip6_target"}};
}

} // namespace dpdkbond
