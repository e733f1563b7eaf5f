# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the suites. `lab` lives as long as a module, `fresh` as long as a test."""
import os
import re
import shutil
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from framework import app, lab as labs, netns, vm, vm_image, vm_lab  # noqa: E402

RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results")
TEST_SECONDS = 120


def pytest_configure(config):
    def interrupt(*_):
        raise KeyboardInterrupt("SIGTERM")
    signal.signal(signal.SIGTERM, interrupt)


def pytest_sessionstart(session):
    if os.geteuid() == 0:
        app.reap()
    shutil.rmtree(RESULTS, ignore_errors=True)


@pytest.hookimpl(trylast=True)  # after the last fixtures have been taken down
def pytest_sessionfinish(session):
    app.close_all()
    vm.stop_all()
    netns.delete_all()


@pytest.fixture(scope="session", autouse=True)
def machine():
    """Skip everything where namespaces or the binary are missing."""
    if reason := netns.why_not():
        pytest.skip(reason)
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("/dev/net/tun is not usable here, the logical interface needs it")
    if not os.access(app.binary(), os.X_OK):
        pytest.fail(f"{app.binary()} is not built (./quickstart build, or set DPDK_BOND)")


@pytest.fixture(scope="module")
def lab():
    """What the tests of one module share."""
    with labs.Lab() as built:
        yield built


@pytest.fixture
def fresh():
    """What one test has for itself."""
    with labs.Lab() as built:
        yield built


@pytest.fixture(scope="session")
def _guests():
    """Where the pair of guests is kept; booted by the first test that wants it."""
    if reason := vm_image.why_not():
        pytest.skip(reason)
    built = []
    yield built
    for pair in built:
        pair.close()


def boot(pairs):
    """Adds a pair that has booted. QEMU ends at times while it boots (Debian 13's by an assertion of its own), so others get a try, too."""
    for tries in (1, 2, 3):
        pairs.append(vm_lab.VmLab())
        try:
            pairs[-1].start()
            return
        except vm.GuestError:
            pairs.pop().close()
            if tries == 3:
                raise


@pytest.fixture(scope="module")
def guests(_guests):
    """Two guests with wires between them, the same ones for all suites; new ones when they have died."""
    if not _guests or not _guests[-1].running():
        boot(_guests)
    yield _guests[-1]
    if _guests[-1].running():
        _guests[-1].no_partner()


@pytest.fixture(scope="session")
def vm_table():
    """Figures of modes on NIC models; a table of them is written to the build folder."""
    rows = []

    def add(mode, model, seconds, cut, back):
        rows.append(f"| {mode} | {model} | pass | {seconds:.1f} | {cut} | {back} |")
    yield add
    if rows:
        lines = ["| mode | NIC | result | seconds to the first pings | lost at the cut | lost at the return |",
                 "|---|---|---|---|---|---|", *rows]
        with open(os.path.join(vm_image.directory(), "modes.md"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


@pytest.fixture(autouse=True)
def bounded(request):
    """No test hangs: an alarm ends it. The mark `seconds` gives a test more time than the usual."""
    mark = request.node.get_closest_marker("seconds")
    seconds = mark.args[0] if mark else TEST_SECONDS

    def late(*_):
        raise TimeoutError(f"test took more than {seconds} s")
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed and call.when in ("setup", "call"):
        directory = os.path.join(RESULTS, re.sub(r"[^\w.-]+", "_", item.nodeid.split("/")[-1]))
        labs.dump_all(directory)
        for process in app.living():
            if isinstance(process, vm_lab.GuestBond):
                process.dump(directory)
        if os.path.isdir(directory):
            report.sections.append(("kept", directory))
