# SPDX-License-Identifier: BSD-3-Clause
"""What operators get wrong, and what happens to them: each is told in one line, and nothing breaks."""
import fcntl
import os

import pytest

from framework import app
from framework.topology import HOST_ADDRESS
from framework.wait import eventually


@pytest.fixture(scope="module")
def running(lab):
    topology = lab.topology(2)
    return topology, lab.bond(topology)


def start(ns, tmp_path, config, *arguments):
    """A start that is expected to fail: (status, last line of stderr)."""
    path = tmp_path / "bond.yaml"
    path.write_text(app.to_yaml(config) + "\n", encoding="utf-8")
    done = ns.run(app.binary(), "-c", path, *arguments, check=False, timeout=20)
    return done.returncode, done.stderr.splitlines()[-1]


def test_a_second_instance_does_not_get_the_same_netdev(running, fresh, tmp_path):
    topology, bond = running
    ping = fresh.ping(topology.a, HOST_ADDRESS)
    ping.settled()
    status, line = start(topology.a, tmp_path, app.bond_config([topology.devargs(0)], name="bond1"))
    assert (status, line) == (1, "dpdk-bond: bond1: member m0: netdev m0 is a bond member already, of this process or of another")
    ping.settled()
    ping.stop()
    assert ping.lost() == [] and bond.up() == 2


@pytest.mark.parametrize("prefix", ["", ".", "..", "a b", "../x", "a%s", "x" * 65])
def test_a_file_prefix_is_part_of_a_file_name(running, tmp_path, prefix):
    topology, bond = running
    for words in (["status"], ["-c", bond.config_path]):
        done = topology.a.run(app.binary(), *words, "--file-prefix", prefix, check=False)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and "cannot be part of a file's name" in done.stderr


@pytest.mark.parametrize("device, why", [
    ("net_af_packet7,iface=bond0", "bond0: it is the logical interface of a bond"),
    ("net_af_packet7,iface=lo", "netdev lo is no Ethernet device"),
    ("net_af_packet7,iface=m0,qpairs=1", "m0: bond0 has a member of that name already"),
    ("net_af_packet7,iface=nosuch", "no such device: there is no netdev nosuch in this namespace"),
    ("net_nosuch7", "net_nosuch7: no driver knows it")])
def test_what_cannot_be_a_member_is_refused(running, device, why):
    _, bond = running
    assert bond.console(f"add member bond0 {device}") == [f"error: {why}"]
    assert bond.info()["members"] == ["m0", "m1"]


def test_a_mode_that_does_not_exist_is_answered_by_those_that_do(running):
    _, bond = running
    answer, = bond.console("set bond bond0 mode team")
    assert answer.startswith("error: mode: ") and "active-backup (1)" in answer and "802.3ad (4)" in answer


def test_what_cannot_change_is_told_once(running):
    _, bond = running
    length = len(bond.log)
    changed = {**bond.config, "bonds": [{**bond.config["bonds"][0], "fail_over_mac": "active"}]}
    bond.write(changed)
    bond.reload()
    eventually(lambda: "reload refused" in bond.log[length:], 3)
    assert "refused: bond0: fail_over_mac can change only while the bond has no members; remove them first, or restart\n" in bond.log
    bond.write(bond.config)


def test_a_log_that_nobody_reads_holds_nobody_up(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[])
    bond.stop()
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(reader, False)
    bond.status, bond.process = None, wires.a.popen(app.binary(), "-c", bond.config_path, stdout=writer, stderr=writer)
    os.close(writer)
    try:
        bond.wait_ready()
        bond.console(*[f"set bond bond0 miimon {50 + i % 9}" for i in range(200)])
        was = bond.active()
        wires.cut(wires.members.index(was))
        bond.wait_active(next(name for name in wires.members if name != was), 2)
        assert b"missing" not in os.read(reader, 65536)
        bond.console("set bond bond0 miimon 100")
        eventually(lambda: b" lines of the log are missing here: nobody read it\n" in os.read(reader, 65536), 2)
        bond.console(*[f"set bond bond0 miimon {50 + i % 9}" for i in range(200)])
        assert bond.stop() == 0 and bond.stop_seconds < 2
    finally:
        os.close(reader)
