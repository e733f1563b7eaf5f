#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What Linux's bonding does with the examples, for dts/suites/test_import.py to compare with.

    sudo tests/import/record.py

Boots a Debian 12 in QEMU that has netplan, NetworkManager, networkd and ifupdown, lets each bring up its examples, cuts and mends the cables, and
writes what /proc/net/bonding and sysfs showed to tests/import/linux.json. Needs the network for debootstrap, and the kernel that ./quickstart
test has fetched. By hand, not in CI: some ten minutes.
"""
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "package"))

import in_guest  # noqa: E402

PACKAGES = ("python3", "netplan.io", "network-manager", "ifupdown", "ifenslave")
UNIT = """[Unit]
Description=what Linux's bonding does
After=multi-user.target
[Service]
Type=idle
ExecStart=/usr/bin/python3 -B /root/guest_record.py
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
[Install]
WantedBy=multi-user.target
"""


def make_root(work):
    root = f"{work}/root"
    in_guest.bootstrap("bookworm", root)
    in_guest.install(root, PACKAGES)
    with open(f"{root}/etc/systemd/system/record.service", "w", encoding="ascii") as file:
        file.write(UNIT)
    in_guest.run("chroot", root, "systemctl", "enable", "record")
    in_guest.run("chroot", root, "systemctl", "disable", "NetworkManager", "systemd-networkd")
    in_guest.run("chroot", root, "systemctl", "mask", "systemd-networkd-wait-online", "NetworkManager-wait-online")
    in_guest.prepare_boot(work)


def main():
    work = os.path.join(in_guest.vm_image.directory(), "linux-bonds")
    if not os.path.exists(f"{work}/initramfs"):  # else the root of an earlier run
        make_root(in_guest.work_folder("linux-bonds"))
    root = f"{work}/root"
    shutil.rmtree(f"{root}/root/examples", ignore_errors=True)
    shutil.copytree(os.path.join(HERE, "examples"), f"{root}/root/examples")
    for name in ("bonding_text.py", "guest_record.py"):
        shutil.copy(os.path.join(HERE, name), f"{root}/root/{name}")
    if not in_guest.boot(root, f"{work}/initramfs"):
        sys.exit(1)
    shutil.copy(f"{root}/root/linux.json", os.path.join(HERE, "linux.json"))


main()
