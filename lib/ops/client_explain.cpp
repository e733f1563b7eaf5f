// SPDX-License-Identifier: BSD-3-Clause
#include "ops/client_explain.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "flow/capture_file.hpp"
#include "flow/flow.hpp"
#include "flow/flow_text.hpp"
#include "flow/hash.hpp"

namespace dpdkbond {

namespace {

struct Sum {
    std::uint64_t flows = 0, frames = 0, bytes = 0;
};

std::string member_words(const std::string& member) {
    if (member.empty()) return "no member";
    return member == "*" ? "every member" : member;
}

constexpr HashPolicy kPolicies[] = {HashPolicy::layer2,  HashPolicy::layer23, HashPolicy::layer34,
                                    HashPolicy::encap23, HashPolicy::encap34, HashPolicy::vlan_srcmac};

// All that any policy makes of the frame.
std::string all_hashes(Bytes frame) {
    std::string text;
    for (const HashPolicy policy : kPolicies)
        text +=
            fmt::format(" {:x}", flow_hash(policy, frame.data(), static_cast<std::uint32_t>(frame.size())));
    return text;
}

std::map<std::string, Sum> by_member(const FlowsInFile& file) {
    std::map<std::string, Sum> sums;
    for (const FlowInFile& flow : file.flows) {
        Sum& sum = sums[flow.question.empty() ? "not asked" : member_words(flow.explanation.member)];
        ++sum.flows;
        sum.frames += flow.frames;
        sum.bytes += flow.bytes;
    }
    return sums;
}

} // namespace

Result<FlowsInFile> flows_in(std::istream& file) {
    FlowsInFile out;
    std::unordered_map<std::string, std::size_t> index;
    const auto take = [&](const CapturedFrame& captured) {
        if (captured.inbound) {
            ++out.inbound;
            return;
        }
        const Bytes kept = captured.bytes.first(std::min(captured.bytes.size(), kMaxFlowFrame));
        std::string text = flow_text(kept);
        const auto [found, is_new] = index.try_emplace(text + all_hashes(kept), out.flows.size());
        if (is_new) out.flows.push_back({std::move(text), frame_flow_text(kept), 0, 0, {}});
        FlowInFile& flow = out.flows[found->second];
        ++flow.frames;
        flow.bytes += captured.length;
    };
    auto summary = read_capture(file, take);
    if (!summary) return Error{summary.error()};
    out.not_ethernet = summary.value().not_ethernet;
    out.cut = summary.value().cut;
    return out;
}

std::string explained_text(const FlowsInFile& file) {
    std::string out;
    for (const FlowInFile& flow : file.flows)
        out += fmt::format("{}  {} frames {} bytes  {}: {}\n", flow.text, flow.frames, flow.bytes,
                           flow.question.empty() ? "?" : member_words(flow.explanation.member),
                           flow.explanation.reason);
    if (!out.empty()) out += "\n";
    for (const auto& [member, sum] : by_member(file))
        out += fmt::format("{:<16} {:>10} flows {:>12} frames {:>16} bytes\n", member, sum.flows, sum.frames,
                           sum.bytes);
    if (file.inbound != 0)
        out += fmt::format("left out: {} frames that members have received\n", file.inbound);
    if (file.not_ethernet != 0)
        out += fmt::format("left out: {} frames that are not Ethernet\n", file.not_ethernet);
    return out;
}

std::string explained_json(const FlowsInFile& file) {
    using Json = nlohmann::ordered_json;
    Json flows = Json::array(), members = Json::object();
    for (const FlowInFile& f : file.flows)
        flows.push_back({{"flow", f.text},
                         {"member", f.explanation.member},
                         {"hashed", f.explanation.hashed},
                         {"hash", f.explanation.hash},
                         {"bucket", f.explanation.bucket},
                         {"buckets", f.explanation.buckets},
                         {"reason", f.explanation.reason},
                         {"frames", f.frames},
                         {"bytes", f.bytes}});
    for (const auto& [member, sum] : by_member(file))
        members[member] = {{"flows", sum.flows}, {"frames", sum.frames}, {"bytes", sum.bytes}};
    const Json all = {{"flows", flows},
                      {"members", members},
                      {"inbound", file.inbound},
                      {"not_ethernet", file.not_ethernet}};
    return all.dump(2) + "\n";
}

} // namespace dpdkbond
