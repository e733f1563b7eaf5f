# SPDX-License-Identifier: BSD-3-Clause
"""Child process of traffic.UdpStream: one end of a paced UDP stream. Ends by SIGTERM and then writes what it knows.

send ADDRESS PORT FILE RATE SIZE   FILE: the moment of each send, ns, int64, by sequence number
receive ADDRESS PORT FILE          FILE: pairs of sequence number and kernel time stamp, ns, int64, in order of arrival
"""
import array
import contextlib
import gc
import os
import signal
import socket
import struct
import sys
import time

SO_TIMESTAMPNS = 35


class Ended(Exception):
    pass


def end(*_):
    raise Ended


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def send(address, port, rate, size, times):
    with contextlib.suppress(PermissionError):
        os.nice(-10)
    sender = socket.socket(family(address), socket.SOCK_DGRAM)
    sender.connect((address, port))
    padding = bytes(max(size - 8, 0))
    period = 1.0 / rate
    print("ready", flush=True)
    due = time.monotonic()
    while True:
        pause = due - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        times.append(time.time_ns())
        with contextlib.suppress(OSError):  # a lost carrier is a lost frame
            sender.send(struct.pack("=q", len(times) - 1) + padding)
        due = max(due + period, time.monotonic() - 5 * period)


def receive(address, port, pairs):
    receiver = socket.socket(family(address), socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)
    receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    receiver.bind((address, port))
    print("ready", flush=True)
    while True:
        data, ancillary, _, _ = receiver.recvmsg(2048, 256)
        seconds, nanos = struct.unpack("qq", ancillary[0][2][:16])
        pairs.extend((struct.unpack_from("=q", data)[0], seconds * 1_000_000_000 + nanos))


def main():
    role, address, port, path = sys.argv[1:5]
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    numbers = array.array("q")
    try:
        if role == "send":
            send(address, int(port), int(sys.argv[5]), int(sys.argv[6]), numbers)
        else:
            receive(address, int(port), numbers)
    except Ended:
        pass
    if role == "receive" and len(numbers) % 2:
        numbers.pop()
    with open(path, "wb") as file:
        numbers.tofile(file)


main()
