# SPDX-License-Identifier: BSD-3-Clause
"""net_dpdkbond in the distribution's dpdk-testpmd: modes, failover, LACP while the application polls and while it does not, and what an
application does to a port."""
import os
import re
import time

import pytest

from framework import plugin
from framework.app import binary
from framework.peers import net_bonding, ovs
from framework.plugin import BondPmd, Guest
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.wait import eventually, holds

LACP = "mode=4,lacp_rate=fast,xmit_policy=l34"
# How long testpmd does not poll, in seconds. DPDKBOND_STOPPED=60: that long, at both rates and beside net_bonding.
STOPPED = float(os.environ.get("DPDKBOND_STOPPED", "4"))
LONG = "DPDKBOND_STOPPED" in os.environ


@pytest.fixture(scope="module", autouse=True)
def installed():
    if reason := plugin.why_not():
        pytest.skip(reason)


def behind_a_switch(lab, options, **more):
    """testpmd between a guest and two members on a switch with a host."""
    net = lab.topology(2, offloads=False)
    guest = lab.enter(Guest(net.a, f"{BOND_ADDRESS}/24"))
    for name in net.members:
        net.a.mute(name)
    pmd = lab.enter(BondPmd(net.a, options, **more))
    lab._bonds.append(pmd)
    return net, guest, pmd


def with_ovs(lab, options=LACP, rate="fast"):
    wires = lab.sink(2)
    guest = lab.enter(Guest(wires.a, f"{BOND_ADDRESS}/24"))
    for name in wires.members:
        wires.a.mute(name)
    pmd = lab.enter(BondPmd(wires.a, options))
    lab._bonds.append(pmd)
    switch = lab.enter(ovs.OvsBond(wires.sink, wires.far, f"{HOST_ADDRESS}/24", rate=rate))
    wires.sink.offloads("br0", False)
    return wires, guest, pmd, switch


@pytest.fixture
def no_ovs():
    if reason := ovs.why_not():
        pytest.skip(reason)


def test_members_are_hidden_and_the_bond_looks_like_a_port(fresh):
    _, _, pmd = behind_a_switch(fresh, "mode=1")
    assert pmd.shown() == ["net_dpdkbond0", "net_af_packet9"]
    assert pmd.usable() == 2


@pytest.mark.parametrize("mode", [0, 1, 2, 3, 5, 6])
def test_a_host_behind_the_bond_reaches_another(fresh, mode):
    options = f"mode={mode}" + (",xmit_policy=l34" if mode == 2 else "")
    net, guest, pmd = behind_a_switch(fresh, options)
    if mode in (0, 2, 3):  # Linux: the switch has to know that both ports are one; here it hears all it may
        net.cut(1)
        eventually(lambda: pmd.usable() == 1, 3, "one path is left")
    pmd.forward()
    fresh.ping(guest.ns, HOST_ADDRESS).settled()
    assert pmd.stats()["opackets"] > 0 and pmd.stats()["ipackets"] > 0


def test_a_cut_moves_the_active_member_and_link_is_told(fresh):
    net, guest, pmd = behind_a_switch(fresh, "mode=active-backup,primary=net_af_packet0")
    pmd.forward()
    ping = fresh.ping(guest.ns, HOST_ADDRESS).settled()
    assert pmd.info()["active_member"] == "net_af_packet0"
    net.cut(0)
    eventually(lambda: pmd.info()["active_member"] == "net_af_packet1", 2, "the other member is active")
    ping.settled()
    net.cut(1)
    eventually(lambda: pmd.ask(f"/ethdev/link_status,{pmd.port}")["status"] == "DOWN", 2, "ethdev says that the link is down")
    assert "link state change event" in pmd.log
    net.restore_all()
    eventually(lambda: pmd.ask(f"/ethdev/link_status,{pmd.port}")["status"] == "UP", 2, "… and up")
    ping.settled()


def test_lacp_with_open_vswitch_within_8_seconds_and_traffic(fresh, no_ovs):
    wires, guest, pmd, _ = with_ovs(fresh)
    pmd.forward()
    eventually(pmd.agreed, 8, "0x3F at both ends of both links")
    assert pmd.usable() == 2
    ping = fresh.ping(guest.ns, HOST_ADDRESS).settled()
    wires.cut(0)
    eventually(lambda: pmd.usable() == 1, 2, "the cut link is out")
    ping.settled()
    wires.restore_all()
    eventually(pmd.agreed, 12, "the link is back")


def pdus(pmd, switch):
    """What either end counts: {member: (sent by OVS, received here, sent here, received by OVS, expired at OVS)}."""
    there = list(switch.lacp_counts().values())
    return {name: (far["TX PDUs"], port["lacpdu_rx"], port["lacpdu_tx"], far["RX PDUs"], far["Link Expired"])
            for (name, port), far in zip(sorted(pmd.lacp().items()), there)}


@pytest.mark.parametrize("rate", ["fast", "slow"] if LONG else ["fast"])
def test_lacp_comes_up_and_stays_while_the_application_does_not_poll(fresh, no_ovs, rate):
    """Fast LACPDUs: three seconds without one would take the link down at either end."""
    _, guest, pmd, switch = with_ovs(fresh, LACP.replace("fast", rate), rate)

    def agreed():
        return pmd.agreed(0x3F if rate == "fast" else 0x3D)
    eventually(agreed, 8, "all is well at both ends though testpmd has never called a burst function")
    pmd.forward()
    fresh.ping(guest.ns, HOST_ADDRESS).settled()
    pmd.stop_forward()
    before = pdus(pmd, switch)
    holds(agreed, STOPPED, "all is well while testpmd has stopped", every=0.1)
    since = {name: tuple(b - a for a, b in zip(before[name], now)) for name, now in pdus(pmd, switch).items()}
    print(f"net_dpdkbond, {rate}, {STOPPED:g} s stopped: {since}")
    period = 1 if rate == "fast" else 30
    for sent_there, received_here, sent_here, received_there, expired in since.values():
        assert received_here >= STOPPED // period - 1 and received_there >= STOPPED // period - 1
        assert abs(sent_there - received_here) <= 1 and abs(sent_here - received_there) <= 1  # one may be on its way
        assert expired == 0
    pmd.forward()
    fresh.ping(guest.ns, HOST_ADDRESS).settled()
    assert agreed()


@pytest.mark.skipif(not LONG, reason="on demand, to compare: DPDKBOND_STOPPED=60")
def test_what_net_bonding_does_meanwhile(fresh, no_ovs):
    wires = fresh.sink(2)
    pmd = net_bonding.NetBonding(fresh, wires.a, wires.members).pmd
    switch = fresh.enter(ovs.OvsBond(wires.sink, wires.far, f"{HOST_ADDRESS}/24", rate="fast"))

    def attached():
        return switch.lacp().count("current attached")
    eventually(lambda: attached() == 2, 30, "net_bonding and OVS agree while testpmd forwards")
    pmd.stop_forward()
    began, changes = time.monotonic(), [(0.0, 2)]
    while time.monotonic() - began < STOPPED:
        if attached() != changes[-1][1]:
            changes.append((round(time.monotonic() - began, 1), attached()))
        time.sleep(0.2)
    print(f"net_bonding, {STOPPED:g} s stopped: (seconds, links attached at OVS) {changes}; {switch.lacp_counts()}")


def test_frames_of_a_pause_are_there_afterwards_as_in_a_ring(fresh):
    net, guest, pmd = behind_a_switch(fresh, "mode=1")
    pmd.forward()
    fresh.ping(guest.ns, HOST_ADDRESS).settled()
    pmd.stop_forward()
    before = pmd.stats()["ipackets"]
    net.h.run("ping", "-c", "5", "-i", "0.2", "-W", "1", BOND_ADDRESS, check=False)
    pmd.forward()
    eventually(lambda: pmd.stats()["ipackets"] >= before + 5, 3, "the frames of the pause have come")


def test_stop_start_and_close(fresh):
    net, guest, pmd = behind_a_switch(fresh, "mode=1")
    before = net.a.mac("m0")
    for _ in range(3):
        pmd.command(f"port stop {pmd.port}")
        assert pmd.ask(f"/ethdev/link_status,{pmd.port}")["status"] == "DOWN"
        assert net.a.mac("m0") == before
        pmd.command(f"port start {pmd.port}")
        eventually(lambda: pmd.usable() == 2, 3, "both members are back")
    pmd.forward()
    fresh.ping(guest.ns, HOST_ADDRESS).settled()
    pmd.stop_forward()
    pmd.command(f"port stop {pmd.port}")
    pmd.command(f"port close {pmd.port}")
    assert pmd.ask("/bond/list") in ([], None)
    assert "error" not in pmd.command("show port summary all").lower()


def test_quit_ends_the_application_and_gives_macs_back(fresh):
    net, guest, pmd = behind_a_switch(fresh, "mode=1,mac=02:bd:00:00:00:07")
    assert net.a.mac("m0") == net.a.mac("m1") == "02:bd:00:00:00:07"
    pmd.forward()
    fresh.ping(guest.ns, HOST_ADDRESS).settled()
    pmd.process.stdin.write(b"stop\nquit\n")
    pmd.process.stdin.flush()
    assert pmd.process.wait(10) == 0, pmd.log
    assert "02:bd:00:00:00:07" not in (net.a.mac("m0"), net.a.mac("m1"))


def test_mtu_mac_and_addresses_reach_the_members(fresh):
    net, guest, pmd = behind_a_switch(fresh, "mode=1,mac=02:bd:00:00:00:07")
    assert pmd.info()["mac"] == net.a.mac("m0") == net.a.mac("m1") == "02:bd:00:00:00:07"
    pmd.command(f"mac_addr set {pmd.port} 02:bd:00:00:00:08")
    eventually(lambda: pmd.info()["mac"] == net.a.mac("m0") == net.a.mac("m1") == "02:bd:00:00:00:08", 2, "they wear it")
    pmd.command(f"mac_addr add {pmd.port} 02:bd:00:00:00:09")
    pmd.command(f"mcast_addr add {pmd.port} 01:00:5e:00:00:09")
    pmd.command("set promisc all off")
    info = pmd.info()["logical"]
    assert (info["promiscuous"], info["unicast"], info["groups"]) == (0, 1, 1)
    pmd.command("port stop all")
    pmd.command(f"port config mtu {pmd.port} 1400")
    pmd.command("port start all")
    eventually(lambda: net.a.link("m0")["mtu"] == net.a.link("m1")["mtu"] == 1400, 2, "both have the MTU")


def test_xstats_sum_up(fresh):
    _, guest, pmd = behind_a_switch(fresh, "mode=1")
    pmd.forward()
    fresh.ping(guest.ns, HOST_ADDRESS).settled()
    pmd.stop_forward()
    x = pmd.xstats()
    assert x["tx_good_packets"] == x["net_af_packet0_tx_packets"] + x["net_af_packet1_tx_packets"] - x["injected_packets"] > 0
    members = x["net_af_packet0_rx_packets"] + x["net_af_packet1_rx_packets"]
    dropped = sum(value for name, value in x.items() if re.match(r"net_af_packet\d_drop_", name) and "member_full" not in name)
    assert members == x["rx_good_packets"] + dropped + x["punted_packets"]
    pmd.command(f"clear port xstats {pmd.port}")
    assert pmd.xstats()["tx_good_packets"] == 0


def test_members_may_be_probed_after_the_bond(fresh):
    _, guest, pmd = behind_a_switch(fresh, "mode=1", late=(0, 1))
    assert pmd.shown() == ["net_dpdkbond0", "net_af_packet9"]
    assert pmd.usable() == 2
    pmd.forward()
    fresh.ping(guest.ns, HOST_ADDRESS).settled()


def test_a_member_that_was_detached_joins_when_it_is_back(fresh):
    _, guest, pmd = behind_a_switch(fresh, "mode=1")
    pmd.command(f"port stop {pmd.port}")
    pmd.command("device detach net_af_packet0")
    pmd.command(f"port start {pmd.port}")
    eventually(lambda: pmd.info()["members"] == ["net_af_packet1"], 3, "one member is left")
    pmd.forward()
    ping = fresh.ping(guest.ns, HOST_ADDRESS).settled()
    pmd.stop_forward()
    pmd.command("port attach net_af_packet0,iface=m0")
    eventually(lambda: pmd.usable() == 2, 3, "it has joined again")
    assert pmd.shown() == ["net_dpdkbond0", "net_af_packet9"]
    pmd.forward()
    ping.settled()


def test_status_of_dpdk_bond_works_with_the_applications_prefix(fresh):
    _, _, pmd = behind_a_switch(fresh, "mode=1,up_delay=200")
    text = pmd.ns.run(binary(), "status", "--file-prefix", pmd.file_prefix).stdout
    assert "Bonding Mode: fault-tolerance (active-backup)" in text and "Up Delay (ms): 200" in text
    assert text.count("Slave Interface: net_af_packet") == 2


def test_options_change_at_run_time_by_the_console(fresh):
    _, _, pmd = behind_a_switch(fresh, "mode=1")

    def dpdk_bond(*words):
        return pmd.ns.run(binary(), *words, "--file-prefix", pmd.file_prefix, check=False)
    assert dpdk_bond("set", "bond", plugin.BOND, "updelay", "300").returncode == 0
    assert pmd.info()["options"]["updelay"] == 300
    assert dpdk_bond("set", "bond", plugin.BOND, "active", "net_af_packet1").returncode == 0
    eventually(lambda: pmd.info()["active_member"] == "net_af_packet1", 2, "the named member is active")
    assert dpdk_bond("set", "member", plugin.BOND, "net_af_packet1", "link", "down").returncode == 0
    eventually(lambda: pmd.info()["active_member"] == "net_af_packet0", 2, "it is out")
    refused = dpdk_bond("set", "bond", plugin.BOND, "primary", "nobody")
    assert refused.returncode == 1 and "net_dpdkbond0 has no member nobody" in refused.stdout + refused.stderr
    for words, near in ((("bond", plugin.BOND, "updelai", "1"), "updelay"), (("member", plugin.BOND, "net_af_packet1", "pro", "1"), "prio")):
        refused = dpdk_bond("set", *words)
        assert refused.returncode == 1 and refused.stderr.endswith(f"; did you mean {near}?\n")


@pytest.mark.parametrize("devargs, key", [
    ("mode=9,member=net_af_packet0", "mode: "),
    ("mode=1", "member: "),
    ("mode=1,member=net_af_packet0,member=net_af_packet0", "member: "),
    ("mode=1,member=net_af_packet0,xmit_polcy=l34", "xmit_polcy: "),
    ("mode=1,member=net_af_packet0,mac=zz", "mac: "),
    ("mode=1,member=net_af_packet0,lsc_poll_period_ms=x", "lsc_poll_period_ms: "),
    ("mode=1,member=net_af_packet0,primary=net_af_packet7", "primary: "),
    ("mode=1,member=net_af_packet0,mode=2", "mode: "),
    ("mode=4,member=net_af_packet0,lacp_rate=warp", "lacp_rate: "),
    ("mode=1,member=net_af_packet0,config=/nonexistent", "config: "),
    ("mode=1,member=net_af_packet0,bond=bond0", "bond: "),
    ("mode=1,member=net_af_packet0,socket_id=-3", "socket_id: "),
    ("mode=1,member=net_af_packet0,miimon=100,arp_interval=100,arp_ip_target=192.0.2.9", "arp_interval: "),
    ("mode=1,member=1234", "member: "),
])
def test_a_mistake_is_one_line_that_names_the_key(fresh, devargs, key):
    wires = fresh.sink(1)
    pmd = fresh.enter(BondPmd(wires.a, "", members=["m0"], up=None, wait=False, devargs=devargs))
    eventually(lambda: "testpmd>" in pmd.log or not pmd.running(), 10, "EAL has probed the devices")
    assert "Port 1" not in pmd.log
    lines = [line for line in pmd.log.splitlines() if line.startswith("net_dpdkbond0: ")]
    assert len(lines) == 1 and lines[0].startswith(f"net_dpdkbond0: {key}"), pmd.log


def test_a_secondary_process_is_refused_with_one_line(fresh):
    wires = fresh.sink(1)
    pmd = fresh.enter(BondPmd(wires.a, "mode=1", members=["m0"], up=None, wait=False, preload=plugin.as_secondary()))
    eventually(lambda: "testpmd>" in pmd.log or not pmd.running(), 10, "EAL has probed the devices")
    lines = [line for line in pmd.log.splitlines() if "net_dpdkbond" in line and not line.startswith(("EAL: ", "vdev"))]
    assert lines == ["net_dpdkbond0: a secondary process cannot have it: control and its state are the primary's"], pmd.log
    assert "Port 1" not in pmd.log


def test_options_and_members_of_a_file(fresh):
    net = fresh.topology(2, offloads=False)
    path = f"{fresh._directory}/bond.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write("bonds:\n  - name: bond7\n    mode: balance-xor\n    xmit_hash_policy: layer2+3\n    members:\n"
                   "      - device: net_af_packet0\n        name: left\n      - device: net_af_packet1\n        name: right\n")
    pmd = fresh.enter(BondPmd(net.a, "", up=None, devargs=f"config={path},bond=bond7"))
    info = pmd.info()
    assert (info["mode"], info["hash_policy"], info["members"]) == ("balance-xor", "layer2+3", ["left", "right"])


def test_a_member_is_detached_and_attached_while_frames_are_on_their_way(fresh):
    _, guest, pmd = behind_a_switch(fresh, "mode=1")
    pmd.forward()
    ping = fresh.ping(guest.ns, HOST_ADDRESS).settled()
    for _ in range(3):
        pmd.command("device detach net_af_packet0")  # while testpmd forwards
        assert pmd.info()["members"] == ["net_af_packet1"]
        ping.settled()
        pmd.command("port attach net_af_packet0,iface=m0")
        eventually(lambda: pmd.usable() == 2, 4, "it has joined again")
    assert "net_af_packet0: warning: its device net_af_packet0 is taken out" in pmd.log
    assert pmd.running() and pmd.shown() == ["net_dpdkbond0", "net_af_packet9"]


def probes(lab, *members, options="mode=2"):
    """testpmd with a bond of net_probe devices, which say what they are told."""
    return lab.enter(BondPmd(lab.sink(1).a, options, devices=members, up=None, words=["--rxq=2", "--txq=2", "--disable-link-check"]))


def lines_of(pmd, start, device):
    return [line.partition(": ")[2] for line in pmd.log[start:].splitlines() if line.startswith(device + ": ")]


def test_what_testpmd_sets_reaches_all_members_and_those_that_join_later(fresh):
    pmd = probes(fresh, "net_probe0", "net_probe1")
    port, start = pmd.port, len(pmd.log)
    for command in (f"flow create {port} ingress pattern eth / vlan vid is 7 / end actions queue index 1 / count / end",
                    f"flow create {port} ingress pattern eth type is 0x88cc / end actions drop / end",
                    f"flow destroy {port} rule 0", f"mcast_addr add {port} 01:00:5e:00:00:09",
                    f"port config {port} rss reta (3,1),(64,1)",
                    f"port config {port} rss-hash-key ipv4 " + "ab" * 40,
                    f"vlan set filter on {port}", f"rx_vlan add 5 {port}", f"rx_vlan add 6 {port}", f"rx_vlan rm 6 {port}",
                    "set promisc all off"):
        assert not re.search(r"error|fail|bad|invalid", pmd.command(command).split("\n", 1)[-1], re.I), pmd.log[start:]
    rules = pmd.command(f"flow list {port}")
    assert "\n1\t" in rules and "\n0\t" not in rules
    for device in ("net_probe0", "net_probe1"):
        said = lines_of(pmd, start, device)
        for line in ("flow 1 created, 2 items, action 6", "flow 2 created, 1 items, action 7", "flow 1 destroyed",
                     "reta 3=1", "reta 64=1", "rss key abab", "vlan 5 on", "vlan 6 on", "vlan 6 off", "promiscuous off"):
            assert line in said, (device, line, said)
    assert "RSS RETA configuration: hash index=3, queue=1" in pmd.command(f"show port {port} rss reta 128 (0xff,0x0)")
    ptypes = pmd.command(f"show port {port} ptypes")
    assert "L2_ETHER" in ptypes and "L3_IPV4" in ptypes and "L4 ptypes unsupported" in ptypes

    start = len(pmd.log)
    pmd.command("port attach net_probe2")
    added = pmd.ns.run(binary(), "add", "member", plugin.BOND, "net_probe2", "--file-prefix", pmd.file_prefix, check=False)
    assert added.returncode == 0, added.stderr
    said = lines_of(pmd, start, "net_probe2")
    assert "flow 1 created, 1 items, action 7" in said and "reta 3=1" in said and "rss key abab" in said, said
    assert "vlan 5 on" in said and "vlan 6 on" not in said, said
    assert pmd.usable() == 3

    start = len(pmd.log)
    pmd.command(f"flow flush {port}")
    assert "flow 1 destroyed" in lines_of(pmd, start, "net_probe2")
    pmd.command(f"port stop {port}")
    pmd.command(f"port reset {port}")
    pmd.command(f"port start {port}")
    eventually(lambda: pmd.usable() == 3, 3, "all are back")
    assert "reta 3=1" in lines_of(pmd, start, "net_probe0")


def test_a_member_whose_probe_takes_its_time_is_left_alone_until_it_is_over(fresh):
    """ethdev shows a port before its bus has noted the driver, which rte_eth_dev_info_get() needs: net_af_packet closes a socket in
    between, which takes milliseconds."""
    pmd = probes(fresh, "net_probe0", options="mode=1,member=net_probe1")
    start = len(pmd.log)
    pmd.command("port attach net_probe1,slow=2500")  # longer than from one search to the next
    said = lines_of(pmd, start, "net_probe1")
    assert said == ["rx metadata", "promiscuous on"], said  # testpmd's own: the bond waits for it
    eventually(lambda: pmd.usable() == 2, 4, "it has joined")


def test_what_one_member_refuses_none_has(fresh):
    pmd = probes(fresh, "net_probe0", "net_probe1,refuse=flow")
    start = len(pmd.log)
    assert "net_probe refuses it" in pmd.command(f"flow create {pmd.port} ingress pattern eth / end actions drop / end")
    assert lines_of(pmd, start, "net_probe0") == ["flow 1 created, 1 items, action 7", "flow 1 destroyed"]


def test_lacp_by_a_queue_of_its_own_where_the_hardware_can(fresh):
    """It is read by control alone, so an application that never polls, or leaves its queues full, loses none; and what the application
    sets on its own queues leaves it alone."""
    frame = f"{fresh._directory}/frame"
    pmd = probes(fresh, f"net_probe0,slow_queue=1,frame={frame}", "net_probe1", options="mode=4")
    port = pmd.port
    assert "net_probe0: slow protocols go to queue 2" in pmd.log
    assert [(pmd.ask(f"/bond/member,{plugin.BOND},net_probe{i}")[key]) for i in (0, 1) for key in ("control_rx", "control_tx")] == \
        ["queue", "queue", "data", "queue"]
    spread = set(re.findall(r"net_probe0: reta \d+=(\d+)", pmd.log))
    assert spread == {"0", "1"}, spread

    def hear_one(number):
        with open(frame + ".new", "w", encoding="utf-8") as file:
            file.write("lacp")
        os.rename(frame + ".new", frame)
        eventually(lambda: pmd.lacp()["net_probe0"]["lacpdu_rx"] == number, 3, f"{number} LACPDUs have been heard")
    hear_one(1)
    assert pmd.stats()["ipackets"] == 0
    for command in (f"flow create {port} ingress pattern eth / end actions queue index 2 / end",
                    f"flow create {port} ingress pattern eth / end actions rss queues 0 2 end / end"):
        assert "no such receive queue" in pmd.command(command)
    start = len(pmd.log)
    assert "Flow rule #0 created" in pmd.command(f"flow create {port} ingress pattern eth type is 0x8809 / end actions drop / end")
    assert "Flow rule #1 created" in pmd.command(f"flow create {port} ingress pattern eth / end actions rss queues end / end")
    assert "rss over 2 queues" in lines_of(pmd, start, "net_probe0")
    pmd.command(f"flow flush {port}")
    pmd.command(f"port config {port} rss reta (3,1),(64,1)")
    assert "flow 1 destroyed" not in lines_of(pmd, start, "net_probe0")  # its own rule
    hear_one(2)
    start = len(pmd.log)
    pmd.command(f"port stop {port}")
    assert "flow 1 destroyed" in lines_of(pmd, start, "net_probe0")
    pmd.command(f"port start {port}")
    hear_one(1)  # ports of LACP begin anew


def test_hardware_that_refuses_a_part_of_it_keeps_the_queues_that_it_had(fresh):
    pmd = probes(fresh, "net_probe0,slow_queue=1,refuse=reta")
    assert pmd.ask(f"/bond/member,{plugin.BOND},net_probe0")["control_rx"] == "data"
    assert "slow protocols go to queue" not in pmd.log
    assert pmd.usable() == 1


def test_frames_of_a_queue_for_lacp_that_are_not_controls_are_the_applications(fresh):
    frame = f"{fresh._directory}/frame"
    pmd = probes(fresh, f"net_probe0,slow_queue=1,frame={frame}", options="mode=1")
    with open(frame + ".new", "w", encoding="utf-8") as file:
        file.write("lacp")
    os.rename(frame + ".new", frame)
    pmd.command("set fwd rxonly")
    pmd.command("set promisc all on")
    pmd.command("start")
    eventually(lambda: pmd.stats()["ipackets"] == 1, 3, "it has come up")


def test_a_vlan_that_one_member_refuses_passes_by_none(fresh):
    pmd = probes(fresh, "net_probe0", "net_probe1,refuse=vlan")
    pmd.command(f"vlan set filter on {pmd.port}")
    start = len(pmd.log)
    assert "diag=-5" in pmd.command(f"rx_vlan add 5 {pmd.port}")
    assert lines_of(pmd, start, "net_probe0") == ["vlan 5 on", "vlan 5 off"]


def test_a_member_that_is_pulled_out_leaves_and_the_application_goes_on(fresh):
    gone = f"{fresh._directory}/gone"
    pmd = probes(fresh, f"net_probe0,gone={gone}", "net_probe1", options="mode=1")
    pmd.command("start tx_first")
    open(gone, "w", encoding="utf-8").close()
    eventually(lambda: pmd.info()["members"] == ["net_probe1"], 5, "it has left")
    eventually(lambda: "net_probe0: close" in pmd.log, 5, "its device has been closed")
    assert pmd.info()["active_member"] == "net_probe1"
    assert pmd.running() and "has been freed" not in pmd.log


def test_members_and_their_options_change_by_command(fresh):
    _, guest, pmd = behind_a_switch(fresh, "mode=1")

    def dpdk_bond(*words):
        return pmd.ns.run(binary(), *words, "--file-prefix", pmd.file_prefix, check=False)
    pmd.forward()
    ping = fresh.ping(guest.ns, HOST_ADDRESS).settled()
    assert dpdk_bond("set", "member", plugin.BOND, "net_af_packet1", "prio", "7").returncode == 0
    assert "net_af_packet1:7" in pmd.info()["options"]["prio"]
    had = pmd.ask(f"/bond/member,{plugin.BOND},net_af_packet0")
    removed = dpdk_bond("remove", "member", plugin.BOND, "net_af_packet0")
    assert removed.returncode == 0, removed.stderr
    assert pmd.info()["members"] == ["net_af_packet1"]
    stats = pmd.ask(f"/bond/stats,{plugin.BOND}")
    assert stats["left_rx_packets"] >= had["rx_packets"] > 0 and stats["left_tx_packets"] >= had["tx_packets"] > 0
    ping.settled()
    assert "net_af_packet0" in pmd.shown()  # the application's again
    assert dpdk_bond("remove", "member", plugin.BOND, "net_af_packet0").returncode == 1
    for words in (["stop"], ["restart"], ["reload"], ["console", "-e", "shutdown"]):
        refused = dpdk_bond(*words)
        assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    added = dpdk_bond("add", "member", plugin.BOND, "net_af_packet0", "name", "first")
    assert added.returncode == 0, added.stderr
    eventually(lambda: pmd.usable() == 2, 3, "both are in")
    assert pmd.info()["members"] == ["net_af_packet1", "first"] and "net_af_packet0" not in pmd.shown()
    assert any("tx_packets" in name and name.startswith("first_") for name in pmd.xstats())
    ping.settled()
