#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads Prometheus' text format from standard input, as its description has it, and says what is wrong with it.

Names, labels and values are looked at, and that samples of a name stand together below their help and type, that none
comes twice, and that histograms and summaries are whole. Prints how many samples there are of each name.
"""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? ([-+]?(?:[0-9.]+(?:e[-+]?[0-9]+)?|Inf|NaN))$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
TYPES = ("counter", "gauge", "histogram", "summary")


class Wrong(Exception):
    pass


def labels_of(text):
    labels = {}
    while text:
        found = LABEL.match(text)
        if not found:
            raise Wrong(f"no label begins {text!r}")
        if found[1] in labels:
            raise Wrong(f"label {found[1]} comes twice")
        labels[found[1]] = found[2]
        text = text[found.end():]
    return labels


def family_of(name, types):
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and types.get(base) in ("histogram", "summary"):
            return base
    return name


def check_histogram(family, samples):
    series = {}
    for name, labels, value in samples:
        rest = tuple(sorted((k, v) for k, v in labels.items() if k not in ("le", "quantile")))
        series.setdefault(rest, []).append((name, labels, value))
    for rest, members in series.items():
        count = [v for n, _, v in members if n == family + "_count"]
        total = [v for n, _, v in members if n == family + "_sum"]
        if len(count) != 1 or len(total) != 1:
            raise Wrong(f"{family} {rest}: not one sum and one count")
        buckets = [(labels["le"], v) for n, labels, v in members if n == family + "_bucket"]
        if buckets:
            bounds = [float(le) for le, _ in buckets]
            counts = [v for _, v in buckets]
            if bounds != sorted(bounds) or counts != sorted(counts):
                raise Wrong(f"{family} {rest}: buckets do not rise")
            if buckets[-1][0] != "+Inf" or counts[-1] != count[0]:
                raise Wrong(f"{family} {rest}: the last bucket is not all of them")
        quantiles = [(float(labels["quantile"]), v) for n, labels, v in members if n == family]
        if [v for _, v in sorted(quantiles)] != sorted(v for _, v in quantiles):
            raise Wrong(f"{family} {rest}: quantiles do not rise")


def check(lines):
    helps, types, families, order, seen = {}, {}, {}, [], set()
    for number, line in enumerate(lines, 1):
        try:
            if line.startswith("# "):
                kind, name, text = line[2:].split(" ", 2)
                known = helps if kind == "HELP" else types
                if kind not in ("HELP", "TYPE") or not re.fullmatch(NAME, name) or name in known or name in order:
                    raise Wrong("no help or type, or not the first, or too late")
                if kind == "TYPE" and text not in TYPES:
                    raise Wrong(f"no type {text}")
                known[name] = text
                continue
            found = SAMPLE.match(line)
            if not found:
                raise Wrong("no sample")
            name, labels, value = found[1], labels_of(found[2] or ""), float(found[3])
            family = family_of(name, types)
            if family not in types or family not in helps:
                raise Wrong(f"{family} has no help and type before it")
            if family in order[:-1]:
                raise Wrong(f"samples of {family} do not stand together")
            if not order or order[-1] != family:
                order.append(family)
            key = (name, tuple(sorted(labels.items())))
            if key in seen:
                raise Wrong("this sample comes twice")
            seen.add(key)
            if types[family] == "counter" and (value < 0 or not name.endswith("_total")):
                raise Wrong("a counter is not negative, and called _total")
            families.setdefault(family, []).append((name, labels, value))
        except (Wrong, ValueError) as wrong:
            raise SystemExit(f"line {number}: {wrong}: {line}") from wrong
    for family, samples in families.items():
        if types[family] in ("histogram", "summary"):
            check_histogram(family, samples)
    return families


def main():
    text = sys.stdin.read()
    if not text.endswith("\n"):
        raise SystemExit("the last line does not end")
    try:
        families = check(text[:-1].split("\n"))
    except Wrong as wrong:
        raise SystemExit(str(wrong)) from wrong
    for family, samples in families.items():
        print(family, len(samples))


if __name__ == "__main__":
    main()
