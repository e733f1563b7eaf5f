// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/eal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_memory.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>

namespace dpdkbond {

namespace {

// The EAL answers a bad argument with its whole usage text on stdout; what is wrong it says on stderr.
int init_without_usage(int argc, char** argv) {
    std::fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
    const int rc = rte_eal_init(argc, argv);
    std::fflush(stdout);
    if (kept >= 0) dup2(kept, STDOUT_FILENO);
    if (kept >= 0) close(kept);
    if (nowhere >= 0) close(nowhere);
    return rc;
}

// What DPDK logs, line by line. A message comes whole, by one call.
ssize_t take_log(void* to, const char* text, std::size_t size) {
    const auto log = reinterpret_cast<void (*)(std::string_view)>(to);
    for (std::string_view left(text, size); !left.empty();) {
        const std::size_t end = left.find('\n');
        if (end != 0) log(left.substr(0, end));
        left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
    }
    return static_cast<ssize_t>(size);
}

void log_to(void (*log)(std::string_view)) {
    cookie_io_functions_t io{};
    io.write = take_log;
    std::FILE* stream = fopencookie(reinterpret_cast<void*>(log), "w", io);
    if (stream == nullptr) return;
    setvbuf(stream, nullptr, _IOFBF, 4096); // DPDK flushes after each message
    rte_openlog_stream(stream);
}

// The other process that holds the runtime folder's lock; 0: one that has no number here.
std::optional<pid_t> other_holder(const std::string& dir) {
    const int fd = open((dir + "/config").c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return std::nullopt;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const bool asked = fcntl(fd, F_GETLK, &lock) == 0;
    close(fd);
    if (!asked || lock.l_type == F_UNLCK) return std::nullopt;
    return lock.l_pid;
}

// A process that ends has given its memory back, and with it its command line, before it closes its files.
bool is_ending(pid_t pid) {
    std::ifstream file(fmt::format("/proc/{}/cmdline", pid));
    return file && file.get() == std::ifstream::traits_type::eof();
}

// A process that was just killed gives its locks back one by one, which may take seconds: that of `config`,
// by which DPDK knows another instance, and that of the memzones. Waits for both. One that lives is waited
// for only while it may be about to end: it has taken its console away, or is no dpdk-bond.
void wait_for_the_dying(const std::string& file_prefix) {
    constexpr int kTries = 500, kPauseUs = 20'000;
    constexpr int kTriesWhileEnding = 100;
    const std::string dir = "/var/run/dpdk/" + file_prefix;
    for (int i = 0; i < kTries; ++i) {
        const auto holder = other_holder(dir);
        if (holder && !is_ending(*holder) &&
            (i >= kTriesWhileEnding || access((dir + "/console").c_str(), F_OK) == 0))
            return;
        const int fd = open((dir + "/fbarray_memzone").c_str(), O_RDWR | O_CLOEXEC);
        const bool free = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0;
        if (fd >= 0) close(fd);
        if (!holder && free) return;
        usleep(kPauseUs);
    }
}

void refuse_another(const std::string& file_prefix, const std::string& dir) {
    const auto holder = other_holder(dir);
    if (!holder) return;
    throw std::runtime_error(fmt::format("another instance of file prefix {} is running{}", file_prefix,
                                         *holder > 0 ? fmt::format(" (process {})", *holder) : ""));
}

// The file that holds the lock goes last: until then no other instance of this prefix can start, and what one
// makes afterwards stays.
void remove_files(const std::string& dir) {
    if (dir.empty()) return;
    namespace fs = std::filesystem;
    std::error_code ignored;
    for (fs::directory_iterator it(dir, ignored), end; !ignored && it != end; it.increment(ignored)) {
        std::error_code failed;
        if (it->path().filename() != "config") fs::remove_all(it->path(), failed);
    }
    fs::remove(dir + "/config", ignored);
    fs::remove(dir, ignored);
    fs::remove(fs::path(dir).parent_path(), ignored); // unless others are there
}

} // namespace

std::vector<std::string> Eal::arguments(const EalOptions& o) {
    std::string lcores = fmt::format("0@{}", o.control_cpu);
    for (std::size_t i = 0; i < o.worker_cpus.size(); ++i)
        lcores += fmt::format(",{}@{}", i + 1, o.worker_cpus[i]);
    std::vector<std::string> args{"dpdk-bond", "--lcores",      lcores,       "--main-lcore",
                                  "0",         "--file-prefix", o.file_prefix};
    if (o.hugepages) {
        // The files of the pages are unlinked at once, so that even a killed process gives its hugepages
        // back.
        args.insert(args.end(), {"--huge-unlink", "-m", std::to_string(o.memory_mb)});
    } else {
        args.insert(args.end(), {"--no-huge", "-m", std::to_string(o.memory_mb)});
    }
    // No list means all of them; an address that no machine has means none, until one is named at run time.
    const std::vector<std::string> none{"ffff:ff:1f.7"};
    for (const std::string& address : o.pci_allow.empty() ? none : o.pci_allow)
        args.insert(args.end(), {"-a", address});
    // What DPDK says at start-up of every normal run is not news: telemetry's lack of legacy callbacks,
    // net_tap's lack of a queueing discipline that only its rte_flow needs.
    for (const char* level : {"warning", "lib.telemetry:error", "pmd.net.tap:critical"})
        args.insert(args.end(), {"--log-level", level});
    args.insert(args.end(), o.extra_args.begin(), o.extra_args.end());
    return args;
}

Eal::Eal(const EalOptions& options) {
    const std::vector<std::string> args = arguments(options);
    std::vector<char*> argv;
    for (const std::string& a : args) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    if (options.log != nullptr) log_to(options.log);
    wait_for_the_dying(options.file_prefix);
    refuse_another(options.file_prefix, "/var/run/dpdk/" + options.file_prefix); // EAL says it in many lines
    rte_errno = 0;
    const int rc = init_without_usage(static_cast<int>(args.size()), argv.data());
    if (rc >= 0) return;
    const int why = rte_errno;
    const std::string dir = runtime_dir();
    refuse_another(options.file_prefix, dir);
    remove_files(dir);
    if (why == EINVAL)
        throw std::runtime_error("DPDK refused its arguments (see above); look at runtime.eal_args");
    throw std::runtime_error(fmt::format("DPDK did not start (see above){}",
                                         why != 0 ? fmt::format(": {}", rte_strerror(why)) : ""));
}

Eal::~Eal() {
    const std::string dir = runtime_dir();
    rte_eal_cleanup();
    remove_files(dir);
}

// DPDK hands out the end of its memory first.
void Eal::fetch_pages(std::size_t bytes) {
    const auto fetch = [](const rte_memseg_list*, const rte_memseg* first, std::size_t length, void* arg) {
        std::size_t& wanted = *static_cast<std::size_t*>(arg);
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        if (first->hugepage_sz != page) return 0;
        const std::size_t part = std::min((wanted + page - 1) / page * page, length);
        constexpr int kPopulateWrite = 23; // MADV_POPULATE_WRITE, from Linux 5.14
        madvise(static_cast<std::uint8_t*>(first->addr) + (length - part), part, kPopulateWrite);
        wanted -= std::min(wanted, part);
        return wanted == 0 ? 1 : 0;
    };
    if (bytes != 0) rte_memseg_contig_walk(fetch, &bytes);
}

void Eal::remove_runtime_dir() { remove_files(runtime_dir()); }

std::string Eal::runtime_dir() { return rte_eal_get_runtime_dir(); }

} // namespace dpdkbond
