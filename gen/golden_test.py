#!/usr/bin/env python3
"""Compares what the generator writes for testdata/ with what it is expected to write.

A schema of testdata/ stands beside its expected output, NAME.h.expected and so on, which must
also compile. A schema of testdata/bad/ must fail with the errors of NAME.expected, line for
line. documents/ has what is made of documented.proto with emit=docs,
emit=openapi and emit=scopes. After a change of the generator, look at the difference and then run this with --update.
"""

import argparse
import difflib
import json
import pathlib
import re
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
        if expected.parent.name != "documents" and \
                not (out / expected.relative_to(DATA)).with_suffix("").exists():
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


# --- names ---

# What a schema cannot be called, by protobuf's own grammar.
NO_NAMES = {"option", "reserved"}
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


def preprocessed(compiler, headers, out, *options):
    text = "".join(f'#include "{name}"\n' for name in headers)
    command = [compiler, "-std=gnu11", "-D_GNU_SOURCE", "-E", *options, f"-I{ROOT.parent}", f"-I{out}", "-"]
    return subprocess.run([*command[:1], "-x", "c", *command[1:]], input=text, capture_output=True,
                          text=True, check=True).stdout


def names_in_headers(out):
    """Every identifier, macros included, of all headers that generated code includes."""
    headers = [str(path.relative_to(out)) for path in sorted(out.rglob("*.h"))]
    headers += ["server/protocol/validate.h", "string.h", "assert.h", "stddef.h", "stdbool.h", "stdio.h",
                "errno.h"]
    names = set("asm auto break case class const continue default delete enum goto new operator private return "
                "static this typeof virtual void while _Bool _Generic __FILE__ __unix".split())
    for compiler in COMPILERS:
        names.update(IDENTIFIER.findall(preprocessed(compiler, headers, out, "-P")))
        for line in preprocessed(compiler, headers, out, "-dM").splitlines():
            names.update(IDENTIFIER.findall(line.split()[1])[:1])
    mine = [f"GENERATED_{re.sub('[^A-Z0-9]', '_', name.upper())}" for name in headers]
    return sorted(names - NO_NAMES - set(mine))


def apart(names):
    """Groups in which no two names are one in JSON, which protoc refuses."""
    groups = []
    for name in names:
        key = name.replace("_", "").lower()
        group = next((one for one in groups if key not in one), None)
        if group is None:
            group = {}
            groups.append(group)
        group[key] = name
    return [sorted(group.values()) for group in groups]


def number(index):
    """Field numbers, without those that protobuf keeps for itself."""
    return index + 1 if index < 18000 else index + 3000


def named_schema(package, *lines):
    return "\n".join(['syntax = "proto3";', f"package {package};", *lines, ""])


def hostile_fields(names):
    lines = []
    for at, group in enumerate(apart(names)):
        for kind in ("", "optional ", "repeated "):
            what = kind.strip().capitalize() or "Plain"
            lines.append(f"message {what}{at} {{")
            lines += [f"  {kind}int32 {name} = {number(i)};" for i, name in enumerate(group)]
            lines.append("}")
        lines.append(f"message Oneof{at} {{")
        lines += [f"  oneof {name} {{ string one_{i} = {number(i)}; }}" for i, name in enumerate(group)]
        lines.append("}")
        lines.append(f"message Member{at} {{ oneof choice {{")
        lines += [f"  bytes {name} = {number(i)};" for i, name in enumerate(group)]
        lines.append("} }")
    return lines


def hostile_values(names):
    lines = []
    for at, group in enumerate(apart(names)):
        lines += [f"enum Values{at} {{", f"  ZERO_{at} = 0;"]
        lines += [f"  {name} = {i + 1};" for i, name in enumerate(group)]
        lines.append("}")
    return lines


def hostile_types(names):
    lines = [f"message {name} {{ .hostile.types.{name} next = 1; }}" for name in names]
    return lines + [f"message Holds{name} {{ enum {name} {{ ZERO = 0; }} .hostile.types.Holds{name}.{name} one = 1; }}"
                    for name in names[::7]]


def hostile_methods(names):
    public = ("{ option idempotency_level = IDEMPOTENT; "
              "option (waystone.options.v1.method).access = ACCESS_PUBLIC; }")
    lines = ['import "waystone/options/v1/options.proto";', "message Nothing {}"]
    for service, request, response in (("Plain", "", ""), ("DownService", "", "stream "),
                                       ("Up", "stream ", ""), ("Both", "stream ", "stream ")):
        lines.append(f"service {service} {{")
        lines += [f"  rpc {name}({request}.hostile.methods.Nothing) returns ({response}.hostile.methods.Nothing) {public}" for name in names]
        lines.append("}")
    return lines


def check_hostile_names(arguments, out):
    """Whatever is called like something in a header becomes C that compiles."""
    names = names_in_headers(out)
    if len(names) < 2000 or not {"errno", "linux", "NULL", "EOF", "stdin"} <= set(names):
        print(f"only {len(names)} names were found in headers")
        return 1
    failures = 0
    schemas = {"fields": hostile_fields(names), "values": hostile_values(names), "types": hostile_types(names),
               "methods": hostile_methods(names[::3])}
    for what, lines in schemas.items():
        with tempfile.TemporaryDirectory() as folder:
            target = pathlib.Path(folder)
            (target / f"{what}.proto").write_text(named_schema(f"hostile.{what}", *lines))
            result = run_protoc(arguments, target, [f"{what}.proto"], target)
            if result.returncode != 0:
                print(f"names of {what}: {result.stderr[:2000]}")
                failures += 1
            for path in sorted(target.glob("*.c")):
                for compiler in COMPILERS:
                    failures += not compiles(compiler, path.name, target)
    return failures


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
        for options in ("emit=docs", "emit=openapi,title=Documented,version=1.2.3", "emit=scopes"):
            result = run_protoc(arguments, out, ["documents/documented.proto"], DATA, options)
            if result.returncode != 0:
                print(f"{options}: {result.stderr}")
                failures += 1
        written = sorted(path.name for path in out.iterdir())
        if written != ["README.md", "documented.v1.md", "openapi.json", "scopes.c"]:
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
        failures += check_hostile_names(arguments, out)
    failures += check_one_file_alone(arguments)
    failures += check_documents(arguments)
    failures += check_parameters(arguments)
    failures += check_errors(arguments)
    if failures:
        print(f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
