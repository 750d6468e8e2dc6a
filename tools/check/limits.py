#!/usr/bin/env python3
"""Each bound that docs/limits.md and the READMEs list is what the source has, and a test fills it.

Reads every table with a column "when full" (or "at the limit"). A row fails when
  - its rule when full is missing;
  - a setting, file, constant or function that it names is not in the source;
  - a counter or gauge that it names is not in the source, or its label is not;
  - limits.txt beside this file has no line for it: "README: what = FILE TEST", a test that is there, "= - why" where there is
    nothing to fill, or "= ? what would" for a gap, which the last line counts;
  - limits.txt has a line for a row that is not there any more.
usage: limits.py [--rows]     --rows prints the rows as lines of limits.txt begin
"""
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
os.chdir(ROOT)
GAPS = 46   # bounds that no test fills yet: fewer with each that comes, never more
FILES = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split()
FILES = [f for f in FILES if os.path.isfile(f)]
DOCS = ["docs/limits.md"] + [f for f in FILES if re.match(r"(lib|services)/\w+/README\.md$", f)]


def text(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


SOURCE = "\n".join(text(f) for f in FILES if re.match(r"(lib|services|protos)/.*\.([ch]|proto)$", f) and not f.endswith("_test.c"))
SETTINGS = set(re.findall(r'\{\s*"([a-z0-9.-]+)",\s*CONF_', SOURCE)) | set(re.findall(r'"([a-z]+\.[a-z0-9-]+)"', SOURCE))
WORDS = set(re.findall(r"\b[A-Za-z_]\w+\b", SOURCE))
NAMES = set(re.findall(r'"((?:[a-z0-9]+_)*[a-z0-9]+)"', SOURCE)) | set(re.findall(r"\bWIRE_(\w+)", SOURCE))
NAMES |= {n.lower() for n in NAMES}
LABELS = set(re.findall(r'\w+=\\"(\w+)\\"', SOURCE)) | set(re.findall(r'"(\w+)"', SOURCE))


def cells(line):
    return [c.strip() for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def tables(doc):
    """(section, column names, cells) of each row of a table of bounds."""
    head, section = None, ""
    for line in text(doc).splitlines():
        if line.startswith("## ") and doc.startswith("docs/"):
            section = " " + re.split(r" ?[(,]", line[3:])[0]
        if not line.startswith("|"):
            head = None
            continue
        row = cells(line)
        if head is None:
            head = [c.lower() for c in row]
        elif not set(line) <= set("|- :") and ("when full" in head or "at the limit" in head):
            yield section, head, row


def plain(what):
    return re.sub(r"\s+", " ", what.replace("`", "")).strip()


def known_place(word):
    if re.fullmatch(r"[\w/]+\.[chp]y?", word):
        return any(f == word or f.endswith("/" + word) for f in FILES)
    if re.fullmatch(r"-[a-z]+", word):  # "capture.tls-connections, -hold": a beginning before it
        return any(s.endswith(word) for s in SETTINGS)
    if re.fullmatch(r"[a-z]+\.[a-z0-9-]+", word):
        return word in SETTINGS
    if re.fullmatch(r"[A-Za-z_]\w+", word):
        return word in WORDS
    return True  # a word of the kernel, of the command line, of HTTP


def known_counter(word):
    m = re.fullmatch(r'_?([a-z0-9_.]+)(?:\{(?:\w+=)?"?(\w+)"?\})?', word)
    if not m:
        return True
    name, label = m[1].split(".")[-1], m[2]
    if label and label not in LABELS:
        return False
    short = {name, name + "_total", re.sub("_total$", "", name)}
    return name in WORDS or any(n in short or any(n.endswith("_" + s) for s in short) for n in NAMES)


def flaws(head, row):
    col = dict(zip(head, row))
    full = col.get("when full", col.get("at the limit", ""))
    if not full and not col.get("why"):
        yield "no rule when full"
    for name in ("where", "setting", "setting, default"):
        for word in re.findall(r"`([^`]+)`", col.get(name, "")):
            if not known_place(word):
                yield "%s is not in the source" % word
    for name in ("counted by", "counter"):
        for word in re.findall(r"`([^`]+)`", col.get(name, "")):
            if not known_counter(word):
                yield "counter %s is not in the source" % word


def filled():
    """{row: right side} of limits.txt."""
    lines = {}
    for line in text("tools/check/limits.txt").splitlines():
        if line and not line.startswith("#"):
            row, _, test = line.partition(" = ")
            if row in lines:
                print("limits.txt: twice: %s" % row)
                sys.exit(1)
            lines[row] = test.strip()
    return lines


def test_flaw(test):
    if test.startswith(("-", "?")):
        return None if len(test) > 5 else "gives no reason"
    name, _, function = test.partition(" ")
    path = [f for f in FILES if f == name or f.endswith("/" + name)]
    if len(path) != 1:
        return "%s: %d such files" % (name, len(path))
    body = text(path[0])
    if not function or not re.search(r"(?:\bdef |unit_test\w*\()%s\b|^static \w+ \*?%s\(|NAME %s\b" % (3 * (re.escape(function),)), body, re.M):
        return "no test %s in %s" % (function, path[0])
    return None


def main():
    rows, bad = [], 0
    for doc in DOCS:
        for section, head, row in tables(doc):
            key = "%s%s: %s" % (re.sub("/README.md$", "", doc), section, plain(row[0]))
            rows.append(key)
            for flaw in flaws(head, row):
                print("%s: %s" % (key, flaw))
                bad += 1
    if "--rows" in sys.argv:
        print("\n".join(rows))
        return 0
    tests = filled()
    for key in rows:
        flaw = test_flaw(tests[key]) if key in tests else "no test named in tools/check/limits.txt"
        if flaw:
            print("%s: %s" % (key, flaw))
            bad += 1
    for key in sorted(set(tests) - set(rows)):
        print("limits.txt: no such row: %s" % key)
        bad += 1
    nothing, gaps = (sum(t.startswith(c) for t in tests.values()) for c in ("- ", "? "))
    if gaps > GAPS:
        print("limits.txt: %d bounds that no test fills, %d were known" % (gaps, GAPS))
        bad += 1
    print("limits: %d bounds, %d with a test that fills them, %d with nothing to fill, %d not filled by any test yet; %d flaws" % (
        len(rows), len(rows) - nothing - gaps, nothing, gaps, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
