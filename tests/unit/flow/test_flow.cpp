// SPDX-License-Identifier: BSD-3-Clause
#include <array>
#include <catch2/catch.hpp>

#include "flow/flow.hpp"
#include "flow/hash.hpp"
#include "flow_frames.hpp"

using namespace dpdkbond;
using Catch::Contains;

namespace {

FlowSpec parsed(std::string_view text) {
    const auto flow = parse_flow(text);
    INFO(text << (flow ? "" : " -> " + flow.error()));
    REQUIRE(flow.ok());
    return flow.value();
}

std::string error_of(std::string_view text) {
    const auto flow = parse_flow(text);
    INFO(text);
    REQUIRE(!flow.ok());
    CHECK(flow.error().find('\n') == std::string::npos);
    return flow.error();
}

test::Frame frame_of(std::string_view text) {
    test::Frame frame(kMaxFlowFrame);
    frame.resize(build_flow_frame(parsed(text), frame));
    return frame;
}

std::uint32_t hash_of(HashPolicy policy, std::string_view text) {
    const test::Frame frame = frame_of(text);
    return flow_hash(policy, frame.data(), static_cast<std::uint32_t>(frame.size()));
}

// Folded to 16 bits; 0xffff says that a checksum within is right.
std::uint32_t ones_sum(const test::Frame& frame, std::size_t from, std::size_t n, std::uint32_t sum = 0) {
    for (std::size_t i = from; i < from + n; i += 2) sum += load_be16(&frame[i]);
    while ((sum >> 16U) != 0) sum = (sum & 0xffffU) + (sum >> 16U);
    return sum;
}

} // namespace

TEST_CASE("a flow is read in any order, with what is left out by default") {
    const FlowSpec flow = parsed("vlan=10,dport=53,proto=udp,dst=192.0.2.2, src=192.0.2.1 ,sport=5000,"
                                 "dmac=02:00:00:00:00:02,smac=02:00:00:00:00:01");
    CHECK(flow.smac == Mac::parse("02:00:00:00:00:01"));
    CHECK(flow.dmac == Mac::parse("02:00:00:00:00:02"));
    CHECK(flow.src4 == Ipv4::parse("192.0.2.1"));
    CHECK(flow.dst4 == Ipv4::parse("192.0.2.2"));
    CHECK(!flow.is_v6);
    CHECK(flow.proto == 17);
    CHECK(flow.sport == 5000);
    CHECK(flow.dport == 53);
    CHECK(flow.vlan == 10);

    CHECK(parsed("") == FlowSpec{});
    CHECK(parsed(",dport=80,,").dport == 80);
    CHECK(parsed("dport=80").proto == 6);
    CHECK(parsed("dst=2001:db8::1").is_v6);
    CHECK(parsed("proto=89").proto == 89);
    CHECK(parsed("proto=icmp").proto == 1);
    CHECK(parsed("proto=icmp,src=2001:db8::1").proto == 58);
}

TEST_CASE("what is wrong with a flow is told in a line that names the key and what is allowed") {
    CHECK(error_of("src=192.0.2.256") == "src: '192.0.2.256' is wrong; allowed: an IPv4 or IPv6 address");
    CHECK_THAT(error_of("src=192.0.2.1,dst=2001:db8::1"),
               Contains("dst: ") && Contains("both IPv4 or both IPv6"));
    CHECK(error_of("sport=65536") == "sport: '65536' is wrong; allowed: 0-65535");
    CHECK_THAT(error_of("dport=-1"), Contains("dport: ") && Contains("0-65535"));
    CHECK_THAT(error_of("dport="), Contains("dport: ''"));
    CHECK_THAT(error_of("vlan=4095"), Contains("vlan: ") && Contains("0-4094"));
    CHECK_THAT(error_of("proto=tpc"), Contains("proto: ") && Contains("tcp, udp") && Contains("0-255"));
    CHECK_THAT(error_of("proto=256"), Contains("proto: '256'"));
    CHECK_THAT(error_of("smac=02:00"), Contains("smac: ") && Contains("a MAC address"));
    CHECK_THAT(error_of("src"), Contains("src: has no value"));
    CHECK_THAT(error_of("dport=1,dport=2"), Contains("dport: is there twice"));
    CHECK_THAT(error_of("dport=1,proto=icmp"),
               Contains("dport: protocol icmp has no ports") && Contains("sctp"));
    CHECK_THAT(error_of("sport=1,proto=89"), Contains("sport: protocol 89 has no ports"));
}

TEST_CASE("an unknown key names the nearest one and all there are") {
    CHECK_THAT(error_of("scr=1"),
               Contains("scr: no such key, did you mean 'src'?") && Contains("dmac= vlan="));
    CHECK_THAT(error_of("dst_port=1"), Contains("dst_port: no such key; allowed: src= dst="));
}

TEST_CASE("the frame of a flow is well-formed") {
    const std::string_view addresses[] = {"src=192.0.2.1,dst=198.51.100.7",
                                          "src=2001:db8::1,dst=2001:db8:ff::2"};
    for (const std::string_view address : addresses) {
        for (const std::string_view protocol : {"tcp", "udp", "udplite", "dccp", "icmp"}) {
            const std::string text = std::string(address) + ",proto=" + std::string(protocol) +
                                     (protocol == "icmp" ? "" : ",sport=1234,dport=443");
            INFO(text);
            const test::Frame frame = frame_of(text);
            CHECK(frame.size() >= 60);
            const bool v6 = address.find(':') != std::string_view::npos;
            const std::size_t l4 = v6 ? 54 : 34;
            CHECK(load_be16(&frame[12]) == (v6 ? 0x86dd : 0x0800));
            if (!v6) CHECK(ones_sum(frame, 14, 20) == 0xffff);
            const std::size_t l4_length = v6 ? load_be16(&frame[18]) : load_be16(&frame[16]) - 20U;
            REQUIRE(l4 + l4_length <= frame.size());
            const std::uint8_t number = frame[v6 ? 20 : 23];
            const std::uint32_t pseudo = number == 1
                                             ? 0
                                             : ones_sum(frame, v6 ? 22 : 26, v6 ? 32 : 8,
                                                        static_cast<std::uint32_t>(l4_length) + number);
            CHECK(ones_sum(frame, l4, l4_length, pseudo) == 0xffff);
        }
    }
}

TEST_CASE("the frame's hash is the flow's") {
    const std::string flow =
        "src=10.0.0.1,dst=10.0.0.2,sport=4096,dport=80,smac=02:00:00:00:00:05,dmac=02:00:00:00:00:0a";
    CHECK(hash_of(HashPolicy::layer2, flow) == (0x0fU ^ 0x0800U));
    CHECK(hash_of(HashPolicy::layer34, flow) == 0x53535343U >> 1U);
    CHECK(hash_of(HashPolicy::layer34, flow + ",vlan=5") == 0x53535343U >> 1U);
    CHECK(hash_of(HashPolicy::vlan_srcmac, flow + ",vlan=5") == (5U ^ 0x020005U));
    CHECK(hash_of(HashPolicy::layer34, "src=10.0.0.1,dst=10.0.0.2,proto=gre") == 0x03030303U >> 1U);
}

TEST_CASE("a frame that does not fit is not written") {
    test::Frame small(59, 0xee);
    CHECK(build_flow_frame(parsed("src=192.0.2.1"), small) == 0);
    CHECK(small == test::Frame(59, 0xee));
    test::Frame largest(kMaxFlowFrame);
    CHECK(build_flow_frame(parsed("src=2001:db8::1,vlan=1,proto=tcp"), largest) == 78);
}

TEST_CASE("a whole frame in hexadecimal is the flow of that frame and takes no other key") {
    const std::string arp = "ffffffffffff0200000000010806" + std::string(56, '0');
    const test::Frame frame = frame_of("frame=" + arp);
    CHECK(frame.size() == 42);
    CHECK(load_be16(&frame[12]) == 0x0806);
    CHECK(hash_of(HashPolicy::layer2, "frame=" + arp) == ((0xffU ^ 0x01U) ^ 0x0806U));
    CHECK(frame_of("frame=" + std::string(2 * kMaxFlowFrame, 'F')).size() == kMaxFlowFrame);
    test::Frame small(41, 0xee);
    CHECK(build_flow_frame(parsed("frame=" + arp), small) == 0);
    CHECK(error_of("frame=" + arp + ",vlan=1") == "frame: it says all of the flow; allowed: alone");
    for (const std::string& bad :
         {std::string(), arp + "0", std::string(26, '0'), std::string(2 * kMaxFlowFrame + 2, '0')})
        CHECK_THAT(error_of("frame=" + bad),
                   Contains("frame: ") && Contains("allowed: two for each of 14 to 192 bytes"));
    CHECK(error_of("frame=" + arp + "0g") == "frame: '0g' is wrong; allowed: hexadecimal digits");
    CHECK_FALSE(parse_flow("frame=" + arp + "-1"));
}
