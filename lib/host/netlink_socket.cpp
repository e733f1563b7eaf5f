// SPDX-License-Identifier: BSD-3-Clause
#include "host/netlink_socket.hpp"

#include <cstring>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include "host/files.hpp"

namespace dpdkbond {

namespace {

struct Exchange {
    const RtSocket::Visitor* visit;
    std::uint32_t sequence = 0; // of the request
    bool done = false;
    bool interrupted = false;
    int error = 0; // errno
    std::string explanation;
};

// What is still there of an exchange that failed is nobody's answer.
int on_sequence(nl_msg* message, void* arg) {
    return nlmsg_hdr(message)->nlmsg_seq == static_cast<Exchange*>(arg)->sequence ? NL_OK : NL_SKIP;
}

int on_valid(nl_msg* message, void* arg) {
    (*static_cast<Exchange*>(arg)->visit)(nlmsg_hdr(message));
    return NL_OK;
}

int on_end(nl_msg* /*message*/, void* arg) {
    static_cast<Exchange*>(arg)->done = true;
    return NL_OK;
}

int on_interrupted(nl_msg* /*message*/, void* arg) {
    static_cast<Exchange*>(arg)->interrupted = true;
    return NL_OK;
}

// With NETLINK_CAP_ACK the attributes follow the error at once; see
// Documentation/userspace-api/netlink/intro.rst.
int on_error(sockaddr_nl* /*from*/, nlmsgerr* refusal, void* arg) {
    auto& exchange = *static_cast<Exchange*>(arg);
    exchange.done = true;
    exchange.error = -refusal->error;
    auto* header = reinterpret_cast<nlmsghdr*>(reinterpret_cast<char*>(refusal) - NLMSG_HDRLEN);
    if ((header->nlmsg_flags & NLM_F_ACK_TLVS) != 0 && (header->nlmsg_flags & NLM_F_CAPPED) != 0) {
        nlattr* tb[NLMSGERR_ATTR_MSG + 1];
        if (nlmsg_parse(header, sizeof *refusal, tb, NLMSGERR_ATTR_MSG, nullptr) == 0 &&
            tb[NLMSGERR_ATTR_MSG] != nullptr)
            exchange.explanation = nla_get_string(tb[NLMSGERR_ATTR_MSG]);
    }
    return NL_STOP;
}

} // namespace

void RtMessage::Free::operator()(nl_msg* message) const { nlmsg_free(message); }

RtMessage::RtMessage(int type, int flags) : message_(nlmsg_alloc_simple(type, flags | NLM_F_REQUEST)) {}

void RtMessage::append(const void* data, std::size_t size) {
    if (!message_ || nlmsg_append(message_.get(), const_cast<void*>(data), size, NLMSG_ALIGNTO) < 0)
        complete_ = false;
}

RtMessage& RtMessage::put(int attribute, const void* data, std::size_t size) {
    if (!message_ || nla_put(message_.get(), attribute, static_cast<int>(size), data) < 0) complete_ = false;
    return *this;
}

RtMessage& RtMessage::put_string(int attribute, std::string_view text) {
    const std::string terminated(text);
    return put(attribute, terminated.c_str(), terminated.size() + 1);
}

void RtSocket::Free::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Result<RtSocket> RtSocket::open(int protocol) {
    RtSocket socket(nl_socket_alloc());
    if (!socket.socket_) return Error{"no memory for a netlink socket"};
    if (const int error = nl_connect(socket.socket_.get(), protocol); error < 0)
        return Error{std::string("cannot open a netlink socket: ") + nl_geterror(error)};
    const int on = 1; // both only make errors clearer; kernels without them lose nothing
    const int fd = nl_socket_get_fd(socket.socket_.get());
    (void)::setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    (void)::setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    return socket;
}

bool RtSocket::be_strict() {
    const int on = 1;
    return ::setsockopt(nl_socket_get_fd(socket_.get()), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
                        sizeof on) == 0;
}

Result<void> RtSocket::exchange(RtMessage& message, const Visitor& visit) {
    if (!message.complete_) return Error{"a netlink request did not fit into its buffer"};
    nlmsg_hdr(message.message_.get())->nlmsg_seq = NL_AUTO_SEQ;
    if (const int sent = nl_send_auto(socket_.get(), message.message_.get()); sent < 0)
        return Error{std::string("cannot send a netlink request: ") + nl_geterror(sent)};

    Exchange state{
        .visit = &visit, .sequence = nlmsg_hdr(message.message_.get())->nlmsg_seq, .explanation = {}};
    const std::unique_ptr<nl_cb, decltype(&nl_cb_put)> callbacks(nl_cb_alloc(NL_CB_DEFAULT), &nl_cb_put);
    if (!callbacks) return Error{"no memory for a netlink request"};
    nl_cb_set(callbacks.get(), NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_sequence, &state);
    nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_valid, &state);
    nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_end, &state);
    nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_end, &state);
    nl_cb_set(callbacks.get(), NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interrupted, &state);
    nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &state);
    while (!state.done) {
        const int received = nl_recvmsgs(socket_.get(), callbacks.get());
        if (received == -NLE_DUMP_INTR) {
            state.interrupted = true;
        } else if (received < 0 && !state.done) {
            return Error{std::string("netlink: ") + nl_geterror(received)};
        }
    }
    interrupted_ = state.interrupted;
    errno_ = state.error;
    if (state.error == 0) return {};
    return Error{state.explanation.empty() ? errno_text(state.error)
                                           : errno_text(state.error) + " (" + state.explanation + ")"};
}

} // namespace dpdkbond
