# SPDX-License-Identifier: BSD-3-Clause
"""`modes --schema`: an independent validator finds with it what --check finds, but for what takes more than one look."""
import glob
import json
import os
import re

import pytest

from framework import app
from framework.netns import run
from test_config import FIVE_MISTAKES, GOOD

yaml = pytest.importorskip("yaml")
jsonschema = pytest.importorskip("jsonschema")

CONFIGS = os.path.join(os.path.dirname(__file__), "..", "..", "configs")
LACP = GOOD.replace("active-backup", "802.3ad")
SPRAY = GOOD.replace("active-backup", "balance-spray") + """\
    spray:
      addresses: {m0: 10.0.0.1/24, m1: 10.0.1.1/24}
      peers: [{address: 192.0.2.2, via: {m0: 10.0.0.2, m1: 10.0.1.2}}]
"""


class Core(yaml.SafeLoader):
    """Scalars as YAML 1.2 has them: true and false are booleans, decimal digits are numbers, all else is text."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (("bool", r"^(true|false)$", "tf"), ("int", r"^[-+]?[0-9]+$", "-+0123456789"), ("null", r"^(~|null|)$", "~n")):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first) + ([""] if tag == "null" else []))
Core.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value, 10))


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(run([app.binary(), "modes", "--schema"]).stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def bond(extra, text=GOOD):
    return text.replace("    members:", extra + "    members:")


def logical(lines):
    return bond("    logical: {" + lines + "}\n")


def runtime(lines):
    return "runtime: {" + lines + "}\n" + GOOD


FINE = [GOOD, LACP, SPRAY, bond("    miimon: 50\n    updelay: 100\n"), bond("    num_unsol_na: 3\n    peer_notify_delay: 200\n    primary_reselect: 2\n"),
        bond("    arp_interval: 100\n    arp_ip_target: [192.0.2.2, 192.0.2.3]\n"), bond("    arp_interval: 100\n    arp_ip_target: 192.0.2.2\n"),
        bond("    lacp_rate: fast\n    lacp_active: off\n    ad_actor_system: 02:00:00:00:00:07\n", LACP), GOOD.replace("active-backup", "1"),
        logical("mac: 02:bd:00:00:00:01, mtu: 9000, queues: auto, addresses: [192.0.2.1/24, '2001:db8::1/64']"),
        logical("queues: 4, backend: tap, offloads: off, manage: none"), logical("offloads: false"), runtime("idle: busy, memory_mb: 64, worker_lcores: [1], metrics: '127.0.0.1:9471'"),
        GOOD.replace("iface=m1\"", "iface=m1\"\n        prio: -3\n        name: second\n        carrier: netdev:m1\n        force: true")]
BROKEN = [FIVE_MISTAKES.format(prefix="x"), "", "bonds: 5\n", "- a\n- b\n", "bonds:\n  - mode: 1\n", "bonds: []\n", "surprise: 1\n" + GOOD,
          bond("    miimon: 100\n    arp_interval: 100\n    arp_ip_target: [192.0.2.2]\n"), bond("    updelay: 100\n    miimon: 0\n"),
          bond("    num_grat_arp: 256\n"), bond("    miimon: -1\n"), bond("    xmit_hash_policy: layer5\n"), bond("    lacp_rate: fast\n"),
          bond("    packets_per_slave: 3\n"), bond("    primary: m0\n", LACP), bond("    prio: 5\n"), bond("    spray: {}\n"),
          bond("    arp_interval: 100\n    arp_ip_target: [nonsense]\n"), bond("    ad_actor_system: nonsense\n", LACP),
          GOOD.replace("bond0", "\"a b\""), GOOD.replace("bond0", "sixteen-letters-x"), logical("mac: 01:00:00:00:00:01"), logical("mtu: 67"), logical("queues: 17"),
          logical("backend: tun"), logical("addresses: [nonsense]"), logical("manage: maybe"), logical("colour: red"), runtime("idle: lazy"),
          runtime("memory_mb: 31"), runtime("worker_lcores: [x]"), runtime("metrics: here"), runtime("file_prefix: 'a b'"), runtime("colour: red"),
          GOOD.replace("iface=m1\"", "iface=m1\"\n        carrier: maybe"), GOOD.replace("iface=m1\"", "iface=m1\"\n        queue_id: -1"),
          GOOD.replace("      - device: \"net_af_packet1,iface=m1\"", "      - name: m1"), SPRAY.replace("192.0.2.2", "nowhere"),
          SPRAY.replace("spray:\n", "spray:\n      granularity: crumbs\n")]
# Only --check sees these: they compare one place of the file with another.
BY_CHECK_ALONE = [bond("    primary: m7\n"), GOOD + GOOD.split("\n", 1)[1], GOOD.replace("iface=m1", "iface=m0")]


def accepted_by_check(text, tmp_path):
    path = tmp_path / "bond.yaml"
    path.write_text(text)
    return run([app.binary(), "-c", str(path), "--check"], check=False).returncode == 0


def accepted_by_schema(validator, text):
    return validator.is_valid(yaml.load(text, Core))


def test_every_example_fits_the_schema(validator):
    files = sorted(glob.glob(os.path.join(CONFIGS, "*.yaml")))
    assert files
    for name in files:
        with open(name, encoding="utf-8") as file:
            assert not [error.message for error in validator.iter_errors(yaml.load(file, Core))], name


def test_the_schema_and_check_agree(validator, tmp_path):
    for text in FINE:
        assert accepted_by_check(text, tmp_path), text
        assert not [error.message for error in validator.iter_errors(yaml.load(text, Core))], text
    for text in BROKEN:
        assert not accepted_by_check(text, tmp_path), text
        assert not accepted_by_schema(validator, text), text


def test_what_only_check_sees(validator, tmp_path):
    for text in BY_CHECK_ALONE:
        assert not accepted_by_check(text, tmp_path), text
        assert accepted_by_schema(validator, text), text
