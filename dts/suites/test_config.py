# SPDX-License-Identifier: BSD-3-Clause
"""Configurations that are refused: what is said, and that nothing is touched."""
import glob
import os
import re

import pytest

from framework import app
from framework.netns import run
from framework.telemetry import socket_path

LINE = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+):(?P<col>\d+): (?P<key>[^:]+): (?P<what>.+)$")

FIVE_MISTAKES = """\
runtime:
  idle: lazy
  file_prefix: {prefix}
bonds:
  - name: bond0
    mode: active-bakup
    miimon: -5
    xmit_hash_polcy: layer2
    primary_reselect: sometimes
    members:
      - device: "net_af_packet0,iface=m0"
"""
MISTAKES = {2: "idle", 6: "mode", 7: "miimon", 8: "xmit_hash_polcy", 9: "primary_reselect"}

GOOD = """\
bonds:
  - name: bond0
    mode: active-backup
    members:
      - device: "net_af_packet0,iface=m0"
      - device: "net_af_packet1,iface=m1"
"""


@pytest.fixture
def write(tmp_path):
    """Write a configuration, give its path."""
    def to(text):
        path = tmp_path / "bond.yaml"
        path.write_text(text)
        return str(path)
    return to


def check(path):
    return run([app.binary(), "-c", path, "--check"], check=False)


def problems(done, path):
    """The problem lines of stderr, parsed; everything else on stderr is an error of the test."""
    lines = [line for line in done.stderr.splitlines() if line]
    found = [LINE.match(line) for line in lines]
    assert all(found), done.stderr
    assert {match["file"] for match in found} <= {path}
    return found


def columns_of(text, line, key):
    """Where a problem with `key` may be said to be: at the key or at its value (1-based)."""
    content = text.splitlines()[line - 1]
    at = content.index(key)
    value = len(content) - len(content[at + len(key) + 1:].lstrip())
    return {at + 1, value + 1}


@pytest.mark.parametrize("arguments", [["--check"], []], ids=["check", "run"])
def test_five_mistakes_are_five_lines_and_leave_no_trace(fresh, write, arguments):
    wires = fresh.sink(1)
    prefix = app.unique_prefix()
    text = FIVE_MISTAKES.format(prefix=prefix)
    path = write(text)

    def machine():
        pages = [line for line in open("/proc/meminfo", encoding="ascii") if line.startswith("HugePages_")]
        return sorted(wires.a.devices()), wires.a.mac("m0"), pages, sorted(glob.glob("/dev/hugepages/*"))
    before = machine()
    done = wires.a.run(app.binary(), "-c", path, *arguments, check=False)
    assert done.returncode == 2
    found = problems(done, path)
    assert sorted(int(match["line"]) for match in found) == sorted(MISTAKES)
    for match in found:
        line = int(match["line"])
        assert MISTAKES[line] in match["key"]
        assert int(match["col"]) in columns_of(text, line, MISTAKES[line])
    assert machine() == before
    assert not os.path.exists(os.path.dirname(socket_path(prefix)))


def test_a_good_file_is_ok(write):
    path = write(GOOD)
    done = check(path)
    assert (done.returncode, done.stdout) == (0, f"{path}: ok\n")
    absent = [f"{path}: note: bond0: member {m}: no such device: there is no netdev {m} in this namespace" for m in ("m0", "m1")]
    assert done.stderr.splitlines() == absent


def test_an_unknown_key_names_the_nearest(write):
    path = write(GOOD.replace("    members:", "    primry: m0\n    members:"))
    done = check(path)
    assert done.returncode == 2
    (match,) = problems(done, path)
    assert match["line"] == "4"
    assert re.search(r"\bprimary\b", match["what"])


@pytest.mark.parametrize("extra, key", [
    ("    miimon: 100\n    arp_interval: 100\n    arp_ip_target: [192.0.2.2]\n", "arp_interval|miimon"),
    ("    updelay: 100\n    miimon: 0\n", "updelay|miimon"),
    ("    primary: m7\n", "primary"),
    ("    num_grat_arp: 256\n", "num_grat_arp"),
    ("    xmit_hash_policy: layer5\n", "xmit_hash_policy"),
], ids=["miimon-and-arp", "updelay-without-miimon", "primary-is-no-member", "out-of-range", "unknown-value"])
def test_what_linux_refuses_is_refused(write, extra, key):
    path = write(GOOD.replace("    members:", extra + "    members:"))
    done = check(path)
    assert done.returncode == 2
    assert any(re.search(key, match["key"]) for match in problems(done, path))


@pytest.mark.parametrize("text", ["", "bonds: [\n", "bonds: 5\n", "- a\n- b\n", "bonds:\n  - mode: 1\n"],
                         ids=["empty", "broken", "scalar", "list", "nameless"])
def test_a_file_that_is_no_configuration_is_told_in_lines(write, text):
    path = write(text)
    done = check(path)
    assert done.returncode == 2
    assert problems(done, path)
    assert "terminate" not in done.stderr


def test_a_file_that_is_not_there(tmp_path):
    done = check(str(tmp_path / "none.yaml"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_two_spellings_and_numbers_are_taken(write):
    text = GOOD.replace("mode: active-backup", "mode: 1\n    num_unsol_na: 3\n    peer_notify_delay: 200\n    primary_reselect: 2")
    assert check(write(text)).returncode == 0


@pytest.mark.parametrize("words", [["--nonsense"], ["-c"], [], ["status", "--nonsense"], ["nonsense"]], ids=str)
def test_a_bad_command_line_is_status_2(words):
    done = run([app.binary(), *words], check=False)
    assert done.returncode == 2
    assert done.stderr and not done.stdout


def test_version_help_and_modes():
    assert run([app.binary(), "--version"]).stdout.strip()
    assert "-c FILE" in run([app.binary(), "--help"]).stdout
    modes = run([app.binary(), "modes"]).stdout
    for word in ("balance-rr", "active-backup", "balance-xor", "broadcast", "xmit_hash_policy", "miimon"):
        assert word in modes


def test_ordinary_pages_in_place_of_hugepages_are_one_warning(fresh):
    with open("/proc/meminfo", encoding="ascii") as file:
        free = next(int(line.split()[1]) for line in file if line.startswith("HugePages_Free:"))
    if free >= 128:
        pytest.skip("there are hugepages enough")
    for wish, lines in (("auto", 1), ("never", 0)):
        bond = fresh.bond(fresh.sink(1), addresses=[], runtime={"memory_mb": 256, "hugepages": wish})
        said = [line for line in bond.log.splitlines() if "hugepages" in line]
        assert len(said) == lines
        assert all(re.search(" warning warning: 256 MB of hugepages are asked for and .* ordinary pages serve instead", line) for line in said)
        assert bond.stop() == 0
