// SPDX-License-Identifier: BSD-3-Clause
// Capture files of both kinds and byte orders, whole and cut; flows of their frames as text.
#include <catch2/catch.hpp>

#include <sstream>
#include <vector>

#include "flow/capture_file.hpp"
#include "flow/flow.hpp"
#include "flow/flow_text.hpp"

using namespace dpdkbond;

namespace {

using Octets = std::vector<std::uint8_t>;

Octets frame_of(const char* flow) {
    Octets frame(kMaxFlowFrame);
    const auto parsed = parse_flow(flow);
    REQUIRE(parsed);
    frame.resize(build_flow_frame(parsed.value(), frame));
    return frame;
}

// Writes numbers in one byte order.
struct Writer {
    bool big;
    std::string out{};
    void number(std::uint64_t v, unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i)
            out += static_cast<char>(v >> 8U * (big ? bytes - 1 - i : i) & 0xffU);
    }
    void u16(std::uint32_t v) { number(v, 2); }
    void u32(std::uint32_t v) { number(v, 4); }
    void octets(const Octets& bytes) { out.append(bytes.begin(), bytes.end()); }

    void pcap_head(std::uint32_t magic = 0xa1b2c3d4, std::uint32_t link = 1) {
        u32(magic);
        u16(2), u16(4), u32(0), u32(0), u32(65535), u32(link);
    }
    void record(const Octets& frame, std::uint32_t length) {
        u32(1), u32(2), u32(static_cast<std::uint32_t>(frame.size())), u32(length);
        octets(frame);
    }
    void block(std::uint32_t type, std::string body) {
        while (body.size() % 4 != 0) body += '\0';
        const auto size = static_cast<std::uint32_t>(body.size() + 12);
        u32(type), u32(size);
        out += body;
        u32(size);
    }
    void section() {
        Writer w{big};
        w.u32(0x1a2b3c4d), w.u16(1), w.u16(0), w.u32(~0U), w.u32(~0U);
        block(0x0a0d0d0a, w.out);
    }
    void interface(std::uint16_t link = 1) {
        Writer w{big};
        w.u16(link), w.u16(0), w.u32(0);
        block(1, w.out);
    }
    void packet(const Octets& frame, std::uint32_t interface, std::uint32_t direction) {
        Writer w{big};
        w.u32(interface), w.u32(0), w.u32(0), w.u32(static_cast<std::uint32_t>(frame.size())), w.u32(1000);
        w.octets(frame);
        while (w.out.size() % 4 != 0) w.out += '\0';
        w.u16(2), w.u16(4), w.u32(direction), w.u16(0), w.u16(0);
        block(6, w.out);
    }
};

struct Seen {
    std::vector<Octets> frames;
    std::vector<bool> inbound;
    std::uint64_t length = 0;
    CaptureSummary summary;
    std::string error;
};

Seen seen_in(const std::string& file) {
    Seen seen;
    std::istringstream stream(file);
    auto read = read_capture(stream, [&](const CapturedFrame& f) {
        seen.frames.emplace_back(f.bytes.begin(), f.bytes.end());
        seen.inbound.push_back(f.inbound);
        seen.length += f.length;
    });
    if (read)
        seen.summary = read.value();
    else
        seen.error = read.error();
    return seen;
}

const char* const kFlow = "src=192.0.2.1,dst=192.0.2.2,proto=udp,sport=5000,dport=53";

} // namespace

TEST_CASE("pcap of either byte order and time unit gives its frames") {
    const Octets one = frame_of(kFlow),
                 two = frame_of("src=2001:db8::1,dst=2001:db8::2,proto=tcp,sport=1,dport=2,vlan=7");
    for (const bool big : {false, true}) {
        for (const std::uint32_t magic : {0xa1b2c3d4U, 0xa1b23c4dU}) {
            Writer w{big};
            w.pcap_head(magic);
            w.record(one, 1500);
            w.record(two, 70);
            const Seen seen = seen_in(w.out);
            CHECK(seen.error.empty());
            CHECK(seen.frames == std::vector{one, two});
            CHECK(seen.length == 1570);
            CHECK(seen.summary.cut.empty());
        }
    }
}

TEST_CASE("pcapng of either byte order, of several sections, tells what was received") {
    const Octets one = frame_of(kFlow);
    Writer little{false}, big{true};
    for (Writer* w : {&little, &big}) {
        w->section();
        w->interface(101); // raw IP
        w->interface();
        w->block(5, std::string(20, '\0')); // statistics
        w->packet(one, 1, 2);
        w->packet(one, 1, 1);
        w->packet(one, 0, 2);
        w->packet(one, 9, 2); // of no interface
    }
    const Seen seen = seen_in(little.out + big.out);
    CHECK(seen.error.empty());
    CHECK(seen.frames == std::vector{one, one, one, one});
    CHECK(seen.inbound == std::vector{false, true, false, true});
    CHECK(seen.summary.not_ethernet == 4);
    Writer simple{false};
    simple.section();
    simple.interface();
    Writer body{false};
    body.u32(static_cast<std::uint32_t>(one.size()));
    body.octets(one);
    simple.block(3, body.out);
    CHECK(seen_in(simple.out).frames == std::vector<Octets>{one});
}

TEST_CASE("a file that is cut anywhere gives what is whole before it, and says where it ends") {
    const Octets one = frame_of(kFlow);
    Writer pcap{false}, ng{true};
    pcap.pcap_head();
    pcap.record(one, 60), pcap.record(one, 60);
    ng.section();
    ng.interface();
    ng.packet(one, 0, 2), ng.packet(one, 0, 2);
    for (const std::string& file : {pcap.out, ng.out}) {
        std::uint64_t most = 0;
        for (std::size_t n = 0; n < file.size(); ++n) {
            const Seen seen = seen_in(file.substr(0, n));
            CHECK((seen.frames.size() == seen.summary.frames || !seen.error.empty()));
            CHECK(seen.frames.size() < 2);
            CHECK(seen.error.find('\n') == std::string::npos);
            most = std::max(most, seen.summary.frames);
        }
        CHECK(most == 1);
        const Seen last = seen_in(file.substr(0, file.size() - 1));
        CHECK(last.summary.frames == 1);
        CHECK(last.summary.cut.find("the file ends at byte") == 0);
        CHECK(seen_in(file).summary.frames == 2);
    }
    pcap.u32(1), pcap.u32(2), pcap.u32(0x7fffffff), pcap.u32(60);
    CHECK(seen_in(pcap.out).summary.cut.find("claims 2147483647 bytes") != std::string::npos);
}

TEST_CASE("what is no capture file, or none of Ethernet, is refused") {
    Writer raw{false};
    raw.pcap_head(0xa1b2c3d4, 101);
    CHECK(seen_in(raw.out).error == "its link type is 101, not Ethernet (1)");
    Writer ng{false};
    ng.section();
    ng.interface(113);
    CHECK(seen_in(ng.out).error == "none of its interfaces is Ethernet (link type 1, not 113)");
    CHECK(seen_in("bonds: []\n").error == "not a capture file: it begins neither as pcap nor as pcapng");
    CHECK_FALSE(seen_in("").error.empty());
}

TEST_CASE("a frame's flow as text is the flow that it was made of") {
    for (const char* flow : {kFlow, "src=2001:db8::1,dst=2001:db8::2,proto=tcp,sport=80,dport=1024,vlan=7",
                             "src=10.0.0.1,dst=10.0.0.2,proto=icmp", "src=10.0.0.1,dst=10.0.0.2,proto=99"})
        CHECK(flow_text(frame_of(flow)) == flow);
    Octets arp(60);
    arp[5] = 2, arp[11] = 1, arp[12] = 0x08, arp[13] = 0x06;
    CHECK(flow_text(arp) == "smac=00:00:00:00:00:01,dmac=00:00:00:00:00:02,type=0x0806");
    CHECK(flow_text(Octets(9)) == "a frame of 9 bytes");
    CHECK(frame_flow_text(Octets(9)).empty());
    CHECK(frame_of(frame_flow_text(arp).c_str()) == arp);
    Octets lengthy(1500, 0x5a);
    CHECK(frame_of(frame_flow_text(lengthy).c_str()) == Octets(kMaxFlowFrame, 0x5a));
}
