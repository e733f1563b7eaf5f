# SPDX-License-Identifier: BSD-3-Clause
"""Captures: pcapng files of what passes the members, both ways, that other programs read."""
import os
import signal
import subprocess

import pytest

from framework import app
from framework.pcapng import IN, OUT, read
from framework.peers.lacp_port import C, D, G, S, is_slow, parse
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.wait import eventually

ECHO_REQUEST, ECHO_REPLY = 8, 0


def ended(bond):
    """The line that tells of a capture, once that is over."""
    return eventually(lambda: next((line for line in bond.console("show bond bond0 capture") if "has ended" in line), None), 5)


def is_echo(frame, kind):
    return frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] == kind


@pytest.fixture(scope="module")
def pair(lab):
    """Two instances in 802.3ad back to back, one of them ours; pings run."""
    wires = lab.sink(2)
    options = {"mode": "802.3ad", "lacp_rate": "fast"}
    ours = lab.bond(wires, wait=False, **options)
    far = lab.bond_from(wires.sink, app.bond_config([f"net_af_packet{i},iface=p{i}" for i in range(2)], addresses=[f"{HOST_ADDRESS}/24"],
                                                    prefix=app.unique_prefix(), **options), wait=False)
    for bond in (ours, far):
        bond.wait_ready()
    eventually(lambda: all(bond.info()["usable_members"] == 2 for bond in (ours, far)), 10, "LACP agrees")
    return wires, ours, far


def test_it_holds_both_directions_of_every_member(pair, fresh, tmp_path):
    wires, ours, _ = pair
    path = str(tmp_path / "all.pcapng")
    ping = fresh.ping(wires.a, HOST_ADDRESS)
    ping.settled()
    before = ours.mempools()
    member = [ours.member(name) for name in wires.members]
    assert "runs, 60 s to go" in ours.console(f"capture bond0 all {path} 60")[0]
    eventually(lambda: all(now["rx_packets"] > was["rx_packets"] + 3 and now["tx_packets"] > was["tx_packets"] + 3
                           for now, was in zip([ours.member(name) for name in wires.members], member)), 10)
    answer = ours.console("capture bond0 stop")[0]
    frames = read(path)
    assert f"(stopped): {len(frames)} frames, 0 not kept" in answer
    assert {name for name, _, _ in frames} == set(wires.members)
    for name in wires.members:
        for direction in (IN, OUT):
            assert any(is_slow(frame) for where, way, frame in frames if (where, way) == (name, direction)), (name, direction)
    for kind, direction in ((ECHO_REQUEST, OUT), (ECHO_REPLY, IN)):
        echoes = [(way, int.from_bytes(frame[40:42], "big")) for _, way, frame in frames if is_echo(frame, kind)]
        first = echoes[0][1]
        assert len(echoes) > 10 and echoes == [(direction, first + i) for i in range(len(echoes))], "each once, in order"
    ping.stop()
    assert ping.lost() == []
    eventually(lambda: ours.mempools() == before, 3, "no buffer is missing")


def test_tcpdump_reads_it(pair, tmp_path):
    _, ours, _ = pair
    path = str(tmp_path / "t.pcapng")
    ours.console(f"capture bond0 all {path} 60")
    eventually(lambda: os.path.getsize(path) > 1000, 5, "frames are written while it runs")
    ours.console("capture bond0 stop")
    shown = subprocess.run(["tcpdump", "-nr", path], capture_output=True, text=True, check=True)
    assert "LACPv1" in shown.stdout


def test_it_ends_by_itself_and_is_complete(pair, tmp_path):
    _, ours, _ = pair
    path = str(tmp_path / "timed.pcapng")
    ours.console(f"capture bond0 m1 {path} 1")
    line = ended(ours)
    assert "(its time is up)" in line and f": {len(read(path))} frames, 0 not kept" in line
    assert line in ours.log


def test_from_the_command_line_until_interrupted(pair, tmp_path):
    _, ours, _ = pair
    path = tmp_path / "cli.pcapng"
    process = ours.ns.popen(app.binary(), "capture", "bond0", "m0", path.name, "60", "--file-prefix", ours.file_prefix, cwd=tmp_path,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: path.exists() and path.stat().st_size > 1000, 5, "the file grows where it was called")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=5)
    assert process.returncode == 0 and f"(stopped): {len(read(str(path)))} frames, 0 not kept" in said
    assert "no capture runs" in ours.console("capture bond0 stop")[0]


def test_to_stdout_until_its_reader_leaves(pair, tmp_path):
    """operator (c): `capture bond0 all - | tshark -r -`."""
    _, ours, _ = pair
    path = tmp_path / "piped.pcapng"
    words = (app.binary(), "capture", "bond0", "all", "-", "--file-prefix", ours.file_prefix)
    with open(path, "wb") as out, ours.ns.popen(*words, "2", stdout=out, stderr=subprocess.PIPE, text=True) as process:
        said = process.stderr.read()
    frames = read(str(path))
    assert frames and f"(its time is up): {len(frames)} frames, 0 not kept" in said
    with ours.ns.popen(*words, "60", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.read(4) == b"\x0a\x0d\x0d\x0a"
        process.stdout.close()
        assert process.wait(10) == 0
    assert "no capture runs" in ours.console("capture bond0 stop")[0]
    assert not [name for name in os.listdir(f"/var/run/dpdk/{ours.file_prefix}") if name.startswith("capture")]


@pytest.mark.parametrize("path, why", [("/nonexistent/x.pcapng", "No such file or directory"), ("/", "Is a directory"),
                                       ("/dev/full", "No space left on device")])
def test_a_bad_path_is_refused_in_one_line(pair, path, why):
    _, ours, _ = pair
    assert ours.console(f"capture bond0 m0 {path}") == [f"error: {path}: {why}"]
    assert "no capture runs" in ours.console("capture bond0 stop")[0]
    done = ours.command("capture", "bond0", "m0", path)
    assert done.returncode == 1 and done.stderr == f"dpdk-bond: {path}: {why}\n"


def test_bad_words_are_refused_and_touch_no_file(pair, tmp_path):
    _, ours, _ = pair
    kept = tmp_path / "kept"
    kept.write_text("precious")
    for line in (f"capture bond9 m0 {kept}", f"capture bond0 m9 {kept}", f"capture bond0 m0 {kept} 0", "capture bond0 m0 -"):
        answer = ours.console(line)
        assert len(answer) == 1 and answer[0].startswith("error: "), line
    assert kept.read_text() == "precious"


def test_root_does_not_write_where_another_user_has_led_it(pair, tmp_path):
    """L10"""
    _, ours, _ = pair
    kept = tmp_path / "kept"
    kept.write_text("precious")
    link, hard, foreign = tmp_path / "link", tmp_path / "hard", tmp_path / "foreign"
    link.symlink_to(kept)
    hard.hardlink_to(kept)
    foreign.write_text("precious")
    os.chown(foreign, 65534, 65534)
    for path, why in ((link, "it is a symbolic link"), (hard, "it has another name too"), (foreign, "it belongs to another user")):
        answer, = ours.console(f"capture bond0 m0 {path}")
        assert answer.startswith(f"error: {path}: {why}"), answer
    assert kept.read_text() == foreign.read_text() == "precious"


def test_a_pipe_without_a_reader_is_refused_and_with_one_is_served(pair, tmp_path):
    _, ours, _ = pair
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    assert ours.console(f"capture bond0 m0 {pipe}") == [f"error: {pipe}: nobody reads this pipe"]
    reader = subprocess.Popen(["tcpdump", "-nr", pipe, "-c", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: "runs" in ours.console(f"capture bond0 m0 {pipe} 60")[0], 5)
        assert "LACPv1" in reader.communicate(timeout=10)[0]
        assert "Broken pipe" in ended(ours)
    finally:
        reader.kill()
        reader.wait()


def test_a_pipe_that_nobody_empties_holds_nobody_up(pair, tmp_path):
    _, ours, _ = pair
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        filler = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        while True:
            try:
                os.write(filler, bytes(4096))
            except BlockingIOError:
                break
        os.close(filler)
        assert ours.console(f"capture bond0 m0 {pipe} 60") == [f"error: {pipe}: who reads it does not keep up"]
        assert os.read(reader, 65536)
        assert "runs" in ours.console(f"capture bond0 m0 {pipe} 60")[0]
        assert ours.info()["usable_members"] == 2
        ours.console("capture bond0 stop")
        assert "not kept" in ended(ours)
    finally:
        os.close(reader)


def test_one_capture_a_bond_at_a_time(pair, tmp_path):
    _, ours, _ = pair
    first, second = tmp_path / "first", tmp_path / "second"
    ours.console(f"capture bond0 m0 {first} 60")
    answer = ours.console(f"capture bond0 m1 {second}")
    assert len(answer) == 1 and answer[0].startswith("error: ") and str(first) in answer[0]
    assert not second.exists()
    ours.console("capture bond0 stop")


def test_members_that_leave_while_they_are_captured(fresh, tmp_path):
    topology = fresh.topology(2)
    bond = fresh.bond(topology)
    path = str(tmp_path / "gone.pcapng")
    ping = fresh.ping(topology.a, HOST_ADDRESS)
    ping.settled()
    was = bond.active()
    bond.console(f"capture bond0 all {path} 60")
    ping.settled(5)
    assert bond.console(f"remove member bond0 {was}") == []
    ping.settled(5)
    assert "runs" in bond.console("show bond bond0 capture")[0]
    left = bond.active()
    assert bond.console(f"remove member bond0 {left}") == []
    assert "(its members have left)" in ended(bond)
    assert {name for name, _, frame in read(path) if is_echo(frame, ECHO_REPLY)} == {was, left}
    assert bond.console(f"add member bond0 {topology.devargs(0)}") == []
    fresh.ping(topology.a, HOST_ADDRESS).settled()


def test_foreign_frames_that_the_bond_drops_are_in_it(fresh, tmp_path):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[f"{BOND_ADDRESS}/24"])
    path = str(tmp_path / "foreign.pcapng")
    foreign = bytes.fromhex("0200000000ee0200000000dd0800") + b"not for us" + bytes(50)
    bond.console(f"capture bond0 m0 {path} 60")
    wire = fresh.capture(wires.sink, wires.far[0])
    dropped = sum(bond.stats()["drops"].values())
    wire.send(foreign)
    eventually(lambda: sum(bond.stats()["drops"].values()) > dropped, 3)
    bond.console("capture bond0 stop")
    assert ("m0", IN, foreign) in read(path)


def test_the_end_of_the_program_completes_the_file(pair, tmp_path):
    """Last of all, as the pair is gone then."""
    wires, ours, _ = pair
    path = str(tmp_path / "end.pcapng")
    ours.console(f"capture bond0 all {path} 60")
    assert ours.stop() == 0 and ours.stop_seconds < 2
    frames = read(path)
    farewells = [name for name, way, frame in frames if way == OUT and is_slow(frame) and not parse(frame)["actor"]["state"] & (G | S | C | D)]
    assert sorted(farewells) == wires.members
    assert f": {len(frames)} frames, 0 not kept" in ours.log
