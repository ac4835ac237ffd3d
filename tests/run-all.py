#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds everything and runs every test; `./bootstrap check` calls it.

The last line is `N passed, M failed` (`, K skipped` where some were), summed over the cases of all
parts. A part that breaks, hangs or runs no test counts as a failure. Logs are in build/logs.
"""

import argparse
import concurrent.futures
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
# Tests with a long variant that goes as far as its time lets it.
LONG_PLAIN = ["tests/int/suite.sh", "tests/bench/test-mapping", "tests/unit/daemon/test-driver",
              *(f"tests/unit/libvfn/nvme/test-{name}" for name in ("irq", "recover", "share", "stack"))]


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


def count_warnings(text):
    """A build that goes on after a compiler's warning: each is a failure."""
    return Counts(failed=len(re.findall(r"^\S+:\d+:.* warning: ", text, re.M)))


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
    def __init__(self, name, command, limit, count=count_nothing, needs=(), detail=None, brief=False):
        self.name = name
        self.command = [str(c) for c in command]
        self.limit = limit  # seconds
        self.count = count
        self.needs = needs  # names of parts without which this one makes no sense
        self.detail = detail  # a file that says more than the log does
        self.brief = brief  # also a long run does the short variants of its tests
        self.log = LOGS / f"{name}.log"


def parts(long):
    """Parts in their order; those of a tuple are run side by side."""
    build = TOP / "build-tools" / "build.sh"
    targets = TOP / "tests" / "targets"
    check = ["make", "-k", JOBS, "check", "AM_COLOR_TESTS=no"]
    # Less optimized, it is built in two thirds of the time; the other finds what warnings that takes away.
    yield (Part("asan-build", [build, "asan", "--enable-sanitizers", "--enable-werror", "CFLAGS=-g -O1"], 1200),
           # As users configure it. Its tests are the same as those below, so they wait for --long.
           Part("plain-build", [build, "plain"], 1200, count_warnings))
    vm = TOP / "tests" / "vm"
    # What the guests need is built while long variants wait.
    yield (Part("asan-check", check + ["-C", ASAN], 3600 if long else 1500, count_automake,
                ["asan-build"], ASAN / "test-suite.log"),
           *([Part("vm-kernel-arm64", [vm / "kernel", "arm64"], 3000),
              Part("vm-build-arm64", [vm / "build-arm64"], 3000)] if long else []))
    yield (Part("install", [TOP / "tests" / "install" / "installed.sh"], 900, count_tap,
                ["plain-build"]),
           Part("abi", [targets / "abi"], 300, count_tap, ["plain-build"]),
           Part("musl", [targets / "run", "musl"], 900, count_automake, ["plain-build"]),
           Part("arm64", [targets / "run", "arm64"], 900, count_automake, ["plain-build"]))
    if long:
        plain = ["-C", PLAIN], 1800, count_automake, ["plain-build"], PLAIN / "test-suite.log"
        # It counts what others that run would change.
        yield Part("bench", check + ["TESTS=tests/bench/test-run.sh"] + plain[0], *plain[1:])
        # A release runs all tests of a plain build; their long variants find more the faster they are.
        tests = " ".join(LONG_PLAIN)
        yield (Part("plain-check", check + [f"TESTS={tests}"] + plain[0], *plain[1:]),
               Part("distcheck", ["make", JOBS, "-C", PLAIN, "distcheck", "AM_COLOR_TESTS=no"], 3600,
                    count_automake, ["plain-build"], brief=True))
    yield Part("vm-kernel", [vm / "kernel"], 1500)
    limit = 3000 if long else 900
    # Each guest waits for much of its time.
    yield tuple(Part(f"vm-{transport}",
                     [vm / "run", "--transport", transport, "--timeout", limit,
                      "--logs", LOGS / f"vm-{transport}"],
                     limit + 60, count_tap, ["plain-build", "vm-kernel"])
                for transport in ("type1", "iommufd"))
    if long:
        yield (*(Part(f"vm-arm64-{transport}",
                      [vm / "run", "--arch", "arm64", "--build", TOP / "build" / "arm64-guest",
                       "--transport", transport, "--timeout", limit,
                       "--logs", LOGS / f"vm-arm64-{transport}"],
                      limit + 60, count_tap, ["vm-kernel-arm64", "vm-build-arm64"], brief=True)
                 for transport in ("type1", "iommufd")),
               Part("debian", [vm / "debian"], 2400, count_tap, ["plain-build", "vm-kernel"]))


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


# What is being run.
running = set()


def run(part, long=False):
    """Runs one part in a process group of its own; returns its counts and what broke, or None."""
    with open(part.log, "wb") as log:
        process = subprocess.Popen(part.command, cwd=TOP, env=environment(long and not part.brief),
                                   start_new_session=True, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT)
        running.add(process)
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
        running.discard(process)
    counts = part.count(part.log.read_text(errors="replace"))
    if not broken and status < 0:
        broken = f"killed by signal {-status}"
    elif not broken and status != 0 and not counts.failed:
        broken = f"exit status {status}"
    elif not broken and not counts and part.count not in (count_nothing, count_warnings):
        broken = "no test ran"
    if broken:
        counts.failed += 1
    return counts, broken


def run_timed(part, long):
    start = time.monotonic()
    counts, broken = run(part, long)
    return part, counts, broken, time.monotonic() - start


def run_group(group, long):
    """Runs parts side by side; yields each as it ends: part, counts, what broke, seconds."""
    with concurrent.futures.ThreadPoolExecutor(max(len(group), 1)) as pool:
        futures = []
        for part in group:
            print(f"{part.name}: started")
            if part.detail:
                part.detail.unlink(missing_ok=True)
            futures.append(pool.submit(run_timed, part, long))
        try:
            for future in concurrent.futures.as_completed(futures):
                yield future.result()
        except BaseException:
            # The threads end when what they wait for has ended.
            for process in list(running):
                stop(process)
            raise


def show(path, lines=200):
    """Prints the end of a log: failures are there, or near it."""
    text = path.read_text(errors="replace").splitlines()
    print(f"---- {path.relative_to(TOP)}" + (f", last {lines} lines" if len(text) > lines else ""))
    # Never as lines of one's own: whoever counts the results in this output would count them again.
    print("\n".join(f"| {line}" for line in text[-lines:]))
    print("----")


def report_failure(part):
    if part.count is not count_nothing:
        for line in part.log.read_text(errors="replace").splitlines():
            if re.match(r"not ok|FAIL|ERROR|XPASS|Bail out!", line) or count_warnings(line):
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
    for group in parts(options.long):
        runnable = []
        for part in group if isinstance(group, tuple) else (group,):
            missing = unusable.intersection(part.needs)
            if missing:
                # Its tests did not pass, and nobody shall overlook that.
                print(f"{part.name}: not run, because {', '.join(sorted(missing))} failed")
                unusable.add(part.name)
                total.failed += 1
            else:
                runnable.append(part)
        for part, counts, broken, seconds in run_group(runnable, options.long):
            result = broken or (str(counts) if counts else "done")
            print(f"{part.name}: {result} ({seconds:.0f} s)")
            if broken:
                unusable.add(part.name)
            if counts.failed:
                report_failure(part)
            total.add(counts)
    print(total)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
