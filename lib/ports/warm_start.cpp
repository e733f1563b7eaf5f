// SPDX-License-Identifier: BSD-3-Clause
#include "ports/warm_start.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

#include "host/hugepage_lease.hpp"
#include "host/netdev_guard.hpp"
#include "host/netlink.hpp"
#include "host/service_manager.hpp"
#include "host/warm_file.hpp"
#include "ports/pci_shelf.hpp"
#include "ports/waiting.hpp"

namespace dpdkbond {

namespace {

void remove_file(const std::filesystem::path& file) {
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
}

} // namespace

WarmStart WarmStart::take(const std::string& file_prefix, Duration valid, Time now,
                          std::vector<std::string>& lines) {
    WarmStart found;
    found.fds_ = fds_from_environment();
    if (found.fds_.empty())
        found.fds_ = take_from_keeper(keeper_socket_of(file_prefix));
    else
        ServiceManager::forget(found.fds_);
    const auto file = warm_file_of(file_prefix);
    std::ifstream stored(file, std::ios::binary);
    if (!stored) return found;
    const std::string text(std::istreambuf_iterator<char>(stored), {});
    remove_file(file); // it tells of this moment and no later one
    auto state = read_warm_text(text, valid, now);
    if (state)
        found.state_ = std::move(state).value();
    else
        lines.push_back(fmt::format("{}: {}: cold start", file.string(), state.error()));
    return found;
}

HandedFds WarmStart::take_handed(const std::vector<std::string>& names) {
    HandedFds taken;
    for (HandedFd& f : fds_)
        if (std::ranges::find(names, f.name) != names.end()) taken.push_back(std::move(f));
    std::erase_if(fds_, [](const HandedFd& f) { return !f.fd; });
    return taken;
}

std::vector<std::string> renamed_netdevs(const Saved& bond, std::span<const MemberConfig> members) {
    std::vector<std::string> lines;
    for (const MemberConfig& m : members) {
        const Saved* was = bond.find("member", m.name);
        const std::string netdev = socket_netdev(m.device);
        if (was == nullptr || netdev.empty() || was->text("device") != m.device) continue;
        const auto link = get_link(was->number<int>("ifindex", 0));
        if (link && link.value().name != netdev)
            lines.push_back(
                fmt::format("member {}: the netdev that was {} before is called {} now; the file says {}",
                            m.name, netdev, link.value().name, netdev));
    }
    return lines;
}

std::vector<std::string> clean_up(const std::string& file_prefix) {
    std::vector<std::string> lines;
    if (dismiss_keeper(keeper_socket_of(file_prefix)))
        lines.emplace_back("the interfaces that waited are gone");
    remove_file(warm_file_of(file_prefix));
    remove_file(keeper_socket_of(file_prefix));
    const auto state_dir = state_dir_of(file_prefix);
    if (auto left = restore_leftovers(state_dir))
        lines.insert(lines.end(), left.value().begin(), left.value().end());
    forget_dead_claims();
    PciShelf shelf;
    shelf.find_leftovers();
    for (std::string& line : shelf.give_back_leftovers()) lines.push_back(std::move(line));
    if (const std::uint64_t mb = give_back_left_hugepages(); mb != 0)
        lines.push_back(fmt::format("{} MB of hugepages are given back", mb));
    remove_state_dir(state_dir);
    return lines;
}

void keep_interfaces(const std::string& file_prefix, unsigned seconds) {
    if (!keep_until_taken(fds_from_environment(true), seconds)) (void)clean_up(file_prefix);
}

} // namespace dpdkbond
