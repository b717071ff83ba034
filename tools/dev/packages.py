"""Debian packages: which are missing, and their installation."""

import os
import pathlib
import shutil
import subprocess

from console import Problem, run_step, say, tail
from paths import LOGS, ROOT

LIST = ROOT / "tools" / "dev" / "packages.txt"
CLUSTER_SETTINGS = pathlib.Path("/etc/postgresql-common/createcluster.d/waystone.conf")
# The first revision of Debian 12 without CVE-2026-27135.
NGHTTP2_MINIMUM = "1.52.0-1+deb12u3"
LOCK_TIMEOUT_S = 120  # another apt-get may be at work, such as Debian's nightly updates
REFUSED = "Debian packages could not be installed."


def read_groups():
    groups, current = {}, None
    for raw in LIST.read_text(encoding="utf-8").splitlines():
        line = raw.split("#")[0].strip()
        if line.startswith("["):
            current = groups.setdefault(line.strip("[]"), [])
        elif line:
            current.append(line)
    return groups


def installed_versions(names):
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status} ${Version}\n", *names],
        capture_output=True, text=True, check=False)
    versions = {}
    for line in answer.stdout.splitlines():
        name, status, *version = line.split()
        if status == "installed":
            versions[name] = version[0]
    return versions


def as_root(argv):
    if os.geteuid() == 0:
        return argv
    if shutil.which("sudo"):
        return ["sudo", *argv]
    raise Problem("Debian packages have to be installed, which needs root and there is no sudo. "
                  f"As root, run: {' '.join(argv)}")


def _check_system():
    if not shutil.which("apt-get"):
        raise Problem("./dev installs what it needs with apt-get, which is missing here. "
                      "Use Debian 12, or install by hand what tools/dev/packages.txt lists.")


def _keep_debian_from_making_a_cluster():
    """Debian's package starts a database of its own when it is installed; ours is private."""
    if CLUSTER_SETTINGS.exists():
        return
    script = (f"mkdir -p {CLUSTER_SETTINGS.parent} && "
              f"echo 'create_main_cluster = false' > {CLUSTER_SETTINGS}")
    subprocess.run(as_root(["sh", "-c", script]), check=True)


def _has_candidates(names):
    """Whether apt already knows where to get all of them."""
    answer = subprocess.run(["apt-cache", "policy", *names], capture_output=True, text=True,
                            check=False)
    return answer.stdout.count("Candidate: ") >= len(names) and "(none)" not in [
        line.split(": ")[1] for line in answer.stdout.splitlines() if "Candidate: " in line]


def _update():
    run_step("Fetching Debian's package lists", as_root(["apt-get", "update"]),
             LOGS / "apt-update.log",
             "The package lists could not be fetched; check the network and the machine's apt "
             "sources.")


def _install(names, title):
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y",
               "-o", f"DPkg::Lock::Timeout={LOCK_TIMEOUT_S}", "--no-install-recommends", *names]
    log = LOGS / "apt-install.log"
    try:
        run_step(title, as_root(command), log, REFUSED)
    except Problem as problem:
        errors = [line[3:].rstrip(".") for line in tail(log).splitlines() if line.startswith("E: ")]
        if not errors or not problem.sentence.startswith(REFUSED):
            raise
        raise Problem(f"apt-get could not install Debian packages: {errors[0]}. They are Debian "
                      "12's: check the machine's apt sources and network, and run it again. The "
                      f"full log: {log}", problem.details) from problem


def install(names):
    """Installs packages. The lists are fetched only when they are missing or out of date."""
    _check_system()
    if any(name.startswith("postgresql") for name in names):
        _keep_debian_from_making_a_cluster()
    title = f"Installing {len(names)} Debian packages"
    updated = not _has_candidates(names)
    if updated:
        _update()
    try:
        _install(names, title)
    except Problem:
        if updated:
            raise
        say("Trying again with fresh package lists.")
        _update()
        _install(names, title)


def ensure(*group_names):
    """Makes sure that the packages of these groups are installed."""
    groups = read_groups()
    wanted = sorted({name for group in group_names for name in groups[group]})
    if not shutil.which("dpkg-query"):
        _check_system()
    present = installed_versions(wanted)
    missing = [name for name in wanted if name not in present]
    if missing:
        say(f"Missing Debian packages: {' '.join(missing)}")
        install(missing)
    if "build" in group_names:
        _check_nghttp2()


def _is_at_least(version, minimum):
    return subprocess.run(["dpkg", "--compare-versions", version, "ge", minimum],
                          check=False).returncode == 0


def _check_nghttp2():
    names = ["libnghttp2-14", "libnghttp2-dev"]
    if all(_is_at_least(v, NGHTTP2_MINIMUM) for v in installed_versions(names).values()):
        return
    say("libnghttp2 has a known hole (CVE-2026-27135); installing Debian's corrected revision.")
    _update()
    _install(names, "Updating libnghttp2")
    if not all(_is_at_least(v, NGHTTP2_MINIMUM) for v in installed_versions(names).values()):
        raise Problem(f"libnghttp2 must be at least {NGHTTP2_MINIMUM}; add Debian's security "
                      "updates to the apt sources and run it again.")
