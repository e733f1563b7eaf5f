// SPDX-License-Identifier: BSD-3-Clause
#include "host/warm_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.hpp"
#include "host/files.hpp"

namespace dpdkbond {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kSum = "checksum ";

// CRC-32 as of IEEE 802.3.
std::uint32_t crc32(std::string_view text) {
    std::uint32_t crc = ~0U;
    for (const char c : text) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
    }
    return ~crc;
}

std::string boot_id() { return read_text("/proc/sys/kernel/random/boot_id").value_or("unknown"); }

std::uint64_t network_namespace() {
    struct stat status {};
    return ::stat("/proc/thread-self/ns/net", &status) == 0 ? status.st_ino : 0;
}

} // namespace

fs::path state_dir_of(const std::string& file_prefix) { return "/run/dpdk-bond.state/" + file_prefix; }
fs::path warm_file_of(const std::string& file_prefix) { return state_dir_of(file_prefix) / "warm"; }
fs::path keeper_socket_of(const std::string& file_prefix) { return state_dir_of(file_prefix) / "keeper"; }

std::string warm_text(const Saved& body, std::string_view program, Time now) {
    Saved head;
    head.put("dpdk-bond", "warm state");
    head.put("format", kWarmFormat);
    head.put("program", program);
    head.put("boot", boot_id());
    head.put("netns", network_namespace());
    head.put("written", now);
    const std::string text = head.to_text() + body.to_text();
    return fmt::format("{}{}{:08x}\n", text, kSum, crc32(text));
}

Result<void> write_warm_file(const fs::path& file, const std::string& text) {
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    if (error) return Error{"cannot create " + file.parent_path().string() + ": " + error.message()};
    fs::path fresh = file;
    fresh += ".new";
    {
        const Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        const bool whole = fd &&
                           ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                           ::fsync(fd.get()) == 0;
        if (!whole) return Error{"cannot write " + fresh.string() + ": " + errno_text(errno)};
    }
    if (::rename(fresh.c_str(), file.c_str()) != 0)
        return Error{"cannot rename " + fresh.string() + ": " + errno_text(errno)};
    const Fd folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder) ::fsync(folder.get());
    return {};
}

Result<Saved> read_warm_text(std::string_view text, Duration valid, Time now) {
    const Error broken{"it is not whole"};
    // The sum may be another in a later format, so that is asked first.
    const std::size_t head = text.find("\nformat ");
    if (!text.starts_with("dpdk-bond warm state\n") || head == std::string_view::npos) return broken;
    const std::string_view rest = text.substr(head + 8);
    const auto format = Saved::number_of<unsigned>(rest.substr(0, rest.find('\n')));
    if (!format) return broken;
    if (*format > kWarmFormat)
        return Error{fmt::format("its format is {}, of a later version; this one reads up to {}", *format,
                                 kWarmFormat)};
    const std::size_t end = text.rfind(kSum);
    if (end == std::string_view::npos ||
        text.substr(end) != fmt::format("{}{:08x}\n", kSum, crc32(text.substr(0, end))))
        return broken;
    auto saved = Saved::parse(text.substr(0, end));
    if (!saved) return broken;
    if (saved->text("boot") != boot_id()) return Error{"it is of another boot"};
    if (saved->number<std::uint64_t>("netns") != network_namespace())
        return Error{"it is of another network namespace"};
    const Duration age = now - saved->time("written", Time{});
    if (age < Duration{} || age > valid)
        return Error{fmt::format("it is {} s old, and runtime.warm_restart is {} s",
                                 std::chrono::duration_cast<std::chrono::seconds>(age).count(),
                                 std::chrono::duration_cast<std::chrono::seconds>(valid).count())};
    return std::move(*saved);
}

} // namespace dpdkbond
