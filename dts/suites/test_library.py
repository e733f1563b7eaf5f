# SPDX-License-Identifier: BSD-3-Clause
"""libdpdkbond as a program has it: installed below a prefix, the example built outside the tree by pkg-config, and what it carries."""
import glob
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
def example():
    """(the program, the folder of the shared library), both below a folder of their own."""
    if not shutil.which("cc") or not glob.glob(os.path.join(BUILD, "lib", "capi", "libdpdkbond.so*")):
        pytest.skip("libdpdkbond is not built, or there is no C compiler")
    with tempfile.TemporaryDirectory(prefix="dts-library-") as folder:
        include, lib = os.path.join(folder, "include"), os.path.join(folder, "lib")
        os.makedirs(include)
        os.makedirs(lib)
        shutil.copy(os.path.join(ROOT, "include", "dpdkbond.h"), include)
        for path in glob.glob(os.path.join(BUILD, "lib", "capi", "libdpdkbond.so*")):
            if os.path.isfile(path):
                shutil.copy(path, lib, follow_symlinks=False)
        with open(os.path.join(BUILD, "meson-private", "libdpdkbond.pc"), encoding="utf-8") as file:
            text = file.read()
        with open(os.path.join(lib, "libdpdkbond.pc"), "w", encoding="utf-8") as file:
            file.write(re.sub(r"^(libdir|includedir)=.*", lambda m: f"{m[1]}={lib if m[1] == 'libdir' else include}", text,
                              flags=re.MULTILINE))
        work = os.path.join(folder, "work")
        shutil.copytree(os.path.join(ROOT, "examples", "forward"), work)
        subprocess.run(["make", "-C", work, "CFLAGS=-O1 -Werror"], check=True, capture_output=True,
                       env={**os.environ, "PKG_CONFIG_PATH": lib})
        yield os.path.join(work, "forward"), lib


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
