# SPDX-License-Identifier: BSD-3-Clause
"""Checksums and the cutting of TCP done by NICs: vmxnet3 has both, e1000e checksums. The peer's kernel behind a wire without any
offload says whether each frame was right."""
import hashlib
import random
import re

import pytest

from framework import app
from framework.app import bond_config, unique_prefix
from framework.netns import veth
from framework.vm_lab import BOND_ADDRESS, EDGE_MODELS, NEAR, PARTNER_ADDRESS, GuestBond, GuestProcess
from framework.wait import eventually

BOND6, PARTNER6 = "2001:db8::1", "2001:db8::2"
TAGGED, PARTNER_TAGGED = "198.51.100.1", "198.51.100.2"
PORT, BYTES = 5401, 1_000_000
SENDER = """
import random, socket, sys
data = random.Random(int(sys.argv[3])).randbytes(int(sys.argv[4]))
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 30)
u = socket.socket(s.family, socket.SOCK_DGRAM)
u.connect(s.getpeername())
for size in range(1, 1400, 70):
    u.send(data[:size])
s.sendall(data)
s.shutdown(socket.SHUT_WR)
print(s.recv(100).decode())
"""
RECEIVER = """
import hashlib, socket, sys
s = socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
print("ready", flush=True)
u = socket.socket(s.family, socket.SOCK_DGRAM)
u.bind(s.getsockname())
u.settimeout(20)
c, got = s.accept()[0], hashlib.sha256()
for datagram in sorted((u.recv(2000) for _ in range(20)), key=len):  # they may come in another order
    got.update(datagram)
while data := c.recv(1 << 16):
    got.update(data)
c.sendall(got.hexdigest().encode())
"""


@pytest.fixture(scope="module")
def far(guests):
    """B, at the other end of the wires. On the way there nothing takes a checksum for done or a frame that is not cut: the outer
    machine's kernel cuts by what the frame's headers say, and B's kernel sums up each."""
    edge, near = guests.edge, guests.near
    device = guests.netdevs(NEAR)[0]
    veth(edge, "down0", near, "up0")
    for ns, ports in ((edge, ("edge2", "edge3", "down0")), (near, ("up0", "near0"))):
        ns.run("ip", "link", "add", "br1", "type", "bridge", "stp_state", "0", "forward_delay", "0")
        ns.offloads(ports[-1], False)
        for port in ports:
            ns.run("ip", "link", "set", port, "master", "br1", "up")
        ns.set_link("br1", True)
    guests.b.run(f"set -e; modprobe 8021q; ethtool -K {device} gro off; ip addr add {PARTNER_ADDRESS}/24 dev {device}; "
                 f"ip -6 addr add {PARTNER6}/64 dev {device} nodad; ip link set {device} up; "
                 f"ip link add link {device} name {device}.7 type vlan id 7; ip addr add {PARTNER_TAGGED}/24 dev {device}.7; "
                 f"ip link set {device}.7 up")
    yield guests.b
    guests.b.run(f"ip link del {device}.7; ip addr flush dev {device}; ethtool -K {device} gro on; ip link set {device} down")
    near.run("ip", "link", "del", "br1")
    edge.run("ip", "link", "del", "br1")
    edge.run("ip", "link", "del", "down0")


@pytest.fixture(scope="module")
def bond(guests, far):  # pylint: disable=unused-argument
    members = [{"device": guests.edge_address(model), "name": model} for model in EDGE_MODELS]
    config = bond_config(members, mode="active-backup", prefix=unique_prefix("vm"), addresses=[f"{BOND_ADDRESS}/24", f"{BOND6}/64"],
                         logical={"backend": "virtio-user"})
    with GuestBond(guests.a, config) as running:
        eventually(lambda: running.info()["usable_members"] == 2, 12, "both members are usable")
        guests.a.run(f"ip link add link bond0 name bond0.7 type vlan id 7; ip addr add {TAGGED}/24 dev bond0.7; ip link set bond0.7 up")
        yield running
        assert running.stop() == 0


def arrives(source, target, address, count=BYTES):
    """20 datagrams of UDP and `count` bytes of TCP go from one guest to the other as they are; the other's kernel has found no checksum
    wrong and no IP fragment meanwhile."""
    def wrong():
        said = target.run("nstat -az TcpInCsumErrors UdpInCsumErrors Udp6InCsumErrors IpReasmReqds Ip6ReasmReqds")
        return re.findall(r"^\w+ +\d+", said, re.M)
    log, seed, before = f"/tmp/{unique_prefix('tcp')}", random.randrange(1 << 30), wrong()
    assert len(before) == 5
    receiver = GuestProcess(target, ["/usr/bin/python3", "-c", RECEIVER, address, PORT], log)
    try:
        eventually(lambda: "ready" in target.call("read", path=log), 20, "it listens")
        said = source.run(f"/usr/bin/python3 -c '{SENDER}' {address} {PORT} {seed} {count}", timeout=60)
    finally:
        receiver.kill()
    data = random.Random(seed).randbytes(count)
    assert said.strip() == hashlib.sha256(b"".join([*(data[:size] for size in range(1, 1400, 70)), data])).hexdigest()
    assert wrong() == before


def order(bond, line):
    bond.vm.run(f"{app.binary()} --file-prefix {bond.file_prefix} console -e '{line}'")


def cut_in_software(bond, model):
    return bond.member(model)["offloads"]["cut_in_software"]


def out_of(guests, model):
    """Packets and bytes that have come out of the NIC."""
    return guests.edge.ip_json("-s", "link", "show", "dev", f"edge{2 + EDGE_MODELS.index(model)}")[0]["stats64"]["rx"]


@pytest.mark.parametrize("model", EDGE_MODELS)
def test_a_nic_does_what_its_driver_says(guests, far, bond, model):
    order(bond, f"set bond bond0 active {model}")
    eventually(lambda: bond.info()["active_member"] == model, 5, "it is active")
    cuts = model == "vmxnet3"
    said = bond.member(model)["offloads"]
    by = "member" if cuts else "software"
    assert (said["checksum"], said["tcp_segmentation"], said["udp_segmentation"], said["rx_checksum"]) == ("member", by, "software", by)
    for address in (PARTNER_ADDRESS, PARTNER6, PARTNER_TAGGED):
        guests.a.until(f"ping -c1 -W1 {address}", 20)
        before, on_wire, cut = bond.stats(), out_of(guests, model), cut_in_software(bond, model)
        arrives(guests.a, far, address)
        after, cut = bond.stats(), cut_in_software(bond, model) - cut
        length = (out_of(guests, model)["bytes"] - on_wire["bytes"]) / (out_of(guests, model)["packets"] - on_wire["packets"])
        frames = after["tx_packets"] - before["tx_packets"]
        size = (after["tx_bytes"] - before["tx_bytes"]) / frames
        print(f"{model} {address}: {frames} frames of {size:.0f} bytes, {cut} cut in software; {length:.0f} bytes each out of the NIC")
        assert size > 1518, "the kernel left the cutting to the bond"
        # An emulated NIC hands what it is to cut to a wire that takes it so. vmxnet3 refuses what lies in more buffers than it takes of a frame.
        assert cut < frames / 10 and length > 1518 if cuts else cut > 20 and length <= 1518
    merged = bond.stats()["merged"]
    for address in (BOND_ADDRESS, BOND6):
        arrives(far, guests.a, address)
    assert bond.stats()["merged"] > merged


def test_members_do_frame_by_frame_what_each_can(guests, far, bond):
    order(bond, "set bond bond0 mode balance-rr")
    before = {model: (bond.member(model)["tx_packets"], cut_in_software(bond, model)) for model in EDGE_MODELS}
    arrives(guests.a, far, PARTNER_ADDRESS)
    for model, (sent, cut) in before.items():
        assert bond.member(model)["tx_packets"] > sent + 20
        assert (cut_in_software(bond, model) <= cut + 20) == (model == "vmxnet3")
