// SPDX-License-Identifier: BSD-3-Clause
#include "host/warm_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "host/files.hpp"
#include "host/netdev_state.hpp"

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

} // namespace

fs::path state_dir_of(const std::string& file_prefix) { return "/run/dpdk-bond.state/" + file_prefix; }
fs::path warm_file_of(const std::string& file_prefix) { return state_dir_of(file_prefix) / "warm"; }
fs::path keeper_socket_of(const std::string& file_prefix) { return state_dir_of(file_prefix) / "keeper"; }

void remove_state_dir(const fs::path& state_dir) {
    ::rmdir(state_dir.c_str());
    ::rmdir(state_dir.parent_path().c_str());
}

std::string warm_text(const Saved& body, std::string_view program, Time now) {
    Saved head;
    head.put("dpdk-bond", "warm state");
    head.put("format", kWarmFormat);
    head.put("program", program);
    head.put("boot", boot_id());
    head.put("netns", NetnsId::current().inode);
    head.put("written", now);
    const std::string text = head.to_text() + body.to_text();
    return fmt::format("{}{}{:08x}\n", text, kSum, crc32(text));
}

Result<void> write_warm_file(const fs::path& file, const std::string& text) {
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    if (error) return Error{"cannot create " + file.parent_path().string() + ": " + error.message()};
    return replace_file(file, text);
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
    if (saved->number<std::uint64_t>("netns") != NetnsId::current().inode)
        return Error{"it is of another network namespace"};
    const Duration age = now - saved->time("written", Time{});
    if (age < Duration{} || age > valid)
        return Error{fmt::format("it is {} s old, and runtime.warm_restart is {} s",
                                 std::chrono::duration_cast<std::chrono::seconds>(age).count(),
                                 std::chrono::duration_cast<std::chrono::seconds>(valid).count())};
    return std::move(*saved);
}

} // namespace dpdkbond
