// SPDX-License-Identifier: BSD-3-Clause
#include "host/bpf.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <span>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "host/files.hpp"

namespace dpdkbond {

namespace {

// Younger than some distributions' headers; values of the kernel's ABI.
constexpr unsigned kTcxIngress = 46;
constexpr unsigned kBefore = 1U << 3;
constexpr unsigned kXdpHasFrags = 1U << 5;

Fd bpf(bpf_cmd command, bpf_attr& attributes) {
    return Fd(static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes)));
}

constexpr bpf_insn kReturn = {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0};

Fd load(unsigned type, std::span<const bpf_insn> code, unsigned flags) {
    static constexpr char kLicense[] = "BSD";
    bpf_attr attributes{};
    attributes.prog_type = type;
    attributes.insns = reinterpret_cast<std::uintptr_t>(code.data());
    attributes.insn_cnt = static_cast<unsigned>(code.size());
    attributes.license = reinterpret_cast<std::uintptr_t>(kLicense);
    attributes.prog_flags = flags;
    return bpf(BPF_PROG_LOAD, attributes);
}

// A program that does nothing but return a constant.
Fd load_constant(unsigned type, int verdict, unsigned flags) {
    const std::array<bpf_insn, 2> code{{
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = verdict},
        kReturn,
    }};
    return load(type, code, flags);
}

Fd link_to(const Fd& program, int ifindex, unsigned attach_type, unsigned flags) {
    bpf_attr attributes{};
    attributes.link_create.prog_fd = static_cast<unsigned>(program.get());
    attributes.link_create.target_ifindex = static_cast<unsigned>(ifindex);
    attributes.link_create.attach_type = attach_type;
    attributes.link_create.flags = flags;
    return bpf(BPF_LINK_CREATE, attributes);
}

} // namespace

Result<Fd> attach_tcx_drop(int ifindex) {
    const Fd program = load_constant(BPF_PROG_TYPE_SCHED_CLS, TC_ACT_SHOT, 0);
    if (!program) return Error{"the kernel takes no BPF program for tcx: " + errno_text(errno)};
    Fd link = link_to(program, ifindex, kTcxIngress, kBefore);
    if (!link) return Error{"the kernel has no tcx hook for this netdev: " + errno_text(errno)};
    return link;
}

Result<void> steer_tun(int fd) {
    const std::array<bpf_insn, 4> code{{
        {.code = BPF_LDX | BPF_MEM | BPF_W,
         .dst_reg = BPF_REG_0,
         .src_reg = BPF_REG_1,
         .off = offsetof(__sk_buff, queue_mapping),
         .imm = 0},
        {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 1, .imm = 0},
        {.code = BPF_ALU64 | BPF_SUB | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 1},
        kReturn,
    }};
    const Fd program = load(BPF_PROG_TYPE_SOCKET_FILTER, code, 0);
    if (!program) return Error{"the kernel takes no BPF program for a tap's queues: " + errno_text(errno)};
    int number = program.get();
    if (::ioctl(fd, TUNSETSTEERINGEBPF, &number) == 0) return {};
    return Error{"the kernel lets nobody choose a tap's queues: " + errno_text(errno)};
}

Result<void> unsteer_tun(int fd) {
    int none = -1;
    if (::ioctl(fd, TUNSETSTEERINGEBPF, &none) == 0) return {};
    return Error{"a tap's queues cannot be left to the kernel again: " + errno_text(errno)};
}

Result<Fd> attach_native_xdp_pass(int ifindex) {
    // A program that declares itself able to see frames in pieces is taken on netdevs with jumbo frames too
    // (5.18).
    Fd program = load_constant(BPF_PROG_TYPE_XDP, XDP_PASS, kXdpHasFrags);
    if (!program) program = load_constant(BPF_PROG_TYPE_XDP, XDP_PASS, 0);
    if (!program) return Error{"the kernel takes no XDP program: " + errno_text(errno)};
    Fd link = link_to(program, ifindex, BPF_XDP, XDP_FLAGS_DRV_MODE);
    if (!link) return Error{errno_text(errno)};
    return link;
}

} // namespace dpdkbond
