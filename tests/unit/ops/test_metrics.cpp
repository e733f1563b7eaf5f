// SPDX-License-Identifier: BSD-3-Clause
// The page of OpenMetrics and the server that hands it out.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "base/listen_address.hpp"
#include "fake_instance.hpp"
#include "ops/metrics.hpp"
#include "ops/metrics_server.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;

namespace {

bool has_line(const std::string& page, const std::string& line) {
    return ("\n" + page).find("\n" + line + "\n") != std::string::npos;
}

std::string page_of(const std::vector<BondView>& bonds, const std::vector<WorkerShare>& workers = {}) {
    return metrics_page(bonds, workers);
}

std::uint16_t free_port() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof in;
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&in), size) == 0);
    REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&in), &size) == 0);
    close(fd);
    return ntohs(in.sin_port);
}

int connected(std::uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&in), sizeof in) == 0);
    return fd;
}

std::string all_of(int fd) {
    std::string out;
    char bytes[4096];
    for (ssize_t got = 0; (got = recv(fd, bytes, sizeof bytes, 0)) > 0;)
        out.append(bytes, static_cast<std::size_t>(got));
    close(fd);
    return out;
}

std::string asked(std::uint16_t port, const std::string& request) {
    const int fd = connected(port);
    REQUIRE(send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()));
    return all_of(fd);
}

struct Served {
    std::uint16_t port = free_port();
    std::string page = "# EOF\n";
    MetricsServer server;
    Served() {
        REQUIRE(server.listen(fmt::format("127.0.0.1:{}", port)));
        server.start([this] { return page; });
    }
};

} // namespace

TEST_CASE("the page says of a bond and its members what their views say") {
    BondView b = make_bond(Mode::active_backup);
    b.status.failovers = 3;
    b.counters.rx_bytes = 18'000'000'000'000'000'000U;
    b.counters.drops[0] = 7;
    set_down(b.members[1], 2);
    b.members[0].counters.tx_packets = 41;
    b.members[0].counters.missed = 5;
    const std::string page = page_of({settled(b)});
    CHECK(has_line(page, "dpdkbond_bond_up{bond=\"bond0\"} 1"));
    CHECK(has_line(page, "dpdkbond_failovers_total{bond=\"bond0\"} 3"));
    CHECK(has_line(page, "dpdkbond_rx_bytes_total{bond=\"bond0\"} 18000000000000000000"));
    CHECK(has_line(
        page, fmt::format("dpdkbond_drops_total{{bond=\"bond0\",reason=\"{}\"}} 7", kDropReasonNames[0])));
    CHECK(has_line(page, "dpdkbond_members_usable{bond=\"bond0\"} 1"));
    CHECK(has_line(page, "dpdkbond_member_up{bond=\"bond0\",member=\"m0\"} 1"));
    CHECK(has_line(page, "dpdkbond_member_up{bond=\"bond0\",member=\"m1\"} 0"));
    CHECK(has_line(page, "dpdkbond_member_active{bond=\"bond0\",member=\"m1\"} 0"));
    CHECK(has_line(page, "dpdkbond_member_link_failures_total{bond=\"bond0\",member=\"m1\"} 2"));
    CHECK(has_line(page, "dpdkbond_member_tx_packets_total{bond=\"bond0\",member=\"m0\"} 41"));
    CHECK(has_line(page, "dpdkbond_member_missed_total{bond=\"bond0\",member=\"m0\"} 5"));
    CHECK(page.ends_with("\n# EOF\n"));
}

TEST_CASE("the page has what the taps of members carried, of those that have one") {
    BondView b = make_bond(Mode::active_backup);
    b.members[1].tap = "m1.lt";
    b.members[1].counters.tap_to_host = 11;
    b.members[1].counters.tap_from_host = 12;
    b.members[1].counters.tap_refused = 13;
    b.members[1].counters.tap_foreign = 14;
    b.members[1].counters.tap_oversize = 15;
    const std::string page = page_of({b});
    const std::string m1 = "bond=\"bond0\",member=\"m1\"";
    CHECK(has_line(page, "dpdkbond_member_tap_to_host_total{" + m1 + "} 11"));
    CHECK(has_line(page, "dpdkbond_member_tap_from_host_total{" + m1 + "} 12"));
    CHECK(has_line(page, "dpdkbond_member_tap_drops_total{" + m1 + ",reason=\"refused\"} 13"));
    CHECK(has_line(page, "dpdkbond_member_tap_drops_total{" + m1 + ",reason=\"foreign\"} 14"));
    CHECK(has_line(page, "dpdkbond_member_tap_drops_total{" + m1 + ",reason=\"oversize\"} 15"));
    CHECK(page.find("tap_to_host_total{bond=\"bond0\",member=\"m0\"") == std::string::npos);
}

TEST_CASE("the gaps of failovers are a histogram whose buckets hold those below them") {
    using std::chrono::microseconds;
    BondView b = make_bond(Mode::active_backup);
    b.status.gaps.add({{1, MemberSet{{0}}, MemberSet{{1}}}, microseconds(700), microseconds(20)});
    b.status.gaps.add({{2, MemberSet{{1}}, MemberSet{{0}}}, std::nullopt, microseconds(2'500)});
    b.status.gaps.add({{3, MemberSet{{0}}, MemberSet{{1}}}, std::chrono::seconds(11), std::nullopt});
    const std::string page = page_of({b});
    const auto bucket = [&](const std::string& le, unsigned n) {
        return has_line(
            page, fmt::format("dpdkbond_failover_gap_seconds_bucket{{bond=\"bond0\",le=\"{}\"}} {}", le, n));
    };
    CHECK(bucket("0.0005", 0));
    CHECK(bucket("0.001", 1));
    CHECK(bucket("0.0025", 2)); // a bound belongs to its class
    CHECK(bucket("1.0", 2));
    CHECK(bucket("10.0", 2));
    CHECK(bucket("+Inf", 3));
    CHECK(has_line(page, "dpdkbond_failover_gap_seconds_count{bond=\"bond0\"} 3"));
    CHECK(has_line(page, "dpdkbond_failover_gap_seconds_sum{bond=\"bond0\"} 11.0032"));
}

TEST_CASE("each family of the page is in one piece, with its type and text before its samples") {
    const std::string page =
        page_of({make_bond(Mode::active_backup), make_bond(Mode::balance_rr)}, {{1, 2.5, 0.25}});
    std::istringstream lines(page);
    std::set<std::string> families;
    std::string line, family;
    while (std::getline(lines, line) && line != "# EOF") {
        std::istringstream words(line);
        std::string hash, keyword, name;
        words >> hash >> keyword >> name;
        if (hash != "#") {
            CHECK(hash.starts_with(family)); // the sample's name and labels
        } else if (keyword == "TYPE") {
            CHECK(families.insert(name).second);
            family = name;
        } else {
            CHECK(name == family);
            if (keyword == "UNIT") {
                std::string unit;
                words >> unit;
                CHECK(name.ends_with("_" + unit));
            }
        }
    }
    CHECK(line == "# EOF");
    CHECK(has_line(page, "dpdkbond_worker_busy_ratio{lcore=\"1\"} 0.25"));
    CHECK(has_line(page, "dpdkbond_worker_busy_seconds_total{lcore=\"1\"} 2.5"));
}

TEST_CASE("what would end a label is escaped") {
    BondView b = make_bond(Mode::balance_rr, 1);
    b.members[0].status.name = "a\"b\\c\nd";
    CHECK(has_line(page_of({settled(b)}), R"(dpdkbond_member_up{bond="bond0",member="a\"b\\c\nd"} 1)"));
}

TEST_CASE("ports of LACP show both states, churn and LACPDUs") {
    BondView b = make_bond(Mode::ieee8023ad, 1);
    lacp::PortStatus port;
    port.member = b.members[0].status.id;
    port.actor.state.value = 61;
    port.partner.state.value = 5;
    port.partner_churn = lacp::ChurnState::CHURN;
    port.counters.lacpdu_rx = 12;
    b.lacp.emplace().ports.push_back(port);
    const std::string page = page_of({settled(b)});
    CHECK(has_line(page, "dpdkbond_lacp_actor_state{bond=\"bond0\",member=\"m0\"} 61"));
    CHECK(has_line(page, "dpdkbond_lacp_partner_state{bond=\"bond0\",member=\"m0\"} 5"));
    CHECK(has_line(page, "dpdkbond_lacp_churned{bond=\"bond0\",member=\"m0\"} 1"));
    CHECK(has_line(page, "dpdkbond_lacpdu_rx_total{bond=\"bond0\",member=\"m0\"} 12"));
    CHECK(page_of({settled(make_bond(Mode::balance_rr))}).find("dpdkbond_lacp_actor_state{") ==
          std::string::npos);
}

TEST_CASE("a worker's share is that of the time since a look at least a second ago") {
    constexpr std::uint64_t s = 1'000'000'000;
    BusyShares shares;
    const auto ratio = [&](std::uint64_t busy, std::uint64_t alive) {
        const WorkerView w{3, busy, alive};
        return shares.update(std::span(&w, 1)).at(0).ratio;
    };
    CHECK(ratio(s / 20, s / 10) == Approx(0.5));         // the first look: since the start
    CHECK(ratio(s / 20 + 1, s / 10 + 1) == Approx(0.5)); // too soon
    CHECK(ratio(s / 20 + s, s / 10 + 4 * s) == Approx(0.25));
    CHECK(ratio(s / 20 + s, s / 10 + 8 * s) == Approx(0));
}

TEST_CASE("an address to listen on has a host and a port") {
    CHECK(ListenAddress::parse("127.0.0.1:9471")->port == 9471);
    CHECK(ListenAddress::parse("[::1]:1")->ipv6);
    CHECK(ListenAddress::parse("localhost:80")->address[0] == 127);
    for (const char* bad :
         {"", "9471", ":9471", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:1x",
          "::1:80", "[::1]", "[127.0.0.1]:80", "example.org:80", "1.2.3:80"})
        CHECK_FALSE(ListenAddress::parse(bad));
}

TEST_CASE("the server answers GET and HEAD of /metrics and refuses all else") {
    Served s;
    const std::string get = asked(s.port, "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(get.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(get.find("\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n") !=
          std::string::npos);
    CHECK(get.find("\r\nContent-Length: 6\r\n") != std::string::npos);
    CHECK(get.ends_with("\r\n\r\n# EOF\n"));
    const std::string head = asked(s.port, "HEAD /metrics HTTP/1.1\r\n\r\n");
    CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(head.ends_with("\r\n\r\n"));
    CHECK(asked(s.port, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    CHECK(asked(s.port, "GET /metricsx HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    const std::string post = asked(s.port, "POST /metrics HTTP/1.1\r\n\r\n");
    CHECK(post.starts_with("HTTP/1.1 405 "));
    CHECK(post.find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
    for (const char* bad : {"\r\n\r\n", "GET\r\n\r\n", "GET /metrics\r\n\r\n", "GET  HTTP/1.1\r\n\r\n",
                            "get /metrics HTTP/1.1\r\n\r\n", "GET /metrics HTTP/2.0\r\n\r\n"})
        CHECK(asked(s.port, bad).starts_with("HTTP/1.1 400 "));
}

TEST_CASE("a request without an end is refused, a large page arrives whole") {
    Served s;
    s.page = std::string(4'000'000, 'x');
    CHECK(asked(s.port, std::string(MetricsServer::kMaxRequest + 1, 'a')).starts_with("HTTP/1.1 400 "));
    CHECK(asked(s.port, "GET /metrics HTTP/1.1\r\n\r\n").ends_with(s.page));
}

TEST_CASE("silent clients do not hold up the end of the server, nor another client") {
    Served s;
    std::vector<int> silent;
    for (std::size_t i = 0; i + 1 < MetricsServer::kMaxClients; ++i) silent.push_back(connected(s.port));
    CHECK(asked(s.port, "GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
    s.server.stop(); // would not return, or only after kPatience, if it waited for them
    for (const int fd : silent) CHECK(all_of(fd).empty());
}

TEST_CASE("an address that is taken is refused with one line") {
    Served s;
    MetricsServer other;
    const auto taken = other.listen(fmt::format("127.0.0.1:{}", s.port));
    REQUIRE_FALSE(taken);
    CHECK(taken.error() == fmt::format("cannot listen on 127.0.0.1:{}: Address already in use", s.port));
}
