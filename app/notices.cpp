// SPDX-License-Identifier: BSD-3-Clause
// What the host thread hears from control, from signals and at its polls, and what is done about it.
#include "app/program.hpp"

#include <fmt/format.h>

#include <csignal>

#include "host/log.hpp"
#include "ports/group_reports.hpp"

namespace dpdkbond {

void Program::on_notice(const Notice& notice) {
    const std::lock_guard lock(served_mutex_);
    BondUnit* unit = served_[notice.bond];
    if (unit == nullptr || unit->core->serial != notice.serial) return;
    if (notice.kind == Notice::Kind::wanted) {
        carry_out(*unit, notice.wanted);
        return;
    }
    const Event& e = notice.event;
    unit->remember(e);
    status_files_.poke();
    log_entry(log_entry_of(unit->config.name, e));
}

void Program::carry_out(BondUnit& unit, const Wanted& wanted) {
    const Wanted before = unit.wanted.value_or(Wanted{});
    const bool first = !unit.wanted;
    unit.wanted = wanted;
    if (first || wanted.carrier != before.carrier) {
        if (auto done = unit.logical->set_carrier(wanted.carrier); !done)
            log_line(fmt::format("{}: its carrier: {}", unit.config.name, done.error()));
        unit.carrier_set = wanted.carrier;
    }
    if (first || wanted.speed_mbps != before.speed_mbps)
        if (auto done = unit.logical->set_speed(wanted.speed_mbps); !done)
            log_line(fmt::format("{}: its speed: {}", unit.config.name, done.error()));
    if (wanted.macs != before.macs) (void)unit.macs->apply(); // what went wrong is an event
    if (wanted.reports != before.reports) report_groups(unit);
}

void Program::report_groups(BondUnit& unit) {
    if (!unit.logical->in_kernel()) return; // its memberships are known to whoever has the other end
    std::vector<OwnFrame> reports;
    (void)unit.logical->visit([&](const LinkEvent& at) -> Result<void> {
        reports = group_reports(at.name);
        return {};
    });
    for (std::span<const OwnFrame> left = reports; !left.empty();) {
        std::size_t taken = 0;
        control_->call([&] {
            taken = unit.core->bond.send_by_active(left);
            control_->settle(unit.number);
        });
        if (taken == 0) return; // there is no active member any more
        left = left.subspan(taken);
    }
}

// "SIGTERM from process 4711"; a terminal's Ctrl-C comes from the kernel.
std::string signal_text(int signal, std::uint32_t sender) {
    const char* name = sigabbrev_np(signal);
    return fmt::format("SIG{} from {}", name != nullptr ? name : std::to_string(signal),
                       sender != 0 ? fmt::format("process {}", sender) : "the kernel");
}

void Program::on_signal(int signal, std::uint32_t sender) {
    const std::string what = signal_text(signal, sender);
    if (signal == SIGUSR1 || signal == SIGUSR2 || signal == SIGPIPE || signal == SIGIO ||
        signal >= SIGRTMIN) {
        log_line(what + ": it means nothing to dpdk-bond; ignored");
        return;
    }
    log_line(what + (signal == SIGHUP ? ": reading the file again" : ": stopping"));
    if (signal != SIGHUP) {
        quit();
        return;
    }
    const std::lock_guard lock(reload_mutex_);
    if (reload_wishes_ >= 0) ++reload_wishes_;
    reload_asker_ = what;
    reload_wish_.notify_one();
}

void Program::on_poll(std::uint32_t bond, MemberPort& member) {
    member.suit_peer();
    // A peer on this machine that leaves cutting its frames to hardware sends what no wire carries. Ask the
    // kernel, once, to let it cut them itself.
    if (!member.port->is_kernel_socket() || member.netdev.empty() || member.shield) return;
    const std::lock_guard lock(served_mutex_);
    const BondUnit* unit = served_[bond];
    if (unit == nullptr) return;
    std::uint64_t oversize = 0;
    for (const auto& lane : unit->lanes)
        oversize += lane->counters.member[member.id.value]
                        .drops[static_cast<std::size_t>(DropReason::oversize)]
                        .get();
    if (oversize == member.oversize_seen) return;
    member.oversize_seen = oversize;
    auto shield = ask_peer_to_segment(member.netdev);
    if (shield) member.shield.emplace(std::move(shield).value());
    control_->warn(bond, member.id,
                   shield || member.shield
                       ? "its peer sent frames longer than the MTU; it has been asked to segment them itself"
                       : "it receives frames longer than the MTU: " + shield.error());
}

} // namespace dpdkbond
