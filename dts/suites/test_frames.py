# SPDX-License-Identifier: BSD-3-Clause
"""Frames as they come: checksums that a peer on this machine left undone, tagged slow protocols; and the status text as a file."""
import contextlib
import os
import socket
import threading

import pytest

from framework.frames import Dot1Q, Ether, Raw, build
from framework.topology import BOND_ADDRESS, BOND_ADDRESS6, HOST_ADDRESS, HOST_ADDRESS6
from framework.wait import eventually

IPV6_DSTOPTS = 59
PAD_SIX = bytes([0, 0, 1, 4, 0, 0, 0, 0])  # a destination-options header that says nothing


def tcp_says(client, server, address, family=socket.AF_INET, options=()):
    """What a server in one namespace hears from a client in another, over TCP."""
    heard = []
    with contextlib.closing(server.socket(family, socket.SOCK_STREAM)) as listener:
        listener.settimeout(8)
        listener.bind((address, 0))
        listener.listen(1)

        def serve():
            with contextlib.suppress(OSError):
                connection = listener.accept()[0]
                connection.settimeout(8)
                with connection:
                    heard.append(connection.recv(100))
                    connection.sendall(b"and back")

        thread = threading.Thread(target=serve)
        thread.start()
        with contextlib.closing(client.socket(family, socket.SOCK_STREAM)) as sender:
            sender.settimeout(8)
            for level, name, value in options:
                sender.setsockopt(level, name, value)
            sender.connect((address, listener.getsockname()[1]))
            sender.sendall(b"hello")
            answer = sender.recv(100)
        thread.join()
    return heard, answer


@pytest.mark.parametrize("checksum", ["udpcsum", "noudpcsum"])
@pytest.mark.parametrize("kind", ["vxlan", "geneve", "gretap", "ipip"])
def test_tcp_connects_inside_a_tunnel(fresh, kind, checksum):
    """field 6: the peer's kernel leaves the inner TCP checksum, or the tunnel's own, to hardware that is not there."""
    if kind in ("gretap", "ipip") and checksum == "noudpcsum":
        pytest.skip("it has no UDP")
    topology = fresh.topology(2, pcap=False, offloads=True)
    fresh.bond(topology)
    for ns, device, here, there, inner in ((topology.h, "h0", HOST_ADDRESS, BOND_ADDRESS, "10.7.0.2/24"),
                                           (topology.a, "bond0", BOND_ADDRESS, HOST_ADDRESS, "10.7.0.1/24")):
        words = {"vxlan": ["vxlan", "id", 7, "local", here, "remote", there, "dstport", 4789, "dev", device, checksum],
                 "geneve": ["geneve", "id", 7, "remote", there, checksum],
                 "gretap": ["gretap", "local", here, "remote", there, "csum"],
                 "ipip": ["ipip", "local", here, "remote", there]}[kind]
        if ns.run("ip", "link", "add", "tun", "mtu", 1400, "type", *words, check=False).returncode != 0:
            pytest.skip(f"this kernel has no {kind}")
        ns.address("tun", inner)
        ns.set_link("tun", True)
    assert tcp_says(topology.h, topology.a, "10.7.0.1") == ([b"hello"], b"and back")
    assert tcp_says(topology.a, topology.h, "10.7.0.2") == ([b"hello"], b"and back")


def test_tcp_connects_behind_ipv6_destination_options(fresh):
    topology = fresh.topology(2, pcap=False, offloads=True, ipv6=True)
    fresh.bond(topology, addresses=[f"{BOND_ADDRESS6}/64"])
    options = [(socket.IPPROTO_IPV6, IPV6_DSTOPTS, PAD_SIX)]
    eventually(lambda: topology.h.run("ping", "-6", "-c1", "-W1", BOND_ADDRESS6, check=False).returncode == 0, 10, "the address serves")
    assert tcp_says(topology.h, topology.a, BOND_ADDRESS6, socket.AF_INET6, options) == ([b"hello"], b"and back")


@pytest.mark.parametrize("device", ["net_af_packet0,iface=m0", "net_tap0,iface=t0"])
def test_a_tagged_lacpdu_is_nobodys(fresh, device):
    """field 16: no driver hears it as LACP, none hands it up."""
    wires = fresh.sink(1)
    tap = device.startswith("net_tap")
    bond = fresh.bond(wires, members=[device], mode="802.3ad", addresses=[])
    sender_ns, out, member = (wires.a, "t0", "t0") if tap else (wires.sink, "p0", "m0")
    lacpdu = Raw(bytes([1, 1]) + bytes(108))
    seen, sender = fresh.capture(wires.a, "bond0"), fresh.capture(sender_ns, out)
    for vlan in (0, 10):
        sender.send(build(Ether(src="02:00:00:00:0b:0b", dst="01:80:c2:00:00:02", type=0x8100) / Dot1Q(vlan=vlan, type=0x8809) / lacpdu))
    eventually(lambda: bond.member(member)["drops"].get("foreign_group", 0) >= 2, 5, "both are counted")
    assert not [frame for frame in seen.take() if b"\x88\x09" in bytes(frame)[12:20]]
    ports = bond.ask("/bond/lacp,bond0")["ports"]
    assert all(port["lacpdu_rx"] == 0 and port["bad_rx"] == 0 for port in ports.values())


def test_the_status_text_lies_in_a_file(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, updelay=1000, addresses=[])
    path = f"/run/dpdk-bond/{bond.file_prefix}/net/bonding/bond0"

    def text():
        with open(path, encoding="ascii") as file:
            return file.read()

    bond.wait_up(2)
    eventually(lambda: text() == bond.command("status", "bond0").stdout, 5, "as the command prints it")
    wires.cut(0)
    eventually(lambda: "Not usable: carrier\n" in text(), 5, "the lost member")
    wires.restore(0)
    eventually(lambda: "Not usable: going back (updelay)\n" in text(), 5, "updelay has another name than a lost carrier")
    bond.wait_up(2)
    bond.stop()
    assert not os.path.exists(path)


def test_a_port_that_never_had_a_link_has_all_its_lines(fresh):
    """field 8."""
    wires = fresh.sink(2)
    wires.cut(1)
    bond = fresh.bond(wires, mode="802.3ad", addresses=[], wait=False)
    bond.wait_telemetry()
    eventually(lambda: bond.info() and bond.up() == 1, 10, "one member is up")
    blocks = bond.command("status", "bond0").stdout.split("\n\nSlave Interface: ")
    assert len(blocks) == 3

    def keys(block):
        return [line.split(":")[0] for line in block.splitlines()[1:] if not line.startswith("Not usable")]

    assert keys(blocks[2].rstrip("\n")) == keys(blocks[1].rstrip("\n"))
    assert "Aggregator ID: 2\n" in blocks[2] and blocks[2].count("port state:") == 2


def test_a_bond_that_nothing_watches_says_so(fresh):
    """field 7."""
    wires = fresh.sink(2)
    bond = fresh.bond(wires, miimon=0, addresses=[])
    eventually(lambda: "nothing watches the members" in bond.log, 5, "a warning")
