"""What the checks share: the C files of the tree, and their code without comments and strings."""

import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Comments, string and character literals, in one pass, so that neither hides in the other.
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def files(*folders):
    """Paths (from the top) of the .c and .h files below the folders, sorted."""
    found = []
    for folder in folders:
        for base, _, names in os.walk(os.path.join(TOP, folder)):
            found += [os.path.relpath(os.path.join(base, n), TOP) for n in names if n.endswith((".c", ".h"))]
    return sorted(found)


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def code(path):
    """The lines of a file, with comments and literals blanked; line numbers stay."""

    def blank(match):
        text = match.group(0)
        quote = text[0] if text[0] in "\"'" else ""
        return quote + "\n" * text.count("\n") + quote or " "

    return TOKEN.sub(blank, read(path)).split("\n")


def finish(problems):
    """Print what was found; the exit code says whether it was anything."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
