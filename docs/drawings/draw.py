#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws the SVG files of this folder: python3 docs/drawings/draw.py. Standard library only."""
import os
from xml.sax.saxutils import escape

HERE = os.path.dirname(os.path.abspath(__file__))
INK, PALE, PAPER = "#24292f", "#6e7781", "#ffffff"
BLUE, GREEN, ORANGE, GREY = "#0969da", "#1a7f37", "#bc4c00", "#eaeef2"
FLOWS = (BLUE, GREEN, ORANGE)


class Drawing:
    def __init__(self, width, height, title):
        self.width, self.height, self.title, self.parts = width, height, title, []

    def box(self, x, y, width, height, *lines, fill=PAPER, edge=INK, bold=True, dashed=False):
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="{fill}" stroke="{edge}"{dash}/>')
        for i, line in enumerate(lines):
            self.text(x + width / 2, y + height / 2 + 5 + 17 * (i - (len(lines) - 1) / 2), line, bold=bold and i == 0)

    def frame(self, x, y, width, height, name):
        """A box that holds others, named at its upper left."""
        self.parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{GREY}" stroke="{PALE}"/>')
        self.text(x + 12, y + 21, name, bold=True, anchor="start")

    def text(self, x, y, text, bold=False, color=INK, anchor="middle", small=False):
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{color}" font-size="{12 if small else 13}"{weight}>'
                          f'{escape(text)}</text>')

    def line(self, *points, color=INK, both=False, dashed=False, wide=1.6):
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        start = f' marker-start="url(#a{color[1:]})"' if both else ""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{wide}"{dash} '
                          f'marker-end="url(#a{color[1:]})"{start}/>')

    def write(self, name):
        markers = "".join(f'<marker id="a{c[1:]}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
                          f'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{c}"/></marker>' for c in (INK, PALE, *FLOWS))
        with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
            file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
                       f'height="{self.height}" font-family="sans-serif" role="img" aria-label="{escape(self.title)}">\n'
                       f'<title>{escape(self.title)}</title><defs>{markers}</defs>\n'
                       f'<rect width="{self.width}" height="{self.height}" fill="{PAPER}"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def program():
    d = Drawing(860, 560, "The program: workers between the logical interface and the members, control beside them")
    d.box(60, 16, 420, 44, "kernel, a virtual machine or a DPDK program", bold=False)
    d.box(145, 100, 250, 44, "logical interface bond0", "tap, virtio-user or device", fill=PAPER)
    d.line((270, 60), (270, 100), both=True)
    d.frame(20, 176, 820, 262, "dpdk-bond")
    d.box(60, 222, 420, 62, "workers (worker_lcores)", "move frames; know no protocol; one lane for each bond", fill=PAPER)
    d.line((270, 144), (270, 222), both=True)
    d.box(60, 356, 420, 62, "control (control_lcore)", "LACP, monitors, active member, MACs, load: the bond itself")
    d.line((150, 356), (150, 284))
    d.text(158, 324, "who sends what (snapshot)", anchor="start", small=True)
    d.line((400, 356), (400, 284), both=True)
    d.text(392, 324, "LACPDUs", anchor="end", small=True)
    d.box(540, 222, 270, 62, "host thread", "links, addresses, MACs, the log")
    d.box(540, 290, 270, 60, "console, telemetry, status files", "status, set, explain, capture", fill=PAPER)
    d.box(540, 356, 270, 62, "metrics", "OpenMetrics page, gives way")
    d.line((480, 374), (510, 374), (510, 253), (540, 253), both=True, color=PALE)
    d.line((510, 320), (540, 320), color=PALE)
    d.line((510, 374), (510, 390), (540, 390), color=PALE)
    for i, x in enumerate((90, 250)):
        d.box(x, 466, 120, 40, f"member m{i}", fill=PAPER)
        d.line((x + 60, 438), (x + 60, 466), both=True)
        d.line((x + 60, 506), (x + 60, 530), both=True)
    d.text(390, 490, "NICs by vfio-pci, netdevs by af_packet, any DPDK device", anchor="start", small=True)
    d.text(210, 548, "wires to one switch or several", small=True)
    d.write("program.svg")


def frame():
    d = Drawing(860, 470, "A frame's way, out and in, and where it is counted when it ends")
    d.text(215, 26, "out", bold=True)
    d.text(645, 26, "in", bold=True)
    out = [("logical interface's queue", "a worker takes a burst of up to 64"), ("the mode chooses", "hash → bucket → member, by the snapshot"),
           ("place for the member", "frames wait for their burst to fill, never long"), ("member's transmit queue", "long frames are cut and summed here, if need be")]
    into = [("member's receive queue", "a worker takes a burst"), ("whose is it?", "LACPDUs go to control; ARP is copied to it if it listens"),
            ("may this member receive?", "and is the frame for this host?"), ("logical interface's queue", "checksums complete")]
    drops = [[], ["no_member, no_path", "control_full"], [], ["member_full, oversize", "no_buffer, member_gone"]]
    drops_in = [[], ["control_full"], ["inactive_member", "foreign_mac, foreign_group"], ["logical_full, logical_down"]]
    for x, steps, lost, color in ((30, out, drops, BLUE), (460, into, drops_in, GREEN)):
        for i, (name, what) in enumerate(steps):
            y = 46 + 100 * i
            d.box(x, y, 370, 50, name, what)
            if i:
                d.line((x + 110, y - 50), (x + 110, y), color=color, wide=2.2)
            if lost[i]:
                d.line((x + 200, y - 50 if i else y), (x + 200, y - 22), color=ORANGE, dashed=True)
                for n, text in enumerate(lost[i]):
                    d.text(x + 214, y - 27 + 15 * n, text, color=ORANGE, anchor="start", small=True)
    d.text(430, 424, "Dashed: frames that end there, counted under these names.", small=True)
    d.text(430, 446, "members' rx + bond's tx + injected = members' tx + bond's rx + punted + drops", small=True)
    d.write("frame.svg")


# By mode: name, who sends flows A, B and C (members), who receives, words, the switch, and whether there are two.
MODES = (
    (0, "balance-rr", "each frame by the next member", ((0, 1, 2),) * 3, (0, 1, 2), "static group"),
    (1, "active-backup", "all by the active member, m0", ((0,), (0,), (0,)), (0,), "nothing to set up"),
    (2, "balance-xor", "each flow by the member that its hash names", ((0,), (1,), (2,)), (0, 1, 2), "static group"),
    (3, "broadcast", "each frame by every member", ((0, 1, 2),) * 3, (0, 1, 2), "networks of their own"),
    (4, "802.3ad", "each flow by the member that its hash names, of those that LACP agreed on", ((0,), (1,), (2,)), (0, 1, 2), "group with LACP"),
    (5, "balance-tlb", "each flow by a member, by load; answers come by the active one, m0", ((0,), (1,), (2,)), (0,), "nothing to set up"),
    (6, "balance-alb", "as balance-tlb; each neighbour is told one member's MAC and sends to that", ((0,), (1,), (2,)), (0, 1, 2), "nothing to set up"),
    (7, "balance-spray", "one connection by all members, each to a next hop of the peer", ((0, 1, 2),) * 3, (0, 1, 2), "nothing to set up"),
)


def mode(number, name, words, sends, receives, switch):
    d = Drawing(640, 300, f"Mode {number}, {name}: {words}")
    d.text(20, 28, f"{number}  {name}", bold=True, anchor="start")
    d.text(20, 48, words, anchor="start", small=True)
    d.box(120, 66, 400, 36, "bond0")
    only = number == 7
    for m in range(3):
        x = 120 + 150 * m
        idle = not any(m in who for who in sends)
        d.box(x, 158, 100, 32, f"m{m}", dashed=idle, fill=GREY if idle else PAPER)
        carried = [i for i in range(1 if only else 3) if m in sends[i]]
        for n, i in enumerate(carried):
            at = x + 18 + 13 * n
            d.line((at, 102), (at, 158), color=FLOWS[i], wide=2.2)
            d.line((at, 190), (at, 240), color=FLOWS[i], wide=2.2)
        if m in receives:
            d.line((x + 80, 240), (x + 80, 190), color=PALE, wide=2.2)
            d.line((x + 80, 158), (x + 80, 102), color=PALE, wide=2.2)
        else:
            d.line((x + 80, 240), (x + 80, 190), color=PALE, dashed=True)
    d.box(120, 240, 400, 36, f"switch: {switch}", bold=False)
    x = 20
    for i in range(1 if only else 3):
        d.line((x, 130 + 20 * i), (x + 24, 130 + 20 * i), color=FLOWS[i], wide=2.2)
        d.text(x + 30, 134 + 20 * i, f"flow {'ABC'[i]}", anchor="start", small=True)
    d.line((x, 194), (x + 24, 194), color=PALE, wide=2.2)
    d.text(x + 30, 198, "received", anchor="start", small=True)
    d.write(f"mode-{number}-{name}.svg")


def main():
    program()
    frame()
    for words in MODES:
        mode(*words)


main()
