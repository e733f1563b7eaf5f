# SPDX-License-Identifier: BSD-3-Clause
"""What a guest boots: Debian's kernel, unpacked from its package and not installed, and an initramfs of a few modules."""
import functools
import glob
import lzma
import os
import shutil
import struct
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUEST = os.path.join(ROOT, "dts", "framework", "guest")
BOOT_MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")
BUSYBOX = "/bin/busybox"
APPLETS = ("sh", "mount", "cat", "insmod", "mkdir", "switch_root")


def directory():
    """Where the kernel lies (`kernel/`, as the package has it) and where what is made of it goes."""
    return os.environ.get("DPDK_BOND_VM") or os.path.join(ROOT, "build", "vm")


def kernel_version():
    found = sorted(glob.glob(os.path.join(directory(), "kernel", "boot", "vmlinuz-*")))
    return os.path.basename(found[-1])[len("vmlinuz-"):] if found else None


ZSTD = bytes.fromhex("28b52ffd")


def why_not():
    """Why no guest can boot here, or None."""
    if not shutil.which("qemu-system-x86_64"):
        return "qemu-system-x86_64 is not installed (package qemu-system-x86)"
    if not os.access(BUSYBOX, os.X_OK):
        return "/bin/busybox is not installed (package busybox-static)"
    if not shutil.which("depmod"):
        return "depmod is not installed (package kmod)"
    if not kernel_version():
        return f"there is no kernel for guests below {directory()} (./quickstart test fetches one)"
    if payload().startswith(ZSTD) and not shutil.which("zstd"):
        return "zstd is not installed, which unpacks the guests' kernel"
    said = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True).stdout
    version = tuple(int(n) for n in said.split("version ")[-1].split("(")[0].split(".")[:2]) if "version " in said else (0,)
    if version < (7, 2):
        return f"QEMU 7.2 or newer is needed, here is: {said.splitlines()[0] if said else 'nothing that runs'}"
    return None


@functools.lru_cache(maxsize=None)
def payload():
    """What is packed in the kernel's bzImage. The header's fields are those of Linux's x86 boot protocol: setup_sects at
    0x1f1, payload_offset at 0x248, payload_length at 0x24c."""
    with open(os.path.join(directory(), "kernel", "boot", f"vmlinuz-{kernel_version()}"), "rb") as file:
        image = file.read()
    start = (image[0x1F1] + 1) * 512 + struct.unpack_from("<I", image, 0x248)[0]
    length = struct.unpack_from("<I", image, 0x24C)[0]
    return image[start:start + length - 4]  # the last 4 bytes tell the size


def uncompressed():
    """The kernel's ELF file, which QEMU starts without a decompressor's run in the guest."""
    if payload().startswith(ZSTD):  # Debian 13's
        return subprocess.run(["zstd", "-dcq"], input=payload(), capture_output=True, check=True).stdout
    return lzma.decompress(payload())


def module_files(tree, names):
    """The files of modules and of all that they need, in an order in which they load."""
    needs = {}
    with open(os.path.join(tree, "modules.dep"), encoding="utf-8") as file:
        for line in file:
            module, others = line.split(":")
            needs[os.path.basename(module).split(".")[0].replace("-", "_")] = [*reversed(others.split()), module]
    order = []
    for name in names:
        for file in needs.get(name, []):  # what is not there is built in
            if file not in order:
                order.append(file)
    return order


class Archive:
    """A cpio archive in the "newc" format, which the kernel unpacks as its first root."""

    def __init__(self):
        self.bytes, self.count = bytearray(), 0

    def add(self, name, mode, data=b""):
        self.count += 1
        path = name.encode() + b"\0"
        fields = (self.count, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        self.bytes += b"070701" + b"".join(b"%08x" % field for field in fields) + path
        self._pad()
        self.bytes += data
        self._pad()

    def _pad(self):
        self.bytes += b"\0" * (-len(self.bytes) % 4)

    def folder(self, name):
        self.add(name, 0o040755)

    def file(self, name, path):
        with open(path, "rb") as source:
            self.add(name, 0o100755, source.read())

    def modules(self, tree, files):
        """Into boot/, unpacked, with their order in a file of its own."""
        names = [os.path.basename(file).removesuffix(".xz") for file in files]
        for name, file in zip(names, files):
            with open(os.path.join(tree, file), "rb") as source:
                data = source.read()
            self.add(f"boot/{name}", 0o100644, lzma.decompress(data) if file.endswith(".xz") else data)
        self.add("boot/order", 0o100644, "".join(name + "\n" for name in names).encode())

    def link(self, name, target):
        self.add(name, 0o120777, target.encode())

    def done(self):
        self.add("TRAILER!!!", 0)
        return self.bytes


def initramfs(tree):
    archive = Archive()
    for name in ("bin", "boot", "dev", "proc", "sys", "outer", "own", "root"):
        archive.folder(name)
    archive.file("bin/busybox", BUSYBOX)
    for applet in APPLETS:
        archive.link(f"bin/{applet}", "busybox")
    modules = module_files(tree, BOOT_MODULES)
    archive.modules(tree, modules)
    archive.file("init", os.path.join(GUEST, "init"))
    return archive.done()


def _write(path, data):
    """All of it or nothing: another run may be reading."""
    new = f"{path}.{os.getpid()}"
    with open(new, "wb") as out:
        out.write(data)
    os.rename(new, path)


@functools.lru_cache(maxsize=None)
def build():
    """(kernel, initramfs, folder of modules): files to boot from, made once a run."""
    version, where = kernel_version(), directory()
    modules = os.path.join(where, "kernel", "lib", "modules")
    tree = os.path.join(modules, version)
    if not os.path.exists(os.path.join(tree, "modules.dep")):
        subprocess.run(["depmod", "-b", os.path.join(where, "kernel"), version], check=True)
    kernel, first_root = os.path.join(where, f"vmlinux-{version}"), os.path.join(where, "initramfs")
    if not os.path.exists(kernel):
        _write(kernel, uncompressed())
    _write(first_root, initramfs(tree))
    return kernel, first_root, modules
