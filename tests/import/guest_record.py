#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""In the guest of record.py: each example is applied by the system that it is of, and what Linux's bond then does at each step goes to
/root/linux.json. ifcfg is RHEL's: what its ifup does, which is to write each word of BONDING_OPTS to the file of that name in sysfs, is done here."""
import glob
import json
import os
import platform
import shlex
import shutil
import subprocess
import time

from bonding_text import MAC_WORDS, MEMBER_MACS, MODES, PEER_ADDRESS, PEER_MAC, STEPS, SYSTEMS, comparable

EXAMPLES = "/root/examples"
BONDING = "/sys/class/net/bond0/bonding"


def say(text):
    print(f"check: {text}", flush=True)


def sh(command, check=True):
    return subprocess.run(command, shell=True, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def cables(mode):
    sh("ip netns add far")
    for number, (name, mac) in enumerate(MEMBER_MACS.items(), 1):
        sh(f"ip link add {name} address {mac} type veth peer name p{number} netns far")
    if mode == "802.3ad":
        sh(f"ip -n far link add br0 address {PEER_MAC} type bond mode 802.3ad miimon 50 lacp_rate fast")
    else:
        sh(f"ip -n far link add br0 address {PEER_MAC} type bridge")
    for number in (1, 2):
        sh(f"ip -n far link set p{number} master br0; ip -n far link set p{number} up")
    sh(f"ip -n far addr add {PEER_ADDRESS}/24 dev br0; ip -n far link set br0 up")


def apply_netplan(folder):
    for file in glob.glob(f"{folder}/*"):
        shutil.copy(file, "/etc/netplan/")
        os.chmod(f"/etc/netplan/{os.path.basename(file)}", 0o600)
    sh("netplan generate; systemctl daemon-reload; systemctl restart systemd-networkd")


def apply_networkd(folder):
    for file in glob.glob(f"{folder}/*"):
        shutil.copy(file, "/etc/systemd/network/")
    sh("systemctl restart systemd-networkd")


def apply_keyfile(folder):
    for file in glob.glob(f"{folder}/*"):
        to = f"/etc/NetworkManager/system-connections/{os.path.basename(file)}"
        shutil.copy(file, to)
        os.chmod(to, 0o600)
    sh("systemctl start NetworkManager; until nmcli connection reload; do sleep 0.3; done")
    # A veth is not NetworkManager's unless somebody says so.
    sh("nmcli device set eth1 managed yes; nmcli device set eth2 managed yes", check=False)
    for name in ("bond0", "port-eth1", "port-eth2"):
        say(sh(f"nmcli -w 20 connection up id {name}", check=False).strip())


def apply_ifupdown(folder):
    shutil.copy(f"{folder}/interfaces", "/etc/network/interfaces")
    say(sh("ifup -a", check=False).strip())


def apply_ifcfg(folder):
    keys = dict(line.split("=", 1) for line in read(f"{folder}/ifcfg-bond0").splitlines())
    sh("ip link add bond0 type bond")
    for word in shlex.split(keys["BONDING_OPTS"])[0].split():
        option, value = word.split("=")
        with open(f"{BONDING}/{option}", "w", encoding="ascii") as file:
            try:
                file.write(value)
                file.flush()
            except OSError:  # the primary, before it is a member: ifup writes it again
                pass
    sh("ip link set bond0 up; for i in 1 2; do ip link set eth$i down; ip link set eth$i master bond0; ip link set eth$i up; done")
    for word in shlex.split(keys["BONDING_OPTS"])[0].split():
        option, value = word.split("=")
        if option == "primary":
            with open(f"{BONDING}/primary", "w", encoding="ascii") as file:
                file.write(value)
    sh(f"ip addr add {keys['IPADDR']}/24 dev bond0")


def clean():
    sh("ifdown -a; systemctl stop NetworkManager systemd-networkd systemd-networkd.socket", check=False)
    sh("rm -rf /etc/netplan/* /etc/systemd/network/* /run/systemd/network/* /etc/NetworkManager/system-connections/* /etc/network/interfaces /run/network/ifstate*", check=False)
    sh("ip link del bond0; ip link del eth1; ip link del eth2; ip netns del far; modprobe -r bonding; modprobe bonding max_bonds=0", check=False)


def look():
    """The text, the options of sysfs, and what `ip` shows, comparable."""
    seen = comparable(read("/proc/net/bonding/bond0"), MAC_WORDS)
    link = json.loads(sh("ip -j addr show bond0"))[0]
    seen["netdev"] = {"address": MAC_WORDS.get(link["address"], link["address"]), "mtu": link["mtu"], "carrier": read("/sys/class/net/bond0/carrier"),
                      "addresses": " ".join(f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] == "global")}
    for name in MEMBER_MACS:
        mac = read(f"/sys/class/net/{name}/address")
        seen["netdev"][f"address of {name}"] = MAC_WORDS.get(mac, mac)
    return seen


def options():
    found = {}
    for path in sorted(glob.glob(f"{BONDING}/*")):
        try:
            found[os.path.basename(path)] = read(path)
        except OSError:
            pass
    return found


def settled():
    """What is seen once it has been the same for six seconds."""
    last, since, end = None, time.monotonic(), time.monotonic() + 60
    while time.monotonic() < end:
        now = look()
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 6:
            break
        time.sleep(0.3)
    return last


def record(system, mode):
    clean()
    cables(mode)
    globals()[f"apply_{system}"](f"{EXAMPLES}/{system}/{mode}")
    end = time.monotonic() + 60
    while sorted(sh("cat /sys/class/net/bond0/bonding/slaves", check=False).split()) != ["eth1", "eth2"]:
        if time.monotonic() > end:
            raise RuntimeError(f"{system} did not make the bond: {sh('ip -br link', check=False).split(chr(10))}")
        time.sleep(0.3)
    steps = {}
    for name, number, up in STEPS:
        if number:
            sh(f"ip -n far link set p{number} {'up' if up else 'down'}")
        steps[name] = settled()
        say(f"{system} {mode}: {name}: {steps[name].get('aggregators') or steps[name]['bond'].get('Currently Active Slave')}")
    return {"options": options(), "steps": steps}


def main():
    sh("modprobe bonding max_bonds=0; modprobe bridge; modprobe veth")
    told = {"kernel": f"{platform.release()} ({platform.version()})", "bonds": {}}
    good = True
    for system in SYSTEMS:
        for mode in MODES:
            try:
                told["bonds"][f"{system}/{mode}"] = record(system, mode)
            except (OSError, RuntimeError, subprocess.CalledProcessError, KeyError) as error:
                good = False
                say(f"FAILED: {system} {mode}: {error} {getattr(error, 'stdout', '')}")
    clean()
    versions = {"netplan": "netplan.io", "keyfile": "network-manager", "networkd": "systemd", "ifupdown": "ifenslave"}
    told["systems"] = {system: package + " " + sh(f"dpkg-query -W -f '${{Version}}' {package}") for system, package in versions.items()}
    told["systems"]["ifcfg"] = "its words written to sysfs"
    with open("/root/linux.json", "w", encoding="utf-8") as file:
        json.dump(told, file, indent=1, sort_keys=True)
        file.write("\n")
    if good:
        say("done")
    os.sync()
    sh("systemctl poweroff")


main()
