#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""No failure may get lost on its way into the last line of `./bootstrap check`. Prints TAP."""

import contextlib
import importlib.util
import io
import os
import pathlib
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import tap  # noqa: E402  (found through the path above)

spec = importlib.util.spec_from_file_location("run_all", HERE / "run-all.py")
run_all = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run_all)

AUTOMAKE = "# TOTAL: 9\n# PASS:  3\n# SKIP:  1\n# XFAIL: 1\n# FAIL:  1\n# XPASS: 1\n# ERROR: 2\n"
GOOD = "1..2\nok 1 - a\nok 2\n"


def counts(result):
    return result.passed, result.failed, result.skipped


def part(script, count=run_all.count_nothing, limit=30, needs=(), name="part", brief=False):
    return run_all.Part(name, ["sh", "-c", script], limit, count, needs, brief=brief)


def outcome(*args, **kwargs):
    """What running a part gives: its counts and whether it is called broken."""
    result, broken = run_all.run(part(*args, **kwargs))
    return counts(result) + (bool(broken),)


def whole(*parts):
    """Exit status and last line of a whole run over some parts."""
    run_all.parts = lambda long: iter(parts)
    sys.argv = ["run-all.py"]
    # A text stream that main() may set to line buffering, as it does with the real one.
    out = io.TextIOWrapper(io.BytesIO(), write_through=True)
    with contextlib.redirect_stdout(out):
        status = run_all.main()
    return status, out.buffer.getvalue().decode().splitlines()[-1]


def told(long, brief=False):
    """What the tests of a part are told of long variants."""
    told_to = part("echo told=$LONG", brief=brief)
    run_all.run(told_to, long)
    return told_to.log.read_text().strip()


def unmet(long):
    """Parts that need one which does not come before them, or that have the name of another."""
    before, wrong = set(), []
    for group in run_all.parts(long):
        group = group if isinstance(group, tuple) else (group,)
        wrong += [p.name for p in group if not before.issuperset(p.needs) or p.name in before]
        before.update(p.name for p in group)
    return wrong


def leaves_no_process():
    """Something that a part started and forgot is gone when the part is."""
    pid_file = run_all.LOGS / "pid"
    run_all.run(part(f"sleep 100 & echo $! >{pid_file}; echo 1..1; echo ok 1", run_all.count_tap))
    pid = int(pid_file.read_text())
    for _ in range(50):
        try:
            # A zombie is nobody's process any more; who reaps it is not our matter.
            if pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


def cases():
    tap_of = run_all.count_tap
    yield "automake's summary", counts(run_all.count_automake(AUTOMAKE)), (4, 4, 1)
    yield "automake's summaries add up", counts(run_all.count_automake(AUTOMAKE * 2)), (8, 8, 2)
    yield "a good stream", counts(tap_of(GOOD)), (2, 0, 0)
    yield "a failed case", counts(tap_of("1..2\nok 1\nnot ok 2 - b\n")), (1, 1, 0)
    yield "a skipped case", counts(tap_of("1..1\nok 1 - b # SKIP no device\n")), (0, 0, 1)
    yield "a case known to fail", counts(tap_of("1..1\nnot ok 1 - b # todo later\n")), (1, 0, 0)
    yield "no plan", counts(tap_of("ok 1\n")), (1, 1, 0)
    yield "fewer cases than planned", counts(tap_of("1..3\nok 1\n")), (1, 1, 0)
    yield "more cases than planned", counts(tap_of("1..1\nok 1\nok 2\n")), (2, 1, 0)
    yield "bail out", counts(tap_of("1..1\nok 1\nBail out! no memory\n")), (1, 1, 0)
    yield "words that begin with ok", counts(tap_of("1..1\nokay\nok 1\n")), (1, 0, 0)
    yield "nothing at all", counts(tap_of("")), (0, 1, 0)
    yield "the plan may come last", tap.Tap("ok 1\n1..1\n").broken(), None

    yield "a build that works", outcome("true"), (0, 0, 0, False)
    yield "a build that fails", outcome("exit 2"), (0, 1, 0, True)
    yield "good tests", outcome(f"printf '{GOOD}'", tap_of), (2, 0, 0, False)
    yield "good tests, bad exit status", outcome(f"printf '{GOOD}'; exit 1", tap_of), (2, 1, 0, True)
    yield "a failed test is counted once", outcome(
        "echo 1..1; echo not ok 1; exit 1", tap_of), (0, 1, 0, False)
    yield "a crash", outcome("kill -SEGV $$", tap_of), (0, 2, 0, True)
    yield "a hang", outcome("sleep 100", limit=0.3), (0, 1, 0, True)
    yield "make check that ran no test", outcome("true", run_all.count_automake), (0, 1, 0, True)
    yield "nothing is left running", leaves_no_process(), True

    yield "a long run tells the tests so", told(long=True), "told=1"
    yield "but not all of them", told(long=True, brief=True), "told="
    yield "another run does not", told(long=False), "told="
    yield "what a part needs comes before it", unmet(long=False), []
    yield "in a long run, too", unmet(long=True), []

    good = part(f"printf '{GOOD}'", tap_of, name="good")
    bad = part("exit 1", name="bad")
    yield "all good", whole(good), (0, "2 passed, 0 failed")
    yield "a broken build", whole(good, bad), (1, "2 passed, 1 failed")
    yield "a part whose build is broken", whole(
        bad, part("true", tap_of, needs=["bad"], name="tests"), good), (1, "2 passed, 2 failed")
    # Neither ends without the other, and each is counted.
    fifo = run_all.LOGS / "fifo"
    os.mkfifo(fifo)
    meet = (part(f"echo x >{fifo}; printf '{GOOD}'", tap_of, limit=20, name="first"),
            part(f"read x <{fifo}; printf '{GOOD}'", tap_of, limit=20, name="second"))
    yield "two parts side by side", whole(meet, good), (0, "6 passed, 0 failed")
    yield "one of two is broken", whole((good, bad), part("true", tap_of, needs=["bad"])), (
        1, "2 passed, 2 failed")
    yield "no test is no success", whole(part("true")), (1, "0 passed, 0 failed")
    yield "skipped cases are told", whole(
        part("echo 1..1; echo 'ok 1 # SKIP x'", tap_of), good), (0, "2 passed, 0 failed, 1 skipped")


def main():
    number = 0
    with tempfile.TemporaryDirectory(prefix="vfnd-run-all.") as folder:
        run_all.LOGS = pathlib.Path(folder)
        # Paths are shown relative to the top.
        run_all.TOP = pathlib.Path(folder)
        for number, (name, got, wanted) in enumerate(cases(), 1):
            if got != wanted:
                print(f"# got {got}, wanted {wanted}")
            print("ok" if got == wanted else "not ok", number, "-", name)
    print(f"1..{number}")


if __name__ == "__main__":
    os.environ.pop("MAKEFLAGS", None)
    main()
