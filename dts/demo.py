# SPDX-License-Identifier: BSD-3-Clause
"""The demo of `quickstart run`: an active-backup bond over two veth members, whose links are cut in turn under a ping.

Namespaces: the bond's host (m0, m1, bond0), a kernel bridge as the switch, a host behind it. Standard library only.
Exit status: 0 when every cut was survived with at most one lost ping, 1 otherwise.
"""
import argparse
import os
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from framework import app, netns  # noqa: E402
from framework.lab import Lab  # noqa: E402
from framework.topology import BOND_ADDRESS, HOST_ADDRESS  # noqa: E402
from framework.wait import Late  # noqa: E402

TICK, FIRST_CUT, CUT_EVERY, CUT_LENGTH = 0.5, 2.0, 3.0, 1.2
ALLOWED_LOSS = 1


class Ended(BaseException):
    """Somebody wants us to end: Ctrl-C, SIGTERM, a closed terminal."""


class Cut:
    """One cut of the active member's link."""

    def __init__(self, number, index, member, after):
        self.number, self.index, self.member = number, index, member
        self.after = after  # the last ping that was answered before it
        self.lost = 0
        self.to = None  # the member that took over


class Demo:
    def __init__(self, lab, seconds):
        self.seconds = seconds
        self.topology = lab.topology(2, pcap=False)
        self.bond = lab.bond(self.topology, miimon=100)
        self.ping = lab.ping(self.topology.a, HOST_ADDRESS)
        self.began = time.monotonic()
        self.cuts, self.open_cut = [], None
        self.next_cut = FIRST_CUT
        self.rates, self._last = {}, {}
        self.events_seen = len(self.bond.events())
        self.state = None

    @property
    def elapsed(self):
        return time.monotonic() - self.began

    def step(self):
        """Cut or restore what is due, then look."""
        now = self.elapsed
        if self.open_cut and now >= self.next_cut - CUT_EVERY + CUT_LENGTH:
            self.topology.restore(self.open_cut.index)
            self.open_cut = None
        elif not self.open_cut and now >= self.next_cut and self.room_for_a_cut(now):
            self.cut()
            self.next_cut += CUT_EVERY
        self.look()

    def cut(self):
        self.settle()
        member = self.bond.active()
        if not member:
            return
        self.open_cut = Cut(len(self.cuts) + 1, self.topology.members.index(member), member, self.ping.last_seq)
        self.cuts.append(self.open_cut)
        self.topology.cut(self.open_cut.index)

    def settle(self):
        """Charge each lost ping to the cut that it came after. A late reply takes the charge back."""
        lost = self.ping.lost()
        for cut, following in zip(self.cuts, [*self.cuts[1:], None]):
            cut.lost = sum(cut.after < seq and (following is None or seq <= following.after) for seq in lost)

    def look(self):
        now = time.monotonic()
        info = self.bond.info()
        members = [self.bond.member(name) for name in info["members"]]
        for member in members:
            count = (now, member["rx_packets"], member["tx_packets"])
            then = self._last.get(member["name"], count)
            span = max(now - then[0], 1e-3)
            if now - then[0] >= 0.4 or then is count:
                self.rates[member["name"]] = ((count[1] - then[1]) / span, (count[2] - then[2]) / span)
                self._last[member["name"]] = count
        self.settle()
        if self.cuts and not self.cuts[-1].to and info["active_member"] not in ("", None, self.cuts[-1].member):
            self.cuts[-1].to = info["active_member"]
        self.state = info, members, self.bond.events()

    def room_for_a_cut(self, at):
        """Whether a cut at this moment is over, and its loss known, before the end."""
        return not self.seconds or at <= self.seconds - CUT_LENGTH - 1

    def good(self, interrupted):
        """Every cut survived; none at all is good only when there was no time for one."""
        survived = all((cut.to or interrupted) and cut.lost <= ALLOWED_LOSS for cut in self.cuts)
        return survived and (bool(self.cuts) or interrupted or not self.room_for_a_cut(FIRST_CUT + 1))


def clock(seconds):
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def event_line(event, zero_ns):
    words = [str(event[key]) for key in ("member", "event", "detail") if event.get(key)]
    return f"{(event['t_ns'] - zero_ns) / 1e9:8.3f} s  " + " ".join(words)


def ping_line(demo):
    lost, replies = len(demo.ping.lost()), demo.ping.replies
    last = replies[demo.ping.last_seq][1] if replies else 0
    return f"{len(replies)} answered, {lost} lost, last round trip {last:.2f} ms"


class Screen:
    """The live view on a terminal, redrawn in place on the alternate screen."""

    every = TICK

    def __enter__(self):
        sys.stdout.write("\x1b[?1049h\x1b[?25l")
        return self

    def __exit__(self, *_):
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()

    def show(self, demo):
        width, height = shutil.get_terminal_size()
        info, members, events = demo.state
        end = f" of {clock(demo.seconds)}" if demo.seconds else ""
        lines = [f"\x1b[1mdpdk-bond demo\x1b[0m  {clock(demo.elapsed)}{end}   Ctrl-C ends it",
                 "a cut every 3 s on the active member's cable, behind a switch with one host",
                 "",
                 f"{info['name']}  {info['mode']}  link {'up' if info['link_up'] else 'DOWN'}  active "
                 f"{info['active_member'] or 'none'}  mac {info['mac']}  failovers {info['failovers']}",
                 "",
                 "\x1b[4mmember  link        state   rx/s   tx/s   rx frames  tx frames  failures\x1b[0m"]
        for member in members:
            rx, tx = demo.rates.get(member["name"], (0, 0))
            colour = "\x1b[32m" if member["carrier"] else "\x1b[31m"
            lines.append(f"{member['name']:<6}  {colour}{member['mii_status']:<10}\x1b[0m  {member['state']:<6} {rx:6.0f} {tx:6.0f} "
                         f"{member['rx_packets']:11} {member['tx_packets']:10} {member['link_failures']:9}")
        lines += ["", f"ping {BOND_ADDRESS} → {HOST_ADDRESS}, 20/s: {ping_line(demo)}", ""]
        for cut in demo.cuts[-4:]:
            lines.append(f"cut {cut.number}: {cut.member} → {cut.to or '…'}   {cut.lost} lost")
        lines += ["", "events"]
        room = max(height - len(lines) - 1, 1)
        zero = int(demo.began * 1e9)
        lines += ["  " + event_line(event, zero) for event in events[-room:]]
        sys.stdout.write("\x1b[H" + "".join(line[:width + 16] + "\x1b[K\r\n" for line in lines[:height - 1]) + "\x1b[J")
        sys.stdout.flush()


class Lines:
    """Without a terminal: a line per second and per event."""

    every = TICK

    def __init__(self):
        self._told, self._last = None, -1.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def show(self, demo):
        info, members, events = demo.state
        if self._told is None:
            self._told = events[demo.events_seen - 1] if demo.events_seen else {}
        fresh = len(events) - events[::-1].index(self._told) if self._told in events else 0
        for event in events[fresh:]:
            print("  event" + event_line(event, int(demo.began * 1e9)), flush=True)
            self._told = event
        if demo.elapsed - self._last >= 0.99:
            self._last = demo.elapsed
            links = " ".join(f"{member['name']} {member['mii_status']}/{member['state']} "
                             f"{sum(demo.rates.get(member['name'], (0, 0))):.0f}/s" for member in members)
            print(f"{clock(demo.elapsed)}  active {info['active_member'] or 'none'}  {links}  ping: {ping_line(demo)}", flush=True)


def summary(demo):
    lost = [cut.lost for cut in demo.cuts]
    print(f"{len(lost)} cuts, frames lost per cut: {' '.join(map(str, lost)) or '-'}; "
          f"ping: {len(demo.ping.replies)} answered, {len(demo.ping.lost())} lost")
    for cut in demo.cuts:
        if not cut.to:
            print(f"cut {cut.number}: nobody took over from {cut.member}")


def play(lab, seconds):
    demo = Demo(lab, seconds)
    demo.ping.settled(1)
    interrupted = False
    try:
        with Screen() if sys.stdout.isatty() else Lines() as view:
            drawn = -1.0
            while not seconds or demo.elapsed < seconds:
                demo.step()
                if demo.elapsed - drawn >= view.every:
                    drawn = demo.elapsed
                    view.show(demo)
                time.sleep(0.05)
            demo.look()
    except Ended:
        interrupted = True
    demo.settle()
    summary(demo)
    return 0 if demo.good(interrupted) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--for", dest="seconds", type=float, default=0, metavar="N", help="end after N seconds")
    seconds = parser.parse_args().seconds

    def end(*_):
        raise Ended
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in ending:
        signal.signal(number, end)
    if reason := netns.why_not():
        print(f"demo: {reason}", file=sys.stderr)
        return 1
    app.reap()
    lab = Lab()
    try:
        return play(lab, seconds)
    except Ended:
        return 0
    except (AssertionError, OSError, RuntimeError, Late) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        for number in ending:  # nothing interrupts the clean-up
            signal.signal(number, signal.SIG_IGN)
        lab.close()
        app.close_all()
        netns.delete_all()


sys.exit(main())
