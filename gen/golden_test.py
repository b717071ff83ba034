#!/usr/bin/env python3
"""Compares what the generator writes for testdata/ with what it is expected to write.

A schema of testdata/ stands beside its expected output, NAME.h.expected and so on, which must
also compile. A schema of testdata/bad/ must fail with the errors of NAME.expected, line for
line. documents/ has what is made of documented.proto with emit=docs and emit=openapi. After a change of the generator, look at the difference and then run this with --update.
"""

import argparse
import difflib
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent
DATA = ROOT / "testdata"
COMPILERS = ["gcc", "clang"]


def run_protoc(arguments, out, schemas, include, options=""):
    command = [
        arguments.protoc,
        f"--plugin=protoc-gen-waystone={pathlib.Path(arguments.plugin).resolve()}",
        f"--waystone_out={options}:{out}",
        f"-I{include}",
        f"-I{ROOT.parent / 'api'}",
        f"-I{arguments.include}",
    ]
    return subprocess.run(command + schemas, capture_output=True, text=True)


def differs(expected_file, text, update):
    """Prints how the text differs from the expected one, or takes it over."""
    expected = expected_file.read_text() if expected_file.exists() else ""
    if expected == text:
        return False
    if update:
        expected_file.write_text(text)
        return False
    sys.stdout.writelines(
        difflib.unified_diff(
            expected.splitlines(True),
            text.splitlines(True),
            str(expected_file.relative_to(ROOT)),
            "generated",
        )
    )
    return True


def check_output(arguments, out):
    """The good schemas, in one run, since two of them share names."""
    schemas = [
        str(path.relative_to(DATA)) for path in sorted(DATA.rglob("*.proto"))
        if path.parent.name not in ("bad", "documents")
    ]
    result = run_protoc(arguments, out, schemas, DATA)
    if result.returncode != 0:
        print(result.stderr)
        return 1
    failures = 0
    written = sorted(path for path in out.rglob("*") if path.is_file())
    for path in written:
        expected = DATA / (str(path.relative_to(out)) + ".expected")
        failures += differs(expected, path.read_text(), arguments.update)
    for expected in sorted(DATA.rglob("*.[ch].expected")):
        if not (out / expected.relative_to(DATA)).with_suffix("").exists():
            print(f"{expected.relative_to(ROOT)}: nothing like it was generated")
            failures += 1
    return failures


def check_compiles(arguments, out):
    """Everything that was written, and every header by itself, with both compilers."""
    wellknown = ["any", "duration", "empty", "field_mask", "timestamp", "wrappers"]
    result = run_protoc(arguments, out, [f"google/protobuf/{name}.proto" for name in wellknown], DATA)
    if result.returncode != 0:
        print(result.stderr)
        return 1
    failures = 0
    for path in sorted(out.rglob("*.[ch]")):
        for compiler in COMPILERS:
            failures += not compiles(compiler, path.relative_to(out), out)
    return failures


def compiles(compiler, name, out):
    command = [
        compiler, "-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wshadow",
        "-Wstrict-prototypes", "-Wmissing-prototypes", "-D_GNU_SOURCE", f"-I{ROOT.parent}",
        f"-I{out}", "-x", "c", "-",
    ]
    result = subprocess.run(command, input=f'#include "{name}"\n', capture_output=True, text=True)
    if result.returncode != 0:
        print(f"{name} does not compile with {compiler}:\n{result.stderr[:2000]}")
    return result.returncode == 0


def check_one_file_alone(arguments):
    """With only=, names are those of the whole set, and no other file is written."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder)
        schemas = ["first/v1/thing.proto", "second/v1/thing.proto", "--waystone_opt=only=first/v1/thing.proto"]
        result = run_protoc(arguments, out, schemas, DATA)
        header = out / "first/v1/thing.h"
        if result.returncode != 0 or not header.exists() or (out / "second").exists():
            print(f"only= does not write one file: {result.stderr}")
            return 1
        return differs(DATA / "first/v1/thing.h.expected", header.read_text(), False)


def check_documents(arguments):
    """Markdown and OpenAPI of a schema with every rule and every shape."""
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder)
        for options in ("emit=docs", "emit=openapi,title=Documented,version=1.2.3"):
            result = run_protoc(arguments, out, ["documents/documented.proto"], DATA, options)
            if result.returncode != 0:
                print(f"{options}: {result.stderr}")
                failures += 1
        written = sorted(path.name for path in out.iterdir())
        if written != ["README.md", "documented.v1.md", "openapi.json"]:
            print(f"other documents than expected: {written}")
            failures += 1
        for name in written:
            failures += differs(DATA / "documents" / f"{name}.expected", (out / name).read_text(), arguments.update)
        if failures == 0:
            json.loads((out / "openapi.json").read_text())
    return failures


def check_parameters(arguments):
    """What is no parameter is refused."""
    failures = 0
    for options in ("emit=pdf", "colour=red"):
        with tempfile.TemporaryDirectory() as folder:
            result = run_protoc(arguments, folder, ["shapes/v1/shapes.proto"], DATA, options)
            if result.returncode == 0 or options.split("=")[1] not in result.stderr:
                print(f"{options}: {result.stderr or 'it was accepted'}")
                failures += 1
    return failures


def check_errors(arguments):
    failures = 0
    for schema in sorted((DATA / "bad").glob("*.proto")):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder)
            result = run_protoc(arguments, out, [schema.name], schema.parent)
            if result.returncode == 0 or list(out.iterdir()):
                print(f"{schema.relative_to(ROOT)}: it was accepted")
                failures += 1
            failures += differs(schema.with_suffix(".expected"), result.stderr, arguments.update)
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protoc", default="protoc")
    parser.add_argument("--plugin", required=True, help="protoc-gen-waystone")
    parser.add_argument("--include", default="/usr/include", help="where google/protobuf lies")
    parser.add_argument("--update", action="store_true", help="take over what is generated now")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder)
        failures = check_output(arguments, out)
        failures += check_compiles(arguments, out)
    failures += check_one_file_alone(arguments)
    failures += check_documents(arguments)
    failures += check_parameters(arguments)
    failures += check_errors(arguments)
    if failures:
        print(f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
