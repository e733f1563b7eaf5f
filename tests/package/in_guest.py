#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The package where it is meant to live: a Debian with systemd, in QEMU.

    sudo tests/package/in_guest.py SUITE PACKAGE.deb...

Makes a root of Debian SUITE (bookworm, trixie) by debootstrap, installs the packages in it by apt, writes a configuration, and boots it
twice; in each boot guest/check runs after everything else has started, and what it prints comes to the console; in the first one
the package is upgraded, too. At last it is purged. Needs the network for debootstrap and apt, and the kernel that ./quickstart test has fetched. By hand, not in CI.
"""
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "dts"))

from framework import vm_image  # noqa: E402

TOOLS = "systemd,systemd-sysv,udev,dbus,iproute2,iputils-ping,kmod,procps,ca-certificates,dnsmasq-base"


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


def source_of_this_machine():
    told = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"], capture_output=True, text=True).stdout
    return next(site for site in told.splitlines() if "debian" in site and "security" not in site)


def bootstrap(suite, root):
    """A copy of a bare Debian that is made once."""
    base = os.path.join(vm_image.directory(), f"debian-{suite}")
    if not os.path.exists(base):
        shutil.rmtree(f"{base}.new", ignore_errors=True)
        run("debootstrap", "--variant=minbase", f"--include={TOOLS}", suite, f"{base}.new", source_of_this_machine(), stdout=subprocess.DEVNULL)
        os.rename(f"{base}.new", base)
    run("cp", "-a", "--reflink=auto", f"{base}/.", root)


def install(root, packages):
    """Names, or files of the root, by apt."""
    for name in ("apt.conf.d", "auth.conf.d"):  # a proxy of this machine's, for example
        if os.path.isdir(f"/etc/apt/{name}"):
            shutil.copytree(f"/etc/apt/{name}", f"{root}/etc/apt/{name}", dirs_exist_ok=True)
    shutil.copy("/etc/resolv.conf", f"{root}/etc/resolv.conf")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("chroot", root, "apt-get", "-qq", "update", env=environment)
    run("chroot", root, "apt-get", "-qqy", "install", "--no-install-recommends", *packages, env=environment, stdout=subprocess.DEVNULL)


def make_root(suite, root, packages):
    bootstrap(suite, root)
    for package in packages:
        shutil.copy(package, f"{root}/root/")
    install(root, [f"/root/{os.path.basename(package)}" for package in packages])
    raise_version(root)
    run("chroot", root, "systemctl", "enable", "dpdk-bond", "systemd-networkd")
    os.makedirs(f"{root}/etc/dpdk-bond", exist_ok=True)
    for name, where in (("dpdk-bond.yaml", "etc/dpdk-bond"), ("links.service", "etc/systemd/system"), ("check.service", "etc/systemd/system"),
                        ("10-bond1.network", "etc/systemd/network"), ("10-bond2.network", "etc/systemd/network"),
                        ("10-unmanaged.network", "etc/systemd/network"),
                        ("links", "root"), ("check", "root")):
        shutil.copy(os.path.join(HERE, "guest", name), f"{root}/{where}/{name}")
    run("chroot", root, "systemctl", "enable", "links", "check")
    run("chroot", root, "systemctl", "mask", "serial-getty@ttyS0")  # a login there would cut off what check says


def raise_version(root):
    """/root/upgrade.deb: the program's package again, as the next version."""
    package = next(name for name in os.listdir(f"{root}/root") if name.startswith("dpdk-bond_") and name.endswith(".deb"))
    run("chroot", root, "dpkg-deb", "-R", f"/root/{package}", "/root/next")
    run("sed", "-i", "s/^Version: .*/&+next/", f"{root}/root/next/DEBIAN/control")
    run("chroot", root, "dpkg-deb", "-b", "/root/next", "/root/upgrade.deb", stdout=subprocess.DEVNULL)
    shutil.rmtree(f"{root}/root/next")


def first_root(tree):
    """An initramfs that makes a folder of this machine, writable over 9p, the guest's root and starts its init."""
    archive = vm_image.Archive()
    for name in ("bin", "boot", "dev", "proc", "sys", "root"):
        archive.folder(name)
    archive.file("bin/busybox", vm_image.BUSYBOX)
    for applet in vm_image.APPLETS:
        archive.link(f"bin/{applet}", "busybox")
    modules = vm_image.module_files(tree, ("virtio_pci", "9pnet_virtio", "9p"))
    archive.modules(tree, modules)
    archive.file("init", os.path.join(HERE, "guest", "init"))
    return archive.done()


def work_folder(name):
    """Empty, with an empty folder `root` in it."""
    if reason := vm_image.why_not():
        sys.exit(f"SKIP: {reason}")
    work = os.path.join(vm_image.directory(), name)
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(f"{work}/root")
    return work


def prepare_boot(work):
    """The kernel's modules into the root; returns the initramfs that finds it."""
    vm_image.build()
    version = vm_image.kernel_version()
    tree = os.path.join(vm_image.directory(), "kernel", "lib", "modules", version)
    shutil.copytree(tree, f"{work}/root/usr/lib/modules/{version}")
    with open(f"{work}/initramfs", "wb") as out:
        out.write(first_root(tree))
    return f"{work}/initramfs"


def boot(root, initramfs, seconds=1800):
    """Until the guest powers itself off; its lines "check: …" come to stdout. True: it said "check: done", and nothing failed."""
    kernel, _, _ = vm_image.build()
    command = ["timeout", str(seconds), "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
               "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1024", "-smp", "2",
               "-kernel", kernel, "-initrd", initramfs, "-append",
               "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check mitigations=off net.ifnames=0 systemd.show_status=no",
               "-serial", "stdio", "-fsdev", f"local,id=root,path={root},security_model=passthrough,multidevs=remap",
               "-device", "virtio-9p-pci,fsdev=root,mount_tag=root,bus=pcie.0"]
    told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace").stdout
    told = re.sub(r"\x1b(\][^\x07\x1b]*(\x07|\x1b\\)|\[[0-9;?]*[A-Za-z])|\r", "", told)  # what systemd sets a terminal up with
    print("\n".join(line for line in told.splitlines() if line.startswith(("check:", "  "))), flush=True)
    good = "check: done" in told and "check: FAILED" not in told
    if not good:
        with open(f"{root}.console", "w", encoding="utf-8") as log:
            log.write(told)
        print(f"  all that it said is in {root}.console", flush=True)
    return good


def main():
    suite, packages = sys.argv[1], [os.path.abspath(package) for package in sys.argv[2:]]
    work = work_folder(f"package-{suite}")
    root = f"{work}/root"
    make_root(suite, root, packages)
    initramfs = prepare_boot(work)
    good = True
    for number in ("first boot", "after the reboot"):
        print(f"== {number}", flush=True)
        good = boot(root, initramfs) and good
    print("== purge", flush=True)
    run("chroot", root, "dpkg", "--purge", "dpdk-bond")
    left = subprocess.run(["find", root, "-xdev", "-path", f"{root}/root", "-prune", "-o", "-name", "*dpdk-bond*", "-print"],
                          capture_output=True, text=True).stdout
    print("  nothing is left" if not left.strip() else "check: FAILED: left behind:\n" + left)
    sys.exit(0 if good and not left.strip() else 1)


if __name__ == "__main__":
    main()
