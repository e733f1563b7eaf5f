# SPDX-License-Identifier: BSD-3-Clause
"""802.3ad with DPDK's own net_bonding (mode 4) in testpmd as the partner.

It never asks for fast LACPDUs, so 0x3D is its best; it speaks only when it is given something to send, which is what
the beat is for.
"""
import shutil
import threading

import pytest

from framework.frames import DST, SRC, UDP, Ether, IP, build
from framework.traffic import iperf
from framework.wait import eventually

OTHER = "192.0.2.3"


class Beat:
    """Gives testpmd a frame to send every 50 ms, from its tap."""

    def __init__(self, capture):
        self._frame = build(Ether(src=SRC, dst=DST) / IP(dst="192.0.2.99") / UDP(), 0)
        self._capture = capture
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.05):
            self._capture.send(self._frame)

    def close(self):
        self._stop.set()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.fixture(scope="module")
def net(lab):
    if not shutil.which("dpdk-testpmd"):
        pytest.skip("dpdk-testpmd is not installed (Debian package dpdk-dev)")
    wires = lab.sink(2)
    bond = lab.bond(wires, mode="802.3ad", lacp_rate="fast", xmit_hash_policy="layer3+4")
    pmd = lab.testpmd(wires.sink, "net_af_packet0,iface=p0", "net_af_packet1,iface=p1",
                      "net_bonding0,mode=4,slave=net_af_packet0,slave=net_af_packet1,xmit_policy=l34", "net_tap0,iface=tap0")
    for end in wires.far:
        wires.sink.mute(end)
    wires.sink.run("ip", "link", "set", "tap0", "address", "02:00:00:00:03:03")
    wires.sink.address("tap0", f"{OTHER}/24")
    wires.sink.set_link("tap0", True)
    wires.sink.offloads("tap0", False)
    wires.a.offloads("bond0", False)
    lab.enter(Beat(lab.capture(wires.sink, "tap0")))
    pmd.command("set portlist 2,3")  # the bond and the tap; else its members forward beside it
    pmd.start_forward()
    return wires, bond, pmd


def ports(bond):
    return bond.ask("/bond/lacp,bond0")["ports"]


def agreed(bond):
    return all(port["actor_state"] == 0x3F and port["partner_state"] == 0x3D for port in ports(bond).values())


def test_both_links_come_into_use(net):
    _, bond, _ = net
    eventually(lambda: agreed(bond), 8, "0x3F here, 0x3D there, on both links")
    assert bond.info()["usable_members"] == 2
    assert len({port["partner_system"] for port in ports(bond).values()}) == 1


def test_tcp_uses_both_links(net, fresh):
    wires, bond, _ = net
    eventually(lambda: agreed(bond), 8)
    fresh.iperf_server(wires.sink)
    before = [bond.member(name)["tx_packets"] for name in wires.members]

    def both_carried():  # the ports of a connection, and so its link, are the kernel's choice
        assert iperf(wires.a, OTHER, seconds=1, streams=4) > 1
        return all(bond.member(name)["tx_packets"] - a > 200 for name, a in zip(wires.members, before))
    eventually(both_carried, 30, "frames on both links")


def test_a_cut_is_survived_and_the_link_comes_back(net, fresh):
    wires, bond, _ = net
    eventually(lambda: agreed(bond), 8)
    fresh.ping(wires.a, OTHER).settled()
    wires.cut(0)
    eventually(lambda: bond.info()["usable_members"] == 1, 1, "the cut link is out")
    wires.restore(0)
    eventually(lambda: agreed(bond), 40, "the link is back")
