// SPDX-License-Identifier: BSD-3-Clause
#include "ops/metrics_server.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "base/listen_address.hpp"

namespace dpdkbond {

namespace {

constexpr std::string_view kPageType = "application/openmetrics-text; version=1.0.0; charset=utf-8";
constexpr std::string_view kTextType = "text/plain; charset=utf-8";

std::string response(std::string_view status, std::string_view type, std::string_view more,
                     std::string_view body, bool with_body) {
    return fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n{}", status,
        type, body.size(), more, with_body ? body : std::string_view());
}

bool is_method(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_complete(const std::string& request) {
    return request.find("\r\n\r\n") != std::string::npos || request.find("\n\n") != std::string::npos;
}

// Signals go to the threads that the program means them for.
void block_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

} // namespace

MetricsServer::~MetricsServer() {
    stop();
    if (listener_ >= 0) close(listener_);
}

Result<void> MetricsServer::listen(const std::string& address) {
    const auto where = ListenAddress::parse(address);
    if (!where) return Error{address + ": not an address and a port"};
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (where->ipv6) {
        auto* in = reinterpret_cast<sockaddr_in6*>(&storage);
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(where->port);
        std::memcpy(&in->sin6_addr, where->address.data(), 16);
        size = sizeof *in;
    } else {
        auto* in = reinterpret_cast<sockaddr_in*>(&storage);
        in->sin_family = AF_INET;
        in->sin_port = htons(where->port);
        std::memcpy(&in->sin_addr, where->address.data(), 4);
        size = sizeof *in;
    }
    const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int yes = 1;
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fd >= 0 && where->ipv6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&storage), size) != 0 || ::listen(fd, 16) != 0) {
        const Error error{fmt::format("cannot listen on {}: {}", address, std::strerror(errno))};
        if (fd >= 0) close(fd);
        return error;
    }
    listener_ = fd;
    return {};
}

void MetricsServer::start(std::function<std::string()> page) {
    if (listener_ < 0 || thread_.joinable()) return;
    page_ = std::move(page);
    thread_ = std::thread([this] {
        block_signals();
        setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 10); // of this thread alone
        serve();
    });
}

void MetricsServer::stop() {
    stop_.set();
    if (thread_.joinable()) thread_.join();
}

void MetricsServer::serve() {
    std::vector<pollfd> fds;
    bool ending = false;
    while (!ending) {
        fds.assign({{stop_.fd(), POLLIN, 0}, {clients_.size() < kMaxClients ? listener_ : -1, POLLIN, 0}});
        int timeout = -1;
        for (const Client& c : clients_) {
            const bool sends = !c.answer.empty() && !c.over;
            fds.push_back({c.fd, static_cast<short>(sends ? POLLOUT : POLLIN), 0});
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(c.until - Clock::now()).count();
            const int ms = static_cast<int>(std::max<std::int64_t>(left, 0));
            timeout = timeout < 0 ? ms : std::min(timeout, ms);
        }
        if (poll(fds.data(), fds.size(), timeout) < 0) continue;
        ending = fds[0].revents != 0;
        std::size_t i = 2;
        for (auto c = clients_.begin(); c != clients_.end() && !ending; ++i) {
            if (c->until > Clock::now() && (fds[i].revents == 0 || advance(*c, fds[i].revents))) {
                ++c;
                continue;
            }
            close(c->fd);
            c = clients_.erase(c);
        }
        if (fds[1].revents != 0 && !ending) accept_clients();
    }
    for (const Client& c : clients_) close(c.fd);
    clients_.clear();
}

void MetricsServer::accept_clients() {
    while (clients_.size() < kMaxClients) {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            clients_.push_back({fd, Clock::now() + kPatience, {}, {}});
            continue;
        }
        // Out of descriptors the connection stays in the kernel's queue; a busy loop would not help it.
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
            pollfd stop{stop_.fd(), POLLIN, 0};
            poll(&stop, 1, 100);
        }
        return;
    }
}

bool MetricsServer::advance(Client& client, short events) {
    if ((events & (POLLERR | POLLNVAL)) != 0) return false;
    if (client.over || client.answer.empty()) return read_request(client);
    return send_answer(client);
}

bool MetricsServer::read_request(Client& client) {
    char bytes[4096];
    const ssize_t got = recv(client.fd, bytes, sizeof bytes, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    if (client.over) return true;
    client.request.append(bytes, static_cast<std::size_t>(got));
    if (!is_complete(client.request) && client.request.size() <= kMaxRequest) return true;
    client.answer = answer(client.request);
    return send_answer(client);
}

bool MetricsServer::send_answer(Client& client) {
    const ssize_t sent =
        send(client.fd, client.answer.data() + client.sent, client.answer.size() - client.sent, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    client.sent += static_cast<std::size_t>(sent);
    if (client.sent == client.answer.size()) {
        // A close now could make the kernel throw the answer away, if the client is still sending.
        client.over = true;
        shutdown(client.fd, SHUT_WR);
    }
    return true;
}

std::string MetricsServer::answer(const std::string& request) const {
    const auto refuse = [](std::string_view status, std::string_view why, std::string_view more = {}) {
        return response(status, kTextType, more, why, true);
    };
    if (!is_complete(request) || request.size() > kMaxRequest + 4096)
        return refuse("400 Bad Request", "the request is too long\n");
    std::string_view line(request.data(), request.find('\n'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || last <= first + 1)
        return refuse("400 Bad Request", "that is no HTTP request\n");
    const std::string_view method = line.substr(0, first);
    const std::string_view version = line.substr(last + 1);
    std::string_view target = line.substr(first + 1, last - first - 1);
    if (!is_method(method) || !target.starts_with('/') || target.find(' ') != std::string_view::npos ||
        (version != "HTTP/1.1" && version != "HTTP/1.0"))
        return refuse("400 Bad Request", "that is no HTTP/1.1 request\n");
    target = target.substr(0, target.find('?'));
    if (target != "/metrics")
        return response("404 Not Found", kTextType, {}, "the metrics are at /metrics\n", method != "HEAD");
    if (method != "GET" && method != "HEAD")
        return refuse("405 Method Not Allowed", "only GET and HEAD\n", "Allow: GET, HEAD\r\n");
    return response("200 OK", kPageType, {}, page_(), method == "GET");
}

} // namespace dpdkbond
