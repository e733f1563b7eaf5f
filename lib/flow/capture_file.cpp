// SPDX-License-Identifier: BSD-3-Clause
// pcap: draft-ietf-opsawg-pcap. pcapng: draft-ietf-opsawg-pcapng.
#include "flow/capture_file.hpp"

#include <istream>
#include <vector>

#include <fmt/format.h>

namespace dpdkbond {

namespace {

constexpr std::uint32_t kEthernet = 1;          // LINKTYPE_ETHERNET
constexpr std::uint32_t kMaxFrame = 256 * 1024; // more than any snapshot length in use
constexpr std::uint32_t kMaxBlock = 16U << 20U;

constexpr std::uint32_t kSection = 0x0a0d0d0a, kInterface = 1, kOldPacket = 2, kSimplePacket = 3, kPacket = 6;

// Little or big endian, as the file has it.
class Numbers {
public:
    bool big = false;
    [[nodiscard]] std::uint32_t u32(const std::uint8_t* p) const { return big ? be(p, 4) : le(p, 4); }
    [[nodiscard]] std::uint16_t u16(const std::uint8_t* p) const {
        return static_cast<std::uint16_t>(big ? be(p, 2) : le(p, 2));
    }

private:
    static std::uint32_t be(const std::uint8_t* p, int n) {
        std::uint32_t v = 0;
        for (int i = 0; i < n; ++i) v = v << 8U | p[i];
        return v;
    }
    static std::uint32_t le(const std::uint8_t* p, int n) {
        std::uint32_t v = 0;
        while (n-- > 0) v = v << 8U | p[n];
        return v;
    }
};

class Reader {
public:
    Reader(std::istream& file, const std::function<void(const CapturedFrame&)>& take)
        : file_(file), take_(take) {}

    Result<CaptureSummary> read() {
        std::uint8_t magic[4];
        if (bytes(magic, 4) != 4) return Error{"shorter than the head of a capture file"};
        const std::uint32_t word = Numbers{.big = true}.u32(magic);
        if (word == kSection) return read_blocks();
        // The magic numbers of microseconds and nanoseconds, in both orders.
        if (word == 0xa1b2c3d4 || word == 0xa1b23c4d)
            numbers_.big = true;
        else if (word != 0xd4c3b2a1 && word != 0x4d3cb2a1)
            return Error{"not a capture file: it begins neither as pcap nor as pcapng"};
        return read_records();
    }

private:
    std::size_t bytes(std::uint8_t* to, std::size_t n) {
        file_.read(reinterpret_cast<char*>(to), static_cast<std::streamsize>(n));
        const auto got = static_cast<std::size_t>(file_.gcount());
        at_ += got;
        return got;
    }
    // What is not there any more. False: the file ends here, as it should or too early.
    bool whole(std::uint8_t* to, std::size_t n, bool may_end) {
        const std::uint64_t began = at_;
        const std::size_t got = bytes(to, n);
        if (got == n) return true;
        if (got != 0 || !may_end)
            summary_.cut = fmt::format("the file ends at byte {}, within what begins at byte {}", at_, began);
        return false;
    }
    void give(const std::uint8_t* data, std::uint32_t kept, std::uint32_t length, bool inbound) {
        ++summary_.frames;
        take_({{data, kept}, length, inbound});
    }

    Result<CaptureSummary> read_records() {
        std::uint8_t head[20];
        if (bytes(head, sizeof head) != sizeof head) return Error{"shorter than the head of a capture file"};
        const std::uint32_t link = numbers_.u32(head + 16) & 0xffffU; // above it: length of the FCS
        if (link != kEthernet) return Error{fmt::format("its link type is {}, not Ethernet (1)", link)};
        std::uint8_t record[16];
        while (whole(record, sizeof record, true)) {
            const std::uint32_t kept = numbers_.u32(record + 8), length = numbers_.u32(record + 12);
            if (kept > kMaxFrame) {
                summary_.cut =
                    fmt::format("the record at byte {} claims {} bytes; what follows cannot be read",
                                at_ - sizeof record, kept);
                break;
            }
            block_.resize(kept);
            if (!whole(block_.data(), kept, false)) break;
            give(block_.data(), kept, length, false);
        }
        return std::move(summary_);
    }

    Result<CaptureSummary> read_blocks() {
        std::uint32_t type = kSection;
        bool any_ethernet = false, any_interface = false;
        for (bool first = true;; first = false) {
            const std::uint64_t began = at_;
            std::uint8_t head[8] = {0x0a, 0x0d, 0x0d, 0x0a};
            if (first ? !whole(head + 4, 4, false) : !whole(head, 8, true)) break;
            type = numbers_.u32(head); // a section's is the same in both orders
            std::size_t read_already = 8;
            std::uint8_t order[4];
            if (type == kSection) {
                if (!whole(order, 4, false)) break;
                const std::uint32_t mark = Numbers{.big = true}.u32(order);
                if (mark != 0x1a2b3c4d && mark != 0x4d3c2b1a) {
                    if (first) return Error{"not pcapng: its section has no byte order"};
                    summary_.cut = fmt::format(
                        "the section at byte {} has no byte order; what follows cannot be read", began);
                    break;
                }
                numbers_.big = mark == 0x1a2b3c4d;
                read_already = 12;
            }
            const std::uint32_t size = numbers_.u32(head + 4);
            if (size < read_already + 4 || size % 4 != 0 || size > kMaxBlock) {
                summary_.cut = fmt::format(
                    "the block at byte {} claims {} bytes; what follows cannot be read", began, size);
                break;
            }
            block_.resize(size - read_already);
            if (!whole(block_.data(), block_.size(), false)) break;
            block_.resize(block_.size() - 4); // the size once more
            if (type == kSection)
                links_.clear();
            else if (type == kInterface && block_.size() >= 8) {
                links_.push_back({numbers_.u16(block_.data()), numbers_.u32(block_.data() + 4)});
                any_interface = true;
                any_ethernet |= links_.back().type == kEthernet;
            } else {
                packet(type);
            }
        }
        if (any_interface && !any_ethernet)
            return Error{fmt::format("none of its interfaces is Ethernet (link type 1, not {})",
                                     links_.empty() ? 0 : links_.back().type)};
        return std::move(summary_);
    }

    void packet(std::uint32_t type) {
        const std::size_t head = type == kPacket || type == kOldPacket ? 20 : type == kSimplePacket ? 4 : 0;
        if (head == 0 || block_.size() < head) return; // names, statistics, blocks to come
        const std::uint8_t* b = block_.data();
        const std::uint32_t interface = type == kPacket      ? numbers_.u32(b)
                                        : type == kOldPacket ? numbers_.u16(b)
                                                             : 0;
        const std::uint32_t length = numbers_.u32(b + head - 4);
        auto kept = static_cast<std::uint32_t>(block_.size() - head);
        if (type == kSimplePacket) {
            kept = std::min(kept, length);
            if (!links_.empty() && links_[0].snap != 0) kept = std::min(kept, links_[0].snap);
        } else {
            kept = std::min(kept, numbers_.u32(b + 12));
        }
        if (interface >= links_.size() || links_[interface].type != kEthernet) {
            ++summary_.not_ethernet;
            return;
        }
        give(b + head, kept, length, type == kPacket && is_inbound(head + (std::size_t{kept} + 3) / 4 * 4));
    }

    // The options of a packet block from there on: bits 0 and 1 of epb_flags (2) are 1 for what was received.
    [[nodiscard]] bool is_inbound(std::size_t at) const {
        while (at + 4 <= block_.size()) {
            const std::uint16_t code = numbers_.u16(&block_[at]), length = numbers_.u16(&block_[at + 2]);
            if (code == 0 || at + 4 + length > block_.size()) return false;
            if (code == 2 && length == 4) return (numbers_.u32(&block_[at + 4]) & 3U) == 1;
            at += 4 + (std::size_t{length} + 3) / 4 * 4;
        }
        return false;
    }

    struct Link {
        std::uint32_t type, snap;
    };
    std::istream& file_;
    const std::function<void(const CapturedFrame&)>& take_;
    Numbers numbers_;
    CaptureSummary summary_;
    std::vector<Link> links_; // of the section's interfaces
    std::vector<std::uint8_t> block_;
    std::uint64_t at_ = 0;
};

} // namespace

Result<CaptureSummary> read_capture(std::istream& file,
                                    const std::function<void(const CapturedFrame&)>& take) {
    return Reader(file, take).read();
}

} // namespace dpdkbond
