#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs in a guest: TCP both ways between two namespaces, inside of one device after another that the kernel stacks on theirs.

    tunnels.py NS,DEVICE,ADDRESS NS,DEVICE,ADDRESS KIND...

Prints what became of each kind, as JSON: "ok", or what was wrong."""
import ctypes
import json
import os
import socket
import subprocess
import sys
import threading

SECONDS = 8
INNER = ("10.7.0.1", "10.7.0.2")
libc = ctypes.CDLL(None, use_errno=True)


def enter(namespace):
    """The calling thread goes there."""
    fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(fd, 0x40000000) != 0:  # CLONE_NEWNET
            raise OSError(ctypes.get_errno(), namespace)
    finally:
        os.close(fd)


def ip(namespace, *words):
    done = subprocess.run(["ip", "-n", namespace, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")


def words_of(kind, device, here, there):
    name, _, option = kind.partition("-")
    return {"vxlan": ["vxlan", "id", 7, "local", here, "remote", there, "dstport", 4789, "dev", device, option or "udpcsum"],
            "geneve": ["geneve", "id", 7, "remote", there, option or "udpcsum"],
            "gretap": ["gretap", "local", here, "remote", there, option or "nocsum"],
            "gre": ["gre", "local", here, "remote", there, option or "nocsum"],
            "ipip": ["ipip", "local", here, "remote", there],
            "vlan": ["vlan", "id", 7],
            "qinq": ["vlan", "protocol", "802.1ad", "id", 7]}[name]


def make(side, other, inner, kind):
    namespace, device, address = side
    link = ["link", device] if kind in ("vlan", "qinq") else []
    ip(namespace, "link", "add", *link, "name", "tun", "mtu", 1400, "type", *words_of(kind, device, address, other[2]))
    ip(namespace, "addr", "add", f"{inner}/24", "dev", "tun")
    ip(namespace, "link", "set", "tun", "up")


def speak(client, server, address):
    heard, port, ready = [], [], threading.Event()

    def serve():
        enter(server)
        with socket.socket() as listener:
            listener.settimeout(SECONDS)
            listener.bind((address, 0))
            listener.listen(1)
            port.append(listener.getsockname()[1])
            ready.set()
            connection = listener.accept()[0]
            connection.settimeout(SECONDS)
            with connection:
                heard.append(connection.recv(100))
                connection.sendall(b"and back")

    def ask():
        enter(client)
        ready.wait(SECONDS)
        with socket.socket() as sender:
            sender.settimeout(SECONDS)
            sender.connect((address, port[0]))
            sender.sendall(b"hello")
            heard.append(sender.recv(100))

    failures = []
    threading.excepthook = lambda args: failures.append(f"{args.exc_type.__name__}: {args.exc_value}")
    threads = [threading.Thread(target=what) for what in (serve, ask)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if heard != [b"hello", b"and back"]:
        raise OSError(f"{client} to {server}: {'; '.join(failures)}")


def main():
    sides = [word.split(",") for word in sys.argv[1:3]]
    said = {}
    for kind in sys.argv[3:]:
        try:
            for side, other, inner in zip(sides, reversed(sides), INNER):
                make(side, other, inner, kind)
            for server, client, inner in zip(sides, reversed(sides), INNER):
                speak(client[0], server[0], inner)
            said[kind] = "ok"
        except OSError as wrong:
            said[kind] = str(wrong)
        for namespace, _, _ in sides:
            subprocess.run(["ip", "-n", namespace, "link", "del", "tun"], stderr=subprocess.DEVNULL)
    print(json.dumps(said))


main()
