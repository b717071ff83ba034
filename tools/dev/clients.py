"""./dev gen-client: a project in another language, with everything generated from the schema.

What is the same for every schema lies in tools/clients/LANGUAGE and is copied; the code is made
by the stock plugins of the language (C: by protoc-gen-waystone). A project is a new folder, or one
that an earlier run made: its files are replaced, what somebody added stays.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import building
import nodejs
import packages
from console import Problem, say
from paths import BUILD, ROOT, STATE

API = ROOT / "api"
TEMPLATES = ROOT / "tools" / "clients"
MANIFEST = ".waystone-client"
GO_MODULE = "example.org/waystone-client"
# C has no runtime that brings these; and what schemas alone use needs no code.
PROTOBUF_OWN = ["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"]
C_OPTIONS = ("buf/validate/", "waystone/options/")
# What other Go libraries bring too: registering it twice ends a program.
GO_ELSEWHERE = {
    "google/rpc/code.proto": "google.golang.org/genproto/googleapis/rpc/code",
    "google/rpc/error_details.proto": "google.golang.org/genproto/googleapis/rpc/errdetails",
    "google/rpc/status.proto": "google.golang.org/genproto/googleapis/rpc/status",
}


def _schemas():
    """All but protobuf's own, which every language's runtime brings."""
    found = (path.relative_to(API) for path in sorted(API.rglob("*.proto")))
    return [str(path) for path in found if not str(path).startswith("google/protobuf/")]


def _protoc(arguments, schemas):
    answer = subprocess.run(["protoc", f"-I{API}", "-I/usr/include", *arguments, *schemas],
                            capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Problem("The client cannot be generated from api/.", answer.stderr)


def _python(out, _build):
    (out / "src").mkdir()
    _protoc([f"--python_out={out / 'src'}", f"--grpc_python_out={out / 'src'}",
             "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin"], _schemas())
    for path in (out / "src").rglob("*_pb2_grpc.py"):  # of schemas without services
        if "class " not in path.read_text(encoding="utf-8"):
            path.unlink()


def _typescript(out, _build):
    template = TEMPLATES / "typescript"
    env = nodejs.environment()
    nodejs.install(template, env)
    plugin = template / "node_modules" / ".bin" / "protoc-gen-es"
    (out / "src" / "gen").mkdir()
    os.environ["PATH"] = env["PATH"]  # the plugin is a script for this Node
    _protoc([f"--plugin=protoc-gen-es={plugin}", f"--es_out={out / 'src' / 'gen'}",
             "--es_opt=target=ts,import_extension=js"], _schemas())


def _go(out, _build):
    schemas = [name for name in _schemas() if name not in GO_ELSEWHERE]
    options = [f"module={GO_MODULE}"]
    for name in schemas:
        folder = pathlib.PurePosixPath(name).parent
        package = "".join(folder.parts[-2:]) if folder.name[0] == "v" else folder.name
        options.append(f"M{name}={GO_MODULE}/gen/{folder};{package}")
    options += [f"M{name}={package}" for name, package in GO_ELSEWHERE.items()]
    _protoc([f"--go_out={out}", f"--go_opt={','.join(options)}",
             f"--go-grpc_out={out}", f"--go-grpc_opt={','.join(options)}"], schemas)


def _java(out, _build):
    sources = out / "src" / "main" / "java"
    _protoc([f"--java_out={sources}", f"--grpc-java_out={sources}",
             "--plugin=protoc-gen-grpc-java=/usr/bin/grpc_java_plugin"], _schemas())


def _install_runtime(out, build):
    """A copy of libwaystone-client that finds itself wherever the project lies."""
    with tempfile.TemporaryDirectory() as folder:
        answer = subprocess.run(["meson", "install", "-C", str(build), "--no-rebuild", "--tags",
                                 "client,devel", "--destdir", folder], capture_output=True,
                                text=True, check=False)
        if answer.returncode != 0:
            raise Problem("The C library cannot be installed.", answer.stdout + answer.stderr)
        [description] = pathlib.Path(folder).rglob("waystone-client.pc")
        prefix = next(pathlib.Path(folder).rglob("include")).parent
        for name in ("base", "client", "server"):
            shutil.copytree(prefix / "include" / "waystone" / name,
                            out / "include" / "waystone" / name)
        (out / "lib" / "pkgconfig").mkdir(parents=True)
        for path in description.parents[1].glob("libwaystone-client.so*"):
            shutil.copy2(path, out / "lib" / path.name, follow_symlinks=False)
        text = description.read_text(encoding="utf-8")
    for name, value in (("prefix", "${pcfiledir}/../.."), ("libdir", "${prefix}/lib"),
                        ("includedir", "${prefix}/include")):
        text = re.sub(rf"^{name}=.*$", f"{name}={value}", text, flags=re.M)
    text = re.sub(r"^(protodir|generator)=.*\n", "", text, flags=re.M)  # are not copied
    (out / "lib" / "pkgconfig" / "waystone-client.pc").write_text(text, encoding="utf-8")


def _c(out, build):
    libraries = [f"client/libwaystone-{name}.so.{_version()}" for name in ("client", "api")]
    building.build(build, ["gen/protoc-gen-waystone", *libraries],
                   title="Building the C generator and library")
    gen = out / "gen"
    gen.mkdir()
    schemas = [f"google/protobuf/{name}.proto" for name in PROTOBUF_OWN]
    schemas += [name for name in _schemas() if not name.startswith(C_OPTIONS)]
    _protoc([f"--plugin=protoc-gen-waystone={build / 'gen' / 'protoc-gen-waystone'}",
             f"--waystone_out={gen}"], schemas)
    for path in gen.rglob("*_service.[ch]"):  # the server's side
        path.unlink()
    sources = "".join(f"  '{path.relative_to(gen)}',\n" for path in sorted(gen.rglob("*.c")))
    (gen / "meson.build").write_text(f"generated = files(\n{sources})\n", encoding="utf-8")
    _install_runtime(out / "waystone", build)


LANGUAGES = {"c": _c, "go": _go, "java": _java, "python": _python, "typescript": _typescript}


def _version():
    return re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text("utf-8"))[1]


def _copy_template(language, out):
    """Files of the template; its version is 0.0.0, the project's is Waystone's."""
    source = TEMPLATES / language
    version = _version()
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if path.is_file() and relative.parts[0] not in ("node_modules", "dist"):
            target = out / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8")
            if relative.name in ("package.json", "pyproject.toml", "pom.xml", "meson.build"):
                text = text.replace("0.0.0", version)
            target.write_text(text, encoding="utf-8")


def _files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _earlier_files(out, language):
    """What an earlier run made there; a Problem when the folder is somebody else's."""
    manifest = out / MANIFEST
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return []
    if not manifest.is_file():
        raise Problem(f"{out} has something in it that ./dev gen-client did not make; "
                      "name a new folder with --out.")
    made_for, *names = manifest.read_text(encoding="utf-8").splitlines()
    if made_for != language:
        raise Problem(f"{out} is a client in {made_for}; name another folder with --out.")
    return [name for name in names if ".." not in pathlib.PurePosixPath(name).parts
            and not name.startswith("/")]


def _put_in_place(made, out, language, earlier):
    names = _files(made)
    for name in set(earlier) - set(names):
        (out / name).unlink(missing_ok=True)
    for name in names:
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy(made / name, target, follow_symlinks=False)
    (out / MANIFEST).write_text("\n".join([language, *names]) + "\n", encoding="utf-8")


def generate(language, out=None, build=BUILD):
    """Makes the project; `build` is the Meson directory that has, or gets, what C needs."""
    packages.ensure(f"clients-{language}", *(["build"] if language == "c" else []))
    out = pathlib.Path(out).absolute() if out else STATE / "clients" / language
    earlier = _earlier_files(out, language)
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder)
        _copy_template(language, made)
        LANGUAGES[language](made, build)
        _put_in_place(made, out, language, earlier)
    return out


def run(language, out):
    out = generate(language, out)
    shown = out.relative_to(ROOT) if out.is_relative_to(ROOT) else out
    say(f"A client in {language} is in {shown}; README.md there tells how to build and run its "
        "example.")
    return 0
