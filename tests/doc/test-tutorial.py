#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Types doc/tutorial.md into a shell, command by command, and compares what comes back. Prints TAP."""
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(os.environ["top_srcdir"])
BUILD = pathlib.Path(os.environ["top_builddir"]).resolve()
MARK = "--- end of command"
PATIENCE = 60  # seconds for one command


def commands(text):
    """[(line, command, expected output)] of the console blocks."""
    found, inside = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("$ "):
            found.append((number, line[2:], []))
        elif inside:
            found[-1][2].append(line)
    return [(number, command, "".join(line + "\n" for line in out))
            for number, command, out in found]


class Shell:
    def __init__(self, scratch):
        env = dict(os.environ, TMPDIR=scratch, LC_ALL="C")
        env.pop("VFND_SOCKET", None)
        env["PATH"] = ":".join([f"{BUILD}/daemon", f"{BUILD}/client/vfnctl", f"{BUILD}/tests/sim",
                                env["PATH"]])
        # With job control, as a shell that somebody types into has it: jobs are known as %1, and are groups.
        self.process = subprocess.Popen(["bash", "--norc", "-m"], env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        start_new_session=True)

    def type(self, command):
        """What the command prints; None if it does not end, or the shell does."""
        self.process.stdin.write(f"{command}\necho '{MARK}'\n".encode())
        self.process.stdin.flush()
        data, deadline = b"", time.monotonic() + PATIENCE
        while not data.endswith(f"{MARK}\n".encode()):
            ready = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]
            more = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not more:
                print(f"# so far: {data.decode(errors='replace')!r}")
                return None
            data += more
        return data.decode(errors="replace")[:-len(MARK) - 1]

    def end(self):
        """Jobs are groups of their own in the shell's session: only those are ended."""
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.getsid(int(entry.name)) == self.process.pid:
                    os.kill(int(entry.name), signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        self.process.wait()


def show(name, text):
    for line in text.splitlines() or ["(nothing)"]:
        print(f"# {name}: {line}")


def main():
    found = commands((TOP / "doc/tutorial.md").read_text())
    failed = not found
    with tempfile.TemporaryDirectory(prefix="vfnd-tutorial.") as scratch:
        shell = Shell(scratch)
        try:
            shell.type(":")  # a shell without a terminal says so
            for n, (line, command, expected) in enumerate(found, 1):
                printed = shell.type(command)
                good = printed == expected
                failed |= not good
                print(f"{'ok' if good else 'not ok'} {n} - line {line}: {command}".replace("#", "no."))
                if not good:
                    show("expected", expected)
                    show("printed ", printed or "")
                if printed is None:
                    print(f"Bail out! {command} does not end")
                    break
            print(f"1..{len(found)}", flush=True)
        finally:
            shell.end()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
