#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A terminal of type vt100 for a program, driven by steps.

    terminal.py STEP... -- PROGRAM ARGUMENT...

A step is "see:TEXT" (wait until the screen has it, in one line), "not:TEXT" (until it has it no more), "key:KEYS" or
"size:ROWSxCOLUMNS". The program has to end by itself after the last one; its exit status is ours. Where a step does not
come true within a minute the screen is printed.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

LIMIT = 60
SEQUENCE = re.compile(rb"\x1b(?:\[([?0-9;]*)([A-Za-z@])|[()][A-Z0-9]|[=>78MDEHcNO])")


class Screen:
    def __init__(self, rows, columns):
        self.row = self.column = 0
        self.pending = b""
        self.resize(rows, columns)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.top, self.bottom = 0, rows - 1
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row, self.column = min(self.row, rows - 1), min(self.column, columns - 1)

    def lines(self):
        return ["".join(line).rstrip() for line in self.cells]

    def down(self):
        if self.row == self.bottom:
            del self.cells[self.top]
            self.cells.insert(self.bottom, [" "] * self.columns)
        else:
            self.row = min(self.row + 1, self.rows - 1)

    def up(self):
        if self.row == self.top:
            del self.cells[self.bottom]
            self.cells.insert(self.top, [" "] * self.columns)
        else:
            self.row = max(self.row - 1, 0)

    def blank(self, row, first, last):
        for column in range(first, last):
            self.cells[row][column] = " "

    def erase(self, how):
        self.erase_line(how)
        for row in range(self.rows):
            if (how == 0 and row > self.row) or (how == 1 and row < self.row) or how == 2:
                self.blank(row, 0, self.columns)

    def erase_line(self, how):
        first = self.column if how == 0 else 0
        last = min(self.column + 1, self.columns) if how == 1 else self.columns
        self.blank(self.row, first, last)

    def sequence(self, arguments, letter):
        if arguments.startswith("?"):
            return
        numbers = [int(part) if part else 0 for part in arguments.split(";")]
        n = max(numbers[0], 1)
        if letter in "Hf":
            column = numbers[1] if len(numbers) > 1 else 1
            self.row = min(n, self.rows) - 1
            self.column = min(max(column, 1), self.columns) - 1
        elif letter == "A":
            self.row = max(self.row - n, 0)
        elif letter == "B":
            self.row = min(self.row + n, self.rows - 1)
        elif letter == "C":
            self.column = min(self.column + n, self.columns - 1)
        elif letter == "D":
            self.column = max(self.column - n, 0)
        elif letter == "J":
            self.erase(numbers[0])
        elif letter == "K":
            self.erase_line(numbers[0])
        elif letter == "r":
            last = numbers[1] if len(numbers) > 1 else self.rows
            self.top, self.bottom = n - 1, min(last, self.rows) - 1
            self.row = self.column = 0

    def put(self, character):
        if self.column >= self.columns:
            self.column = 0
            self.down()
        self.cells[self.row][self.column] = character
        self.column += 1

    def feed(self, data):
        data = self.pending + data
        self.pending = b""
        at = 0
        while at < len(data):
            byte = data[at]
            if byte == 0x1B:
                found = SEQUENCE.match(data, at)
                if not found:
                    self.pending = data[at:]
                    return
                if found[2]:
                    self.sequence(found[1].decode(), found[2].decode())
                elif found[0] == b"\x1bM":
                    self.up()
                elif found[0] == b"\x1bD":
                    self.down()
                at = found.end()
                continue
            at += 1
            if byte == 0x0D:
                self.column = 0
            elif byte == 0x0A:
                self.down()
            elif byte == 0x08:
                self.column = max(min(self.column, self.columns - 1) - 1, 0)
            elif byte == 0x09:
                self.column = min((self.column // 8 + 1) * 8, self.columns - 1)
            elif byte >= 0x20:
                self.put(chr(byte))


class Program:
    def __init__(self, arguments, rows, columns):
        self.screen = Screen(rows, columns)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "vt100"
            # the first size is there before it looks
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvp(arguments[0], arguments)

    def read(self, seconds):
        """False: it has closed its terminal."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.screen.feed(data)
        return bool(data)

    def until(self, what, step):
        end = time.monotonic() + LIMIT
        while not what(self.screen.lines()):
            if not self.read(1) or time.monotonic() > end:
                print(f"{step} does not come true. The screen:", *self.screen.lines(), sep="\n| ")
                os.kill(self.pid, signal.SIGKILL)
                sys.exit(99)

    def step(self, step):
        kind, _, text = step.partition(":")
        if kind == "see":
            self.until(lambda lines: any(text in line for line in lines), step)
        elif kind == "not":
            self.until(lambda lines: not any(text in line for line in lines), step)
        elif kind == "key":
            os.write(self.fd, text.encode().decode("unicode_escape").encode())
        elif kind == "size":
            rows, columns = map(int, text.split("x"))
            self.screen.resize(rows, columns)
            fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        else:
            sys.exit(f"no step {step}")

    def end(self):
        end = time.monotonic() + LIMIT
        while self.read(1):
            if time.monotonic() > end:
                print("it does not end. The screen:", *self.screen.lines(), sep="\n| ")
                os.kill(self.pid, signal.SIGKILL)
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def main():
    at = sys.argv.index("--")
    program = Program(sys.argv[at + 1:], 24, 132)
    for step in sys.argv[1:at]:
        program.step(step)
    sys.exit(program.end())


if __name__ == "__main__":
    main()
