# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the suites. `lab` lives as long as a module, `fresh` as long as a test."""
import os
import re
import shutil
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from framework import app, lab as labs, netns  # noqa: E402

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


def pytest_sessionfinish(session):
    app.close_all()
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


@pytest.fixture(autouse=True)
def bounded():
    """No test hangs: an alarm ends it."""
    def late(*_):
        raise TimeoutError(f"test took more than {TEST_SECONDS} s")
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(TEST_SECONDS)
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
        if os.path.isdir(directory):
            report.sections.append(("kept", directory))
