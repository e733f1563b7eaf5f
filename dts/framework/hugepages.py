# SPDX-License-Identifier: BSD-3-Clause
"""2 MiB hugepages for DPDK programs that are compared: with --no-huge, what testpmd measures are misses of the TLB."""
import os
import subprocess
import tempfile

POOL = "/sys/kernel/mm/hugepages/hugepages-2048kB"


def _read(name):
    with open(os.path.join(POOL, name), encoding="ascii") as file:
        return int(file.read())


def _reserve(pages):
    with open(os.path.join(POOL, "nr_hugepages"), "w", encoding="ascii") as file:
        file.write(str(pages))


class Hugepages:
    """At least `mb` of them, free and mounted (EAL finds a hugetlbfs among the mounts), while the `with` lasts; the machine is as it was behind it.
    OSError: there are not so many."""

    def __init__(self, mb):
        self._pages = (mb + 1) // 2
        self._before, self._folder = None, None

    def __enter__(self):
        self._before = _read("nr_hugepages")
        missing = self._pages - _read("free_hugepages")
        if missing > 0:
            _reserve(self._before + missing)
        if _read("free_hugepages") < self._pages:
            self.__exit__()
            raise OSError(f"no {2 * self._pages} MB of hugepages")
        self._folder = tempfile.mkdtemp(prefix="dts-huge-", dir="/run")
        subprocess.run(["mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", self._folder], check=True)
        return self

    def __exit__(self, *_):
        if self._folder is not None:
            subprocess.run(["umount", self._folder], check=False)
            os.rmdir(self._folder)
        _reserve(self._before)
