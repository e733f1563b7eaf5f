# SPDX-License-Identifier: BSD-3-Clause
"""The console: on standard input of the instance, on a pipe and on a terminal, and attached from outside."""
import os
import pty
import re
import subprocess

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
    bond.wait_up(2)
    eventually(lambda: bond.info()["link_up"], 3)
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
        os.write(master, b"half a line\x03quit\n")
        eventually(lambda: shows(b"Stop it? yes or no: "), 3, "it asks")
        assert process.poll() is None
        os.write(master, b"yes\n")
        assert process.wait(5) == 0
        assert shows(b"console on stdin: shutdown: stopping")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)


def test_attached_from_outside(bond):
    done = bond.client("console", input="show bond all\nquit\nshutdown\n")
    assert done.returncode == 0 and "active-backup" in done.stdout
    assert bond.running()


@pytest.mark.parametrize("words", [("console", "-e", "shutdown"), ("console",)])
def test_a_shutdown_is_logged_with_who_asked_for_it(bond, words):
    done = bond.client(*words, input="shutdown\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert bond.process.wait(3) == 0
    eventually(lambda: re.search(r"^\d{4}-\d\d-\d\dT\S+ info console \(process \d+ of root.*\): shutdown: stopping$", bond.log, re.M), 3)


def test_commands_have_an_exit_status(bond):
    done = bond.client("console", "-e", "show member bond0 m0", "-e", "foo", "-e", "set bond bond0 miimon 60")
    assert (done.returncode, done.stderr) == (1, 'error: unknown command "foo"; see help\n')
    assert done.stdout.startswith("Member: m0\n") and bond.info()["options"]["miimon"] == 60
    assert bond.client("console", input="foo\n").returncode == 1
    assert bond.client("console", input="show bond bond0\n").returncode == 0


def test_verbs_are_the_consoles_commands(bond):
    def run(*words):
        done = bond.client(*words)
        assert done.stdout == ""
        return done.returncode, done.stderr
    assert run("set", "bond", "bond0", "miimon", "70") == (0, "") and bond.info()["options"]["miimon"] == 70
    assert run("remove", "member", "bond0", "m1") == (0, "") and bond.info()["members"] == ["m0"]
    assert run("add", "member", "bond0", "net_af_packet1,iface=m1") == (0, "") and bond.info()["members"] == ["m0", "m1"]
    assert run("set", "member", "bond0", "m1", "prio", "7") == (0, "")
    assert run("set", "bond", "bond0", "miimon", "-1")[0] == 1
    assert run("remove", "member", "bond0", "m7") == (1, "error: m7: bond0 has no member of that name\n")
    assert run("set", "bond", "bond0", "miimon")[0] == 2 and run("add", "bond", "bond0")[0] == 2
    assert run("reload") == (0, "") and bond.info()["options"]["miimon"] == 100
    bond.write("bonds: [")
    assert run("reload")[0] == 1


def test_more_consoles_than_there_are_places_for(bond):
    idle = []

    def none_is_left():
        while sum(process.poll() is None for process in idle) < 15:  # one may have met our own question, and was sent away
            idle.append(bond.ns.popen(app.binary(), "console", "--file-prefix", bond.file_prefix, stdin=subprocess.PIPE))
        return bond.client("reload").stderr == "error: too many consoles\n"
    try:
        eventually(none_is_left, 5)
        assert bond.client("reload").returncode == 1
    finally:
        for process in idle:
            process.stdin.close()
            process.wait(5)
