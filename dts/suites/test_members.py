# SPDX-License-Identifier: BSD-3-Clause
"""Members of every kind of virtual device: they start, and carry frames where there is somebody to carry to."""
import errno
import socket

import pytest

from framework import app
from framework.frames import DST, SRC, UDP, Ether, IP, build, number_of
from framework.topology import HOST_ADDRESS
from framework.wait import eventually

AF_XDP = 44


def frames(count, dst=DST, src=SRC):
    return [build(Ether(src=src, dst=dst) / IP(dst="192.0.2.9") / UDP(), i) for i in range(count)]


def test_af_packet(fresh):
    topology = fresh.topology(2)
    fresh.bond(topology)
    fresh.ping(topology.a, HOST_ADDRESS).settled()


def test_af_xdp(fresh):
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW, 0).close()
    except OSError as error:
        pytest.skip(f"this kernel has no AF_XDP sockets ({errno.errorcode[error.errno]})")
    topology = fresh.topology(2)
    bond = fresh.bond(topology, members=[f"net_af_xdp{i},iface=m{i}" for i in range(2)])
    fresh.ping(topology.a, HOST_ADDRESS).settled()
    active = topology.members.index(bond.active())
    topology.cut(active)
    bond.wait_active(topology.members[1 - active])
    fresh.ping(topology.a, HOST_ADDRESS).settled()


def test_tap(fresh):
    ns = fresh.namespace()
    config = app.bond_config([f"net_tap{i},iface=mt{i}" for i in range(8, 10)])
    bond = fresh.bond_from(ns, config)
    assert bond.info()["members"] == ["mt8", "mt9"]
    host, wire = fresh.capture(ns, "bond0"), fresh.capture(ns, bond.active())
    host.send_all(frames(50))
    wire.collect(lambda frame: number_of(frame) is not None, 50)
    wire.send_all(frames(50, dst=bond.info()["mac"], src=DST))
    host.collect(lambda frame: number_of(frame) is not None, 50)


def test_memif(fresh, tmp_path):
    ends = []
    for role, address in (("server", "192.0.2.1/24"), ("client", "192.0.2.2/24")):
        ns = fresh.namespace()
        members = [{"device": f"net_memif{i},role={role},id={i},socket={tmp_path}/memif.sock,socket-abstract=no", "name": f"m{i}"}
                   for i in range(2)]
        ends.append((ns, fresh.bond_from(ns, app.bond_config(members, mode="balance-rr", addresses=[address]), wait=False)))
        ends[-1][1].wait_telemetry()
    for _, bond in ends:
        bond.wait_ready()
    fresh.ping(ends[0][0], HOST_ADDRESS).settled(10)


def test_ring_loops_back(fresh):
    ns = fresh.namespace()
    bond = fresh.bond_from(ns, app.bond_config([{"device": f"net_ring{i}", "name": f"r{i}"} for i in range(2)], mode="balance-rr"))
    host = fresh.capture(ns, "bond0")
    host.send_all(frames(60, dst="ff:ff:ff:ff:ff:ff"))
    host.collect(lambda frame: number_of(frame) is not None, 60)
    assert [bond.member(name)["tx_packets"] for name in ("r0", "r1")] == [30, 30]


def test_null_swallows(fresh):
    ns = fresh.namespace()
    members = [{"device": f"net_null{i},no-rx=1", "name": f"n{i}"} for i in range(2)]
    bond = fresh.bond_from(ns, app.bond_config(members, mode="balance-rr"))
    fresh.capture(ns, "bond0").send_all(frames(60))
    eventually(lambda: [bond.member(name)["tx_packets"] for name in ("n0", "n1")] == [30, 30], 2)


def test_backend_device_serves_another_dpdk_application(fresh, tmp_path):
    """One bond hands its frames to a memif; a second program has the other end of it and a netdev to show them."""
    topology = fresh.topology(2)
    memif = f"id=0,socket={tmp_path}/memif.sock,socket-abstract=no"
    members = [f"net_af_packet{i},iface=m{i}" for i in range(2)]
    served = fresh.bond_from(topology.a, app.bond_config(
        members, logical={"backend": "device", "device": f"net_memif0,role=server,{memif}"}), wait=False)
    served.wait_telemetry()
    ns = fresh.namespace()
    other = fresh.bond_from(ns, app.bond_config(
        [{"device": f"net_memif0,role=client,{memif}", "name": "m0"}], addresses=["192.0.2.1/24"],
        logical={"mac": eventually(served.info, 15, "the serving bond is there")["mac"]}), wait=False)
    other.wait_telemetry()
    served.wait_ready()
    other.wait_ready()
    assert served.info()["logical"] == {"backend": "device", "name": "net_memif0"}  # what it wants is its own business
    fresh.ping(ns, HOST_ADDRESS).settled(10)
    active = topology.members.index(served.active())
    topology.cut(active)
    served.wait_active(topology.members[1 - active])
    fresh.ping(ns, HOST_ADDRESS).settled(10)
