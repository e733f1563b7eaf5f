// SPDX-License-Identifier: BSD-3-Clause
#include "host/handover.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/saved.hpp"
#include "host/files.hpp"

extern char** environ; // NOLINT

namespace dpdkbond {

namespace {

constexpr int kFirst = 3; // sd_listen_fds(3)
constexpr const char* kOwnFds = "DPDK_BOND_FDS";
constexpr std::string_view kListener = "keeper";
constexpr char kTake = 't', kDrop = 'd';
constexpr std::size_t kMostFds = 128;

struct CommandLine {
    std::string file;
    std::vector<std::string> arguments;
    cpu_set_t cpus{};
} command_line; // NOLINT

std::string names_of(const HandedFds& fds) {
    std::string names;
    for (const HandedFd& f : fds) names += (names.empty() ? "" : ":") + f.name;
    return names;
}

HandedFds named(const std::vector<int>& fds, std::string_view names) {
    HandedFds out;
    for (const int fd : fds) {
        const std::size_t end = std::min(names.find(':'), names.size());
        out.push_back({std::string(names.substr(0, end)), Fd(fd)});
        names.remove_prefix(std::min(end + 1, names.size()));
    }
    return out;
}

std::vector<std::string> environment() {
    std::vector<std::string> out;
    for (char** e = environ; *e != nullptr; ++e)
        if (std::strncmp(*e, "LISTEN_", 7) != 0) out.emplace_back(*e);
    return out;
}

// What run_again() left: "53=tap.bond0/54=rx.m0".
HandedFds fds_of_the_run_before() {
    const char* list = std::getenv(kOwnFds);
    HandedFds out;
    for (std::string_view left(list != nullptr ? list : ""); !left.empty();) {
        const std::string_view one = left.substr(0, left.find('/'));
        left.remove_prefix(std::min(one.size() + 1, left.size()));
        const std::size_t equals = std::min(one.find('='), one.size());
        const auto fd = Saved::number_of<int>(one.substr(0, equals));
        if (fd && equals < one.size() && ::fcntl(*fd, F_SETFD, FD_CLOEXEC) == 0)
            out.push_back({std::string(one.substr(equals + 1)), Fd(*fd)});
    }
    ::unsetenv(kOwnFds);
    return out;
}

// What a child is given: no signal blocked or ignored, a session of its own.
struct ChildSetup {
    ChildSetup() {
        posix_spawn_file_actions_init(&files);
        posix_spawnattr_init(&how);
        sigset_t none, all_signals;
        sigemptyset(&none);
        sigfillset(&all_signals);
        posix_spawnattr_setsigmask(&how, &none);
        posix_spawnattr_setsigdefault(&how, &all_signals);
        posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    ~ChildSetup() {
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&how);
    }
    ChildSetup(const ChildSetup&) = delete;
    ChildSetup& operator=(const ChildSetup&) = delete;

    posix_spawn_file_actions_t files{};
    posix_spawnattr_t how{};
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& t : texts) out.push_back(t.data());
    out.push_back(nullptr);
    return out;
}

// Where no dup2() to one of the first places meets them.
std::vector<Fd> out_of_the_way(const HandedFds& fds) {
    std::vector<Fd> out;
    for (const HandedFd& f : fds)
        out.emplace_back(::fcntl(f.fd.get(), F_DUPFD_CLOEXEC, kFirst + static_cast<int>(fds.size())));
    return out;
}

std::optional<sockaddr_un> address_of(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof address.sun_path) return std::nullopt;
    std::memcpy(address.sun_path, path.c_str(), path.native().size());
    return address;
}

Fd connect_to(const std::filesystem::path& path) {
    const auto address = address_of(path);
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!address || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
        return {};
    return fd;
}

void send_fds(int to, const HandedFds& fds) {
    std::string names = names_of(fds) + "\n";
    iovec piece{names.data(), names.size()};
    std::vector<int> numbers;
    for (const HandedFd& f : fds) numbers.push_back(f.fd.get());
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostFds)]{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (!numbers.empty()) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * numbers.size());
        cmsghdr* head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * numbers.size());
        std::memcpy(CMSG_DATA(head), numbers.data(), sizeof(int) * numbers.size());
    }
    (void)::sendmsg(to, &message, MSG_NOSIGNAL);
}

HandedFds receive_fds(int from) {
    std::string names(16384, '\0');
    iovec piece{names.data(), names.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostFds)];
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    if (got <= 0) return {};
    names.resize(static_cast<std::size_t>(got));
    const cmsghdr* head = CMSG_FIRSTHDR(&message);
    if (head == nullptr || head->cmsg_type != SCM_RIGHTS) return {};
    std::vector<int> numbers((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(numbers.data(), CMSG_DATA(head), sizeof(int) * numbers.size());
    return named(numbers, std::string_view(names).substr(0, names.find('\n')));
}

} // namespace

void remember_command_line(int argc, char** argv) {
    char file[4096];
    const ssize_t length = ::readlink("/proc/self/exe", file, sizeof file);
    command_line.file = length > 0 ? std::string(file, static_cast<std::size_t>(length)) : argv[0];
    command_line.arguments.assign(argv, argv + argc);
    ::sched_getaffinity(0, sizeof command_line.cpus, &command_line.cpus);
}

Error run_again(const HandedFds& fds) {
    std::vector<std::string> arguments = command_line.arguments;
    ::close_range(kFirst, ~0U, CLOSE_RANGE_CLOEXEC);
    // They keep their numbers: one that a thread of DPDK's is about to be given (accept4) cannot be had.
    std::string list;
    for (const HandedFd& f : fds) {
        if (::fcntl(f.fd.get(), F_SETFD, 0) != 0) continue;
        list += (list.empty() ? "" : "/") + std::to_string(f.fd.get()) + "=" + f.name;
    }
    std::vector<std::string> variables = environment();
    variables.push_back(std::string(kOwnFds) + "=" + list);
    ::sched_setaffinity(0, sizeof command_line.cpus, &command_line.cpus);
    ::execve(command_line.file.c_str(), pointers(arguments).data(), pointers(variables).data());
    return Error{"cannot run " + command_line.file + " again: " + errno_text(errno)};
}

std::string why_not_run_again(const std::string& config) {
    constexpr int kPatienceMs = 60'000; // an emulated processor with other work takes ten seconds
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return "no pipe: " + errno_text(errno);
    const Fd said(ends[0]);
    Fd says(ends[1]);
    std::vector<std::string> arguments{"dpdk-bond", "-c", config, "--check"}, variables = environment();
    ChildSetup setup;
    posix_spawn_file_actions_addopen(&setup.files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&setup.files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&setup.files, says.get(), 2);
    posix_spawn_file_actions_addclosefrom_np(&setup.files, kFirst);
    pid_t child = 0;
    const int error = ::posix_spawn(&child, command_line.file.c_str(), &setup.files, &setup.how,
                                    pointers(arguments).data(), pointers(variables).data());
    if (error != 0) return command_line.file + " cannot be run: " + errno_text(error);
    says.reset();
    std::string text;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    bool late = false;
    for (char part[1024];;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd wait{said.get(), POLLIN, 0};
        late = left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count()) + 1) == 0;
        const ssize_t got = late ? 0 : ::read(said.get(), part, sizeof part);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        text.append(part, static_cast<std::size_t>(got));
    }
    if (late) ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) break;
    if (late) return command_line.file + " does not answer";
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    std::string why; // the first line that is no note
    for (std::string_view left(text); why.empty() && !left.empty();) {
        const std::string_view line = left.substr(0, left.find('\n'));
        left.remove_prefix(std::min(line.size() + 1, left.size()));
        if (line.find(": note: ") == std::string_view::npos) why = line;
    }
    return command_line.file + " would not start: " + (why.empty() ? "it says nothing" : why);
}

HandedFds fds_from_environment(bool any_process) {
    if (HandedFds own = fds_of_the_run_before(); !own.empty()) return own;
    const char* pid = std::getenv("LISTEN_PID");
    const char* count = std::getenv("LISTEN_FDS");
    const char* names = std::getenv("LISTEN_FDNAMES");
    const bool mine = any_process || (pid != nullptr && Saved::number_of<pid_t>(pid) == ::getpid());
    const auto number = mine && count != nullptr ? Saved::number_of<unsigned>(count) : std::nullopt;
    std::vector<int> fds;
    for (unsigned i = 0; i < std::min<unsigned>(number.value_or(0), kMostFds); ++i) {
        const int fd = kFirst + static_cast<int>(i);
        if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) fds.push_back(fd);
    }
    HandedFds out = named(fds, names != nullptr ? names : "");
    for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
    return out;
}

Result<void> start_keeper(const HandedFds& fds, const std::filesystem::path& socket,
                          const std::string& file_prefix, unsigned seconds) {
    const auto address = address_of(socket);
    if (!address) return Error{socket.string() + ": too long for a socket"};
    ::unlink(socket.c_str());
    Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!listener || ::fchmod(listener.get(), 0600) != 0 ||
        ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
        ::listen(listener.get(), 4) != 0)
        return Error{socket.string() + ": " + errno_text(errno)};
    HandedFds all;
    all.push_back({std::string(kListener), std::move(listener)});
    for (const HandedFd& f : fds) all.push_back({f.name, Fd(::fcntl(f.fd.get(), F_DUPFD_CLOEXEC, kFirst))});
    const std::vector<Fd> apart = out_of_the_way(all);

    std::vector<std::string> variables = environment();
    variables.push_back("LISTEN_FDS=" + std::to_string(all.size()));
    variables.push_back("LISTEN_FDNAMES=" + names_of(all));
    std::vector<std::string> arguments{"dpdk-bond", "keep", std::to_string(seconds), "--file-prefix",
                                       file_prefix};
    ChildSetup setup;
    posix_spawn_file_actions_t& files = setup.files;
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&files, 0, 1);
    posix_spawn_file_actions_adddup2(&files, 0, 2);
    for (std::size_t i = 0; i < apart.size(); ++i)
        posix_spawn_file_actions_adddup2(&files, apart[i].get(), kFirst + static_cast<int>(i));
    posix_spawn_file_actions_addclosefrom_np(&files, kFirst + static_cast<int>(apart.size()));
    posix_spawn_file_actions_addchdir_np(&files, "/");
    pid_t keeper = 0;
    const int error = ::posix_spawn(&keeper, command_line.file.c_str(), &files, &setup.how,
                                    pointers(arguments).data(), pointers(variables).data());
    if (error == 0) return {};
    ::unlink(socket.c_str());
    return Error{"no keeper for the logical interfaces: " + errno_text(error)};
}

bool keep_until_taken(HandedFds fds, unsigned seconds) {
    const auto listener = std::ranges::find(fds, kListener, &HandedFd::name);
    if (listener == fds.end()) return false;
    const Fd door = std::move(listener->fd);
    fds.erase(listener);
    sockaddr_un address{};
    socklen_t length = sizeof address;
    ::getsockname(door.get(), reinterpret_cast<sockaddr*>(&address), &length);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd wait{door.get(), POLLIN, 0};
        if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count()) + 1) == 0) break;
        const Fd client(::accept4(door.get(), nullptr, nullptr, SOCK_CLOEXEC));
        const timeval patience{1, 0}; // for whoever says nothing
        ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        char wish = 0;
        if (!client || ::recv(client.get(), &wish, 1, 0) != 1) continue;
        if (wish != kTake && wish != kDrop) continue;
        ::unlink(address.sun_path);
        if (wish == kTake) send_fds(client.get(), fds);
        fds.clear();
        return true;
    }
    ::unlink(address.sun_path);
    return false;
}

HandedFds take_from_keeper(const std::filesystem::path& socket) {
    const Fd keeper = connect_to(socket);
    if (!keeper || ::send(keeper.get(), &kTake, 1, MSG_NOSIGNAL) != 1) return {};
    return receive_fds(keeper.get());
}

bool dismiss_keeper(const std::filesystem::path& socket) {
    const Fd keeper = connect_to(socket);
    if (!keeper || ::send(keeper.get(), &kDrop, 1, MSG_NOSIGNAL) != 1) return false;
    char none = 0;
    (void)::recv(keeper.get(), &none, 1, 0); // until it has dropped them
    return true;
}

} // namespace dpdkbond
