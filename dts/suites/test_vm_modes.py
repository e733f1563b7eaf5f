# SPDX-License-Identifier: BSD-3-Clause
"""Every mode on every NIC model against its proper partner, in guests: up, pinged, a cable out, a cable in."""
import re
import subprocess
import time

import pytest

from framework import app
from framework.vm_lab import MODELS
from framework.wait import eventually

EXTRA = {"802.3ad": {"lacp_rate": "fast"}}


def modes():
    """The modes that this dpdk-bond has, by name."""
    try:
        text = subprocess.run([app.binary(), "modes"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return re.findall(r"^  \d  (\S+) ", text, re.M)


@pytest.fixture(scope="module", params=MODELS)
def running(request, guests):
    """(model, dpdk-bond on its NICs), the same through all modes; what is found before is found again after."""
    model = request.param
    before = guests.machine()
    bond = guests.bond(model, "active-backup", miimon=50)
    yield model, bond
    assert bond.stop() == 0, bond.log[-2000:]
    bond.close()
    assert guests.machine() == before


@pytest.mark.parametrize("mode", modes())
def test_a_cable_out_and_in(running, guests, mode, vm_table):
    model, bond = running
    config = guests.config(model, mode, miimon=50, **EXTRA.get(mode, {}))
    config["runtime"] = bond.config["runtime"]
    began = time.monotonic()
    guests.partner_of(model, mode, **EXTRA.get(mode, {}))
    bond.change(config)
    bond.wait_up(2, 10)
    usable = lambda n: lambda: bond.info()["usable_members"] == n  # noqa: E731
    eventually(usable(2), 12, "both members usable")
    ping = guests.ping().settled()
    seconds = time.monotonic() - began
    # For a second after it has learnt where the bond is (locktime) Linux takes no other MAC for it, whoever says so.
    steady = ping.settled(30 if mode == "balance-alb" else 5).mark()

    out = 0 if mode != "active-backup" else int(bond.active() == "m1")
    guests.cut(model, out)
    bond.wait_up(1, 2)
    eventually(usable(1), 2, "one member usable")
    cut = ping.settled(20).mark()
    guests.mend(model, out)
    bond.wait_up(2, 10)
    eventually(usable(2), 12, "both members usable again")
    ping.settled().stop()
    at_cut, at_return = ping.lost_between(steady, cut), ping.lost_between(cut, ping.last)
    vm_table(mode, model, seconds, at_cut, at_return)
    assert ping.lost_between(0, steady) == 0
    assert at_cut <= 4 and at_return <= 4
