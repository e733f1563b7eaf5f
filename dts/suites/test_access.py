# SPDX-License-Identifier: BSD-3-Clause
"""Who may ask the running program, who is told what happened, and whether a bond is well."""
import grp
import os
import re
import signal

import pytest

from framework import app
from framework.wait import eventually

GROUP = "games"
NOBODY = 65534


@pytest.fixture
def grouped(fresh):
    return fresh.bond(fresh.sink(2), addresses=[], runtime={"socket_group": GROUP})


def as_user(bond, *words, group=None):
    gid = grp.getgrnam(group).gr_gid if group else NOBODY
    return bond.ns.run("setpriv", f"--reuid={NOBODY}", f"--regid={gid}", "--clear-groups", app.binary(), *words,
                       "--file-prefix", bond.file_prefix, check=False)


def test_the_socket_group_may_look_and_not_touch(grouped):
    """A9"""
    bond = grouped
    flow = "src=192.0.2.1,dst=192.0.2.2,proto=udp,sport=1,dport=2"
    assert as_user(bond, "status", group=GROUP).stdout.startswith("Ethernet Channel Bonding Driver")
    assert as_user(bond, "status", "bond0", "--json", group=GROUP).returncode == 0
    assert as_user(bond, "status", "--health", group=GROUP).returncode == 0
    assert as_user(bond, "explain", "bond0", flow, group=GROUP).returncode == 0
    before = bond.info()
    for words in (["console", "-e", "show bond bond0"], ["set", "bond", "bond0", "miimon", "50"], ["reload"],
                  ["remove", "member", "bond0", "m0"], ["console", "-e", "shutdown"]):
        done = as_user(bond, *words, group=GROUP)
        assert done.returncode == 1 and "permission denied" in done.stderr, done
    assert bond.info() == before and bond.running()
    assert f'socket_group: "{GROUP}"' in bond.client("console", "-e", "show bond bond0 config").stdout


@pytest.mark.parametrize("words", [["status"], ["status", "--health"], ["console", "-e", "reload"], ["reload"],
                                   ["explain", "bond0", "src=192.0.2.1,dst=192.0.2.2"]])
def test_without_rights_the_client_says_so(grouped, words):
    """A9: an outage is something else."""
    done = as_user(grouped, *words)
    assert done.returncode == (3 if "--health" in words else 1)
    assert "permission denied" in done.stderr and "is it running" not in done.stderr
    assert done.stdout == "" and done.stderr.count("\n") == 1


def test_a_group_that_is_not_there_is_a_mistake_of_the_file(fresh, tmp_path):
    wires = fresh.sink(1)
    path = tmp_path / "bond.yaml"
    path.write_text(app.to_yaml(app.bond_config([wires.devargs(0)], runtime={"socket_group": "no-such-group"})) + "\n")
    done = wires.a.run(app.binary(), "-c", path, "--check", check=False)
    assert done.returncode == 2
    assert 'runtime.socket_group: there is no group "no-such-group" on this machine' in done.stderr


def test_health(fresh):
    """One word a bond, since when and why, and an exit status for probes."""
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[])
    bond.wait_up(2)

    def health():
        done = bond.client("status", "--health")
        return done.returncode, done.stdout
    assert health()[0] == 0
    wires.cut(1)
    bond.wait_up(1)
    eventually(lambda: health()[0] == 1, 3)
    told = bond.info()["health"]
    assert told["state"] == "degraded" and told["why"] == "1 of 2 members usable; m1: carrier"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["since"])
    assert health()[1] == f"bond0: degraded since {told['since']}: {told['why']}\n"
    text = bond.client("status").stdout
    assert f"\nHealth: degraded since {told['since']}: {told['why']}\n" in text
    assert re.search(r"Slave Interface: m1\n(.+\n)*Not usable: carrier\nNot usable since: \d{4}-\S+Z\n", text)
    assert "Not usable since" not in text[:text.index("Slave Interface: m1")]
    assert bond.member("m1")["unusable_since"].endswith("Z") and bond.member("m0")["unusable_since"] == ""
    wires.cut(0)
    eventually(lambda: health()[0] == 2, 3)
    assert bond.client("show", check=False).returncode == 2  # not a command
    wires.restore(0)
    wires.restore(1)
    eventually(lambda: health()[0] == 0, 3)
    assert bond.stop() == 0
    assert health()[0] == 2


def test_status_over_telemetry_is_the_status(fresh):
    bond = fresh.bond(fresh.sink(2), addresses=[])
    bond.wait_up(2)
    assert bond.ask("/bond/status,bond0") == bond.client("status", "bond0").stdout == bond.client("console", "-e", "show bond bond0").stdout
    assert bond.ask("/bond/status,bond0,1") is None and bond.ask("/bond/status,nosuch") is None


def test_every_change_says_who_made_it(fresh):
    """A6, A7"""
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[])
    bond.wait_up(2)
    who = r", by console \(process \d+ of root.*\)"

    def told(event, member, detail):
        return any((e["event"], e["member"]) == (event, member) and re.fullmatch(detail, e["detail"])
                   and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", e["time"]) for e in bond.events())
    assert bond.console("set bond bond0 updelay 300", "set member bond0 m1 prio 5", "set bond bond0 active m1",
                        "set bond bond0 primary m0", "set bond bond0 primary none", "set bond bond0 active none",
                        "set member bond0 m0 link down", "set member bond0 m0 link up") == []
    eventually(lambda: told("option_changed", "m0", "link up" + who), 3)
    for member, change in (("", "updelay 300"), ("m1", "prio 5"), ("", "active_slave m1"), ("", "primary none"),
                           ("", "active_slave none"), ("m0", "link down")):
        assert told("option_changed", member, change + who), change
    eventually(lambda: told("member_up", "m0", "put back by hand"), 3)
    assert "prio: 5" in bond.client("console", "-e", "show bond bond0 config").stdout
    changed = {**bond.config["bonds"][0], "miimon": 77}
    changed["members"] = [{**bond.config["bonds"][0]["members"][0], "prio": 9}, *bond.config["bonds"][0]["members"][1:]]
    bond.write({**bond.config, "bonds": [changed]})
    bond.reload()
    eventually(lambda: told("option_changed", "", r".*miimon.*77, by reload \(SIGHUP from process \d+\)"), 3)
    assert told("option_changed", "m0", r"prio 9, by reload \(SIGHUP from process \d+\)")
    assert told("reloaded", "", r".*, by SIGHUP from process \d+")


def test_the_end_has_its_reason_in_the_log(fresh):
    """A6"""
    bond = fresh.bond(fresh.sink(1), addresses=[])
    bond.send_signal(signal.SIGTERM)
    assert bond.process.wait(3) == 0
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4} info SIGTERM from process \d+: stopping$", bond.log, re.M)


def test_signals_that_mean_nothing_end_nothing(fresh):
    """A14"""
    bond = fresh.bond(fresh.sink(1), addresses=[])
    for number, name in ((signal.SIGUSR1, "USR1"), (signal.SIGUSR2, "USR2"), (signal.SIGPIPE, "PIPE"), (signal.SIGIO, "POLL"),
                         (signal.SIGRTMIN, "34"), (signal.SIGRTMAX, "64")):
        bond.send_signal(number)
        eventually(lambda: re.search(f"SIG{name} from process {os.getpid()}: .*ignored", bond.log), 3)
    assert bond.running() and bond.stop() == 0


@pytest.mark.parametrize("name", ["SIGALRM", "SIGSYS", "SIGTRAP"])
def test_signals_that_would_end_it_are_an_order_to_end(fresh, name):
    bond = fresh.bond(fresh.sink(1), addresses=[])
    bond.send_signal(getattr(signal, name))
    assert bond.process.wait(3) == 0
    assert f"{name} from process {os.getpid()}: stopping" in bond.log


def rights(bond, set_name):
    with open(f"/proc/{bond.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1], 16) for line in file if line.startswith(f"{set_name}:"))


def test_it_keeps_few_of_roots_rights_and_two_do_for_netdevs(fresh):
    wires = fresh.sink(2)
    config = app.bond_config([wires.devargs(i) for i in range(2)], prefix=app.unique_prefix(), addresses=["192.0.2.1/24"])
    with app.DpdkBond(wires.a, config) as bond:
        kept = rights(bond, "CapEff")
        assert kept == rights(bond, "CapBnd") == rights(bond, "CapPrm")
        set_time, set_user, net_admin = 1 << 25, 1 << 7, 1 << 12
        assert kept & net_admin and not kept & (set_time | set_user)
        assert bond.stop() == 0
    two = ["setpriv", "--bounding-set", "-all,+net_admin,+net_raw", "--inh-caps", "-all"]
    with app.DpdkBond(wires.a, config, before=two) as bond:
        assert rights(bond, "CapEff") == 1 << 12 | 1 << 13
        wires.cut(0)
        bond.wait_up(1)
        assert bond.active() == "m1"
        assert bond.stop() == 0
