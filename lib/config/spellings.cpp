// SPDX-License-Identifier: BSD-3-Clause
#include "config/spellings.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "options/options.hpp"

namespace dpdkbond {

namespace {

// Without "bond", hyphens and underscores, in small letters → ours.
constexpr std::array<std::pair<std::string_view, std::string_view>, 49> kOthers{{
    {"miimonitorinterval", "miimon"},
    {"miimonitorsec", "miimon"},
    {"lscpollperiodms", "miimon"},
    {"transmithashpolicy", "xmit_hash_policy"},
    {"xmitpolicy", "xmit_hash_policy"},
    {"hashpolicy", "xmit_hash_policy"},
    {"lacptransmitrate", "lacp_rate"},
    {"lacptime", "lacp_rate"},
    {"updelaysec", "updelay"},
    {"downdelaysec", "downdelay"},
    {"allmembersactive", "all_slaves_active"},
    {"allportsactive", "all_slaves_active"},
    {"arpintervalsec", "arp_interval"},
    {"arpiptargets", "arp_ip_target"},
    {"nsip6targets", "ns_ip6_target"},
    {"failovermacpolicy", "fail_over_mac"},
    {"gratuitousarp", "num_grat_arp"},
    {"packetspermember", "packets_per_slave"},
    {"packetsperport", "packets_per_slave"},
    {"primaryreselectpolicy", "primary_reselect"},
    {"primaryslave", "primary"},
    {"primarymember", "primary"},
    {"activeslave", "active_slave"},
    {"learnpacketinterval", "lp_interval"},
    {"learnpacketintervalsec", "lp_interval"},
    {"dynamictransmitloadbalancing", "tlb_dynamic_lb"},
    {"adactorsystempriority", "ad_actor_sys_prio"},
    {"systempriority", "ad_actor_sys_prio"},
    {"lacpsystempriority", "ad_actor_sys_prio"},
    {"lacpsystemid", "ad_actor_system"},
    {"userportkey", "ad_user_port_key"},
    {"aggmode", "ad_select"},
    {"aggregationselection", "ad_select"},
    {"peernotifydelaysec", "peer_notif_delay"},
    {"resendigmpcount", "resend_igmp"},
    {"slaves", "members"},
    {"slave", "members"},
    {"interfaces", "members"},
    {"ports", "members"},
    {"links", "members"},
    {"addr", "addresses"},
    {"address", "addresses"},
    {"macaddress", "mac"},
    {"hwaddr", "mac"},
    {"hwaddress", "mac"},
    {"mtubytes", "mtu"},
    {"maximumtransmissionunit", "mtu"},
    {"lcores", "worker_lcores"},
    {"fileprefix", "file_prefix"},
}};

std::string plain(std::string_view key) {
    std::string out;
    for (const char c : key)
        if (c != '-' && c != '_') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out.starts_with("bond") ? out.substr(4) : out;
}

} // namespace

std::string key_of_others(std::string_view key) {
    const std::string wanted = plain(key);
    if (wanted.empty()) return {};
    if (wanted == "mode") return "mode";
    for (const OptionDef& def : option_table()) {
        if (plain(def.name) == wanted) return std::string(def.name);
        for (const std::string_view alias : def.aliases)
            if (plain(alias) == wanted) return std::string(def.name);
    }
    const auto* found = std::ranges::find(kOthers, wanted, [](const auto& pair) { return pair.first; });
    return found == kOthers.end() ? std::string() : std::string(found->second);
}

} // namespace dpdkbond
