"""Who may include whom (docs/ARCHITECTURE.md, "Layers"), checked over source files.

    check_includes.py ROOT FILE...

The files are given relative to the root. Prints "file:line: what is wrong" for each violation;
the exit code is 1 if there was one. ./dev lint and the suite "style" of ./dev test run it.
"""

import pathlib
import posixpath
import re
import sys

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
SCHEMA = r"(buf|google|grpc|waystone)/"

# Folder, what its files may include, and in words. The first folder that fits counts.
# main.c and tests/ have no rule but that of internal headers and of foreign libraries.
LAYERS = [
    ("base/", r"base/",
     "base/ lies under everything and includes nothing else of ours"),
    ("client/", r"base/|client/|server/protocol/",
     "client/ stands on base/ and server/protocol/"),
    ("db/", r"base/|db/(?!queries/)",
     "db/ stands on base/ alone; the typed queries stand on db/"),
    ("gen/", rf"base/|gen/|{SCHEMA}.*\.pb-c\.h",
     "gen/ stands on base/ and the descriptors protobuf-c makes"),
    ("handlers/", r"base/|handlers/|db/(db|redis)\.h|db/queries/|server/(rpc|interceptors)\.h"
                  rf"|server/live/|server/protocol/(base64|json|json_text|utf8)\.h|{SCHEMA}|version\.h"
                  r"|api/scopes\.h",
     "handlers/ stands on generated headers, db/db.h, db/redis.h, server/rpc.h, "
     "server/interceptors.h, server/live/ and the codecs base64.h, json.h, json_text.h and "
     "utf8.h"),
    ("server/http/", r"base/|server/http/|server/(exchange|server)\.h",
     "server/http/ knows requests as bytes: base/, server/exchange.h, server/server.h"),
    ("server/live/", r"base/|server/live/|server/rpc\.h",
     "server/live/ stands on base/ and server/rpc.h"),
    ("server/protocol/", r"base/|server/protocol/|server/(exchange|rpc)\.h|google/rpc/",
     "server/protocol/ stands on base/, server/exchange.h and server/rpc.h"),
    ("server/", r"base/|server/protocol/|server/[^/]+\.h|google/rpc/|grpc/|buf/validate/",
     "server/ stands on base/ and server/protocol/; main.c gives it transports and hub"),
    ("settings.", r"base/|db/(db|redis)\.h|settings\.h",
     "settings.c knows keys, bounds and defaults: base/, db/db.h and db/redis.h"),
    ("tools/admin/", r"base/|db/db\.h|db/queries/|handlers/(api_key_text|audit_chain|audit_head"
                     r"|key_pairs|secrets)\.h|api/scopes\.h|tools/admin/",
     "tools/admin/ works on the database: base/, db/, the hashes of the audit log, API keys, and "
     "what is sealed there"),
    ("tools/", rf"base/|client/|server/protocol/|tools/|{SCHEMA}",
     "tools/ are clients: client/, server/protocol/ and base/"),
]

# Foreign libraries that only some folders know, so that they can be exchanged.
LIBRARIES = [
    ("hiredis/", ("db/",)),
    ("curl/", ("handlers/",)),
    ("libpq", ("db/",)),
    ("h2o/", ("base/", "server/http/")),
    ("nghttp2/", ("client/", "server/http/", "tools/")),
]


def includes(text):
    """(line, "<" or '"', path) of every include."""
    return [(text.count("\n", 0, match.start()) + 1, match[1], match[2])
            for match in INCLUDE.finditer(text)]


def services(texts):
    """The names of the handlers/ files that implement a service."""
    return {pathlib.PurePath(name).stem for name, text in texts.items()
            if name.startswith("handlers/")
            and any(path.endswith("_service.h") for _, _, path in includes(text))}


def _wrong_library(name, path):
    for library, folders in LIBRARIES:
        if path.startswith(library) and not name.startswith((*folders, "tests/")):
            return f"<{path}> is for {', '.join(folders)} only"
    return None


def _may_see_internals(folder, target_folder):
    """A folder's own files may, the unit tests that mirror it, and fuzz targets."""
    mirrored = folder.removeprefix("tests/unit/")
    return (folder in (target_folder, "tests/fuzz")
            or (mirrored != folder and target_folder.endswith(mirrored)))


def _is_part_of(name, header):
    """chat_parts.h is what chat.c and chat_*.c share, and nobody else's."""
    service, stem = header.removesuffix("_parts.h"), pathlib.PurePath(name).stem
    return stem == service or stem.startswith(service + "_")


def _wrong_header(name, target, implementers):
    folder = name.rpartition("/")[0]
    target_folder, _, header = target.rpartition("/")
    if header.endswith("internal.h") and not _may_see_internals(folder, target_folder):
        return f"{target} is internal to {target_folder}/"
    stem = header.removesuffix(".h")
    if target_folder == "handlers" and stem.endswith("_parts"):
        return None if _is_part_of(name, header) else f"{target} is for the files of its service"
    if (folder == target_folder == "handlers" and stem in implementers
            and stem != pathlib.PurePath(name).stem):
        return f"a handler does not know another; share through app.h, not {target}"
    for layer, allowed, words in LAYERS:
        if name.startswith(layer):
            return None if re.match(allowed, target) else f"{target} is out of bounds: {words}"
    return None


def check(root, names):
    """What is wrong, a line for each violation."""
    texts = {name: (root / name).read_text(encoding="utf-8") for name in names}
    implementers = services(texts)
    found = []
    for name, text in texts.items():
        for line, bracket, path in includes(text):
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
            if (root / path).is_file():
                wrong = _wrong_header(name, path, implementers)
            elif bracket == "<":
                wrong = _wrong_library(name, path)
            elif (root / beside).is_file():
                wrong = _wrong_header(name, beside, implementers)
            else:  # generated into the build directory
                wrong = _wrong_header(name, path, implementers)
            if wrong:
                found.append(f"{name}:{line}: {wrong}")
    return found


def main():
    found = check(pathlib.Path(sys.argv[1]), sys.argv[2:])
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
