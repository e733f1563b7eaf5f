# SPDX-License-Identifier: BSD-3-Clause
"""`explain BOND FILE`: each flow of a capture file, and the member that the wires show."""
import collections
import json
import os
import struct

import pytest

from framework.frames import TAG, number_of
from framework.peers.lacp_port import Partner, negotiate
from framework.spray import PEER_VIRTUAL, VIRTUAL, SprayTopology, closing, section, states, why_not
from framework.wait import eventually

FLOWS = int(os.environ.get("DPDKBOND_EXPLAIN_FLOWS", "2000"))  # 10000 are half a minute more
FEWER = FLOWS // 10
POLICIES = ["layer3+4", "layer2", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"]


def write_pcap(path, frames, order="<"):
    with open(path, "wb") as file:
        file.write(struct.pack(order + "IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            file.write(struct.pack(order + "IIII", 1, 0, len(frame), len(frame)) + frame)


def where(ends, count):
    """{frame number: member index}, once all have arrived."""
    found = {}

    def all_there():
        for i, end in enumerate(ends):
            found.update({number: i for frame in end.take() if (number := number_of(frame)) is not None})
        return len(found) == count
    eventually(all_there, 10, f"{count} frames, have {len(found)}")
    return found


def explained(bond, path):
    done = bond.client("explain", "bond0", str(path), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def ipv4(i, protocol, body, fragment=0, source=None, target=None):
    header = (struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), i & 0xffff, fragment, 64, protocol, 0)
              + (source or struct.pack("!BBH", 10, 1, i & 0xffff)) + (target or struct.pack("!BBH", 10, 2, i * 7 & 0xffff)))
    checksum = sum(struct.unpack("!10H", header))  # a bridge may look at it
    checksum = (checksum & 0xffff) + (checksum >> 16)
    return header[:10] + struct.pack("!H", ~((checksum & 0xffff) + (checksum >> 16)) & 0xffff) + header[12:] + body


def ipv6(i, protocol, body):
    address = bytes.fromhex("20010db8") + bytes(10)
    return (struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + address + struct.pack("!H", i & 0xffff)
            + address + struct.pack("!H", i * 11 & 0xffff) + body)


def flows_of_all_kinds(count, source=bytes.fromhex("020000000001")):
    """`count` frames, each of a flow of its own and numbered as build() does it: what FLOW has keys for, and much that it has none for."""
    frames = []
    for i in range(count):
        payload = TAG + struct.pack("!I", i) + bytes(32)
        ports = struct.pack("!HH", 1024 + i % 60000, 53 + i % 13)
        udp, tcp = ports + struct.pack("!HH", 8 + len(payload), 0) + payload, ports + bytes(8) + b"\x50\x10" + bytes(6) + payload
        inner = struct.pack("!BBH", 172, 16, i * 3 & 0xffff)
        kinds = [(0x0800, ipv4(i, 17, udp)), (0x0800, ipv4(i, 6, tcp)), (0x86dd, ipv6(i, 17, udp)), (0x86dd, ipv6(i, 6, tcp)),
                 (0x0800, ipv4(i, 1, struct.pack("!BBHHH", 8, 0, 0, i & 0xffff, 1) + payload)),   # echo requests with ids
                 (0x0800, ipv4(i, 17, udp, 0x2000)), (0x0800, ipv4(i, 17, payload, 185)),         # fragments: the first, a later one
                 (0x0800, ipv4(i, 4, ipv4(i, 6, tcp, source=inner))),                             # IPIP
                 (0x0800, ipv4(i, 47, struct.pack("!HH", 0, 0x0800) + ipv4(i, 17, udp, source=inner))),  # GRE
                 (0x0800, ipv4(i, 50, struct.pack("!I", i * 977) + payload)), (0x0800, ipv4(i, 99, payload)),
                 (0x8100, struct.pack("!HH", i % 4094 + 1, 0x0800) + ipv4(i, 17, udp)),
                 (0x88a8, struct.pack("!HHHH", 5, 0x8100, i % 4094 + 1, 0x86dd) + ipv6(i, 6, tcp)),
                 (0x88b5, payload)]                                                               # no IP
        ethertype, packet = kinds[i % len(kinds)]
        frames.append(b"\x02\x00\x00\x00" + struct.pack("!H", i & 0xffff) + source + struct.pack("!H", ethertype) + packet)
    return frames


def check_against_wires(bond, host, ends, path, frames, moving):
    """Every flow of the capture leaves by the member that explain names, and all members carry some."""
    write_pcap(path, frames)
    for end in ends:
        end.take()
    answer = explained(bond, path)
    flows = answer["flows"]
    assert [f["frames"] for f in flows] == [1] * len(frames)
    host.send_all(frames)
    found = where(ends, len(frames))
    still = range(len(frames))
    if moving:  # the balancer may have moved some meanwhile
        again = explained(bond, path)["flows"]
        still = [i for i in still if flows[i]["member"] == again[i]["member"]]
        assert len(still) > len(frames) * 3 // 4
    wrong = {i: (found[i], flows[i]) for i in still if flows[i]["member"] != f"m{found[i]}"}
    assert not wrong, dict(list(wrong.items())[:5])
    carried = collections.Counter(f"m{i}" for i in found.values())
    assert len(carried) == 3
    if not moving:
        assert {name: sums["frames"] for name, sums in answer["members"].items()} == carried
        assert sum(sums["bytes"] for sums in answer["members"].values()) == sum(map(len, frames))


# The number of flows: the first policy of a mode is tried with that many, further ones with fewer.
@pytest.mark.parametrize("mode, options, policies, count", [
    ("balance-xor", {}, POLICIES, FLOWS), ("802.3ad", {"lacp_rate": "slow"}, POLICIES, FLOWS),
    ("balance-tlb", {"tlb_dynamic_lb": 0}, POLICIES, FLOWS), ("balance-tlb", {}, POLICIES[:2], FEWER), ("balance-alb", {}, POLICIES[:1], FLOWS)])
def test_flows_leave_as_explained(fresh, tmp_path, mode, options, policies, count):
    wires = fresh.sink(3)
    # With a MAC of its own, as policies hash it: whether few frames reach all three members is no chance then.
    bond = fresh.bond(wires, mode=mode, addresses=[], logical={"mac": "02:bd:00:00:00:01"}, **options)
    frames = flows_of_all_kinds(count, bytes.fromhex(bond.info()["mac"].replace(":", "")))
    host = fresh.capture(wires.a, "bond0")
    with wires.captures() as ends:
        if mode == "802.3ad":
            negotiate(bond, [Partner(end, i + 1) for i, end in enumerate(ends)], 3)
        for policy in policies:
            assert bond.console(f"set bond bond0 xmit_hash_policy {policy}") == []
            check_against_wires(bond, host, ends, tmp_path / "flows.pcap", frames[:count if policy == policies[0] else FEWER],
                                moving=mode == "balance-alb" or mode == "balance-tlb" and not options)


def test_what_a_member_has_sent_in_balance_tlb_is_explained_as_the_bond_s(fresh, tmp_path):
    wires = fresh.sink(3)
    bond = fresh.bond(wires, mode="balance-tlb", addresses=[], xmit_hash_policy="layer2", tlb_dynamic_lb=0)
    frames = flows_of_all_kinds(100, bytes.fromhex(bond.info()["mac"].replace(":", "")))
    host = fresh.capture(wires.a, "bond0")
    with wires.captures() as ends:
        host.send_all(frames)
        sent = [[], [], []]

        def all_there():
            for i, end in enumerate(ends):
                sent[i] += [bytes(frame) for frame in end.take() if number_of(frame) is not None]
            return sum(map(len, sent)) == 100
        eventually(all_there, 5, "they are on the wires")
    for name, of_member in zip(wires.members, sent):
        write_pcap(tmp_path / "sent.pcap", of_member)
        members = explained(bond, tmp_path / "sent.pcap")["members"]
        assert {member: sums["frames"] for member, sums in members.items()} == {name: len(of_member)}


def test_flows_to_a_peer_of_balance_spray_leave_as_explained(fresh, tmp_path):
    if reason := why_not():
        pytest.skip(reason)
    topology = fresh.enter(closing(SprayTopology(3)))
    bond = fresh.bond(topology, mode="balance-spray", addresses=[f"{VIRTUAL}/24"], spray=section(topology, granularity="flow"))
    eventually(lambda: states(bond, PEER_VIRTUAL) == ["up"] * 3, 5, "every path is up")
    mac = bytes.fromhex(bond.info()["mac"].replace(":", ""))
    frames = [mac + mac + b"\x08\x00" + ipv4(i, 17, struct.pack("!HHHH", 1024 + i % 60000, 53 + i % 13, 20, 0) + TAG + struct.pack("!I", i),
                                             source=bytes(map(int, VIRTUAL.split("."))), target=bytes(map(int, PEER_VIRTUAL.split("."))))
              for i in range(FLOWS)]
    host = fresh.capture(topology.a, "bond0")
    ends = [fresh.capture(topology.sw, port) for port in topology.far]
    check_against_wires(bond, host, ends, tmp_path / "flows.pcap", frames, moving=False)


def test_files_that_are_cut_or_no_captures_are_told_in_one_line(fresh, tmp_path):
    bond = fresh.bond(fresh.sink(2), mode="balance-xor", addresses=[])
    path = tmp_path / "flows.pcap"
    write_pcap(path, flows_of_all_kinds(3))
    path.write_bytes(path.read_bytes()[:-5])
    done = bond.client("explain", "bond0", str(path))
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1 and "the file ends at byte" in done.stderr
    assert done.stdout.count("proto=") == 2
    path.write_text("runtime: {}\n")
    done = bond.client("explain", "bond0", str(path))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.endswith("flows.pcap: not a capture file: it begins neither as pcap nor as pcapng\n")
    done = bond.client("explain", "bond0", str(tmp_path / "none.pcap"))
    assert done.returncode == 1 and "No such file" in done.stderr
    eventually(bond.running, 1, "the bond runs on")
