# SPDX-License-Identifier: BSD-3-Clause
"""Warm restarts with a guest as the partner: Linux's bonding sees nothing of them; NICs of vfio-pci, told as it is.

DPDKBOND_WARM_RESTARTS: how often each is restarted (2 by sockets, 1 by NICs); given, NICs are tried in every mode that differs, and
LACP over both at the fast rate too.
"""
import os
import statistics
import time

import pytest

from framework import app
from framework.app import DpdkBond, bond_config
from framework.vm_lab import ANY_SWITCH, BOND_ADDRESS, MODELS, NEAR, PARTNER_ADDRESS, GuestStream
from framework.wait import eventually

MANY = "DPDKBOND_WARM_RESTARTS" in os.environ
TIMES = int(os.environ.get("DPDKBOND_WARM_RESTARTS", "2"))
NIC_TIMES = TIMES if MANY else 1
# A start takes an emulated processor seconds, and at the fast rate a partner waits three.
NIC_CASES = [("802.3ad", {"lacp_rate": "slow"})]
if MANY:
    NIC_CASES += [("802.3ad", {"lacp_rate": "fast"}), ("active-backup", {}), ("balance-xor", {}), ("balance-alb", {})]
# The partner gives 3 s at the fast rate, which a machine that is busy with other tests may not: on demand, as the further models.
RATES = ["fast", "slow"] if MANY else ["slow"]
NICS = list(MODELS) if MANY else list(MODELS)[:1]
RATE = 100
IN_SYNC = {"slow": 0x3D, "fast": 0x3F}
NO_CHURN = "none none 0 0", "monitoring monitoring 0 0"


def lacp_states(bond):
    said = bond.ask("/bond/lacp,bond0")  # nothing while it starts
    return [(port["actor_state"], port["partner_state"]) for port in said["ports"].values()] if said else []


def quiet(first, state):
    """What a watched port is while nothing happens to it."""
    return all((port["actor"], port["partner"], port["failures"], port["carrier"]) == (state, state, 0, 1) and port["churn"] in NO_CHURN
               for port in first.values())


def noticed(watch):
    """Of what changed at the partner, all but a churn machine that is content after its minute."""
    return [change for change in watch.changes if change[2] != "churn" or change[4] not in NO_CHURN]


@pytest.mark.seconds(120 + 20 * TIMES)
@pytest.mark.parametrize("rate", RATES)
def test_linux_as_the_lacp_partner_sees_nothing(guests, rate):
    state = IN_SYNC[rate]
    guests.partner_bond(NEAR, "802.3ad", lacp_rate=rate)
    members = [f"net_af_packet{i},iface={name}" for i, name in enumerate(guests.near_members)]
    config = bond_config(members, mode="802.3ad", lacp_rate=rate, addresses=[f"{BOND_ADDRESS}/24"])
    with DpdkBond(guests.near, config) as bond:
        eventually(lambda: lacp_states(bond) == [(state, state)] * 2, 20, "in sync at both ends of both links")
        ping = guests.ping().settled()
        watch = guests.watch_partner(NEAR)
        for _ in range(TIMES):
            done = bond.command("restart")
            assert done.returncode == 0, done.stderr
            bond.wait_ready()
            ping.settled()
            assert lacp_states(bond) == [(state, state)] * 2
        watch.stop()
        ping.stop()
        away = [line for line in bond.log.splitlines() if "back after" in line]
        print(f"{rate} rate: {TIMES} restarts, {ping.lost} of {ping.sent} pings lost (20 a second); changes at the partner: "
              f"{noticed(watch) or 'none'}; longest time between looks {watch.blind:.2f} s; {away[-1].partition(' info ')[2]}")
        assert len(away) == TIMES
        assert quiet(watch.first, state)
        assert noticed(watch) == []
        assert bond.stop() == 0


@pytest.fixture(scope="module", params=NICS)
def on_nics(request, guests):
    """(model, dpdk-bond on its NICs), the same through all modes."""
    model = request.param
    before = guests.machine()
    with guests.bond(model, "active-backup", miimon=50) as bond:
        yield model, bond
        assert bond.stop() == 0, bond.log[-2000:]
    assert guests.machine() == before


def blocked_and_silent(result):
    """ms: frames lost over the rate, the longest time without one."""
    return len(result.lost) * 1000 / RATE, result.gap_ms()


@pytest.mark.seconds(90 + 60 * NIC_TIMES)
@pytest.mark.parametrize("mode,options", NIC_CASES, ids=lambda case: case if isinstance(case, str) else case.get("lacp_rate", ""))
def test_nics_over_a_restart(on_nics, guests, mode, options):
    model, bond = on_nics
    config = guests.config(model, mode, miimon=50, **options)
    config["runtime"] = bond.config["runtime"]
    guests.partner_of(model, mode, **options)
    if config["bonds"] != bond.config["bonds"]:
        bond.change(config)

    def settled():
        if mode == "802.3ad" and lacp_states(bond) != [(IN_SYNC[options["lacp_rate"]],) * 2] * 2:
            return False
        info = bond.info()
        return info is not None and info["usable_members"] == 2
    eventually(settled, 20, "both members usable")
    guests.ping().settled().stop()
    interface, active = guests.a.run("cat /sys/class/net/bond0/ifindex"), bond.active()
    blocked, silent, away, seen = [], [], [], []
    for _ in range(NIC_TIMES):
        told = len(bond.log)
        watch = None if mode in ANY_SWITCH else guests.watch_partner(model)  # a bridge has no ports of a bond
        streams = [GuestStream(guests.a, guests.b, PARTNER_ADDRESS, RATE), GuestStream(guests.b, guests.a, BOND_ADDRESS, RATE, 5202)]
        time.sleep(0.5)
        said = guests.a.run(f"{app.binary()} restart --file-prefix {bond.file_prefix} 2>&1", timeout=90)
        assert said == "", said + bond.log[told:]
        eventually(settled, 40, "both members usable")
        guests.ping().settled().stop()
        results = [blocked_and_silent(stream.stop()) for stream in streams]
        if watch:
            watch.stop()
        log = bond.log[told:]
        blocked.append(max(result[0] for result in results))
        silent.append(max(result[1] for result in results))
        away.append(log.partition("back after ")[2].partition("\n")[0])
        seen.append(noticed(watch) if watch else [])
        assert "carries on where" in log
        # The devices never went back to the kernel's drivers, which takes them seconds.
        assert "given back" not in log and "had left it" not in log
        assert guests.drivers(model) == ["vfio-pci"] * 2
        assert guests.a.run("cat /sys/class/net/bond0/ifindex") == interface
        assert bond.active() == active
    print(f"{mode} {options.get('lacp_rate', '')} on {model}: {NIC_TIMES} restarts, blocked median {statistics.median(blocked):.0f} ms, worst "
          f"{max(blocked):.0f} ms; without a frame for {statistics.median(silent):.0f} ms, worst {max(silent):.0f} ms; changes at the "
          f"partner: {[changes for changes in seen if changes] or 'none'}; away {away[-1]}")
    # The wires of QEMU carry no loss of carrier, and at the slow rate there is time enough.
    if options.get("lacp_rate") != "fast":
        assert seen == [[]] * NIC_TIMES
