# SPDX-License-Identifier: BSD-3-Clause
"""LACPDUs and markers as bytes, and a partner made of them that does what a test says and nothing else."""
import struct

from ..wait import eventually

SLOW_MAC = bytes.fromhex("0180c2000002")
A, T, G, S, C, D, F, E = (1 << bit for bit in range(8))
Z12 = bytes(12)


def _info(end):
    return struct.pack("!H6sHHHB3x", end["sys_prio"], end["system"], end["key"], end["port_prio"], end["port"], end["state"])


def lacpdu(source, actor, partner):
    """A whole LACPDU; `actor` and `partner` as parse() gives them."""
    return (SLOW_MAC + source + b"\x88\x09\x01\x01\x01\x14" + _info(actor) + b"\x02\x14" + _info(partner)
            + b"\x03\x10\x00\x00" + Z12 + bytes(52))


def _read(frame, at):
    keys = ("sys_prio", "system", "key", "port_prio", "port", "state")
    return dict(zip(keys, struct.unpack_from("!H6sHHHB", frame, at)))


def is_slow(frame, subtype=1):
    return frame[12:14] == b"\x88\x09" and frame[14] == subtype


def parse(frame):
    """{"actor": …, "partner": …} of an LACPDU, None of anything else."""
    if len(frame) < 124 or not is_slow(frame):
        return None
    return {"actor": _read(frame, 18), "partner": _read(frame, 38)}


def marker(source, system, transaction, response=False):
    return (SLOW_MAC + source + b"\x88\x09\x02\x01" + (b"\x02" if response else b"\x01") + b"\x10"
            + struct.pack("!H6sI2x", 1, system, transaction) + bytes(92))


class Partner:
    """One end of a link: answers what it hears, agrees to everything. `capture` is a Capture on its device."""

    def __init__(self, capture, port, system="020000009999", rate=T):
        self.capture, self.rate = capture, rate
        self.heard = None
        self.actor = {"sys_prio": 1000, "system": bytes.fromhex(system), "key": 77, "port_prio": 1, "port": port,
                      "state": A | rate | G}
        self.source = bytes.fromhex("02000000aa") + bytes([port])
        self.seen = []

    def listen(self):
        """Take in what has come; returns whether an LACPDU was among it."""
        found = [frame for frame in self.capture.take() if is_slow(frame)]
        self.seen.extend(found)
        if found:
            self.heard = parse(found[-1])["actor"]
        return bool(found)

    def agree(self):
        """Say S, and C and D once the other end says S."""
        self.actor["state"] = A | self.rate | G | S
        if self.heard and self.heard["state"] & S:
            self.actor["state"] |= C | D

    def speak(self):
        partner = self.heard or {"sys_prio": 0xffff, "system": bytes(6), "key": 1, "port_prio": 255, "port": 1, "state": 0}
        self.capture.send(lacpdu(self.source, self.actor, partner))

    def step(self):
        self.listen()
        if self.heard:
            self.agree()
        self.speak()


def negotiate(bond, partners, members=2):
    """Every partner agrees with the bond, so that it has so many usable members."""
    def all_agree():
        for partner in partners:
            partner.step()
        return bond.info()["usable_members"] == members
    eventually(all_agree, 8, "the partner is agreed with", every=0.25)
    for partner in partners:
        partner.step()
