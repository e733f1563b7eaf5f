// SPDX-License-Identifier: BSD-3-Clause
#include "host/netdev_guard.hpp"

#include <cstdint>
#include <system_error>
#include <unistd.h>

#include "host/bpf.hpp"
#include "host/files.hpp"
#include "host/in_namespace.hpp"
#include "host/netdev_state.hpp"
#include "host/netlink.hpp"
#include "host/offloads.hpp"

namespace dpdkbond {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPrefix = "netdev-";
constexpr std::string_view kClaimPrefix = "member-";

fs::path state_file_of(const fs::path& state_dir, const std::string& name) {
    return state_dir / (std::string(kPrefix) + name);
}

// One lock for each netdev of the machine, wherever its state is noted. The lock ends with the process,
// however that ends. An error: another process that lives, or another guard of this one, holds the netdev.
Result<CrashNote> claim(const NetnsId& netns, int ifindex) {
    const std::uint64_t space = netns.cookie != 0 ? netns.cookie : netns.inode;
    const fs::path file = fs::path(kLentNotes) /
                          (std::string(kClaimPrefix) + std::to_string(space) + "-" + std::to_string(ifindex));
    auto claimed = CrashNote::hold(file);
    // For a moment forget_dead_claims() of another process may hold what a dead owner left.
    for (int i = 0; i < 10 && !claimed; ++i) {
        usleep(1000);
        claimed = CrashNote::hold(file);
    }
    return claimed;
}

bool namespace_is_reached(const NetnsId& netns) {
    return netns == NetnsId::current() || in_each_namespace([&] { return netns == NetnsId::current(); });
}

// The line to report for a state file; nothing if it is to be kept. `mine`: the netdev that the caller has
// claimed.
std::optional<std::string> settle_leftover(const fs::path& file, int mine = 0) {
    const auto text = read_text(file);
    const auto state = text ? NetdevState::parse(*text) : std::nullopt;
    std::error_code ignored;
    if (!state) {
        fs::remove(file, ignored);
        return file.string() + " is not a netdev's state; removed";
    }
    CrashNote held; // whose owner died can be claimed, whatever its PID was
    if (state->ifindex != mine || state->netns != NetnsId::current()) {
        auto claimed = claim(state->netns, state->ifindex);
        if (!claimed) return std::nullopt;
        held = std::move(claimed).value();
    }
    const auto restored = state->restore();
    const bool found = restored && restored.value() != NetdevState::Found::nowhere;
    const bool done =
        found || (restored && namespace_is_reached(state->netns)); // else the next start tries again
    if (done) fs::remove(file, ignored);
    if (held) held.remove();
    if (!restored) return state->name + ": " + restored.error();
    if (found) return state->name + " is again as it was before process " + std::to_string(state->pid);
    if (done) return state->name + " has gone; its saved state is forgotten";
    return state->name + ": the network namespace that it was in is not found from here; what process " +
           std::to_string(state->pid) + " changed of it is kept noted in " + file.string();
}

// What is noted of this very netdev.
std::optional<NetdevState> noted_state(const fs::path& file, int ifindex) {
    const auto text = read_text(file);
    auto state = text ? NetdevState::parse(*text) : std::nullopt;
    if (!state || state->ifindex != ifindex || state->netns != NetnsId::current()) return std::nullopt;
    return state;
}

std::vector<fs::path> states_in(const fs::path& state_dir) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator it(state_dir, error), end; !error && it != end; it.increment(error))
        if (it->path().filename().string().starts_with(kPrefix)) files.push_back(it->path());
    return files;
}

// The caller has claimed this netdev, so whoever noted its state in a folder of another instance is dead.
void settle_states_of(int ifindex, const fs::path& state_root, const fs::path& own) {
    std::error_code error;
    for (fs::directory_iterator it(state_root, error), end; !error && it != end; it.increment(error)) {
        if (it->path() == own) continue;
        for (const fs::path& file : states_in(it->path())) {
            const auto text = read_text(file);
            const auto state = text ? NetdevState::parse(*text) : std::nullopt;
            if (!state || state->ifindex != ifindex || state->netns != NetnsId::current()) continue;
            (void)settle_leftover(file, ifindex);
            ::rmdir(it->path().c_str()); // unless another note is in it
        }
    }
}

void add_word(std::string& list, const std::string& word) { list += (list.empty() ? "" : ", ") + word; }

} // namespace

NetdevGuard::NetdevGuard() = default;
NetdevGuard::NetdevGuard(NetdevGuard&& other) noexcept { *this = std::move(other); }
NetdevGuard& NetdevGuard::operator=(NetdevGuard&& other) noexcept {
    if (this != &other) {
        (void)release();
        claim_.remove();
        before_ = std::move(other.before_);
        state_file_ = std::move(other.state_file_);
        claim_ = std::move(other.claim_);
        tcx_ = std::move(other.tcx_);
        in_use_ = std::move(other.in_use_);
        finishes_ = other.finishes_;
        moved_ = other.moved_.load();
        looked_ = other.looked_.load();
        description_ = std::move(other.description_);
    }
    return *this;
}
NetdevGuard::~NetdevGuard() {
    (void)release();
    claim_.remove(); // taken, but refused before anything was changed
}

Mac NetdevGuard::mac_before() const { return before_ ? before_->mac : Mac{}; }

int NetdevGuard::ifindex() const { return before_ ? before_->ifindex : 0; }

Result<NetdevGuard> NetdevGuard::take(const std::string& name, const NetdevGuardOptions& options) {
    NetdevGuard guard;
    auto in_use = netdev_in_use(name);
    if (!in_use) return Error{in_use.error()};
    guard.in_use_ = in_use.value();
    if (!options.state_dir.empty()) {
        std::error_code error;
        fs::create_directories(options.state_dir, error);
        if (error) return Error{"cannot create " + options.state_dir.string() + ": " + error.message()};
    }
    const auto link = get_link(name);
    if (!link) return Error{link.error()};
    if (link.value().mac.is_zero()) return Error{"netdev " + name + " is no Ethernet device"};
    auto claimed = claim(NetnsId::current(), link.value().ifindex);
    if (!claimed) return Error{"netdev " + name + " is a bond member already, of this process or of another"};
    guard.claim_ = std::move(claimed).value();
    std::optional<NetdevState> adopted;
    if (!options.state_dir.empty())
        if (const fs::path file = state_file_of(options.state_dir, name); fs::exists(file)) {
            if (options.adopt) adopted = noted_state(file, link.value().ifindex);
            if (!adopted) (void)settle_leftover(file, link.value().ifindex);
        }
    if (!options.state_root.empty())
        settle_states_of(link.value().ifindex, options.state_root, options.state_dir);
    auto state = adopted ? Result<NetdevState>(std::move(*adopted)) : NetdevState::of(name);
    if (!state) return Error{state.error()};
    state.value().pid = ::getpid();
    if (!options.state_dir.empty()) {
        guard.state_file_ = state_file_of(options.state_dir, name);
        if (auto noted = replace_file(guard.state_file_, state.value().to_text()); !noted)
            return Error{noted.error()};
    }
    guard.before_ = std::make_unique<NetdevState>(std::move(state).value());
    if (auto applied = guard.apply(options); !applied) return Error{applied.error()}; // ~guard puts it back
    return guard;
}

Result<void> NetdevGuard::apply(const NetdevGuardOptions& options) {
    const std::string& name = before_->name;
    std::string done;
    std::string missing;
    // The kernel is silenced before the netdev comes up, or it would greet the wire (DAD, router
    // solicitation, MLD).
    if (options.use_tcx) {
        auto link = attach_tcx_drop(before_->ifindex);
        if (link) tcx_ = std::move(link).value();
        add_word(link ? done : missing, link ? "ingress dropped by tcx" : "tcx (" + link.error() + ")");
    }
    const std::pair<const char*, const char*> settings[] = {
        {"ipv6/disable_ipv6", "1"}, {"ipv4/arp_ignore", "8"}, {"ipv4/rp_filter", "1"}};
    for (const auto& [key, value] : settings) {
        auto written = write_conf(name, key, value);
        add_word(written ? done : missing, std::string(key) + "=" + value);
    }
    if (before_->gro == true && !options.merge) {
        auto off = set_gro(name, false);
        add_word(off ? done : missing, "GRO off");
    }
    if (before_->lro == true) {
        auto off = set_lro(name, false);
        add_word(off ? done : missing, "LRO off");
    }
    if (suit_peer()) add_word(done, "transmit checksums finished");
    if (!before_->admin_up) {
        if (auto up = set_admin_up(name, true); !up) return up;
        add_word(done, "brought up");
    }
    description_ = "netdev " + name + ": " + done + (missing.empty() ? "" : "; not possible: " + missing);
    return {};
}

bool NetdevGuard::look_for_it() {
    if (!looked_.exchange(true) && before_ && before_->is_elsewhere()) moved_ = true;
    return moved_;
}

void NetdevGuard::gave_mac(const Mac& mac) {
    if (!before_ || before_->given_mac == mac) return;
    before_->given_mac = mac;
    note();
}

void NetdevGuard::gave_mtu(std::uint32_t mtu) {
    if (!before_ || before_->given_mtu == mtu) return;
    before_->given_mtu = mtu;
    note();
}

// By what it has of the bond it is known again where somebody moves it after a crash.
void NetdevGuard::note() const {
    if (!state_file_.empty()) (void)replace_file(state_file_, before_->to_text());
}

bool NetdevGuard::suit_peer() {
    if (!before_ || before_->tx_checksum != true) return false; // no veth, or it has always finished them
    const auto link = get_link(before_->ifindex);
    const auto peer = link ? get_peer(link.value()) : Error{link.error()};
    if (!peer) return finishes_;
    const bool program = peer.value().master_ifindex == 0;
    if (program != finishes_ && set_tx_checksum(link.value().name, !program)) finishes_ = program;
    return finishes_;
}

Result<void> NetdevGuard::release() {
    if (!before_) return {};
    const auto found = before_->restore();
    Result<void> restored = found ? Result<void>() : Error{found.error()};
    // Whoever takes it when it is back, or cleans up, finds the note.
    const bool lost = found && found.value() == NetdevState::Found::nowhere && moved_;
    if (lost)
        restored = Error{"netdev " + before_->name +
                         " was moved to a network namespace that is not found: it keeps MAC and MTU of the "
                         "bond; its own are " +
                         before_->mac.to_string() + " and " + std::to_string(before_->mtu)};
    before_.reset();
    tcx_.reset(); // last: until here the kernel hears nothing
    claim_.remove();
    std::error_code ignored;
    if (!state_file_.empty() && !lost) fs::remove(state_file_, ignored);
    return restored;
}

Result<std::vector<std::string>> restore_leftovers(const fs::path& state_dir) {
    std::vector<std::string> lines;
    std::error_code error;
    fs::directory_iterator entries(state_dir, error);
    if (error == std::errc::no_such_file_or_directory) return lines;
    if (error) return Error{"cannot read " + state_dir.string() + ": " + error.message()};
    for (const fs::path& file : states_in(state_dir))
        if (auto line = settle_leftover(file)) lines.push_back(std::move(*line));
    return lines;
}

unsigned forget_dead_claims(const fs::path& notes) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator it(notes, error), end; !error && it != end; it.increment(error))
        if (it->path().filename().string().starts_with(kClaimPrefix)) files.push_back(it->path());
    unsigned forgotten = 0;
    for (const fs::path& file : files) { // one at a time: somebody may be about to claim it
        auto dead = CrashNote::hold(file);
        if (!dead) continue;
        dead.value().remove();
        ++forgotten;
    }
    return forgotten;
}

Result<SegmentationShield> ask_peer_to_segment(const std::string& name) {
    auto link = get_link(name);
    if (!link) return Error{link.error()};
    if (link.value().kind != "veth") return Error{"netdev " + name + " is not a veth; it has no peer to ask"};
    const bool gro_before = gro_is_on(name).value_or(false);
    auto xdp = attach_native_xdp_pass(link.value().ifindex);
    if (!xdp)
        return Error{"cannot attach XDP to veth " + name + ", its peer may send frames beyond the MTU: " +
                     xdp.error() + " (the peer may have more transmit queues than " + name +
                     " has receive queues, or a program is attached already)"};
    SegmentationShield shield(std::move(xdp).value(), link.value().ifindex, gro_before);
    if (auto off = set_gro(name, false); !off) return Error{off.error()};
    return shield;
}

SegmentationShield& SegmentationShield::operator=(SegmentationShield&& other) noexcept {
    if (this != &other) {
        release();
        link_ = std::move(other.link_);
        ifindex_ = other.ifindex_;
        gro_before_ = other.gro_before_;
    }
    return *this;
}

void SegmentationShield::release() {
    if (!link_) return;
    link_.reset();
    if (!gro_before_) return;
    if (auto link = get_link(ifindex_)) (void)set_gro(link.value().name, true);
}

} // namespace dpdkbond
