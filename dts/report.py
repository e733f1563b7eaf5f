# SPDX-License-Identifier: BSD-3-Clause
"""report.py MESON_JSON JUNIT_XML [AGAIN_XML]: what failed, what was skipped and why, and the sum. Exit status 1 on any failure.
AGAIN_XML: a second run of what had failed; what passed in it is told as unsteady and counts as passed.
report.py --failed JUNIT_XML: the failed tests as pytest takes them, if they are three or fewer.

A file that is missing although it is named counts as a failure: those tests did not run to their end.
"""
import collections
import json
import os
import signal
import sys
import xml.etree.ElementTree as xml

GOOD, SKIPPED = ("OK", "EXPECTEDFAIL"), ("SKIP",)


def meson(path):
    """(outcome, name, reason) of each test of a Meson log."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            test = json.loads(line)
            name = test["name"]
            if test["result"] in GOOD:
                yield "passed", name, ""
            elif test["result"] in SKIPPED:
                said = [text for text in (test.get("stdout", "") + test.get("stderr", "")).splitlines() if text.strip()]
                yield "skipped", name, said[-1].strip() if said else "gave no reason"
            else:
                code = test.get("returncode", 0)
                said = [text for text in (test.get("stdout", "") + test.get("stderr", "")).splitlines() if text.strip()]
                why = f"ended by {signal.Signals(-code).name}" if code < 0 else test["result"]
                yield "failed", name, f"{why}, after '{said[-1].strip()[:120]}'" if said else why


def pytest(path):
    """(outcome, name, reason) of each test of a JUnit file."""
    for case in xml.parse(path).iter("testcase"):
        name = f"{case.get('classname', '').split('.')[-1]}::{case.get('name')}"
        broken = [child for child in case if child.tag in ("failure", "error")]
        skipped = case.find("skipped")
        if broken:
            yield "failed", name, (broken[0].get("message") or "gave no reason").splitlines()[0][:200]
        elif skipped is not None:
            yield "skipped", name, skipped.get("message") or "gave no reason"
        else:
            yield "passed", name, ""


def failed(path):
    names = [name for outcome, name, _ in pytest(path) if outcome == "failed"] if os.path.exists(path) else []
    for name in names if len(names) <= 3 else []:
        suite, test = name.split("::", 1)
        print(f"dts/suites/{suite}.py::{test}")
    return 0


def main():
    if sys.argv[1] == "--failed":
        return failed(sys.argv[2])
    results = []
    for path, reader in ((sys.argv[1], meson), (sys.argv[2], pytest)):
        if os.path.exists(path):
            results += list(reader(path))
        else:
            results.append(("failed", os.path.basename(path), "this part did not run to its end"))
    if len(sys.argv) > 3 and os.path.exists(sys.argv[3]):
        steady = {name for outcome, name, _ in pytest(sys.argv[3]) if outcome == "passed"}
        for i, (outcome, name, reason) in enumerate(results):
            if outcome == "failed" and name in steady:
                print(f"UNSTEADY {name}: passed at the second try, at the first: {reason}")
                results[i] = ("passed", name, "")
    for kind in ("failed", "skipped"):
        reasons = collections.defaultdict(list)
        for outcome, name, reason in results:
            if outcome == kind:
                reasons[reason].append(name)
        for reason, names in reasons.items():
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            print(f"{kind.upper()} {shown}: {reason}")
    count = collections.Counter(outcome for outcome, _, _ in results)
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


sys.exit(main())
