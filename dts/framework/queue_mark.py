# SPDX-License-Identifier: BSD-3-Clause
"""What `tc … action skbedit queue_mapping` does, for kernels without that action: a BPF program on a netdev's way out."""
import ctypes
import os
import platform
import struct

SYS_BPF = {"x86_64": 321, "aarch64": 280}
PROG_LOAD, LINK_CREATE = 5, 28
SCHED_CLS, TCX_EGRESS, TCX_NEXT = 3, 47, -1
AT_QUEUE_MAPPING = 12  # in struct __sk_buff
_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"))
    fd = _libc.syscall(SYS_BPF[platform.machine()], command, buffer, 128)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "bpf(2)")
    return fd


def _instruction(code, dst, src=0, offset=0, value=0):
    return struct.pack("=BBhi", code, dst | src << 4, offset, value)


def mark(ns, device, queue):
    """Everything that the kernel sends to `device` asks for this queue, until the descriptor that comes back is closed.
    OSError: the kernel has no tcx."""
    code = ctypes.create_string_buffer(
        _instruction(0xb7, 0, value=queue + 1)                # r0 = …; 0 asks for none
        + _instruction(0x63, 1, 0, offset=AT_QUEUE_MAPPING)   # skb->queue_mapping = r0
        + _instruction(0xb7, 0, value=TCX_NEXT) + _instruction(0x95, 0))
    license_text = ctypes.create_string_buffer(b"BSD")
    program = _bpf(PROG_LOAD, struct.pack("=IIQQ", SCHED_CLS, 4, ctypes.addressof(code), ctypes.addressof(license_text)))
    try:
        with ns.entered():
            return _bpf(LINK_CREATE, struct.pack("=IIII", program, ns.ifindex(device), TCX_EGRESS, 0))
    finally:
        os.close(program)
