// SPDX-License-Identifier: BSD-3-Clause
// Serves the page of `runtime.metrics` by HTTP/1.1: GET and HEAD of /metrics, one request a connection, on a
// thread of its own. A client that is slow, silent or many holds up other scrapers at most, and those for
// kPatience at most.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <string>
#include <thread>

#include "base/result.hpp"
#include "ops/wake.hpp"

namespace dpdkbond {

class MetricsServer {
public:
    static constexpr std::size_t kMaxClients = 8;              // more wait in the kernel's queue
    static constexpr std::size_t kMaxRequest = 8192;           // bytes of a request; more is answered by 400
    static constexpr auto kPatience = std::chrono::seconds(5); // a connection's whole life

    MetricsServer() = default;
    MetricsServer(const MetricsServer&) = delete;
    MetricsServer& operator=(const MetricsServer&) = delete;
    ~MetricsServer();

    // Takes the address (ListenAddress::parse). Clients wait until start(). Error: one line, why not.
    Result<void> listen(const std::string& address);
    // Answers from now on with what `page` returns, called on the server's thread, which runs where the
    // caller's may, and gives way to others there. Without listen() nothing happens.
    void start(std::function<std::string()> page);
    // Ends the thread as soon as `page` has returned, and closes every connection. More than once is fine.
    void stop();

private:
    using Clock = std::chrono::steady_clock;
    struct Client {
        int fd;
        Clock::time_point until;
        std::string request;
        std::string answer; // not empty: the request is complete
        std::size_t sent = 0;
        bool over = false; // answered; what the client still sends is thrown away until it closes
    };
    void serve();
    void accept_clients();
    bool advance(Client& client, short events); // false: close it
    bool read_request(Client& client);
    bool send_answer(Client& client);
    [[nodiscard]] std::string answer(const std::string& request) const;

    int listener_ = -1;
    Wake stop_;
    std::thread thread_;
    std::function<std::string()> page_;
    std::list<Client> clients_; // owner: the thread
};

} // namespace dpdkbond
