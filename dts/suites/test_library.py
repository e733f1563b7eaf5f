# SPDX-License-Identifier: BSD-3-Clause
"""libdpdkbond as a program has it: installed below a prefix, the example built outside the tree by pkg-config, and what it carries."""
import os
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from framework.app import ROOT, DpdkProcess, unique_prefix
from framework.plugin import Guest
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.wait import eventually

BUILD = os.path.join(ROOT, "build")


@pytest.fixture(scope="module")
def installed():
    """The folder of the libraries of what `meson install` puts below a prefix."""
    if not shutil.which("cc") or not os.path.exists(os.path.join(BUILD, "lib", "capi", "libdpdkbond.so")):
        pytest.skip("libdpdkbond is not built, or there is no C compiler")
    with tempfile.TemporaryDirectory(prefix="dts-library-") as folder:
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--tags", "devel,runtime", "--destdir", folder)
        found = [os.path.join(where, "libdpdkbond.pc") for where, _, names in os.walk(folder) if "libdpdkbond.pc" in names]
        with open(found[0], encoding="utf-8") as file:
            text = file.read()
        with open(found[0], "w", encoding="utf-8") as file:  # as if the prefix were there
            file.write(re.sub(r"^prefix=", f"prefix={folder}", text, flags=re.MULTILINE))
        yield os.path.dirname(os.path.dirname(found[0]))


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def example(installed):
    """(the program, the folder of the shared library), both below a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="dts-library-") as folder:
        work = os.path.join(folder, "work")
        shutil.copytree(os.path.join(ROOT, "examples", "forward"), work)
        run("make", "-C", work, "CFLAGS=-O1 -Werror", env={**os.environ, "PKG_CONFIG_PATH": os.path.join(installed, "pkgconfig")})
        yield os.path.join(work, "forward"), installed


def test_the_example_is_built_outside_the_tree_and_forwards_between_a_bond_and_a_port(fresh, example):
    program, lib = example
    net = fresh.topology(2, offloads=False)
    guest = fresh.enter(Guest(net.a, f"{BOND_ADDRESS}/24"))
    for name in net.members:
        net.a.mute(name)
    forward = fresh.enter(DpdkProcess(net.a, unique_prefix("lib")))
    forward.start("env", f"LD_LIBRARY_PATH={lib}", program, "-l", "0", "--no-huge", "-m", "128", "--no-pci", "--file-prefix",
                  forward.file_prefix, "--vdev=net_af_packet0,iface=m0", "--vdev=net_af_packet1,iface=m1",
                  "--vdev=net_af_packet9,iface=inner", "--", "mode=active-backup,miimon=50")
    eventually(forward.still(lambda: "forwarding" in forward.log), 15, "the example forwards")
    ping = fresh.ping(guest.ns, HOST_ADDRESS).settled()
    active = forward.ask("/bond/info,bond0")["active_member"]
    assert active in ("net_af_packet0", "net_af_packet1")
    net.a.run("ip", "link", "set", "m0" if active.endswith("0") else "m1", "down")
    eventually(lambda: forward.ask("/bond/info,bond0")["active_member"] not in ("", active), 3, "the other member is active")
    ping.settled()
    assert forward.stop(signal.SIGTERM, timeout=10) == 0, forward.log
    assert "Bonding Mode: fault-tolerance (active-backup)" in forward.log and f"{active} carrier_down" in forward.log


def test_pkg_config_static_has_all_that_the_static_library_needs(installed, tmp_path):
    """Everything of the project's and of DPDK's in one file."""
    lib = tmp_path / "lib"
    lib.mkdir()
    shutil.copy(os.path.join(installed, "libdpdkbond.a"), lib)  # beside the shared one the linker would take that
    flags = run("pkg-config", "--cflags", "--static", "--libs", "libdpdkbond",
                env={**os.environ, "PKG_CONFIG_PATH": os.path.join(installed, "pkgconfig")}).split()
    program = str(tmp_path / "forward")
    run("cc", "-std=c11", "-D_GNU_SOURCE", "-o", program, os.path.join(ROOT, "examples", "forward", "forward.c"), f"-L{lib}",
        *[flag for flag in flags if flag != f"-L{installed}"])
    needed = run("ldd", program)
    assert "libdpdkbond" not in needed and "librte_" not in needed
    ran = subprocess.run([program, "-l", "0", "--no-huge", "-m", "64", "--no-pci", "--no-shconf", "--no-telemetry",
                          "--file-prefix", unique_prefix("static"), "--", "mode=9"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
    assert ran.returncode == 1 and 'bond0: mode: "9" is no mode' in ran.stdout, ran.stdout
