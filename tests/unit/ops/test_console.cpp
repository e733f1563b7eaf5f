// SPDX-License-Identifier: BSD-3-Clause
// Sessions over sockets, with librte_cmdline but without EAL.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#include "fake_instance.hpp"
#include "ops/console.hpp"
#include "ops/console_attach.hpp"
#include "ops/console_session.hpp"
#include "ops/render.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;

namespace {

constexpr int kPatienceMs = 10000; // no test waits for it unless it fails

struct Client { // one end of a session
    int fd;
    std::string seen;
    explicit Client(int f) : fd(f) {}
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() { ::close(fd); }

    void send(std::string_view text) const {
        while (!text.empty()) {
            const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
            if (n <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    bool more() { // false: the session ended, or nothing came
        pollfd p{fd, POLLIN, 0};
        char bytes[4096];
        if (::poll(&p, 1, kPatienceMs) != 1) return false;
        const ssize_t n = ::read(fd, bytes, sizeof bytes);
        if (n > 0) seen.append(bytes, static_cast<std::size_t>(n));
        return n > 0;
    }
    bool sees(std::string_view text) { // and forgets all up to its end
        for (;;) {
            const std::size_t at = seen.find(text);
            if (at != std::string::npos) {
                seen.erase(0, at + text.size());
                return true;
            }
            if (!more()) return false;
        }
    }
    std::string rest() {
        while (more()) {
        }
        return seen;
    }
};

struct OneSession {
    FakeInstance instance;
    LineHistory history;
    Wake stop;
    WaitingSince waiting{0};
    int ends[2] = {-1, -1};
    std::unique_ptr<Client> client;
    std::thread thread;
    OneSession() {
        instance.bonds.push_back(make_bond(Mode::active_backup));
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        client = std::make_unique<Client>(ends[0]);
        thread = std::thread([this] {
            serve_console(instance, history, ends[1], stop, waiting);
            ::close(ends[1]);
        });
    }
    ~OneSession() {
        stop.set();
        thread.join();
    }
    std::string bond0() { return render_proc(*instance.bond("bond0")); }
};

struct Server {
    std::string dir;
    FakeInstance instance;
    Console console{instance};
    Server() {
        char name[] = "/tmp/dpdkbond-console-XXXXXX";
        dir = ::mkdtemp(name);
        instance.bonds.push_back(make_bond(Mode::active_backup));
    }
    ~Server() {
        console.stop();
        std::filesystem::remove_all(dir);
    }
    [[nodiscard]] std::string path() const { return dir + "/console"; }
    [[nodiscard]] std::unique_ptr<Client> join() const {
        const auto fd = connect_unix_stream(path());
        REQUIRE(fd.ok());
        return std::make_unique<Client>(fd.value());
    }
};

const std::string kMark(1, kPlainMark);

} // namespace

TEST_CASE_METHOD(OneSession, "a terminal session prompts, echoes and answers") {
    CHECK(client->sees(kPrompt));
    client->send("show bond bond0\n");
    CHECK(client->sees("show bond bond0"));
    CHECK(client->sees(bond0()));
    CHECK(client->sees(kPrompt));
    client->send("nonsense\r");
    CHECK(client->sees("error: unknown command \"nonsense\"; see help\n"));
    CHECK(client->sees(kPrompt));
}

TEST_CASE_METHOD(OneSession, "tab completes words and values, and a question mark lists them") {
    CHECK(client->sees(kPrompt));
    client->send("sho\tbond \tbond\t");
    CHECK(client->sees("show "));
    CHECK(client->sees("bond0 "));
    client->send("st\t\n");
    CHECK(client->sees("given to control"));
    client->send("show member bond0 ?");
    CHECK(client->sees("m0 "));
    CHECK(client->sees("net_null0"));
    CHECK(client->sees("m1 "));
    CHECK(client->sees(kPrompt));
    client->send("m1\n");
    CHECK(client->sees("Member: m1"));
    client->send("add member bond0 ?");
    CHECK(client->sees("[DEVICE]: add a PCI address or a vdev"));
    client->send("\x15\x03nonsense ?\x03");
    client->send("reload ?");
    CHECK(client->sees("[RETURN]"));
}

TEST_CASE_METHOD(OneSession, "the history gives a line back") {
    client->send("set bond bond0 miimon 50\n");
    CHECK(client->sees("50\r\n"));
    CHECK(client->sees(kPrompt));
    client->send("\x1b[A\n");
    CHECK(client->sees("miimon 50"));
    CHECK(client->sees(kPrompt));
    CHECK(instance.calls() == std::vector<std::string>(2, "set bond0 miimon 50"));
}

TEST_CASE_METHOD(Server, "what was typed in one session is in the history of the next", "[operator]") {
    REQUIRE(console.listen(path()).ok());
    {
        const auto first = join();
        CHECK(first->sees(kPrompt));
        first->send("set bond bond0 miimon 70\nshutdown\nno\nquit\n");
        first->rest();
    }
    const auto second = join();
    CHECK(second->sees(kPrompt));
    second->send("\x1b[A\x1b[A\x1b[A\n"); // quit, shutdown, set: no answer to a question
    CHECK(second->sees("miimon 70"));
    CHECK(second->sees(kPrompt));
    CHECK(instance.calls() == std::vector<std::string>(2, "set bond0 miimon 70"));
}

TEST_CASE("a history has each line once in a row, the last fifty of them", "[operator]") {
    LineHistory history;
    for (const char* line : {"a", "a", "  ", "", "b", "a"}) history.add(line);
    CHECK(history.lines() == std::vector<std::string>{"a", "b", "a"});
    for (std::size_t i = 0; i < 2 * kHistoryLines; ++i) history.add(std::to_string(i));
    CHECK(history.lines().size() == kHistoryLines);
    CHECK(history.lines().back() == std::to_string(2 * kHistoryLines - 1));
}

TEST_CASE_METHOD(OneSession, "end of file ends a terminal session") {
    CHECK(client->sees(kPrompt));
    client->send("\x04");
    client->rest();
    thread.join();
    thread = std::thread([] {});
    CHECK(instance.calls().empty());
}

TEST_CASE_METHOD(OneSession, "a cut line is not run") {
    CHECK(client->sees(kPrompt));
    client->send("add member bond0 net_x," + std::string(2000, 'y') + "\n");
    CHECK(client->sees("error: a line of more than 500 characters; nothing was done\n"));
    client->send("reload\n");
    CHECK(client->sees(kPrompt));
    CHECK(client->sees(kPrompt));
    CHECK(instance.calls() == std::vector<std::string>{"reload"});
}

TEST_CASE_METHOD(OneSession, "a terminal session lives through bytes of every value") {
    CHECK(client->sees(kPrompt));
    unsigned state = 1;
    std::string noise;
    for (int i = 0; i < 20000; ++i) {
        state = state * 1664525U + 1013904223U;
        const char byte = static_cast<char>(state >> 24U);
        if (byte != 4) noise += byte; // 4: end of file
    }
    std::thread reader([&] {
        while (client->seen.find("Driver: dpdk-bond") == std::string::npos && client->more()) {
        }
    });
    client->send(noise + "zzzzzzzzzz\n\x03\nshow bond bond0\n");
    reader.join();
    CHECK(client->sees("Driver: dpdk-bond"));
}

TEST_CASE_METHOD(OneSession, "a plain session answers lines and nothing else") {
    client->send(kMark + "show bond bond0\nset bond bond0 miimon 10\r\n\nnonsense\nreload");
    ::shutdown(client->fd, SHUT_WR);
    const std::string all = client->rest();
    CHECK(all.substr(all.find(kPlainMark) + 1) == bond0() + kAnswered + kAnswered + kAnswered +
                                                      "error: unknown command \"nonsense\"; see help\n" +
                                                      kRefused + kAnswered + kAllAnswered);
    CHECK(instance.calls() == std::vector<std::string>{"set bond0 miimon 10", "reload"});
}

TEST_CASE_METHOD(OneSession, "a plain session that is to stop runs nothing behind a refused line",
                 "[operator]") {
    client->send(kMark + kStopMark + "set bond bond0 miimon 10\nnonsense\nreload\nreload");
    ::shutdown(client->fd, SHUT_WR);
    const std::string all = client->rest();
    CHECK(all.substr(all.find(kPlainMark) + 1) == std::string() + kAnswered +
                                                      "error: unknown command \"nonsense\"; see help\n" +
                                                      kRefused + kAllAnswered);
    CHECK(instance.calls() == std::vector<std::string>{"set bond0 miimon 10"});
}

TEST_CASE_METHOD(OneSession, "a plain session refuses endless lines and goes on") {
    client->send(kMark + "add member bond0 " + std::string(100000, 'z') + "\nreload\n");
    ::shutdown(client->fd, SHUT_WR);
    CHECK_THAT(client->rest(),
               Catch::EndsWith(std::string("error: a line of more than 4096 characters; nothing was done\n") +
                               kRefused + kAnswered + kAllAnswered));
    CHECK(instance.calls() == std::vector<std::string>{"reload"});
}

TEST_CASE_METHOD(Server,
                 "several clients have sessions of their own, and one that does not read holds up none") {
    REQUIRE(console.listen(path()).ok());
    struct stat s {};
    REQUIRE(::stat(path().c_str(), &s) == 0);
    CHECK((s.st_mode & 0777U) == 0600U);
    const auto deaf = join();
    std::string flood = kMark;
    for (int i = 0; i < 4000; ++i) flood += "help\n";
    ::fcntl(deaf->fd, F_SETFL, O_NONBLOCK);
    deaf->send(flood); // as much as fits; nothing is read back
    for (int i = 0; i < 5; ++i) {
        const auto client = join();
        CHECK(client->sees(kPrompt));
        client->send("show bond bond0\n");
        CHECK(client->sees("Slave Interface: m1"));
    }
    console.stop(); // though the deaf client has answers due
    CHECK_FALSE(std::filesystem::exists(path()));
}

TEST_CASE_METHOD(Server, "more consoles than there may be are told so, and places come free") {
    REQUIRE(console.listen(path()).ok());
    std::vector<std::unique_ptr<Client>> clients;
    for (std::size_t i = 0; i < kMaxConsoles; ++i) {
        clients.push_back(join());
        CHECK(clients.back()->sees(kPrompt));
    }
    CHECK(join()->rest() == "error: too many consoles\n");
    clients[0]->send("\x04");
    clients[0]->rest();
    bool again = false;
    for (int i = 0; i < 1000 && !again; ++i) again = join()->sees(kPrompt);
    CHECK(again);
}

TEST_CASE("A8: a console that nobody uses any more makes room for one more [A8]", "[A8]") {
    struct : Server {
        Console hasty{instance, std::chrono::milliseconds(1)};
    } server;
    REQUIRE(server.hasty.listen(server.path()).ok());
    std::vector<std::unique_ptr<Client>> clients;
    for (std::size_t i = 0; i < kMaxConsoles; ++i) {
        clients.push_back(server.join());
        CHECK(clients.back()->sees(kPrompt));
    }
    // Each is in its wait when it has been seen to answer, or a little later: which one goes is not looked
    // at.
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::unique_ptr<Client> one_more;
    bool served = false;
    for (int i = 0; i < 1000 && !served; ++i) {
        one_more = server.join();
        served = one_more->sees(kPrompt);
    }
    REQUIRE(served);
    std::size_t closed = 0;
    for (const auto& client : clients) {
        client->send("show version\n");
        if (!client->sees("dpdk-bond 0")) {
            ++closed;
            CHECK_THAT(client->seen, Catch::Contains("closed: nothing came for 0 s"));
        }
    }
    CHECK(closed == 1);
    server.hasty.stop();
}

TEST_CASE_METHOD(Server,
                 "a console for which there is no thread is turned away, and the next one served [M14]",
                 "[M14]") {
    REQUIRE(console.listen(path()).ok());
    pthread_attr_t before, huge;
    REQUIRE(pthread_getattr_default_np(&before) == 0);
    REQUIRE(pthread_getattr_default_np(&huge) == 0);
    REQUIRE(pthread_attr_setstacksize(&huge, std::size_t{1} << 47U) ==
            0); // more than there are addresses for
    REQUIRE(pthread_setattr_default_np(&huge) == 0);
    const auto answer = join()->rest();
    REQUIRE(pthread_setattr_default_np(&before) == 0);
    CHECK(answer == "error: too many consoles\n");
    CHECK(join()->sees(kPrompt));
}

TEST_CASE_METHOD(Server, "a socket that a dead process left is replaced, a living one and a file are not") {
    REQUIRE(console.listen(path()).ok());
    Console second(instance);
    CHECK_THAT(second.listen(path()).error(), Catch::Contains("another process serves it"));
    CHECK_FALSE(second.listen("/" + std::string(200, 'x')).ok());
    CHECK_FALSE(second.listen(dir + "/no/such/folder").ok());
    CHECK_THAT(second.listen(dir).error(), Catch::Contains("no socket"));
    std::filesystem::create_hard_link(path(), dir + "/left");
    console.stop();
    CHECK(second.listen(dir + "/left").ok());
}

TEST_CASE_METHOD(Server, "a pipe joined to the console gets the answers only") {
    REQUIRE(console.listen(path()).ok());
    int in[2], out[2];
    REQUIRE(::pipe(in) == 0);
    REQUIRE(::pipe(out) == 0);
    const std::string commands = "show bond bond0\nreload\n";
    REQUIRE(::write(in[1], commands.data(), commands.size()) == static_cast<ssize_t>(commands.size()));
    ::close(in[1]);
    const auto fd = connect_unix_stream(path());
    REQUIRE(fd.ok());
    const Wake never;
    CHECK(attach_console(fd.value(), {in[0], out[1], out[1]}, never));
    ::close(fd.value());
    ::close(in[0]);
    ::close(out[1]);
    Client reader(out[0]);
    CHECK(reader.rest() == render_proc(*instance.bond("bond0")));
    CHECK(instance.calls() == std::vector<std::string>{"reload"});
}

TEST_CASE_METHOD(Server, "A8: what is refused on a pipe goes to stderr, and is no success") {
    REQUIRE(console.listen(path()).ok());
    const auto run = [&](std::string_view commands, std::string& answers, std::string& errors) {
        int in[2], out[2], err[2];
        for (int* ends : {in, out, err}) REQUIRE(::pipe(ends) == 0);
        REQUIRE(::write(in[1], commands.data(), commands.size()) == static_cast<ssize_t>(commands.size()));
        ::close(in[1]);
        const auto fd = connect_unix_stream(path());
        REQUIRE(fd.ok());
        const Wake never;
        const bool fine = attach_console(fd.value(), {in[0], out[1], err[1]}, never);
        for (const int done : {fd.value(), in[0], out[1], err[1]}) ::close(done);
        answers = Client(out[0]).rest();
        errors = Client(err[0]).rest();
        return fine;
    };
    std::string answers, errors;
    CHECK_FALSE(run("nonsense\nshow bond bond0\nshow bond no\nreload", answers, errors));
    CHECK(answers == render_proc(*instance.bond("bond0")));
    CHECK(errors ==
          "error: unknown command \"nonsense\"; see help\nerror: no bond \"no\"; there are: bond0\n");
    CHECK(run("quit\nreload\n", answers, errors)); // what follows is not run
    CHECK(instance.calls() == std::vector<std::string>{"reload"});
    CHECK(run("reload\nshutdown\n", answers, errors)); // nobody is there to be asked
    CHECK(instance.calls() == std::vector<std::string>{"reload", "reload", "quit"});
    std::vector<std::unique_ptr<Client>> others;
    for (std::size_t i = 0; i < kMaxConsoles; ++i) others.push_back(join());
    CHECK_FALSE(run("reload\n", answers, errors));
    CHECK(errors == "error: too many consoles\n");
    CHECK(instance.calls().size() == 3);
}

TEST_CASE_METHOD(OneSession,
                 "A5: Ctrl-C and Ctrl-D on a half-typed line drop of the line only, and never stop") {
    CHECK(client->sees(kPrompt));
    client->send("shutdo\x03");
    CHECK(client->sees(kPrompt));
    client->send("reload\x15reload\n"); // Ctrl-U
    CHECK(client->sees(kPrompt));
    client->send("\x03");
    CHECK(client->sees("quit or Ctrl-D leaves this console"));
    client->send("shutdown\n");
    CHECK(client->sees("Stop it? yes or no: "));
    client->send("\x03");
    CHECK(client->sees("dpdk-bond was not stopped."));
    CHECK(client->sees(kPrompt));
    client->send("shutdown\n");
    CHECK(client->sees("Stop it? yes or no: "));
    client->send("\r");
    CHECK(client->sees("dpdk-bond was not stopped."));
    CHECK(instance.calls() == std::vector<std::string>{"reload"});
    client->send("exit\n");
    client->rest();
    CHECK(instance.calls() == std::vector<std::string>{"reload"});
}

TEST_CASE_METHOD(OneSession, "A5: shutdown stops after a yes") {
    client->send("shutdown\n");
    CHECK(client->sees("Stop it? yes or no: "));
    client->send("yes\n");
    client->rest();
    CHECK(instance.calls() == std::vector<std::string>{"quit"});
}

TEST_CASE("A5: on the program's own stdin Ctrl-C asks, and Ctrl-D leaves the console alone") {
    FakeInstance instance;
    LineHistory history;
    const Wake stop;
    WaitingSince waiting{0};
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    Client client(ends[0]);
    std::thread session([&] {
        serve_console(instance, history, ends[1], stop, waiting, true);
        ::close(ends[1]);
    });
    CHECK(client.sees(kPrompt));
    client.send("half\x03");
    CHECK(client.sees(kPrompt));
    client.send("\x03");
    CHECK(client.sees("Stop it? yes or no: "));
    client.send("no\n");
    CHECK(client.sees("dpdk-bond was not stopped."));
    client.send("\x04");
    CHECK_THAT(client.rest(), Catch::Contains("The console is closed and dpdk-bond runs on"));
    session.join();
    CHECK(instance.calls().empty());
}

TEST_CASE_METHOD(Server, "a terminal joined to the console is raw meanwhile and as it was afterwards") {
    REQUIRE(console.listen(path()).ok());
    int master = -1, slave = -1;
    REQUIRE(::openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
    termios before{}, during{}, after{};
    ::tcgetattr(slave, &before);
    const auto fd = connect_unix_stream(path());
    REQUIRE(fd.ok());
    const Wake never;
    std::thread attached([&] { attach_console(fd.value(), {slave, slave, slave}, never); });
    Client user(master);
    CHECK(user.sees(kPrompt));
    ::tcgetattr(slave, &during);
    const auto type = [&](std::string_view text) {
        CHECK(::write(master, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    };
    type("sho\tbond bond0\r");
    CHECK(user.sees("Slave Interface: m1"));
    CHECK(user.sees(kPrompt));
    type("\x04");
    attached.join();
    ::tcgetattr(slave, &after);
    CHECK((during.c_lflag & static_cast<tcflag_t>(ICANON | ECHO)) == 0);
    CHECK((during.c_lflag & static_cast<tcflag_t>(ISIG)) == 0); // Ctrl-C is a key
    CHECK(after.c_lflag == before.c_lflag);
    CHECK(std::ranges::equal(after.c_cc, before.c_cc));
    ::close(fd.value());
    ::close(slave);
}

TEST_CASE_METHOD(Server, "the console on stdin takes lines from a pipe and outlives its end") {
    int in[2], out[2];
    REQUIRE(::pipe(in) == 0);
    REQUIRE(::pipe(out) == 0);
    const int saved_in = ::dup(0), saved_out = ::dup(1);
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    const bool started = console.run_on_stdio().ok();
    const std::string commands = "set bond bond0 miimon 10\nshow bond bond0\n";
    const bool written =
        ::write(in[1], commands.data(), commands.size()) == static_cast<ssize_t>(commands.size());
    ::close(in[1]);
    Client reader(out[0]);
    const bool seen = reader.sees(render_proc(*instance.bond("bond0")));
    console.stop();
    ::dup2(saved_in, 0);
    ::dup2(saved_out, 1);
    for (const int fd : {in[0], out[1], saved_in, saved_out}) ::close(fd);
    CHECK(started);
    CHECK(written);
    CHECK(seen);
    CHECK(instance.calls() == std::vector<std::string>{"set bond0 miimon 10"});
}

TEST_CASE_METHOD(Server, "the console on stdin ends at once when stopped, with a reader that never reads") {
    int in[2], out[2];
    REQUIRE(::pipe(in) == 0);
    REQUIRE(::pipe(out) == 0);
    const int saved_in = ::dup(0), saved_out = ::dup(1);
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    const bool started = console.run_on_stdio().ok();
    ::fcntl(in[1], F_SETFL, O_NONBLOCK);
    const std::string_view help = "help\n";
    for (int i = 0; i < 3000; ++i)
        [[maybe_unused]] const ssize_t n = ::write(in[1], help.data(), help.size());
    console.stop();
    ::dup2(saved_in, 0);
    ::dup2(saved_out, 1);
    for (const int fd : {in[0], in[1], out[0], out[1], saved_in, saved_out}) ::close(fd);
    CHECK(started);
}
