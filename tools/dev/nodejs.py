"""Node.js, the npm packages of a folder, and the build of the web client.

Debian 12's Node is too old for the build. Where no newer one is on the PATH, the Linux binary
that npm itself carries as a package is kept under .dev/node.
"""

import os
import pathlib
import platform
import shutil
import subprocess

import packages
from console import Problem, run_step
from paths import LOGS, ROOT, STATE, WEB, hash_of, is_stamped, stamp, write_atomically

MINIMUM = (20, 19)
VERSION = "22.23.3"
HOME = STATE / "node"
BIN = HOME / "bin"
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}


def _version_of(node):
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
        return tuple(int(part) for part in answer.stdout.strip().lstrip("v").split(".")[:2])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return (0, 0)


def _is_new_enough(node):
    return node is not None and _version_of(node) >= MINIMUM


def _write_wrappers(binary, npm):
    """`node` and `npm` for the PATH; Debian's npm runs under its own old Node otherwise."""
    BIN.mkdir(parents=True, exist_ok=True)
    write_atomically(BIN / "npm", f'#!/bin/sh\nexec "{binary}" "{npm}" "$@"\n', 0o755)
    link = BIN / "node"
    link.unlink(missing_ok=True)
    link.symlink_to(binary)


def _install_node():
    if not shutil.which("npm"):
        packages.install(["npm"])
    npm = pathlib.Path(shutil.which("npm")).resolve()
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        raise Problem(f"There is no Node {MINIMUM[0]}.{MINIMUM[1]} package for a "
                      f"{platform.machine()} processor; install Node by hand and run it again.")
    package = f"node-linux-{architecture}"
    HOME.mkdir(parents=True, exist_ok=True)
    run_step(f"Fetching Node {VERSION}",
             ["npm", "install", "--prefix", str(HOME), "--no-save", "--no-audit", "--no-fund",
              f"{package}@{VERSION}"],
             LOGS / "node.log",
             "Node could not be fetched; check the network and the machine's npm settings.",
             cwd=HOME)
    _write_wrappers(HOME / "node_modules" / package / "bin" / "node", npm)


def environment():
    """The environment for npm and node; installs Node when there is none that is new enough."""
    env = dict(os.environ, NO_UPDATE_NOTIFIER="1", npm_config_update_notifier="false")
    if shutil.which("npm") and _is_new_enough(shutil.which("node")):
        return env
    if not _is_new_enough(str(BIN / "node")):
        _install_node()
    env["PATH"] = f"{BIN}:{env['PATH']}"
    return env


def install(folder, env):
    """`npm ci` in a folder, skipped while its lock file is the one installed."""
    inputs = [path for path in (folder / "package.json", folder / "package-lock.json",
                                folder / ".npmrc") if path.exists()]
    name = "npm-" + str(folder.relative_to(ROOT)).replace("/", "-")
    value = hash_of(inputs)
    if (folder / "node_modules").is_dir() and is_stamped(name, value):
        return
    run_step(f"Fetching the npm packages of {folder.relative_to(ROOT)}/",
             ["npm", "ci", "--no-audit", "--no-fund"], LOGS / f"{name}.log",
             "npm packages could not be fetched; check the network and the machine's npm "
             "settings.", cwd=folder, env=env)
    stamp(name, value)


def _web_inputs():
    """What the built client is made of; generated code follows from the schema."""
    skipped = {WEB / "node_modules", WEB / "dist", WEB / "src" / "gen"}
    files = list((ROOT / "api").rglob("*.proto"))
    for folder, folders, names in os.walk(WEB):
        here = pathlib.Path(folder)
        folders[:] = [name for name in folders if here / name not in skipped]
        files += [here / name for name in names]
    return files


def build_web():
    """Builds the web client into web/dist, unless nothing it is made of has changed."""
    env = environment()
    install(WEB, env)
    value = hash_of(_web_inputs())
    if (WEB / "dist" / "index.html").is_file() and is_stamped("web", value):
        return
    run_step("Building the web client", ["npm", "run", "build"], LOGS / "web-build.log",
             "The web client does not build.", cwd=WEB, env=env)
    stamp("web", value)
