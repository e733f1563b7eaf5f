# SPDX-License-Identifier: BSD-3-Clause
"""How many mbufs of a mempool are not in use.

Newer DPDK says so over telemetry. 22.11 does not, so there the pool's ring and per-lcore caches are read from the memory of
the process; offsets are those of 22.11's ABI on 64-bit machines, and what is found is checked before it is believed.
"""
import struct

ABI_22_11 = {"ring_mask": 52, "ring_prod_tail": 132, "ring_cons_tail": 260, "ring_objects": 384,
             "pool_ring": 32, "pool_cache_size": 68, "pool_caches": 96, "object_pool": 16, "cache_bytes": 8256, "lcores": 128}


class Unknown(Exception):
    """The memory does not look like a mempool of 22.11."""


class _Memory:
    def __init__(self, pid):
        self._file = open(f"/proc/{pid}/mem", "rb", buffering=0)

    def bytes(self, address, count):
        self._file.seek(address)
        return self._file.read(count)

    def u32(self, address):
        return struct.unpack("=I", self.bytes(address, 4))[0]

    def pointer(self, address):
        return struct.unpack("=Q", self.bytes(address, 8))[0]

    def close(self):
        self._file.close()


def level(pid, info):
    """Free mbufs of the pool that telemetry's /mempool/info answered `info` for."""
    if "common_pool_count" in info:
        return info["common_pool_count"] + info["total_cache_count"]
    memory = _Memory(pid)
    try:
        return _level_22_11(memory, info)
    except (OSError, OverflowError, ValueError, struct.error) as error:
        raise Unknown(f"{info['name']}: {error}") from error
    finally:
        memory.close()


def _level_22_11(memory, info):
    at = ABI_22_11
    ring = info["pool_id"]  # of pools on a ring, the address of the ring
    name = memory.bytes(ring, 29).split(b"\0")[0].decode(errors="replace")
    mask = memory.u32(ring + at["ring_mask"])
    if name != info["mz_name"] or mask < info["size"]:
        raise Unknown(f"{info['name']}: no ring at {ring:#x}")
    tail = memory.u32(ring + at["ring_cons_tail"])
    common = (memory.u32(ring + at["ring_prod_tail"]) - tail) & mask
    if not info["cache_size"]:
        return common
    if not common:
        raise Unknown(f"{info['name']}: exhausted, its caches cannot be found")
    # An object's header, before it, points at the pool.
    some = memory.pointer(ring + at["ring_objects"] + 8 * (tail & mask))
    pool = memory.pointer(some - at["object_pool"])
    if memory.pointer(pool + at["pool_ring"]) != ring or memory.u32(pool + at["pool_cache_size"]) != info["cache_size"]:
        raise Unknown(f"{info['name']}: no pool at {pool:#x}")
    caches = memory.pointer(pool + at["pool_caches"])
    cached = 0
    for lcore in range(at["lcores"]):
        size, _, held = struct.unpack("=3I", memory.bytes(caches + lcore * at["cache_bytes"], 12))
        if size != info["cache_size"]:
            raise Unknown(f"{info['name']}: no cache of lcore {lcore}")
        cached += held
    return common + cached
