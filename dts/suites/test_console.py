# SPDX-License-Identifier: BSD-3-Clause
"""The console: on standard input of the instance, on a pipe and on a terminal, and attached from outside."""
import os
import pty

import pytest

from framework import app
from framework.wait import eventually


def type_in(bond, *lines):
    for line in lines:
        bond.process.stdin.write(line.encode() + b"\n")
    bond.process.stdin.flush()


@pytest.fixture
def bond(fresh):
    return fresh.bond(fresh.sink(2), addresses=[], console=True)


def test_show_on_a_pipe(bond):
    type_in(bond, "show bond all")
    eventually(lambda: "active-backup" in bond.log, 3)
    length = len(bond.log)
    type_in(bond, "show bond bond0", "show member bond0 m1", "show bond bond0 stats", "show bond bond0 events")
    eventually(lambda: all(word in bond.log[length:] for word in ("m0", "m1")), 3)
    assert bond.running()


def test_help_names_the_commands(bond):
    type_in(bond, "help")
    eventually(lambda: all(word in bond.log for word in ("show", "quit")), 3)


@pytest.mark.parametrize("line", ["nonsense", "show bond nosuch", "show member bond0 nosuch"])
def test_a_refused_command_says_why_and_changes_nothing(bond, line):
    before, length = bond.info(), len(bond.log)
    type_in(bond, line)
    eventually(lambda: bond.log[length:].strip(), 3, "an answer")
    assert bond.info() == before


def test_quit_ends_it_with_status_0(bond):
    type_in(bond, "quit")
    assert bond.process.wait(3) == 0


def test_the_end_of_a_pipe_does_not_end_the_bond(bond):
    bond.process.stdin.close()
    eventually(lambda: bond.up() == 2, 2)
    assert bond.stop() == 0


def test_on_a_terminal(fresh):
    wires = fresh.sink(2)
    config = app.bond_config([wires.devargs(0), wires.devargs(1)])
    bond = fresh.bond_from(wires.a, config)  # for its file and its clean-up
    bond.stop()
    master, slave = pty.openpty()
    process = wires.a.popen(app.binary(), "-c", bond.config_path, "-i", stdin=slave, stdout=slave, stderr=slave,
                            start_new_session=True)
    os.close(slave)
    os.set_blocking(master, False)
    seen = b""

    def shows(word):
        nonlocal seen
        try:
            seen += os.read(master, 65536)
        except BlockingIOError:
            pass
        return word in seen
    try:
        eventually(lambda: bond.ask("/bond/list"), 10)
        os.write(master, b"show bond bond0\n")
        eventually(lambda: shows(b"active-backup"), 3, "the bond is shown")
        os.write(master, b"quit\n")
        assert process.wait(5) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)


def test_attached_from_outside(bond):
    done = bond.ns.run("sh", "-c", f"printf 'show bond all\\nquit\\n' | timeout 5 {app.binary()} console "
                       f"--file-prefix {bond.file_prefix}", check=False)
    assert "active-backup" in done.stdout
