# SPDX-License-Identifier: BSD-3-Clause
"""`explain BOND FILE`: each flow of a capture file, and the member that the wires show."""
import collections
import json
import struct

import pytest

from framework.frames import IP, TAG, UDP, Ether, build, flow_frames, number_of
from framework.wait import eventually

FLOWS = 500


def write_pcap(path, frames, order="<"):
    with open(path, "wb") as file:
        file.write(struct.pack(order + "IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            file.write(struct.pack(order + "IIII", 1, 0, len(frame), len(frame)) + frame)


def many_flows(count):
    """UDP of `count` flows, numbered as build() does it; made from one frame, as scapy takes a millisecond for each."""
    first = build(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:02:00") / IP(src="10.1.0.0", dst="10.2.0.1") / UDP(sport=1000, dport=53), 0)
    frames = []
    for i in range(count):
        frame = bytearray(first)
        struct.pack_into("!I", frame, first.index(TAG) + len(TAG), i)
        frame[5] = i % 251
        struct.pack_into("!H", frame, 28, i)
        struct.pack_into("!H", frame, 34, 1000 + i)
        frames.append(bytes(frame))
    return frames


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


@pytest.mark.parametrize("mode, options", [("balance-xor", {"xmit_hash_policy": "layer3+4"}),
                                           ("balance-tlb", {"xmit_hash_policy": "layer2+3", "tlb_dynamic_lb": 0})])
def test_hundreds_of_flows_leave_as_explained(fresh, tmp_path, mode, options):
    wires = fresh.sink(3)
    bond = fresh.bond(wires, mode=mode, addresses=[], **options)
    frames = many_flows(FLOWS)
    write_pcap(tmp_path / "flows.pcap", frames, "<" if mode == "balance-xor" else ">")
    answer = explained(bond, tmp_path / "flows.pcap")
    flows = answer["flows"]
    assert [f["frames"] for f in flows] == [1] * FLOWS
    host = fresh.capture(wires.a, "bond0")
    with wires.captures() as ends:
        host.send_all(frames)
        found = where(ends, FLOWS)
    wrong = {i: (found[i], flows[i]) for i in range(FLOWS) if flows[i]["member"] != f"m{found[i]}"}
    assert not wrong
    carried = collections.Counter(f"m{i}" for i in found.values())
    assert {name: sums["frames"] for name, sums in answer["members"].items()} == carried
    assert sum(sums["bytes"] for sums in answer["members"].values()) == sum(map(len, frames))


def test_flows_that_no_question_can_name_are_told_and_no_other_is_wrong(fresh, tmp_path):
    wires = fresh.sink(3)
    bond = fresh.bond(wires, mode="balance-xor", addresses=[], xmit_hash_policy="encap3+4")
    frames = flow_frames("encap3+4", 96)
    write_pcap(tmp_path / "flows.pcap", frames)
    answer = explained(bond, tmp_path / "flows.pcap")
    host = fresh.capture(wires.a, "bond0")
    with wires.captures() as ends:
        host.send_all(frames)
        carried = collections.Counter(f"m{i}" for i in where(ends, 96).values())
    said = {name: sums["frames"] for name, sums in answer["members"].items()}
    assert 0 < said.pop("not asked") < 96 * 3 // 4
    assert all(said[name] <= carried[name] for name in said)


def test_files_that_are_cut_or_no_captures_are_told_in_one_line(fresh, tmp_path):
    bond = fresh.bond(fresh.sink(2), mode="balance-xor", addresses=[])
    path = tmp_path / "flows.pcap"
    write_pcap(path, many_flows(3))
    path.write_bytes(path.read_bytes()[:-5])
    done = bond.client("explain", "bond0", str(path))
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1 and "the file ends at byte" in done.stderr
    assert done.stdout.count("proto=udp") == 2
    path.write_text("runtime: {}\n")
    done = bond.client("explain", "bond0", str(path))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.endswith("flows.pcap: not a capture file: it begins neither as pcap nor as pcapng\n")
    done = bond.client("explain", "bond0", str(tmp_path / "none.pcap"))
    assert done.returncode == 1 and "No such file" in done.stderr
    eventually(bond.running, 1, "the bond runs on")
