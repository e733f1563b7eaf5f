# SPDX-License-Identifier: BSD-3-Clause
"""What operators get wrong, and what happens to them: each is told in one line, and nothing breaks."""
import copy
import fcntl
import json
import os
import signal
import stat
import subprocess

import pytest

from framework import app
from framework.topology import HOST_ADDRESS
from framework.wait import eventually


@pytest.fixture(scope="module")
def running(lab):
    topology = lab.topology(2)
    return topology, lab.bond(topology)


def start(ns, tmp_path, config, *arguments):
    """A start that is expected to fail: (status, last line of stderr)."""
    path = tmp_path / "bond.yaml"
    path.write_text(app.to_yaml(config) + "\n", encoding="utf-8")
    done = ns.run(app.binary(), "-c", path, *arguments, check=False, timeout=20)
    return done.returncode, done.stderr.splitlines()[-1]


def test_a_second_instance_does_not_get_the_same_netdev(running, fresh, tmp_path):
    topology, bond = running
    ping = fresh.ping(topology.a, HOST_ADDRESS)
    ping.settled()
    status, line = start(topology.a, tmp_path, app.bond_config([topology.devargs(0)], name="bond1"))
    assert (status, line) == (1, "dpdk-bond: bond1: member m0: netdev m0 is a bond member already, of this process or of another")
    ping.settled()
    ping.stop()
    assert ping.lost() == [] and bond.up() == 2


def test_the_status_is_watched_until_ctrl_c(running):
    topology, bond = running
    watch = topology.a.popen(app.binary(), "status", "bond0", "--watch", "0.2", "--file-prefix", bond.file_prefix, stdout=subprocess.PIPE,
                             text=True)
    lines = [watch.stdout.readline()]
    while sum(line.startswith("Every 0.2 s: dpdk-bond status bond0  20") for line in lines) < 2:
        lines.append(watch.stdout.readline())
    assert lines.count("Slave Interface: m0\n") == lines.count("Slave Interface: m1\n") == 1
    watch.send_signal(signal.SIGINT)
    watch.stdout.read()
    watch.stdout.close()
    assert watch.wait(2) == 0
    done = bond.client("status", "bond9", "--watch")
    assert (done.returncode, done.stderr) == (1, 'dpdk-bond: no bond "bond9"; there are: bond0\n')


def test_shows_of_the_console_are_json_for_scripts(running):
    topology, bond = running
    for words, path in {"bond bond0 config": ["bonds", 0, "members", 1, "device"], "bond bond0 events": [0, "event"], "uptime": ["since"],
                        "bond bond0 capture": ["text"], "member bond0 m0": ["tx_bytes"]}.items():
        answer = json.loads(bond.client("show", *words.split(), "--json", check=True).stdout)
        for step in path:
            answer = answer[step]
        assert answer or answer == 0
    assert bond.client("show", "bond", "bond0", "config", check=True).stdout.startswith("runtime:")


def test_a_storm_is_told_by_its_first_and_last_lines_and_a_count(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[], arguments=["--log-format", "json"])
    for _ in range(30):
        for link in ("down", "up"):
            assert bond.console(f"set member bond0 m1 link {link}") == []
    assert bond.stop() == 0
    lines = [json.loads(line) for line in bond.log.splitlines() if line.startswith("{")]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    ups = [line for line in lines if line.get("event") == "member_up" and line["member"] == "m1"]
    assert 11 <= len(ups) < 31 and [line.get("more") for line in ups[:10]] == [None] * 10
    assert sum(1 + line.get("more", 0) for line in ups) == 31  # all are counted, the first one came with the start
    assert "member_up" in ups[-1]["message"]
    assert sum(line.get("event") == "option_changed" for line in lines) == 60  # who asked for what is all there


@pytest.mark.parametrize("prefix", ["", ".", "..", "a b", "../x", "a%s", "x" * 65])
def test_a_file_prefix_is_part_of_a_file_name(running, tmp_path, prefix):
    topology, bond = running
    for words in (["status"], ["-c", bond.config_path]):
        done = topology.a.run(app.binary(), *words, "--file-prefix", prefix, check=False)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and "cannot be part of a file's name" in done.stderr


@pytest.mark.parametrize("device, why", [
    ("net_af_packet7,iface=bond0", "bond0: it is the logical interface of a bond"),
    ("net_af_packet7,iface=lo", "netdev lo is no Ethernet device"),
    ("net_af_packet7,iface=m0,qpairs=1", "m0: bond0 has a member of that name already"),
    ("net_af_packet7,iface=nosuch", "no such device: there is no netdev nosuch in this namespace"),
    ("net_nosuch7", "net_nosuch7: no driver knows it")])
def test_what_cannot_be_a_member_is_refused(running, device, why):
    _, bond = running
    assert bond.console(f"add member bond0 {device}") == [f"error: {why}"]
    assert bond.info()["members"] == ["m0", "m1"]


def test_a_mode_that_does_not_exist_is_answered_by_those_that_do(running):
    _, bond = running
    answer, = bond.console("set bond bond0 mode team")
    assert answer.startswith("error: mode: ") and "active-backup (1)" in answer and "802.3ad (4)" in answer


def test_what_cannot_change_is_told_once(running):
    _, bond = running
    length = len(bond.log)
    changed = {**bond.config, "bonds": [{**bond.config["bonds"][0], "fail_over_mac": "active"}]}
    bond.write(changed)
    bond.reload()
    eventually(lambda: "reload refused" in bond.log[length:], 3)
    assert "refused: bond0: fail_over_mac can change only while the bond has no members; remove them first, or restart\n" in bond.log
    bond.write(bond.config)


def test_a_log_that_nobody_reads_holds_nobody_up(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[])
    bond.stop()
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(reader, False)
    bond.status, bond.process = None, wires.a.popen(app.binary(), "-c", bond.config_path, stdout=writer, stderr=writer)
    os.close(writer)
    try:
        bond.wait_ready()
        bond.console(*[f"set bond bond0 miimon {50 + i % 9}" for i in range(200)])
        was = bond.active()
        wires.cut(wires.members.index(was))
        bond.wait_active(next(name for name in wires.members if name != was), 2)
        assert b"missing" not in os.read(reader, 65536)
        bond.console("set bond bond0 miimon 100")
        eventually(lambda: b" lines of the log are missing here: nobody read it\n" in os.read(reader, 65536), 2)
        bond.console(*[f"set bond bond0 miimon {50 + i % 9}" for i in range(200)])
        assert bond.stop() == 0 and bond.stop_seconds < 2
    finally:
        os.close(reader)


@pytest.fixture
def two(fresh):
    """Two bonds of two members each."""
    wires = fresh.sink(4)
    config = app.bond_config([wires.devargs(0), wires.devargs(1)])
    second = copy.deepcopy(config["bonds"][0])
    config["bonds"].append({**second, "name": "bond1", "members": [{"device": wires.devargs(i)} for i in (2, 3)]})
    return wires, fresh.bond_from(wires.a, config)


def all_usable(bond, *names):
    return all((info := bond.info(name)) and info["usable_members"] == 2 for name in names)


def test_two_bonds_get_new_names_in_one_reload(two):
    wires, bond = two
    config = copy.deepcopy(bond.config)
    for number, of in enumerate(config["bonds"]):
        of["name"] = f"lan{number}"
    bond.write(config)
    assert bond.client("reload").returncode == 0
    eventually(lambda: all_usable(bond, "lan0", "lan1"), 10)
    assert {"lan0", "lan1"} <= set(wires.a.devices()) and not {"bond0", "bond1"} & set(wires.a.devices())


def test_two_deleted_logical_netdevs_are_made_again_in_one_reload(two):
    wires, bond = two
    for name in ("bond0", "bond1"):
        wires.a.run("ip", "link", "del", name)
    for name in ("bond0", "bond1"):
        eventually(lambda n=name: bond.client("status", "--health", n).returncode == 2, 5, "its health is down")
    assert "has been deleted" in bond.client("status", "--health", "bond0").stdout and bond.info()["link_up"] == 0
    assert bond.client("reload").returncode == 0
    eventually(lambda: bond.client("status", "--health").returncode == 0, 10, "both are well again")
    assert "bond.yaml: reloaded" in bond.log


def test_health_counts_members_that_are_not_there(two):
    wires, bond = two
    wires.a.run("ip", "link", "del", "m3")
    eventually(lambda: bond.client("status", "--health", "bond1").returncode == 1, 5, "degraded")
    said = bond.client("status", "--health", "bond1").stdout
    assert "1 of 2 members usable" in said and "m3: no such device" in said
    assert "Not usable since: 20" in bond.client("status", "bond1").stdout
    wires.a.run("ip", "link", "set", "bond0", "down")
    eventually(lambda: bond.client("status", "--health", "bond0").returncode == 2, 5, "down")
    assert "set down" in bond.client("status", "--health", "bond0").stdout
    assert bond.client("remove", "member", "bond1", "m3").returncode == 0
    eventually(lambda: any("member m3 removed, by" in e["detail"] for e in bond.ask("/bond/events,bond1")), 3)


def test_the_status_file_is_for_everybody_and_a_refused_reload_is_in_the_log(two):
    wires, bond = two
    path = f"/run/dpdk-bond/{bond.file_prefix}/net/bonding/bond0"
    eventually(lambda: stat.S_IMODE(os.stat(path).st_mode) == 0o444, 5, "everybody may read it")
    config = copy.deepcopy(bond.config)
    config["runtime"]["memory_mb"] = 300
    bond.write(config)
    assert bond.client("reload").returncode == 1
    assert "reload refused: " in bond.log and "memory_mb cannot change" in bond.log


def test_an_instance_that_does_not_answer_is_told_of(two):
    wires, bond = two
    eventually(lambda: "running: " in bond.log, 5, "it has a console")
    bond.process.send_signal(signal.SIGSTOP)
    try:
        done = bond.client("reload", timeout=30)
        assert done.returncode == 1 and "does not answer" in done.stderr
    finally:
        bond.process.send_signal(signal.SIGCONT)
    assert bond.client("reload").returncode == 0


def test_after_a_kill_it_starts_again_at_once(two, fresh):
    wires, bond = two
    for _ in range(3):
        bond.process.kill()  # and nobody waits for it
        bond = fresh.bond_from(wires.a, bond.config)
        assert all_usable(bond, "bond0", "bond1")


def test_a_netdev_that_something_stands_on_is_not_taken_unasked(fresh, tmp_path):
    wires = fresh.sink(2)
    wires.a.run("ip", "link", "add", "link", "m1", "name", "mv0", "type", "macvlan")
    config = app.bond_config([wires.devargs(0), wires.devargs(1)])
    status, line = start(wires.a, tmp_path, config)
    assert (status, line) == (1, "dpdk-bond: bond0: member m1: macvlan mv0 stands on m1; free it, or say force: true to take it all the same")
    done = wires.a.run(app.binary(), "-c", tmp_path / "bond.yaml", "--check", check=False)
    assert done.returncode == 0 and "note: bond0: member m1: macvlan mv0 stands on m1; free it" in done.stderr


def test_what_stood_on_a_members_netdev_before_the_start_is_known(fresh):
    wires = fresh.sink(2)
    wires.a.run("ip", "link", "add", "link", "m1", "name", "mv0", "type", "macvlan")
    bond = fresh.bond(wires, members=[wires.devargs(0), {"device": wires.devargs(1), "force": True}], addresses=[])
    said = "warning bond0: warning: member m1: macvlan mv0 stands on m1; as a member it serves the bond alone"
    eventually(lambda: said in bond.log, 3)
    wires.a.run("ip", "link", "del", "mv0")
    eventually(lambda: "info bond0 m1: device_changed: its netdev has macvlan mv0 no longer" in bond.log, 3)
    assert "has macvlan mv0 now" not in bond.log


def test_a_mac_and_a_shorter_mtu_that_others_give_a_member_are_told_once(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[])
    bond.wait_up(2)
    mac = wires.a.mac("bond0")
    wires.a.run("ip", "link", "set", "m1", "address", "02:00:00:00:00:bb")
    said = f"warning bond0 m1: warning: somebody has given its netdev the MAC 02:00:00:00:00:bb, and the bond {mac}: "
    eventually(lambda: said in bond.log, 3)
    wires.a.run("ip", "link", "set", "m1", "mtu", "1300")
    eventually(lambda: "somebody has given its netdev the MTU 1300, and the bond 1500: longer frames are lost" in bond.log, 3)
    wires.a.run("ip", "link", "set", "m1", "txqueuelen", "999")
    wires.a.run("ip", "link", "set", "bond0", "mtu", "1400")  # the bond's own doing is no news
    eventually(lambda: wires.a.link("m0")["mtu"] == wires.a.link("m1")["mtu"] == 1400, 3)
    assert bond.client("reload").returncode == 0
    eventually(lambda: wires.a.mac("m1") == mac, 3)
    wires.a.run("ip", "link", "set", "m0", "mtu", "9000")  # longer ones harm nobody
    eventually(lambda: bond.console("show bond bond0 events") and bond.log.count("somebody has given") == 2, 3)


def test_more_memory_than_there_is_is_refused_at_once(fresh, tmp_path):
    wires = fresh.sink(1)
    config = app.bond_config([wires.devargs(0)], runtime={"memory_mb": 1048576})
    status, line = start(wires.a, tmp_path, config)
    assert status == 1 and line.startswith("dpdk-bond: runtime.memory_mb: 1048576 MB are asked for, and this machine has ")


def test_health_has_every_reason_however_many_members_there_are(fresh):
    wires = fresh.sink(6)
    bond = fresh.bond(wires, addresses=[])
    bond.wait_up(6)
    assert bond.console(*[f"set member bond0 m{i} link down" for i in range(5)]) == []
    why = "; ".join(["1 of 6 members usable"] + [f"m{i}: taken out by hand" for i in range(5)])
    assert bond.client("status", "--health").stdout.endswith(f": {why}\n")
    assert json.loads(bond.client("status", "--health", "--json").stdout)["bond0"]["why"] == why
    assert bond.info()["health"]["why"].endswith("; ...")


def test_a_carrier_that_is_read_from_a_netdev_that_is_not_there_says_so(fresh):
    wires = fresh.sink(1)
    bond = fresh.bond(wires, members=[{"device": wires.devargs(0), "carrier": "netdev:nosuch"}], addresses=[], wait=False)
    bond.wait_telemetry()
    eventually(lambda: (bond.member("m0") or {}).get("objection") == "carrier (the netdev that it is read from is not there)", 3)


def test_the_shown_configuration_has_the_mtu_and_mac_that_ip_link_gave(two):
    wires, bond = two
    wires.a.run("ip", "link", "set", "bond0", "mtu", "1400")
    wires.a.run("ip", "link", "set", "bond0", "address", "02:00:00:00:00:aa")

    def shown():
        text = bond.client("show", "bond", "bond0", "config").stdout
        return "mtu: 1400" in text and 'mac: "02:00:00:00:00:aa"' in text
    eventually(shown, 3)
    assert "mac:" not in bond.client("show", "bond", "bond1", "config").stdout


def test_options_of_a_mode_come_back_with_it(fresh):
    """Linux keeps what the present mode does not take; a reload takes the file's word."""
    bond = fresh.bond(fresh.sink(2), mode="balance-xor", addresses=[])
    for change in ("mode 802.3ad", "lacp_rate fast", "mode balance-xor", "mode 802.3ad"):
        assert "error" not in " ".join(bond.console(f"set bond bond0 {change}")), change
    assert bond.info()["options"]["lacp_rate"] == "fast"
    bond.write({**bond.config, "bonds": [{**bond.config["bonds"][0], "mode": "802.3ad"}]})
    bond.reload()
    eventually(lambda: bond.info()["options"]["lacp_rate"] == "slow", 3)
