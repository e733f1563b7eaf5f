# SPDX-License-Identifier: BSD-3-Clause
"""net_dpdkbond over NICs of vfio-pci, in a guest: in dpdk-testpmd every mode against its proper partner, LACP with Linux's bonding; in an
application that sleeps, its wakes."""
import os
import re
import shlex

import pytest

from framework import app, plugin
from framework.app import DpdkProcess, unique_prefix
from framework.vm_lab import BOND_ADDRESS, KERNEL_DRIVERS, MODELS, GuestBond, GuestProcess
from framework.wait import eventually, holds

MODES = ("802.3ad", "balance-rr", "balance-xor", "broadcast", "active-backup", "balance-tlb", "balance-alb")
# Every mode on the first model; of the others one that needs link state, MACs and LACPDUs of the driver.
FIRST = next(iter(MODELS))
ALL = "DPDKBOND_ALL_MODES" in os.environ
CASES = [(model, mode) for model in MODELS for mode in MODES if model == FIRST or mode == "802.3ad" or ALL]


@pytest.fixture(scope="module", autouse=True)
def installed():
    if reason := plugin.why_not():
        pytest.skip(reason)
    if not os.path.exists(plugin.sleeper()):
        pytest.skip(f"{plugin.sleeper()} is not built")


class InGuest:
    """An application in guest A: two NICs of a model below net_dpdkbond0."""

    def take(self, guests, model):
        self.guests, self.vm, self.model = guests, guests.a, model
        self.members = guests.addresses(model)
        DpdkProcess.__init__(self, self.vm, unique_prefix("vmplug"))
        self.log_path, self.orders = f"/tmp/{self.file_prefix}.log", f"/tmp/{self.file_prefix}.in"
        self.vm.run("chmod go-w /run; mkdir -p /run/guest /run/huge; mount -t hugetlbfs none /run/huge && cp -n " + shlex.quote(plugin.plugin()) + " /run/guest/ && modprobe -a vfio-pci tun; "
                    + self._bind("vfio-pci"))

    def eal_words(self, options):
        devargs = ",".join([plugin.BOND, options, *(f"member={address}" for address in self.members)])
        return ["-l", "1,2", "-m", "192", "--huge-dir", "/run/huge", "-d", f"/run/guest/{os.path.basename(plugin.plugin())}",
                "--file-prefix", self.file_prefix, *(word for address in self.members for word in ("-a", address)), f"--vdev={devargs}"]

    log, ask, dump = GuestBond.log, GuestBond.ask, GuestBond.dump
    config_path = os.devnull

    def _bind(self, driver):
        override = "" if driver == KERNEL_DRIVERS[self.model] else driver
        return "; ".join(f"cd /sys/bus/pci/devices/{address} && echo {override} > driver_override; "
                         f"[ ! -e driver ] || echo {address} > driver/unbind; echo {address} > /sys/bus/pci/drivers_probe"
                         for address in self.members)

    def close(self):
        super().close()
        self.vm.run("umount /run/huge; " + self._bind(KERNEL_DRIVERS[self.model]), check=False)


class GuestSleeper(InGuest, plugin.BondApp):
    """tests/plugin/sleeper.cpp, which answers pings and never polls but when it is woken."""

    def __init__(self, guests, model, options):  # pylint: disable=super-init-not-called
        self.take(guests, model)
        words = [plugin.sleeper(), *self.eal_words(options), "--log-level=pmd.net.dpdkbond:info", "--", plugin.BOND, "1"]
        self.process = GuestProcess(self.vm, words, self.log_path)
        try:
            eventually(self.still(lambda: "sleeps" in self.log), 60, "it sleeps")
            self.wait_telemetry(30)
        except BaseException:
            self.close()
            raise

    def counts(self):
        return self.ask("/sleeper/counts")


class GuestPmd(InGuest, plugin.BondPmd):
    """testpmd, and a tap of the guest's kernel, `inner`, behind it."""

    def __init__(self, guests, model, options):
        self.take(guests, model)
        words = ["dpdk-testpmd", *self.eal_words(options), "--vdev=net_tap0,iface=inner", "--", "-i", "--total-num-mbufs=4096", "--nb-cores=1",
                 "--port-topology=paired"]
        # testpmd is linked with drivers of which EAL needs none here (load_few_drivers): it finds them in the folder as it is installed.
        self.vm.run(f"mkfifo {self.orders}; mkdir -p /run/guest/all; for d in /usr/lib/*/dpdk/pmds-*; do "
                    "mountpoint -q /run/guest/all || mount --bind ${d%/*} /run/guest/all; echo $d:/run/guest/all/${d##*/}; done > /run/guest/path")
        self.process = GuestProcess(self.vm, ["sh", "-c", f"LD_LIBRARY_PATH=$(cat /run/guest/path) exec stdbuf -o0 {shlex.join(words)} <>{self.orders}"], self.log_path)
        try:
            eventually(self.still(lambda: "testpmd>" in self.log), 60, "testpmd prompt")
            self.wait_telemetry(30)
            self.port = next(i for i in self.ask("/ethdev/list") if self.ask(f"/ethdev/info,{i}")["name"] == plugin.BOND)
            self.vm.run(f"ip link set inner address {self.info()['mac']}; ip addr add {BOND_ADDRESS}/24 dev inner; ip link set inner up")
        except BaseException:
            self.close()
            raise

    def command(self, line, deadline=20.0):
        before = len(self.log)
        self.vm.run(f"echo {shlex.quote(line)} > {self.orders}")
        eventually(self.still(lambda: "testpmd> " in self.log[before:]), deadline, f"testpmd has done {line}")
        return self.log[before:]

    def set(self, *words):
        return self.vm.run(shlex.join([app.binary(), "set", *words, "--file-prefix", self.file_prefix]))


@pytest.fixture(scope="module")
def newest(guests):
    """The testpmd that runs, [] or [it]: one a model, for all of its modes."""
    pmds = []
    yield pmds
    end(pmds)


def end(pmds):
    for pmd in pmds:
        with pmd:
            assert pmd.stop() == 0
    pmds.clear()


def running(guests, pmds, model):
    if not pmds or pmds[0].model != model:
        end(pmds)
        pmds.append(GuestPmd(guests, model, "mode=802.3ad,lacp_rate=fast,miimon=50"))
        pmds[0].forward()
    return pmds[0]


@pytest.mark.seconds(90)  # processors are emulated
@pytest.mark.parametrize("model, mode", CASES)
def test_a_cable_out_and_in(guests, newest, model, mode):
    pmd = running(guests, newest, model)
    guests.partner_of(model, mode, **({"lacp_rate": "fast"} if mode == "802.3ad" else {}))
    pmd.set("bond", plugin.BOND, "mode", mode)
    eventually(lambda: pmd.info()["mode"] == mode and pmd.usable() == 2, 12, "both members usable")
    if mode == "802.3ad":
        eventually(pmd.agreed, 8, "0x3F at both ends of both links")
    ping = guests.ping().settled(5)
    out = int(mode == "active-backup" and pmd.info()["active_member"] == pmd.info()["members"][1])
    guests.cut(pmd.model, out)
    eventually(lambda: pmd.usable() == 1, 3, "the cable is out")
    ping.settled(10)
    guests.mend(pmd.model, out)
    eventually(lambda: pmd.usable() == 2, 12, "the cable is in again")
    ping.settled(10).stop()
    if mode == "802.3ad" and (model == FIRST or ALL):
        stays_while_it_does_not_poll(guests, pmd)


def stays_while_it_does_not_poll(guests, pmd):
    """LACPDUs at the fast rate: Linux would expire it after three seconds without."""
    eventually(pmd.agreed, 12, "0x3F at both ends of both links")
    pmd.stop_forward()
    holds(pmd.agreed, 4, "all is well while testpmd has stopped", every=0.2)
    said = guests.partner_says()
    assert re.search(r"Number of ports: 2\b", said), said
    pmd.forward()
    guests.ping().settled(5).stop()


@pytest.mark.seconds(90)
@pytest.mark.parametrize("model", MODELS)
def test_an_application_that_sleeps_is_woken(guests, newest, model):
    """By virtio's receive interrupts; in place of those that get lost (docs/plugin.md, "Receive interrupts") by control's looks. Without
    either it would be absent for control, and hear of a frame after 100 ms."""
    end(newest)
    guests.partner_bridge(model)
    with GuestSleeper(guests, model, "mode=active-backup,miimon=50") as sleeper:
        eventually(lambda: sleeper.usable() == 2, 12, "both members usable")
        assert ("its queues are looked at every 10 ms" in sleeper.log) == (model != FIRST)
        had = sleeper.counts()
        ping = guests.ping().settled(40, 12)
        has = sleeper.counts()
        took = sorted(float(ms) for ms in re.findall(r"time=([\d.]+) ms", guests.b.call("read", path=ping.log)))
        wakes, frames, empty = (has[key] - had[key] for key in ("wakes", "frames", "empty"))
        print(f"{model}: {wakes} wakes for {frames} frames, {empty} for none; answers after {took[0]}, {took[len(took) // 2]}, {took[-1]} ms")
        assert frames >= 40 and empty <= frames / 2 and took[len(took) // 2] < 50
        guests.cut(model, 0)
        eventually(lambda: sleeper.usable() == 1, 3, "the cable is out")
        ping.settled(10)
        guests.mend(model, 0)
        eventually(lambda: sleeper.usable() == 2, 12, "the cable is in again")
        ping.settled(10).stop()

        def quiet():
            before = sleeper.counts()["wakes"]
            holds(sleeper.running, 1)
            return sleeper.counts()["wakes"] == before
        eventually(quiet, 10, "nothing wakes it")
        assert sleeper.stop() == 0
