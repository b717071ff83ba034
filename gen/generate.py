#!/usr/bin/env python3
"""Runs protoc with protoc-gen-waystone for one schema of a set.

The plugin sees the whole set, since names depend on it, and writes the output of one file.
What did not change is left alone, so that nothing that depends on it is built again.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile


def write_if_changed(source, target):
    content = source.read_bytes()
    if target.exists() and target.read_bytes() == content:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(target.name + f".{os.getpid()}.new")
    temporary.write_bytes(content)
    os.replace(temporary, target)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protoc", required=True)
    parser.add_argument("--plugin", required=True, help="protoc-gen-waystone")
    parser.add_argument("-I", dest="include", action="append", default=[])
    parser.add_argument("--out", required=True, help="folder of the output files")
    parser.add_argument("--only", required=True, help="the schema to write the output of")
    parser.add_argument("schemas", nargs="+", help="the set, relative to an include folder")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        command = [
            arguments.protoc,
            f"--plugin=protoc-gen-waystone={os.path.abspath(arguments.plugin)}",
            f"--waystone_out={folder}",
            f"--waystone_opt=only={arguments.only}",
        ]
        command += [f"-I{path}" for path in arguments.include]
        result = subprocess.run(command + arguments.schemas)
        if result.returncode != 0:
            return result.returncode
        for source in sorted(pathlib.Path(folder).rglob("*.[ch]")):
            write_if_changed(source, pathlib.Path(arguments.out) / source.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
