#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes manual pages of section 3 from the comments and declarations of C headers.

manpages.py --library NAME --overview PAGE --version V --output FOLDER ROOT HEADER...

Headers are named as they are included, below the folder ROOT. A comment belongs to the declarations that
follow it without an empty line between; they get one page, named after the first, and the others are
links to it. Declarations without a comment of their own belong to the header's first comment, which
other pages of that header have as their notes. In comments `argument`, function(), code that is indented
by four spaces, and lists (two spaces, a tag, two spaces, text; or a dash) are known. A sentence that
begins with a result (0, -1, NULL, True, The number, Returns) opens RETURN VALUE, and one that begins
with names of errors is made into the list of ERRORS.
"""

import argparse
import pathlib
import re
import sys
import textwrap

ERRNO = r"-?E(?!OF\b)[A-Z0-9]{2,}"
ERRNOS = rf"{ERRNO}(?:(?:, and|,| and| or) {ERRNO})*"
RESULT = re.compile(r"(0|1|-1|NULL|True|False|`\w+`, or -1|`\w+`, or NULL|Returns|The number|Always)\b"
                    rf"|{ERRNO}\b|-1\b|On success|On failure")
# A comment that begins like this says what the function gives.
GIVES = re.compile(r"(The|A|An|What|Why|Whether|True|How|Commands|0|As|If) ")
LONG_TYPE = 25  # lines; longer ones are on the pages that name them, or only read them


class Entity:
    """A function, macro or variable."""

    def __init__(self, kind, name, text):
        self.kind, self.name, self.text = kind, name, text

    def gives(self):
        return self.kind == "function" and not re.match(r"void\s+\w+\(", self.text)


class Group:
    def __init__(self, comment, title=None):
        self.comment, self.title = comment, title
        self.entities = []


class Block:
    """Types and constants, shown as they are on the pages that speak of them."""

    def __init__(self, names, text):
        self.names, self.text = names, text


def comment_text(lines):
    """The comment's lines without what makes it one."""
    text = "\n".join(lines)
    text = re.sub(r"^/\*+ ?|\s*\*/$", "", text)
    return textwrap.dedent(re.sub(r"(?m)^ \* ?", "", text)).strip("\n").rstrip()


def clean(signature):
    """A declaration in one line, without what only compilers want to know."""
    signature = re.sub(r"__attribute__\(\((?:[^()]|\([^()]*\))*\)\)|__cold|__printf\([^)]*\)", "",
                       signature)
    signature = re.sub(r"\b(static|inline)\b", "", signature)
    return re.sub(r"\s+", " ", signature).strip(" ;").replace("( ", "(").replace(" )", ")")


class Header:
    def __init__(self, root, name):
        self.name = name
        top = name.split("/")
        umbrella = f"{top[0]}/{top[1]}.h" if len(top) > 2 else name
        self.include = umbrella if (root / umbrella).exists() else name
        self.groups, self.blocks = [], []
        self.seen = set()
        self.lines = (root / name).read_text().split("\n")
        self.at = 0
        self._first_comment()
        self._read()

    def _first_comment(self):
        while not re.match(r"/\*(?! SPDX)", self.lines[self.at]):
            self.at += 1
        text = self._take_comment()
        title, _, self.notes = text.partition("\n\n")
        self.title = re.sub(r"\s+", " ", title.partition(" - ")[2] or title)
        m = re.search(r"Functions return (.*?)\.(?:\s|$)", re.sub(r"\s+", " ", self.notes))
        self.result = m[1] + "." if m else None
        self.own = Group(text if " - " not in title else self.notes or self.title, self.title)

    def _take_until(self, pattern):
        start = self.at
        while not re.search(pattern, self.lines[self.at]):
            self.at += 1
        self.at += 1
        return self.lines[start:self.at]

    def _take_comment(self):
        return comment_text(self._take_until(r"\*/\s*$"))

    def _add(self, group, kind, name, text):
        if name in self.seen or name.endswith("_H"):
            return
        self.seen.add(name)
        (group or self.own).entities.append(Entity(kind, name, text))

    def _read(self):
        group = None
        while self.at < len(self.lines):
            line = self.lines[self.at]
            start = self.at
            if not line.strip():
                group = None
                self.at += 1
            elif line.startswith("/*"):
                text = self._take_comment()
                group = None if text.startswith("---") else Group(text)
                if group:
                    self.groups.append(group)
            elif m := re.match(r"#\s*define (\w+)(\([^)]*\))?", line):
                text = self._take_until(r"(?<!\\)$")
                if m[2]:
                    self._add(group, "macro", m[1], m[1] + m[2])
                elif len("".join(text)) > len(m[0]):
                    self._constant(m[1], "\n".join(text), start)
            elif line.startswith("#") or re.match(r'extern "C"|\}|[\t ]|\w+:', line):
                self.at += 1
            elif re.match(r"(typedef )?(struct|enum|union) \w* ?\{", line):
                text = "\n".join(self._take_until(r"^\}.*;|^(enum|struct).*\{.*\};"))
                names = re.findall(r"^(?:typedef )?((?:struct|enum|union) \w+)", text)
                self.blocks.append(Block(names, text))
            elif line.startswith("static inline") or line.startswith("static __attribute__"):
                text = clean(" ".join(self._take_until(r"^\{|\{$")).partition("{")[0])
                self.at -= 1
                self._take_until(r"^\}")
                self._add(group, "function", re.search(r"(\w+)\(", text)[1], text)
            else:
                text = " ".join(self._take_until(r";"))
                self._declaration(group, text)

    def _declaration(self, group, text):
        if re.match(r"typedef .*\(\*(\w+)\)", text):
            name = re.search(r"\(\*(\w+)\)", text)[1]
            self.blocks.append(Block([name], clean(text) + ";"))
        elif re.match(r"(typedef|static|struct \w+;|_Static_assert|__VFN_STATIC_ASSERT)", text):
            return
        elif text.startswith("extern"):
            self._add(group, "variable", re.search(r"(\w+);", text)[1], clean(text))
        elif m := re.search(r"(\w+)\(", clean(text)):
            self._add(group, "function", m[1], clean(text))

    def _constant(self, name, text, start):
        """Constants that follow each other are shown together."""
        if self.blocks and getattr(self.blocks[-1], "end", None) == start:
            self.blocks[-1].names.append(name)
            self.blocks[-1].text += "\n" + text
        else:
            self.blocks.append(Block([name], text))
        self.blocks[-1].end = self.at


# ---- comments into roff ---------------------------------------------------------------------------

def escape(text):
    text = text.replace("\\", "\\e")
    text = re.sub(r"(?<![\w])-(?=[\dE])|(?<=\S)--?(?=\w)", lambda m: m[0].replace("-", "\\-"), text)
    return text.replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")


def inline(text):
    """Running text, its arguments and functions set off."""
    if text == "\\&":
        return text
    text = escape(re.sub(r"\s+", " ", text).strip())
    text = re.sub(r"`([^`]+)`", r"\\fI\1\\fP", text)
    text = re.sub(r"\b([A-Za-z_]\w*)\((\d?)\)", r"\\fB\1\\fP(\2)", text)
    return "\\&" + text if text.startswith(".") else text


def verbatim(text):
    text = escape(textwrap.dedent(text.expandtabs(8)))
    return "\n".join("\\&" + l if l.startswith(".") else l for l in text.split("\n"))


def chunks(text):
    """Yields (kind, content) for what a comment is made of: text, code, tag, dash."""
    for paragraph in re.split(r"\n\s*\n", text):
        lines = paragraph.split("\n")
        at = 0
        while at < len(lines):
            line = lines[at]
            end = at + 1
            if line.startswith("    "):
                while end < len(lines) and lines[end].startswith("    "):
                    end += 1
                yield "code", "\n".join(lines[at:end])
            elif m := re.match(r" {2,3}(\S+(?: \S+)*)  +(\S.*)", line):
                while end < len(lines) and lines[end].startswith("      "):
                    end += 1
                yield "tag", (m[1], " ".join([m[2]] + lines[at + 1:end]))
            elif m := re.match(r" *- (.*)", line):
                while end < len(lines) and not re.match(r" *- ", lines[end]):
                    end += 1
                yield "dash", " ".join([m[1]] + lines[at + 1:end])
            else:
                while end < len(lines) and not re.match(r"  ", lines[end]) and \
                        not re.match(r" *- ", lines[end]):
                    end += 1
                yield "text", " ".join(lines[at:end])
            at = end


def sentences(text):
    text = re.sub(r"\s+", " ", text).strip()
    return re.split(r'(?<=[.])\s+(?=[A-Z0-9`"*_-])', text)


def errors_of(text):
    """Takes apart a text about results: what is returned, (names, meaning) of errors, other errors."""
    starts = list(re.finditer(rf"(?:^|(?<=[:;.,]) |\bwith )({ERRNOS})(?![\w(])(?!, (?:and|or) -1)", text))
    result = text[:starts[0].start()] if starts else text
    errors, others = [], []
    for start, end in zip(starts, [s.start() for s in starts[1:]] + [len(text)]):
        meaning = text[start.end():end].strip(" .,;:")
        meaning, _, other = re.sub(r"[;.,]? ?-1$", "", meaning).partition("; or ")
        if meaning.startswith("or "):
            meaning, other = "", meaning[3:]
        errors.append((start[1], re.sub(r"^when ", "", meaning)))
        if other:
            others.append(other)
    result = result.strip(" .,;:")
    if starts and result.endswith("-1"):
        result += " with errno set"
    return result, errors, others


class Parts:
    """What a comment says, sorted into the sections of a page."""

    def __init__(self, comment, gives):
        self.description, self.result = [], []
        self.errors, self.others = [], []
        first = True
        for kind, content in chunks(comment):
            if kind == "tag" and re.match(rf"{ERRNOS}$", content[0]):
                self.errors.append(content)
            elif kind != "text":
                self.description.append((kind, content))
            else:
                self._text(content, first, gives)
            first = False

    def _text(self, content, first, gives):
        plain, result = [], []
        for number, sentence in enumerate(sentences(content)):
            opens = RESULT.match(sentence) and not (first and number == 0)
            (result if opens or result else plain).append(sentence)
        if plain:
            self.description.append(("text", " ".join(plain)))
            if first and gives and not result and GIVES.match(plain[0]):
                self.result.append(plain[0])
        text, errors, others = errors_of(" ".join(result))
        if text:
            self.result.append(text + ".")
        self.errors += errors
        self.others += others


def roff(parts):
    out, last = [], None
    for kind, content in parts:
        if kind == "text":
            out.append((".PP\n" if out else "") + inline(content))
        elif kind == "code":
            out.append(f".PP\n.RS 4\n.EX\n{verbatim(content)}\n.EE\n.RE")
        elif kind == "tag":
            out.append(f".TP\n.B {inline(content[0])}\n{inline(content[1])}")
        else:
            out.append(f".IP \\(bu 2\n{inline(content)}")
        last = kind
    return "\n".join(out)


# ---- pages ----------------------------------------------------------------------------------------

def summary(text):
    """The line that apropos(1) shows."""
    text = re.sub(r"\s+", " ", sentences(text)[0]).strip(" .")
    if len(text) > 70:
        cut = max(text.rfind(mark, 20, 71) for mark in (",", ";", ":", " ("))
        text = text[:cut] if cut > 0 else textwrap.shorten(text, 70, placeholder="")
    text = text.replace("`", "").rstrip(" ,;:").partition(": ")[0]
    if text.count("(") > text.count(")"):
        text = text[:text.rindex("(")].rstrip()
    if len(text) > 1 and not text[1].isupper():
        text = text[0].lower() + text[1:]
    return escape(text)


def prototype(entity):
    """A declaration, its arguments in italics, broken where the line is full."""
    m = re.match(r"(.*?\w\()(.*)(\))$", entity.text)
    if entity.kind == "variable" or not m:
        return f"\\fB{escape(entity.text)};\\fP"
    end = "" if entity.kind == "macro" else ";"
    arguments = re.split(r",\s*(?![^()]*\))", m[2])
    lines, line = [], m[1]
    for number, argument in enumerate(arguments):
        argument += "," if number + 1 < len(arguments) else m[3] + end
        if len(line) + len(argument) > 74 and number:
            lines.append(line)
            line = "    "
        line += (" " if number and line.strip() else "") + argument
    lines.append(line)

    def italic(text):
        text = escape(text)
        if entity.kind == "macro":
            head, paren, rest = text.partition("(")
            return head + paren + re.sub(r"\b([A-Za-z_]\w*)", r"\\fI\1\\fB", rest) if paren else text
        return re.sub(r"(?<=[ *(])([a-z_]\w*)(?=[,)]|\)\()", r"\\fI\1\\fB", text) \
            if "void)" not in text else text

    return "\n".join(f"\\fB{italic(l)}\\fP" for l in lines)


def definitions(header, text):
    """The header's types and constants that a page speaks of."""
    shown = []
    for block in header.blocks:
        for name in block.names:
            if block.text.count("\n") > LONG_TYPE and \
                    not re.search(rf"const {name} \*|(?m:^(?!.*\(.*\*).*\b{name}\b)", text):
                continue
            prefix = name.rpartition("_")[0]
            if re.search(rf"\b{re.escape(name)}\b", text) or \
                    (" " not in name and prefix and f"{prefix}_*" in text):
                shown.append(block.text)
                break
    return shown


def see_also(options, header, group, text, known):
    own = {e.name for e in group.entities}
    names = [n for n in re.findall(r"\b(\w+)\(\)", text) if n in known and n not in own]
    siblings = [g.entities[0].name for g in header.groups if g.entities and g is not group]
    names = list(dict.fromkeys(names + [n for n in siblings if not n.startswith("__")]))[:8]
    pages = [f".BR {options.overview} (7)"] + [f".BR {n} (3)" for n in sorted(names)]
    return ",\n".join(pages)


def page(options, header, group, known):
    names = [e.name for e in group.entities]
    parts = Parts(group.comment, any(e.gives() for e in group.entities))
    gives = any(e.gives() for e in group.entities)
    if gives and not parts.result and header.result:
        parts.result.append(header.result)
    if gives and not parts.result and group is not header.own:
        options.complaints.append(f"{header.name}: {names[0]}: what does it return?")
    text = group.comment + "\n" + "\n".join(e.text for e in group.entities)
    out = ['.\\" Made from a header by build-tools/manpages.py.',
           f'.TH {names[0].upper()} 3 "" "{options.package}" "{options.library} Manual"',
           ".SH NAME",
           f"{escape(', '.join(names))} \\- {summary(group.title or group.comment)}",
           ".SH LIBRARY", f"{options.library} (pkg\\-config {options.pkgconfig})",
           ".SH SYNOPSIS", ".nf", f"\\fB#include <{header.include}>\\fP", ".PP"]
    out += [prototype(e) for e in group.entities] + [".fi"]

    def section(title, body):
        if body:
            out.extend([f".SH {title}", body])

    section("DESCRIPTION", roff(parts.description or [("text", group.title or header.title)]))
    section("RETURN VALUE", roff([("text", r[0].upper() + r[1:] if r[0] != "`" else r)
                                  for r in [" ".join(parts.result)] if r]))
    errors = [("tag", (n, m + "." if m else "\\&")) for n, m in parts.errors]
    if parts.others:
        other = "; or ".join(parts.others)
        errors.append(("text", f"Or {'those ' if other.startswith('of ') else ''}{other}."))
    section("ERRORS", roff(errors))
    shown = definitions(header, text)
    section("DEFINITIONS", ".EX\n" + "\n.sp\n".join(verbatim(s) for s in shown) + "\n.EE" if shown else "")
    if group is not header.own:
        section("NOTES", roff(chunks(header.notes)) if header.notes else "")
    section("SEE ALSO", see_also(options, header, group, text, known))
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", required=True)
    parser.add_argument("--pkgconfig", required=True)
    parser.add_argument("--overview", required=True, help="the page of section 7")
    parser.add_argument("--package", required=True, help="name and version")
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--strict", action="store_true",
                        help="fail where a comment does not say what is returned")
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("headers", nargs="+")
    options = parser.parse_args()
    options.complaints = []

    headers = [Header(options.root, name) for name in options.headers]
    groups = [(h, g) for h in headers for g in h.groups + [h.own] if g.entities]
    for _, group in groups:
        group.entities.sort(key=lambda e: e.name.startswith("__"))
    known = {e.name for _, g in groups for e in g.entities}
    options.output.mkdir(parents=True, exist_ok=True)
    for header, group in groups:
        first = group.entities[0].name
        (options.output / f"{first}.3").write_text(page(options, header, group, known))
        for entity in group.entities[1:]:
            (options.output / f"{entity.name}.3").write_text(f".so man3/{first}.3\n")
    for complaint in options.complaints:
        print(f"manpages: {complaint}", file=sys.stderr)
    return 1 if options.complaints and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
