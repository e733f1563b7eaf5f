// SPDX-License-Identifier: BSD-3-Clause
#include "capture/pcapng.hpp"

#include <cstring>
#include <utility>

namespace dpdkbond {

namespace {

// Numbers are in the writer's byte order; the section header says which that is.
constexpr std::uint32_t kSection = 0x0a0d0d0a, kInterface = 1, kStatistics = 5, kPacket = 6;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint16_t kEthernet = 1; // LINKTYPE_ETHERNET
constexpr std::uint16_t kComment = 1, kSystem = 3, kUserApplication = 4;
constexpr std::uint16_t kName = 2, kDescription = 3, kMacAddress = 6, kTimeResolution = 9;
constexpr std::uint16_t kPacketFlags = 2;
constexpr std::uint32_t kInbound = 1, kOutbound = 2;
constexpr std::uint16_t kStartTime = 2, kEndTime = 3, kReceived = 4, kDropped = 5;

struct TimeHalves {
    explicit TimeHalves(std::uint64_t ns)
        : high(static_cast<std::uint32_t>(ns >> 32U)), low(static_cast<std::uint32_t>(ns)) {}
    std::uint32_t high, low;
};

} // namespace

void Pcapng::append(const void* data, std::size_t length) {
    const auto* first = static_cast<const std::byte*>(data);
    out_.insert(out_.end(), first, first + length);
}

void Pcapng::bytes(const void* data, std::size_t length) {
    append(data, length);
    out_.resize(out_.size() + (~length + 1) % 4);
}

std::size_t Pcapng::begin(std::uint32_t type) {
    const std::size_t began = out_.size();
    number(type);
    number(std::uint32_t{0}); // the length, known at the end
    return began;
}

void Pcapng::end(std::size_t began) {
    const auto length = static_cast<std::uint32_t>(out_.size() + sizeof(std::uint32_t) - began);
    number(length);
    std::memcpy(&out_[began + sizeof(std::uint32_t)], &length, sizeof length);
}

void Pcapng::option(std::uint16_t code, const void* data, std::size_t length) {
    number(code);
    number(static_cast<std::uint16_t>(length));
    bytes(data, length);
}

void Pcapng::end_of_options() { number(std::uint32_t{0}); }

void Pcapng::section(const Origin& origin) {
    const std::size_t began = begin(kSection);
    number(kByteOrder);
    number(std::uint16_t{1}); // version 1.0
    number(std::uint16_t{0});
    number(std::int64_t{-1}); // of a length that is not known
    for (const auto& [code, text] : {std::pair{kComment, &origin.comment}, std::pair{kSystem, &origin.system},
                                     std::pair{kUserApplication, &origin.application}})
        if (!text->empty()) option_text(code, *text);
    end_of_options();
    end(began);
}

void Pcapng::interface(std::string_view name, std::string_view description, const Mac& mac) {
    const std::size_t began = begin(kInterface);
    number(kEthernet);
    number(std::uint16_t{0});
    number(std::uint32_t{0}); // frames are not cut
    option_text(kName, name);
    option_text(kDescription, description);
    option(kMacAddress, mac.data(), 6);
    const std::uint8_t nanoseconds = 9;
    option(kTimeResolution, &nanoseconds, 1);
    end_of_options();
    end(began);
}

void Pcapng::packet(std::uint32_t interface, std::uint64_t time_ns, bool outbound,
                    std::span<const std::byte> frame) {
    const std::size_t began = begin(kPacket);
    number(interface);
    number(TimeHalves(time_ns));
    number(static_cast<std::uint32_t>(frame.size()));
    number(static_cast<std::uint32_t>(frame.size()));
    bytes(frame.data(), frame.size());
    const std::uint32_t flags = outbound ? kOutbound : kInbound;
    option(kPacketFlags, &flags, sizeof flags);
    end_of_options();
    end(began);
}

void Pcapng::statistics(std::uint32_t interface, const Statistics& s) {
    const std::size_t began = begin(kStatistics);
    number(interface);
    number(TimeHalves(s.end_ns));
    const TimeHalves start(s.start_ns), stop(s.end_ns);
    option(kStartTime, &start, sizeof start);
    option(kEndTime, &stop, sizeof stop);
    option(kReceived, &s.received, sizeof s.received);
    option(kDropped, &s.dropped, sizeof s.dropped);
    end_of_options();
    end(began);
}

} // namespace dpdkbond
