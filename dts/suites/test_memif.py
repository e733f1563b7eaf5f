# SPDX-License-Identifier: BSD-3-Clause
"""The logical interface as a memif of another DPDK program: as docs/wiring.md has it, with testpmd for that program."""
import shutil

import pytest

from framework.app import TestPmd
from framework.netns import veth
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.wait import eventually


@pytest.fixture
def served(fresh, tmp_path):
    """(topology, bond, user's namespace, function that starts the program): the user talks through the program, which forwards."""
    if not shutil.which("dpdk-testpmd"):
        pytest.skip("dpdk-testpmd is not installed (Debian package dpdk-dev)")
    topology, user = fresh.topology(2, pcap=False), fresh.namespace("user")
    path = f"{tmp_path}/bond0.sock"
    bond = fresh.bond(topology, addresses=[], logical={"backend": "device",
                                                       "device": f"net_memif0,role=server,socket={path},socket-abstract=no"})
    veth(topology.a, "v0", user, "u0")
    user.address("u0", f"{BOND_ADDRESS}/24")
    user.set_link("u0", True)
    user.offloads("u0", False)  # testpmd's drivers finish nothing

    def start():
        program = fresh.enter(TestPmd(topology.a, f"net_memif0,role=client,socket={path},socket-abstract=no", "net_af_packet9,iface=v0"))
        program.start_forward()
        return program
    return topology, bond, user, start


def reaches_the_host(user):
    eventually(lambda: user.run("ping", "-c1", "-W1", HOST_ADDRESS, check=False).returncode == 0, 20, "the host answers")


def test_a_program_behind_a_memif_reaches_the_host_and_a_cut_goes_unnoticed(served, fresh):
    topology, bond, user, start = served
    start()
    reaches_the_host(user)
    ping = fresh.ping(user, HOST_ADDRESS).settled()
    active = topology.members.index(bond.active())
    topology.cut(active)
    bond.wait_active(topology.members[1 - active])
    ping.settled(10)
    ping.stop()
    assert len(ping.lost()) <= 2


def test_the_program_may_die_and_come_back(served):
    _, bond, user, start = served
    program = start()
    reaches_the_host(user)
    program.process.kill()
    program.process.wait()
    assert user.run("ping", "-c1", "-W1", HOST_ADDRESS, check=False).returncode != 0
    program.close()
    start()
    reaches_the_host(user)
    assert bond.running()
