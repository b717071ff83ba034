"""Writes the table of the most common passwords as C, from Debian's python3-zxcvbn.

    common_passwords.py OUT

The table has a 64-bit hash (FNV-1a) of each, in lower case, sorted: smaller than the texts, and
found without comparing these. Common first names and surnames are in it as well.
"""

import pathlib
import sys

from zxcvbn.frequency_lists import FREQUENCY_LISTS

LISTS = ("passwords", "male_names", "female_names", "surnames")
SHORTEST = 5  # shorter ones only count with something around them, and that is not common
LEAST = 10000  # a package with fewer is not the one this was written for


def fnv1a(text):
    value = 14695981039346656037
    for byte in text.encode():
        value = (value ^ byte) * 1099511628211 % 2 ** 64
    return value


def main():
    words = {word.lower() for name in LISTS for word in FREQUENCY_LISTS[name]
             if len(word) >= SHORTEST}
    if len(words) < LEAST:
        sys.exit(f"python3-zxcvbn has only {len(words)} passwords")
    hashes = sorted({fnv1a(word) for word in words})
    lines = [f"    0x{value:016x}," for value in hashes]
    pathlib.Path(sys.argv[1]).write_text("\n".join([
        "/* Made by handlers/common_passwords.py. Do not edit. */",
        '#include "handlers/common_passwords.h"', "",
        "const uint64_t common_password_hashes[] = {", *lines, "};",
        f"const size_t common_password_count = {len(hashes)};", ""]), encoding="ascii")


main()
