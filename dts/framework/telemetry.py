# SPDX-License-Identifier: BSD-3-Clause
"""Client of DPDK's v2 telemetry socket."""
import json
import socket


def socket_path(file_prefix):
    return f"/var/run/dpdk/{file_prefix}/dpdk_telemetry.v2"


class Telemetry:
    """One connection. `ask` returns what the command answered, without the command's name around it."""

    def __init__(self, file_prefix, timeout=5.0):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(socket_path(file_prefix))
            self.hello = json.loads(self._socket.recv(1024))
        except BaseException:
            self._socket.close()
            raise
        self.max_output_len = self.hello["max_output_len"]

    def ask(self, command):
        self._socket.send(command.encode())
        answer = json.loads(self._socket.recv(self.max_output_len + 1024))
        return answer[command.split(",")[0]]

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
