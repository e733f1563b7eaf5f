# SPDX-License-Identifier: BSD-3-Clause
"""What /proc/net/bonding/BOND says, in a form in which two bonds on two machines can be compared. Standard library only, as it runs in a guest too."""

# What another run, or another moment of the same one, says otherwise. Ports have their numbers in the order in which they join.
PASSING = {"Speed", "Duplex", "port number", "Actor Churn State", "Partner Churn State", "Actor Churned Count", "Partner Churned Count"}
# What only ours has.
OURS = {"Not usable", "Not usable since", "Flap penalty", "Health", "Linux mode"}


def blocks(text):
    return [[line.strip() for line in block.splitlines() if ":" in line] for block in text.split("\n\n") if block.strip()]


def comparable(text, macs):
    """{section: {line: value}} of the text: "bond", each member by name, in 802.3ad "NAME actor" and "NAME partner". `macs`:
    {address: what is written instead}. Aggregators are told by which members are in the same one."""
    sections, name, part = {"bond": {}}, "bond", ""
    aggregator = {}  # its number → members in it
    active = None
    for block in blocks(text):
        part = ""
        for line in block:
            key, _, value = line.partition(":")
            key, value = key.strip(), value.strip()
            if key == "Ethernet Channel Bonding Driver" or key in PASSING or key in OURS:
                continue
            if key == "Slave Interface":
                name = value
                sections[name] = {}
                continue
            if key.startswith("details actor"):
                part = " actor"
                continue
            if key.startswith("details partner"):
                part = " partner"
                continue
            for mac, word in macs.items():
                value = value.replace(mac, word)
            if key == "Aggregator ID":
                if name == "bond":
                    active = value
                else:
                    aggregator.setdefault(value, []).append(name)
                continue
            sections.setdefault(name + part, {})[key] = value
    if aggregator:
        sections["aggregators"] = {"active": sorted(aggregator.get(active, [])), "others": sorted(
            sorted(members) for number, members in aggregator.items() if number != active)}
    return sections


def differences(one, other, names=("one", "other")):
    """Lines that tell where two of them differ."""
    lines = []
    for section in sorted({*one, *other}):
        a, b = one.get(section, {}), other.get(section, {})
        for key in sorted({*a, *b}):
            if a.get(key) != b.get(key):
                lines.append(f"{section}: {key}: {names[0]} {a.get(key)!r}, {names[1]} {b.get(key)!r}")
    return lines


# What happens in the comparison: (what it is called, whose far end is set, to what).
STEPS = (("both up", None, True), ("eth1 cut", 1, False), ("eth1 back", 1, True), ("eth2 cut", 2, False), ("eth2 back", 2, True))
MEMBER_MACS = {"eth1": "02:00:00:00:01:01", "eth2": "02:00:00:00:01:02"}
BOND_MAC = "02:bd:00:00:00:01"  # where the file gives one: networkd makes up another one
PEER_MAC = "02:00:00:00:02:fe"
PEER_ADDRESS = "192.0.2.254"
MAC_WORDS = {**{mac: f"MAC of {name}" for name, mac in MEMBER_MACS.items()}, PEER_MAC: "MAC of the peer",
             BOND_MAC: "MAC of the bond"}
SYSTEMS = ("netplan", "ifcfg", "keyfile", "networkd", "ifupdown")
MODES = ("active-backup", "802.3ad")
