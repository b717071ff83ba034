#!/usr/bin/env python3
"""The documents that protoc-gen-waystone makes of a set of schemas.

    reference.py ... --openapi-c FILE    the OpenAPI document as C: what api/openapi.h declares
    reference.py ... --descriptors-c FILE    the schemas as C: what server/reflection.h declares
    reference.py ... --scopes-c FILE     the scopes of API keys as C: what api/scopes.h declares
    reference.py ... --docs FOLDER       the Markdown pages; nothing else stays in the folder
    reference.py ... --check FOLDER      fails if --docs would change something
"""

import argparse
import difflib
import os
import pathlib
import subprocess
import sys
import tempfile

LITERAL_BYTES = 90


def run_protoc(arguments, emit, out):
    """Returns what was written, by name."""
    options = [f"emit={emit}"]
    if emit == "openapi":
        options += [f"title={arguments.title}", f"version={arguments.version}"]
    command = [
        arguments.protoc,
        f"--plugin=protoc-gen-waystone={os.path.abspath(arguments.plugin)}",
        f"--waystone_out={out}",
        f"--waystone_opt={','.join(options)}",
    ]
    command += [f"-I{path}" for path in arguments.include]
    if subprocess.run(command + arguments.schemas, check=False).returncode != 0:
        sys.exit(1)
    return {path.name: path.read_bytes() for path in sorted(pathlib.Path(out).iterdir())}


def c_literal(data):
    """Lines of C string literals."""
    lines = []
    for start in range(0, len(data), LITERAL_BYTES):
        text = "".join(
            chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
            for byte in data[start:start + LITERAL_BYTES]
        )
        lines.append(f'    "{text}"')
    return "\n".join(lines)


def write_openapi(arguments, out):
    data = run_protoc(arguments, "openapi", out)["openapi.json"]
    pathlib.Path(arguments.openapi_c).write_text(
        '#include "api/openapi.h"\n\n'
        f"const char openapi_json[] =\n{c_literal(data)};\n\n"
        "const size_t openapi_json_length = sizeof(openapi_json) - 1;\n",
        encoding="utf-8",
    )
    return 0


def write_descriptors(arguments, out):
    data = run_protoc(arguments, "descriptors", out)["descriptors.c"]
    pathlib.Path(arguments.descriptors_c).write_bytes(data)
    return 0


def write_scopes(arguments, out):
    data = run_protoc(arguments, "scopes", out)["scopes.c"]
    pathlib.Path(arguments.scopes_c).write_bytes(data)
    return 0


def write_docs(folder, pages):
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in pages:
            path.unlink()
    for name, content in pages.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
    return 0


def check_docs(folder, pages):
    present = {path.name: path.read_bytes() for path in folder.glob("*.md")}
    stale = sorted(name for name in pages.keys() | present.keys()
                   if pages.get(name) != present.get(name))
    for name in stale:
        sys.stdout.writelines(difflib.unified_diff(
            present.get(name, b"").decode().splitlines(True),
            pages.get(name, b"").decode().splitlines(True),
            f"{folder.name}/{name}", "generated"))
    if stale:
        print(f"{', '.join(stale)} in docs/{folder.name}/ does not say what the schema says: "
              "run \"./dev build\" and commit what changed.")
    return 1 if stale else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protoc", required=True)
    parser.add_argument("--plugin", required=True, help="protoc-gen-waystone")
    parser.add_argument("-I", dest="include", action="append", default=[])
    parser.add_argument("--title", default="API")
    parser.add_argument("--version", default="0")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--openapi-c", metavar="FILE")
    what.add_argument("--descriptors-c", metavar="FILE")
    what.add_argument("--scopes-c", metavar="FILE")
    what.add_argument("--docs", metavar="FOLDER", type=pathlib.Path)
    what.add_argument("--check", metavar="FOLDER", type=pathlib.Path)
    parser.add_argument("schemas", nargs="+", help="the set, relative to an include folder")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as out:
        if arguments.openapi_c:
            return write_openapi(arguments, out)
        if arguments.descriptors_c:
            return write_descriptors(arguments, out)
        if arguments.scopes_c:
            return write_scopes(arguments, out)
        pages = run_protoc(arguments, "docs", out)
    if arguments.docs:
        return write_docs(arguments.docs, pages)
    return check_docs(arguments.check, pages)


if __name__ == "__main__":
    sys.exit(main())
