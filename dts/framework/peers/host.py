# SPDX-License-Identifier: BSD-3-Clause
"""An ordinary host behind the switch."""
from ..netns import Netns


class Host:
    """A namespace with one interface, `h0`, cabled to a port of a bridge."""

    def __init__(self, bridge, port="swh", addresses=("192.0.2.2/24",), ipv6=False):
        self.ns = Netns("h")
        self.ns.ipv6(ipv6)
        bridge.cable(port, self.ns, "h0")
        self.ns.address("h0", *addresses)

    def delete(self):
        self.ns.delete()
