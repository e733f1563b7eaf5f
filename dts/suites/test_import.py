# SPDX-License-Identifier: BSD-3-Clause
"""Bonds of netplan, ifcfg, NetworkManager, networkd and ifupdown, imported: ours does what Linux's did when those systems made it. What Linux
showed is in tests/import/linux.json; tests/import/record.py writes it."""
import json
import os
import sys

import pytest

from framework import app
from framework.app import ROOT, bond_config, unique_prefix
from framework.netns import veth
from framework.wait import eventually

yaml = pytest.importorskip("yaml")

HERE = os.path.join(ROOT, "tests", "import")
sys.path.insert(0, HERE)
from bonding_text import (MAC_WORDS, MEMBER_MACS, MODES, PEER_ADDRESS, PEER_MAC, STEPS, SYSTEMS, comparable,  # noqa: E402
                          differences)

with open(os.path.join(HERE, "linux.json"), encoding="utf-8") as _file:
    LINUX = json.load(_file)["bonds"]


class Cables:
    """eth1 and eth2 in `near`; their far ends end at a bridge, or in 802.3ad at another bond, with an address."""

    def __init__(self, lab, mode):
        self.near, self.far = lab.namespace("near"), lab.namespace("far")
        for number, (name, mac) in enumerate(MEMBER_MACS.items(), 1):
            veth(self.near, name, self.far, f"p{number}", mac=mac)
        if mode == "802.3ad":
            config = bond_config([f"net_af_packet{i},iface=p{i}" for i in (1, 2)], mode="802.3ad", name="br0", prefix=unique_prefix("peer"), miimon=50,
                                 lacp_rate="fast", addresses=[f"{PEER_ADDRESS}/24"], logical={"mac": PEER_MAC})
            lab.bond_from(self.far, config, wait=False)
        else:
            self.far.run("ip", "link", "add", "br0", "address", PEER_MAC, "type", "bridge")
            for number in (1, 2):
                self.far.run("ip", "link", "set", f"p{number}", "master", "br0")
            self.far.run("ip", "addr", "add", f"{PEER_ADDRESS}/24", "dev", "br0")
            self.far.run("ip", "link", "set", "br0", "up")


def look(bond):
    """As tests/import/guest_record.py looks at Linux's."""
    seen = comparable(bond.command("status", "bond0").stdout, MAC_WORDS)
    link = bond.ns.ip_json("addr", "show", "bond0")[0]
    seen["netdev"] = {"address": MAC_WORDS.get(link["address"], link["address"]), "mtu": link["mtu"],
                      "carrier": str(int("NO-CARRIER" not in link["flags"])),
                      "addresses": " ".join(f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] == "global")}
    for name in MEMBER_MACS:
        mac = bond.ns.mac(name)
        seen["netdev"][f"address of {name}"] = MAC_WORDS.get(mac, mac)
    return seen


def of_the_bond(seen):
    """What of it is the bond's doing alone."""
    seen = {section: dict(lines) for section, lines in seen.items()}
    netdev = seen["netdev"]
    for name in MEMBER_MACS:
        # A guest that is held up misses answers every 100 ms, and counts that; and of an ARP monitor's member that is lost Linux says "going down".
        if "ARP Polling Interval (ms)" in seen["bond"]:
            del seen[name]["Link Failure Count"]
            seen[name]["MII Status"] = seen[name]["MII Status"].replace("going down", "down")
        # Whose MAC a backup has got in exchange is a matter of the order in which members joined, which is networkd's.
        if "follow" in seen["bond"]["Bonding Mode"] and netdev[f"address of {name}"] != netdev["address"]:
            netdev[f"address of {name}"] = "another than the bond's"
    # While there is no carrier networkd takes its addresses away.
    if netdev["carrier"] == "0":
        del netdev["addresses"]
    return seen


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("mode", MODES)
def test_an_imported_bond_does_what_linux_did(fresh, tmp_path, system, mode):
    linux = LINUX[f"{system}/{mode}"]
    cables = Cables(fresh, mode)
    imported = cables.near.run(app.binary(), "import", os.path.join(HERE, "examples", system, mode)).stdout
    path = tmp_path / "imported.yaml"
    path.write_text(imported, encoding="utf-8")
    checked = cables.near.run(app.binary(), "-c", path, "--check")
    assert checked.stdout == f"{path}: ok\n"

    config = {**yaml.safe_load(imported), "runtime": bond_config([])["runtime"]}  # which is nothing that is imported
    bond = fresh.bond_from(cables.near, config, wait=False).wait_telemetry()
    eventually(lambda: "bond0" in (bond.ask("/bond/list") or []), 15, "the bond")
    for step, number, up in STEPS:
        if number:
            cables.far.set_link(f"p{number}", up)
        want = of_the_bond(linux["steps"][step])
        different = []

        def same():
            different[:] = differences(want, of_the_bond(look(bond)), ("Linux", "ours"))
            return not different
        try:
            eventually(same, 15, step)
        except AssertionError:
            pytest.fail(f"{step}:\n" + "\n".join(different))
    given, ours = imported_options(config), bond.info()["options"]
    linux_options = {name: linux["options"][name].split(" ")[0] for name in given}
    assert {name: str(ours[name]).strip("[]'") for name in given} == linux_options


def imported_options(config):
    """Those that the file gives; of names that this Linux knows, too."""
    return [name for name in config["bonds"][0] if name not in ("name", "mode", "logical", "members")]
