// SPDX-License-Identifier: BSD-3-Clause
// `dpdk-bond show …`: text is what the console says; JSON is put together from telemetry's answers.
#include <cstdio>
#include <functional>

#include <fmt/format.h>

#include "base/quote.hpp"
#include "ops/client.hpp"
#include "ops/client_json.hpp"
#include "ops/console_grammar.hpp"
#include "ops/console_list.hpp"

namespace dpdkbond {

namespace {

using Pages = std::vector<std::string>;
constexpr std::size_t kMostPages = 10'000; // more than any table has

Result<std::string> payload(TelemetryClient& client, const std::string& command) {
    auto answer = client.ask(command);
    return answer ? answer_payload(answer.value()) : answer;
}

// The pages until one says nothing, at most kMostPages.
Result<Pages> pages(TelemetryClient& client, const std::string& command) {
    Pages out;
    while (out.size() < kMostPages) {
        auto page = payload(client, fmt::format("{},{}", command, out.size()));
        if (!page) return Error{page.error()};
        if (page.value() == "null" || (!out.empty() && has_nothing(page.value()))) break;
        out.push_back(std::move(page).value());
    }
    return out;
}

struct Asked {
    TelemetryClient& client;
    const Words& names; // NAME, MEMBER
    const YamlToJson& yaml_to_json;
};

// A table in pages, as one; "null": there is none.
Result<std::string> table(Asked& asked, const char* command, std::string (*join)(const Pages&)) {
    const auto found = pages(asked.client, fmt::format("{},{}", command, asked.names[0]));
    if (!found) return Error{found.error()};
    return found.value().empty() ? std::string("null") : join(found.value());
}

// The bond and all of each port.
Result<std::string> lacp(Asked& asked) {
    const std::string command = "/bond/lacp," + asked.names[0];
    auto all = payload(asked.client, command);
    if (!all || all.value() == "null") return all;
    std::vector<std::string> ports;
    const auto info = payload(asked.client, "/bond/info," + asked.names[0]);
    if (!info) return info;
    const auto members = member_names_from_json(info.value());
    if (!members) return Error{members.error()};
    for (const std::string& member : members.value()) {
        auto port = payload(asked.client, command + "," + member);
        if (!port) return port;
        if (port.value() != "null") ports.push_back(std::move(port).value());
    }
    return lacp_json(all.value(), ports);
}

Result<std::string> config(Asked& asked) {
    std::string text;
    const auto found = pages(asked.client, "/bond/config," + asked.names[0]);
    if (!found) return Error{found.error()};
    for (const std::string& page : found.value()) {
        auto part = string_from_json(page);
        if (!part) return part;
        text += part.value();
    }
    return text.empty() ? std::string("null") : asked.yaml_to_json(text);
}

Result<std::string> bonds(Asked& asked) {
    const auto list = payload(asked.client, "/bond/list");
    if (!list) return list;
    const auto names = names_from_json(list.value());
    if (!names) return Error{names.error()};
    std::vector<std::pair<std::string, std::string>> infos;
    for (const std::string& name : names.value()) {
        auto info = payload(asked.client, "/bond/info," + name);
        if (!info) return info;
        if (info.value() != "null") infos.emplace_back(name, std::move(info).value());
    }
    return infos_json(infos);
}

struct View {
    std::string_view syntax; // as the console lists it
    std::function<Result<std::string>(Asked&)> json;
};
const View kViews[] = {
    {"show bonds", bonds},
    {"show version", [](Asked& a) { return payload(a.client, "/bond/program"); }},
    {"show uptime", [](Asked& a) { return payload(a.client, "/bond/program"); }},
    {"show bond NAME stats", [](Asked& a) { return payload(a.client, "/bond/stats," + a.names[0]); }},
    {"show bond NAME capture", [](Asked& a) { return payload(a.client, "/bond/capture," + a.names[0]); }},
    {"show bond NAME events", [](Asked& a) { return table(a, "/bond/events", events_json); }},
    {"show bond NAME load", [](Asked& a) { return table(a, "/bond/load", load_json); }},
    {"show bond NAME rlb", [](Asked& a) { return table(a, "/bond/rlb", merged_json); }},
    {"show bond NAME spray", [](Asked& a) { return table(a, "/bond/spray", merged_spray_json); }},
    {"show bond NAME lacp", lacp},
    {"show bond NAME config", config},
    {"show member NAME MEMBER",
     [](Asked& a) { return payload(a.client, "/bond/member," + a.names[0] + "," + a.names[1]); }},
};

std::string syntax_text(const Syntax& syntax) {
    std::string text;
    for (const std::string_view slot : syntax.slots) text += (text.empty() ? "" : " ") + std::string(slot);
    return text;
}

// Why the answer is null.
std::string nothing(TelemetryClient& client, const Words& names) {
    const auto list = payload(client, "/bond/list");
    const auto known =
        list ? names_from_json(list.value()) : Result<std::vector<std::string>>(Error{list.error()});
    if (!known) return known.error();
    bool is_bond = false;
    std::string all;
    for (const std::string& name : known.value()) {
        is_bond |= name == names[0];
        all += (all.empty() ? "" : ", ") + name;
    }
    if (!is_bond) return fmt::format("no bond {}; there are: {}", in_quotes(names[0]), all);
    if (names.size() > 1) return fmt::format("{} has no member {}", names[0], in_quotes(names[1]));
    return names[0] + " has no such view in its mode";
}

} // namespace

int show_command(const std::string& prefix, const Words& operands, bool json,
                 const YamlToJson& yaml_to_json) {
    Words words{"show"};
    words.insert(words.end(), operands.begin(), operands.end());
    if (!json) return console_verb(prefix, words);
    const auto match = match_command(console_syntaxes(), words);
    if (!match) return client_failed(match.error(), 2);
    const std::string syntax = syntax_text(console_syntaxes()[match.value().command]);
    const Words& names = match.value().values;
    if (syntax == "show bond all") return status_command(prefix, std::nullopt, true);
    if (syntax == "show bond NAME") return status_command(prefix, names[0], true);
    auto client = TelemetryClient::connect(prefix);
    if (!client) return client_failed(client.error());
    for (const View& view : kViews) {
        if (view.syntax != syntax) continue;
        Asked asked{client.value(), names, yaml_to_json};
        const auto answer = view.json(asked);
        if (!answer) return client_failed(answer.error());
        if (answer.value() == "null") return client_failed(nothing(client.value(), names));
        return std::fputs(indented_json(answer.value()).c_str(), stdout) < 0 || std::fflush(stdout) != 0 ? 1
                                                                                                         : 0;
    }
    return client_failed(syntax + " has no JSON", 2);
}

} // namespace dpdkbond
