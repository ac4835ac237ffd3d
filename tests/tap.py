# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads TAP, the Test Anything Protocol, in which all tests of this tree report."""

import re


class Tap:
    """Counts the cases of one stream. Feed it all lines, then ask."""

    def __init__(self, text=""):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.plan = None
        self.bailed_out = False
        for line in text.splitlines():
            self.line(line)

    def line(self, line):
        if m := re.match(r"1\.\.(\d+)", line):
            self.plan = int(m[1])
        elif line.startswith("Bail out!"):
            self.bailed_out = True
        elif m := re.match(r"(not )?ok\b(.*)", line):
            # Skipped or known to fail: a directive behind the description.
            directive = re.search(r"#\s*(skip|todo)", m[2], re.I)
            if directive and directive[1].lower() == "skip":
                self.skipped += 1
            elif m[1] and not directive:
                self.failed += 1
            else:
                self.passed += 1

    def broken(self):
        """What is wrong with the stream itself, or None. Failed cases are not."""
        seen = self.passed + self.failed + self.skipped
        if self.bailed_out:
            return "the tests bailed out"
        if self.plan is None:
            return "no plan was printed"
        if self.plan != seen:
            return f"{self.plan} tests planned, {seen} seen"
        return None
