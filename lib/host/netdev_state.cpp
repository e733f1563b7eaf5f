// SPDX-License-Identifier: BSD-3-Clause
#include "host/netdev_state.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "host/files.hpp"
#include "host/in_namespace.hpp"
#include "host/netlink.hpp"
#include "host/offloads.hpp"

namespace dpdkbond {

namespace {

constexpr const char* kConfKeys[] = {"ipv6/disable_ipv6", "ipv4/arp_ignore", "ipv4/rp_filter"};

std::filesystem::path conf_path(const std::string& netdev, const std::string& key) {
    const std::size_t slash = key.find('/');
    return std::filesystem::path("/proc/sys/net") / key.substr(0, slash) / "conf" / netdev /
           key.substr(slash + 1);
}

template <class T> std::optional<T> number(const std::string& text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

void first_error(Result<void>& kept, Result<void> next) {
    if (kept && !next) kept = std::move(next);
}

// Some drivers refuse another MAC or MTU while up.
Result<void> even_if_down(const std::string& name, bool up, const auto& change) {
    Result<void> done = change();
    if (done || !up) return done;
    if (!set_admin_up(name, false)) return done;
    done = change();
    first_error(done, set_admin_up(name, true));
    return done;
}

} // namespace

NetnsId NetnsId::current() {
    NetnsId id;
    struct stat status {};
    if (::stat("/proc/thread-self/ns/net", &status) == 0) id.inode = status.st_ino;
    const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    std::uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0) id.cookie = cookie;
    return id;
}

std::optional<std::string> read_conf(const std::string& netdev, const std::string& key) {
    return read_text(conf_path(netdev, key));
}

Result<void> write_conf(const std::string& netdev, const std::string& key, const std::string& value) {
    return write_text(conf_path(netdev, key), value);
}

Result<NetdevState> NetdevState::of(const std::string& netdev) {
    auto link = get_link(netdev);
    if (!link) return Error{link.error()};
    auto addresses = list_addresses(link.value().ifindex);
    if (!addresses) return Error{addresses.error()};
    NetdevState state;
    state.name = link.value().name;
    state.ifindex = link.value().ifindex;
    state.netns = NetnsId::current();
    state.pid = ::getpid();
    state.admin_up = link.value().admin_up;
    state.mac = link.value().mac;
    state.mtu = link.value().mtu;
    state.kind = link.value().kind;
    state.iflink = link.value().iflink;
    state.perm_mac = link.value().perm_mac;
    state.promisc = link.value().promisc;
    state.allmulti = link.value().allmulti;
    state.gro = gro_is_on(netdev);
    state.lro = lro_is_on(netdev);
    if (link.value().kind == "veth") state.tx_checksum = tx_checksum_is_on(netdev);
    for (const char* key : kConfKeys)
        if (auto value = read_conf(netdev, key)) state.sysctls.emplace_back(key, *value);
    for (const AddressEvent& address : addresses.value())
        if (address.prefix.is_v6 && address.permanent) state.v6_addresses.push_back(address.prefix);
    return state;
}

std::string NetdevState::to_text() const {
    std::ostringstream out;
    out << "name " << name << "\nifindex " << ifindex << "\nnetns_inode " << netns.inode << "\nnetns_cookie "
        << netns.cookie << "\npid " << pid << "\nup " << admin_up << "\nmac " << mac.to_string() << "\nmtu "
        << mtu << "\npromisc " << promisc << "\nallmulti " << allmulti << "\niflink " << iflink << "\n";
    if (!kind.empty()) out << "kind " << kind << "\n";
    if (!given_mac.is_zero()) out << "given_mac " << given_mac.to_string() << "\n";
    if (given_mtu != 0) out << "given_mtu " << given_mtu << "\n";
    if (!perm_mac.is_zero()) out << "perm_mac " << perm_mac.to_string() << "\n";
    if (gro) out << "gro " << *gro << "\n";
    if (lro) out << "lro " << *lro << "\n";
    if (tx_checksum) out << "tx_checksum " << *tx_checksum << "\n";
    for (const auto& [key, value] : sysctls) out << "sysctl " << key << " " << value << "\n";
    for (const IpPrefix& prefix : v6_addresses) out << "address " << prefix.to_string() << "\n";
    return out.str();
}

std::optional<NetdevState> NetdevState::parse(std::string_view text) {
    NetdevState state;
    bool has_mac = false;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        const std::size_t space = line.find(' ');
        if (space == std::string::npos) continue;
        const std::string key = line.substr(0, space);
        const std::string value = line.substr(space + 1);
        if (key == "name") state.name = value;
        if (key == "ifindex") state.ifindex = number<int>(value).value_or(0);
        if (key == "netns_inode") state.netns.inode = number<std::uint64_t>(value).value_or(0);
        if (key == "netns_cookie") state.netns.cookie = number<std::uint64_t>(value).value_or(0);
        if (key == "pid") state.pid = number<std::int64_t>(value).value_or(0);
        if (key == "up") state.admin_up = value == "1";
        if (key == "mtu") state.mtu = number<std::uint32_t>(value).value_or(0);
        if (key == "kind") state.kind = value;
        if (key == "iflink") state.iflink = number<int>(value).value_or(0);
        if (key == "given_mac") state.given_mac = Mac::parse(value).value_or(Mac{});
        if (key == "given_mtu") state.given_mtu = number<std::uint32_t>(value).value_or(0);
        if (key == "perm_mac") state.perm_mac = Mac::parse(value).value_or(Mac{});
        if (key == "promisc") state.promisc = value == "1";
        if (key == "allmulti") state.allmulti = value == "1";
        if (key == "gro") state.gro = value == "1";
        if (key == "lro") state.lro = value == "1";
        if (key == "tx_checksum") state.tx_checksum = value == "1";
        if (key == "mac") {
            const auto mac = Mac::parse(value);
            has_mac = mac.has_value();
            state.mac = mac.value_or(Mac{});
        }
        if (key == "sysctl")
            if (const std::size_t gap = value.find(' '); gap != std::string::npos)
                // Only what of() notes: the key becomes a path.
                if (std::ranges::find(kConfKeys, value.substr(0, gap)) != std::end(kConfKeys))
                    state.sysctls.emplace_back(value.substr(0, gap), value.substr(gap + 1));
        if (key == "address")
            if (const auto prefix = IpPrefix::parse(value)) state.v6_addresses.push_back(*prefix);
    }
    if (state.name.empty() || state.ifindex <= 0 || state.netns.inode == 0 || state.mtu == 0 || !has_mac)
        return std::nullopt;
    return state;
}

bool NetdevState::is_of(const LinkEvent& link) const {
    if (!perm_mac.is_zero()) return link.perm_mac == perm_mac && link.kind == kind;
    return !kind.empty() && link.kind == kind && link.iflink == iflink && !given_mac.is_zero() &&
           (link.name == name || link.ifindex == ifindex) && (link.mac == mac || link.mac == given_mac);
}

bool NetdevState::is_elsewhere() const {
    return in_each_namespace([&] {
        const auto links = list_links();
        return links && std::ranges::any_of(links.value(), [&](const LinkEvent& l) { return is_of(l); });
    });
}

Result<NetdevState::Found> NetdevState::restore() const {
    Result<void> done;
    // By number: it may have been renamed, and its name given to another.
    const auto at_home = [&] {
        const auto link = NetnsId::current() == netns ? get_link(ifindex) : Error{""};
        if (link) done = restore_at_home(link.value());
        return link.ok();
    };
    const auto moved = [&] {
        const auto links = list_links();
        const auto link =
            links ? std::ranges::find_if(links.value(), [&](const LinkEvent& l) { return is_of(l); })
                  : std::vector<LinkEvent>::const_iterator{};
        if (!links || link == links.value().end()) return false;
        done = restore_moved(*link);
        return true;
    };
    Found found = Found::in_its_namespace;
    if (!at_home() && !(NetnsId::current() != netns && in_each_namespace(at_home)))
        found = in_each_namespace(moved) ? Found::moved : Found::nowhere;
    if (!done) return Error{done.error()};
    return found;
}

Result<void> NetdevState::restore_moved(const LinkEvent& now) const {
    Result<void> result;
    if (now.mac != mac && mac.is_valid_unicast() && (given_mac.is_zero() || now.mac == given_mac))
        first_error(result, even_if_down(now.name, now.admin_up, [&] { return set_mac(now.name, mac); }));
    if (now.mtu != mtu && (given_mtu == 0 || now.mtu == given_mtu))
        first_error(result, even_if_down(now.name, now.admin_up, [&] { return set_mtu(now.name, mtu); }));
    first_error(result, restore_features(now));
    return result;
}

Result<void> NetdevState::restore_features(const LinkEvent& now) const {
    Result<void> result;
    if (now.promisc != promisc) first_error(result, set_promisc(now.name, promisc));
    if (now.allmulti != allmulti) first_error(result, set_allmulti(now.name, allmulti));
    if (gro && gro_is_on(now.name) != gro) first_error(result, set_gro(now.name, *gro));
    if (lro && lro_is_on(now.name) != lro) first_error(result, set_lro(now.name, *lro));
    if (tx_checksum && tx_checksum_is_on(now.name) != tx_checksum)
        first_error(result, set_tx_checksum(now.name, *tx_checksum));
    return result;
}

Result<void> NetdevState::restore_at_home(const LinkEvent& now) const {
    Result<void> result;
    if (now.admin_up && !admin_up) first_error(result, set_admin_up(now.name, false));
    const bool up = now.admin_up && admin_up;
    if (now.mac != mac && mac.is_valid_unicast())
        first_error(result, even_if_down(now.name, up, [&] { return set_mac(now.name, mac); }));
    if (now.mtu != mtu)
        first_error(result, even_if_down(now.name, up, [&] { return set_mtu(now.name, mtu); }));
    first_error(result, restore_features(now));
    for (const auto& [key, value] : sysctls)
        if (read_conf(now.name, key) != value) first_error(result, write_conf(now.name, key, value));
    if (!now.admin_up && admin_up) first_error(result, set_admin_up(now.name, true));

    if (v6_addresses.empty()) return result;
    auto present = list_addresses(ifindex);
    for (const IpPrefix& prefix : v6_addresses) {
        const bool there = present && std::ranges::any_of(present.value(), [&](const AddressEvent& address) {
                               return address.prefix == prefix;
                           });
        if (!there) first_error(result, add_address(now.name, prefix));
    }
    return result;
}

} // namespace dpdkbond
