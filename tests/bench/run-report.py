#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Table, JSON, picture and bars of what tests/bench/run has found: lines "mode bs depth metric value unit"."""
import argparse
import json
import math
import sys

SHOWN = [("client_system_calls", "client calls"), ("daemon_system_calls", "daemon calls"),
         ("client_sleeps", "client sleeps"), ("daemon_sleeps", "daemon sleeps"),
         ("client_instructions", "client instr."), ("daemon_instructions", "daemon instr."),
         ("interrupts", "interrupts")]
COLOURS = {"libvfn": "#444444", "relay": "#999999", "request": "#cc3311", "served-event": "#0077bb",
           "served-poll": "#009988", "direct": "#ee7733"}
# Whose time is that of which other's: bare messages for what sends messages, else libvfn in one process.
AGAINST = {"request": "relay", "register": "pingpong"}


def read(path):
    rows = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            mode, bs, depth, metric, value, unit = line.split()
            rows.setdefault((mode, int(bs), int(depth)), {})[metric] = (float(value), unit)
    for (mode, bs, depth), found in rows.items():
        base = rows.get((AGAINST.get(mode, "libvfn"), bs, depth))
        if base and found is not base and "time" in found:
            found["time_ratio"] = (found["time"][0] / base["time"][0], AGAINST.get(mode, "libvfn"))
    return rows


def table(rows):
    print(f"{'mode':14}{'bytes':>6}{'depth':>6}" + "".join(f"{name:>15}" for _, name in SHOWN) + "  time")
    for (mode, bs, depth), found in rows.items():
        if mode == "idle":
            continue
        values = [f"{found[m][0]:15.3f}" if m in found else f"{'-':>15}" for m, _ in SHOWN]
        ratio = found.get("time_ratio")
        print(f"{mode:14}{bs or '-':>6}{depth:>6}" + "".join(values) +
              (f"  {ratio[0]:.2f} of {ratio[1]}" if ratio else "  1" if "time" in found else ""))


def write_json(rows, path):
    with open(path, "w", encoding="utf-8") as out:
        for (mode, bs, depth), found in rows.items():
            for metric, (value, unit) in found.items():
                out.write(json.dumps({"bench": "run", "mode": mode, "bs": bs, "depth": depth, "metric": metric,
                                      "value": value, "unit": unit}) + "\n")


def calls(found):
    return found["client_system_calls"][0] + found["daemon_system_calls"][0]


def bars_of_calls(mode, depth, found):
    client, daemon = found["client_system_calls"][0], found["daemon_system_calls"][0]
    if mode == "served-poll" and depth >= 32:
        yield "system calls", client + daemon, 0
    if mode == "served-event" and depth in (32, 128):
        yield "system calls", client + daemon, {32: 0.3, 128: 0.1}[depth]
    if mode == "request":
        yield "the client's system calls", client, 2
        yield "the daemon's system calls", daemon, 6
        yield "of both, for memory", found["client_memory_calls"][0] + found["daemon_memory_calls"][0], 0
    if mode == "register":
        yield "the client's system calls", client, 2
        yield "the daemon's system calls", daemon, 3


def bars_of_counts(rows, mode, depth, found):
    if mode == "served-event" and depth == 1:
        yield "wake-ups of the daemon", found["daemon_sleeps"][0], 2
    if mode == "request" and depth == 32:
        yield "wake-ups of the daemon", found["daemon_sleeps"][0], 1
    if mode == "register" and "daemon_heap" in found:
        yield "calls of the heap", found["client_heap"][0] + found["daemon_heap"][0], 0
    if mode.startswith("coalesced-") and depth == 1:
        yield "interrupts that were late", found["late_interrupts"][0], 0
    if mode.startswith("coalesced-") and depth == 128:
        yield "interrupts", found["interrupts"][0], 0.1
    if mode == "idle":
        yield "bytes of the daemon for a session with a queue of 128", found["daemon_bytes"][0], 65536
    if mode == "direct" and "client_instructions" in found:
        one = rows["libvfn", 512, depth]["client_instructions"][0]
        yield "the client's instructions, to those of libvfn alone", found["client_instructions"][0] / one, 1.02
    if mode == "served-step":
        yield "the daemon's instructions", found["daemon_instructions"][0], 250
        yield "the client's instructions", found["client_instructions"][0], 150
    if mode.startswith("growth-"):
        one = rows["served-step", 512, depth]["daemon_instructions"][0]
        yield "the daemon's instructions, to those of one queue", found["daemon_instructions"][0] / one, 1.2


def bars(rows, times):
    """(what, found, most) of each bar."""
    for (mode, bs, depth), found in rows.items():
        where = f"{mode}, {bs} bytes, depth {depth}: " if bs else f"{mode}: "
        of = list(bars_of_counts(rows, mode, depth, found))
        if "daemon_system_calls" in found:
            of += bars_of_calls(mode, depth, found)
        if times and (mode == "register" or (mode == "request" and depth == 1)):
            of.append((f"time, to that of {AGAINST[mode]}", found["time_ratio"][0], 1.5))
        for what, value, most in of:
            yield where + what, value, most


def check(rows, times):
    missed = n = 0
    for what, found, most in bars(rows, times):
        n += 1
        held = found <= most
        missed += not held
        print(f"{'held' if held else 'MISSED':7}{what}: {found:.4g} (at most {most:g})")
    if not n:
        print("run: nothing was counted", file=sys.stderr)
    return missed or not n


def panel(rows, bs, metric, top, title):
    """One panel: a metric over depth, both logarithmic, a line a mode."""
    points = {}
    for (mode, size, depth), found in rows.items():
        value = calls(found) if metric == "calls" and "daemon_system_calls" in found else \
            found.get(metric, (None,))[0]
        if size == bs and value:
            points.setdefault(mode, []).append((depth, max(value, 1e-4)))
    every = [p for line in points.values() for p in line]
    out = [f'<text x="80" y="{top - 10}">{title}</text>',
           f'<rect x="80" y="{top}" width="560" height="200" fill="none" stroke="#888"/>']
    if not every:
        return out
    low, high = math.floor(math.log10(min(v for _, v in every))), math.ceil(math.log10(max(v for _, v in every)))
    high = max(high, low + 1)
    last = max(math.log2(max(d for d, _ in every)), 1)

    def place(depth, value):
        return 80 + 560 * math.log2(depth) / last, top + 200 * (high - math.log10(value)) / (high - low)

    for decade in range(low, high + 1):
        y = place(1, 10 ** decade)[1]
        out.append(f'<line x1="80" x2="640" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="74" y="{y + 4:.1f}" text-anchor="end">{10.0 ** decade:g}</text>')
    for depth in sorted({d for d, _ in every}):
        out.append(f'<text x="{place(depth, 10 ** low)[0]:.1f}" y="{top + 216}" text-anchor="middle">{depth}</text>')
    for i, (mode, line) in enumerate(points.items()):
        colour = COLOURS.get(mode, "#000")
        path = " ".join("%.1f,%.1f" % place(*p) for p in sorted(line))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.append(f'<text x="650" y="{top + 14 + 16 * i}" fill="{colour}">{mode}</text>')
    return out


def write_plot(rows, path):
    bs = min((bs for _, bs, _ in rows if bs), default=512)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="780" height="560" font-family="sans-serif" font-size="12">',
           '<rect width="780" height="560" fill="#fff"/>']
    out += panel(rows, bs, "calls", 40, f"system calls a command, client and daemon, over depth ({bs} bytes)")
    out += panel(rows, bs, "time", 320, f"ns a command over depth ({bs} bytes)")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(out + ["</svg>"]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    parser.add_argument("--plot")
    parser.add_argument("--no-times", action="store_true")
    parser.add_argument("rows")
    args = parser.parse_args()
    rows = read(args.rows)
    table(rows)
    if args.json:
        write_json(rows, args.json)
    if args.plot:
        write_plot(rows, args.plot)
    return 1 if check(rows, not args.no_times) else 0


if __name__ == "__main__":
    sys.exit(main())
