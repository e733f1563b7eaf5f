// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink requests and their answers, over libnl. A socket belongs to one thread at a time and to the
// network namespace that its thread was in when it was opened.
#pragma once

#include <functional>
#include <memory>
#include <netlink/netlink.h>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dpdkbond {

// A request being put together; attributes that do not fit make the request fail when it is sent.
class RtMessage {
public:
    // The header and the fixed part (ifinfomsg, ifaddrmsg, rtmsg). flags: NLM_F_*; NLM_F_REQUEST is added.
    template <class Body> RtMessage(int type, int flags, const Body& body) : RtMessage(type, flags) {
        append(&body, sizeof body);
    }
    RtMessage& put(int attribute, const void* data, std::size_t size);
    RtMessage& put_u8(int attribute, std::uint8_t value) { return put(attribute, &value, sizeof value); }
    RtMessage& put_u32(int attribute, std::uint32_t value) { return put(attribute, &value, sizeof value); }
    RtMessage& put_string(int attribute, std::string_view text);

private:
    friend class RtSocket;
    RtMessage(int type, int flags);
    void append(const void* data, std::size_t size);

    struct Free {
        void operator()(nl_msg* message) const;
    };
    std::unique_ptr<nl_msg, Free> message_;
    bool complete_ = true;
};

class RtSocket {
public:
    static Result<RtSocket> open(int protocol = NETLINK_ROUTE);

    using Visitor = std::function<void(nlmsghdr*)>;
    // Sends and waits for the kernel's verdict. The error is the kernel's own explanation where it gives one.
    Result<void> request(RtMessage& message) {
        return exchange(message, [](nlmsghdr*) {});
    }
    // One record, or nothing if the kernel's answer held none that `parse` takes.
    template <class T>
    Result<std::optional<T>> get(RtMessage& message, std::optional<T> (*parse)(nlmsghdr*)) {
        std::optional<T> found;
        auto done = exchange(message, [&](nlmsghdr* header) {
            if (!found) found = parse(header);
        });
        if (!done) return Error{done.error()};
        return found;
    }
    // All records of a dump. A dump that a change of the tables interrupted is repeated.
    template <class T> Result<std::vector<T>> dump(RtMessage& message, std::optional<T> (*parse)(nlmsghdr*)) {
        std::vector<T> records;
        for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
            records.clear();
            auto done = exchange(message, [&](nlmsghdr* header) {
                if (auto record = parse(header)) records.push_back(std::move(*record));
            });
            if (!done) return Error{done.error()};
            if (!interrupted_) break;
        }
        return records;
    }
    // What the kernel does not know of a request is an error from now on, and what a dump is to be of is
    // heeded where it would otherwise be passed over (Linux 4.20). false: the kernel cannot.
    bool be_strict();
    // errno of the last refused request.
    [[nodiscard]] int last_errno() const { return errno_; }

private:
    static constexpr int kDumpAttempts = 8;
    struct Free {
        void operator()(nl_sock* socket) const;
    };
    explicit RtSocket(nl_sock* socket) : socket_(socket) {}
    Result<void> exchange(RtMessage& message, const Visitor& visit);

    std::unique_ptr<nl_sock, Free> socket_;
    bool interrupted_ = false;
    int errno_ = 0;
};

} // namespace dpdkbond
