#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The generator of manual pages takes a header for what it is. Prints TAP."""

import os
import pathlib
import subprocess
import sys
import tempfile

TOP = pathlib.Path(os.environ["top_srcdir"])

HEADER = '''/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * part - the whole in one line
 *
 * Notes for all. Functions return 0, or -1 with errno set.
 */
#ifndef VFN_PART_H
#define VFN_PART_H

#define PART_ONE (1 << 0) /* the first */
#define PART_TWO (1 << 1) /* the second */

struct part {
    int a;
};

/*
 * Make `n` parts, see part_free(). `flags` are PART_*.
 *
 *     part_make(p, 1)
 *
 * 0, or -1: EINVAL bad number; EBUSY, ENODEV it is
 * away; or of open(2).
 */
int part_make(struct part *p, int n);
int part_make_more(struct part *p,
        int (*fn)(int a, void *opaque));

/* Free a part. */
void part_free(struct part *p);

/* Whether it is there. */
static inline bool part_there(const struct part *p)
{
    if (!p)
        return false;

    return p->a;
}

#define PART_BARE(x, y) \\
    ((x) + (y))

/* ---- a heading ---- */

int part_default(void);
'''

SILENT = '''/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * silent - says nothing of results
 */

/* Do it. */
int silent_do(void);
'''


def generate(folder, text):
    (folder / "vfn").mkdir(exist_ok=True)
    (folder / "vfn/part.h").write_text(text)
    return subprocess.run([sys.executable, TOP / "build-tools/manpages.py", "--library", "libpart",
                           "--pkgconfig", "part", "--overview", "libpart", "--package", "part 1", "--strict",
                           "--output", folder / "out", folder, "vfn/part.h"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def section(text, title):
    """What stands below a heading."""
    return text.partition(f".SH {title}\n")[2].partition("\n.SH ")[0]


def main():
    cases = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        made = generate(folder, HEADER)
        pages = {p.stem: p.read_text() for p in (folder / "out").glob("*.3")}
        make = pages.get("part_make", "")
        cases = [
            ("it succeeds", made.returncode == 0, made.stdout),
            ("a page for each name", set(pages) == {"part_make", "part_make_more", "part_free",
                                                    "part_there", "PART_BARE", "part_default"}, pages.keys()),
            ("those of one comment are one page", pages.get("part_make_more") == ".so man3/part_make.3\n",
             pages.get("part_make_more")),
            ("NAME", section(make, "NAME").startswith("part_make, part_make_more \\- make n parts"), make),
            ("SYNOPSIS", "#include <vfn/part.h>" in make and "\\fIopaque\\fB" in make, make),
            ("code", ".EX\npart_make(p, 1)\n.EE" in section(make, "DESCRIPTION"), make),
            ("RETURN VALUE", "0, or \\-1 with errno set." in section(make, "RETURN VALUE"), make),
            ("ERRORS", section(make, "ERRORS") == ".TP\n.B EINVAL\nbad number.\n.TP\n.B EBUSY, ENODEV\n"
             "it is away.\n.PP\nOr those of \\fBopen\\fP(2).", make),
            ("DEFINITIONS", "PART_ONE" in section(make, "DEFINITIONS") and
             "struct part {" in section(make, "DEFINITIONS"), make),
            ("NOTES", "Notes for all." in section(make, "NOTES"), make),
            ("SEE ALSO", ".BR part_free (3)" in section(make, "SEE ALSO"), make),
            ("no result of void", "RETURN VALUE" not in pages.get("part_free", ""), pages.get("part_free")),
            ("what a function gives", "Whether it is there." in
             section(pages.get("part_there", ""), "RETURN VALUE"), pages.get("part_there")),
            ("what has no comment has the header's", "the whole in one line" in
             section(pages.get("part_default", ""), "NAME") or
             pages.get("part_default", "").startswith(".so"), pages.get("part_default")),
        ]
        silent = generate(folder, SILENT)
        cases.append(("a function that does not say what it returns",
                      silent.returncode == 1 and "silent_do: what does it return?" in silent.stdout,
                      silent.stdout))
    failed = False
    for number, (what, holds, seen) in enumerate(cases, 1):
        if not holds:
            failed = True
            print("\n".join(f"# {l}" for l in str(seen).split("\n")))
        print(f"{'ok' if holds else 'not ok'} {number} - {what}")
    print(f"1..{len(cases)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
