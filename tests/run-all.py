#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds everything and runs every test; `./bootstrap check` calls it.

The last line is `N passed, M failed` (`, K skipped` where some were), summed over the cases of all
parts. A part that breaks, hangs or runs no test counts as a failure. Logs are in build/logs.
"""

import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True

import tap  # noqa: E402  (the folder of the script is searched first)

TOP = pathlib.Path(__file__).resolve().parent.parent
LOGS = TOP / "build" / "logs"
JOBS = f"-j{os.cpu_count()}"
ASAN = TOP / "build" / "asan"
PLAIN = TOP / "build" / "plain"


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"

    def __bool__(self):
        return bool(self.passed or self.failed or self.skipped)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def count_nothing(text):
    """A part that builds: it has no cases, only its exit status counts."""
    return Counts()


def count_automake(text):
    """Adds up the summaries that automake's test harness prints, one a Makefile."""
    counts = Counts()
    for kind, number in re.findall(r"^# (PASS|XFAIL|FAIL|XPASS|ERROR|SKIP): +(\d+)$", text, re.M):
        if kind in ("PASS", "XFAIL"):
            counts.passed += int(number)
        elif kind == "SKIP":
            counts.skipped += int(number)
        else:
            counts.failed += int(number)
    return counts


def count_tap(text):
    stream = tap.Tap(text)
    return Counts(stream.passed, stream.failed + bool(stream.broken()), stream.skipped)


class Part:
    def __init__(self, name, command, limit, count=count_nothing, needs=(), detail=None):
        self.name = name
        self.command = [str(c) for c in command]
        self.limit = limit  # seconds
        self.count = count
        self.needs = needs  # names of parts without which this one makes no sense
        self.detail = detail  # a file that says more than the log does
        self.log = LOGS / f"{name}.log"


def parts(long):
    build = TOP / "build-tools" / "build.sh"
    check = ["make", "-k", JOBS, "check", "AM_COLOR_TESTS=no"]
    yield Part("asan-build", [build, "asan", "--enable-sanitizers", "--enable-werror"], 1200)
    yield Part("asan-check", check + ["-C", ASAN], 3600 if long else 1500, count_automake,
               ["asan-build"], ASAN / "test-suite.log")
    # As users configure it. Its tests are the same as above, so they wait for --long.
    yield Part("plain-build", [build, "plain"], 1200)
    yield Part("install", [TOP / "tests" / "install" / "installed.sh"], 900, count_tap,
               ["plain-build"])
    targets = TOP / "tests" / "targets"
    yield Part("abi", [targets / "abi"], 60, count_tap, ["plain-build"])
    yield Part("musl", [targets / "run", "musl"], 900, count_automake, ["plain-build"])
    yield Part("arm64", [targets / "run", "arm64"], 900, count_automake, ["plain-build"])
    if long:
        yield Part("plain-check", check + ["-C", PLAIN], 3600, count_automake,
                   ["plain-build"], PLAIN / "test-suite.log")
        yield Part("distcheck", ["make", JOBS, "-C", PLAIN, "distcheck", "AM_COLOR_TESTS=no"], 3600,
                   count_automake, ["plain-build"])
    run = TOP / "tests" / "vm" / "run"
    if run.exists():
        yield Part("vm-kernel", [TOP / "tests" / "vm" / "kernel"], 1500)
        limit = 3000 if long else 900
        for transport in ("type1", "iommufd"):
            yield Part(f"vm-{transport}",
                       [run, "--transport", transport, "--timeout", limit,
                        "--logs", LOGS / f"vm-{transport}"],
                       limit + 60, count_tap, ["plain-build", "vm-kernel"])


def environment(long):
    """What a caller has set for other purposes must not change what the tests do."""
    env = dict(os.environ, LC_ALL="C", top_srcdir=str(TOP), top_builddir=str(PLAIN))
    for name in ("MAKEFLAGS", "MAKELEVEL", "DESTDIR", "TESTS", "VFND_SOCKET", "VFN_TRANSPORT",
                 "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "INT_ONLY"):
        env.pop(name, None)
    # The tests' own word for it.
    if long:
        env["LONG"] = "1"
    else:
        env.pop("LONG", None)
    return env


def stop(process):
    for sig, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        try:
            os.killpg(process.pid, sig)
            process.wait(patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass


def run(part, long=False):
    """Runs one part in a process group of its own; returns its counts and what broke, or None."""
    with open(part.log, "wb") as log:
        process = subprocess.Popen(part.command, cwd=TOP, env=environment(long),
                                   start_new_session=True, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT)
        broken = None
        try:
            status = process.wait(part.limit)
        except subprocess.TimeoutExpired:
            broken = f"not done after {part.limit} s"
        except BaseException:
            stop(process)
            raise
        # Whatever the part left running goes, or it would disturb the parts that follow.
        stop(process)
    counts = part.count(part.log.read_text(errors="replace"))
    if not broken and status < 0:
        broken = f"killed by signal {-status}"
    elif not broken and status != 0 and not counts.failed:
        broken = f"exit status {status}"
    elif not broken and not counts and part.count is not count_nothing:
        broken = "no test ran"
    if broken:
        counts.failed += 1
    return counts, broken


def show(path, lines=200):
    """Prints the end of a log: failures are there, or near it."""
    text = path.read_text(errors="replace").splitlines()
    print(f"---- {path.relative_to(TOP)}" + (f", last {lines} lines" if len(text) > lines else ""))
    print("\n".join(text[-lines:]))
    print("----")


def report_failure(part):
    if part.count is not count_nothing:
        for line in part.log.read_text(errors="replace").splitlines():
            if re.match(r"not ok|FAIL|ERROR|XPASS|Bail out!", line):
                print(f"    {line}")
    has_detail = part.detail and part.detail.exists()
    show(part.detail if has_detail else part.log)


def main():
    parser = argparse.ArgumentParser(prog="./bootstrap check")
    parser.add_argument("--long", action="store_true", help="add what takes longer")
    options = parser.parse_args()

    LOGS.mkdir(parents=True, exist_ok=True)
    sys.stdout.reconfigure(line_buffering=True)
    total = Counts()
    unusable = set()
    for part in parts(options.long):
        missing = unusable.intersection(part.needs)
        if missing:
            # Its tests did not pass, and nobody shall overlook that.
            print(f"{part.name}: not run, because {', '.join(sorted(missing))} failed")
            unusable.add(part.name)
            total.failed += 1
            continue
        print(f"{part.name}: started")
        start = time.monotonic()
        if part.detail:
            part.detail.unlink(missing_ok=True)
        counts, broken = run(part, options.long)
        result = broken or (str(counts) if counts else "done")
        print(f"{part.name}: {result} ({time.monotonic() - start:.0f} s)")
        if counts.failed:
            unusable.add(part.name)
            report_failure(part)
        total.add(counts)
    print(total)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
