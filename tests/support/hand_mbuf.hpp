// SPDX-License-Identifier: BSD-3-Clause
// A buffer without a pool: each segment is allocated to the byte, so that a sanitizer sees every step beyond
// it.
#pragma once

#include <rte_mbuf.h>

#include <cstring>
#include <memory>
#include <vector>

namespace dpdkbond::testing {

using Octets = std::vector<std::uint8_t>;

class HandMbuf {
public:
    explicit HandMbuf(const Octets& frame) { append(frame); }
    HandMbuf(const Octets& frame, std::size_t first_segment) {
        append({frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(first_segment)});
        append({frame.begin() + static_cast<std::ptrdiff_t>(first_segment), frame.end()});
    }

    static HandMbuf in_parts(const std::vector<Octets>& parts) {
        HandMbuf m(parts.front());
        for (std::size_t i = 1; i < parts.size(); ++i) m.append(parts[i]);
        return m;
    }

    // With room behind the frame, as a pool's buffers have.
    static HandMbuf with_room(Octets frame, std::size_t room) {
        const auto length = static_cast<std::uint16_t>(frame.size());
        frame.resize(frame.size() + room);
        HandMbuf m(frame);
        m.get()->data_len = length;
        m.get()->pkt_len = length;
        return m;
    }

    rte_mbuf* get() { return segments_.front().mbuf.get(); }
    [[nodiscard]] Octets bytes() const {
        Octets all;
        for (const Segment& s : segments_)
            all.insert(all.end(), s.data.get(), s.data.get() + s.mbuf->data_len);
        return all;
    }

private:
    struct Segment {
        std::unique_ptr<rte_mbuf> mbuf;
        std::unique_ptr<std::uint8_t[]> data;
    };

    void append(const Octets& part) {
        Segment s{std::make_unique<rte_mbuf>(), std::make_unique<std::uint8_t[]>(part.size())};
        std::memset(static_cast<void*>(s.mbuf.get()), 0, sizeof(rte_mbuf));
        if (!part.empty()) std::memcpy(s.data.get(), part.data(), part.size());
        s.mbuf->buf_addr = s.data.get();
        s.mbuf->buf_len = s.mbuf->data_len = static_cast<std::uint16_t>(part.size());
        s.mbuf->nb_segs = 1;
        if (!segments_.empty()) {
            segments_.back().mbuf->next = s.mbuf.get();
            ++get()->nb_segs;
        }
        segments_.push_back(std::move(s));
        get()->pkt_len += static_cast<std::uint32_t>(part.size());
    }

    std::vector<Segment> segments_;
};

} // namespace dpdkbond::testing
