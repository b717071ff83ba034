"""The launcher: one command for everything. Each subcommand lives in the module it imports."""

import argparse
import os
import signal
import sys

from console import Problem, say
from paths import ROOT

EPILOG = "Everything made here lives under .dev/; deleting that folder loses only local data."


def _up(arguments):
    import up
    return up.up(arguments)


def _down(arguments):
    import up
    return up.down(arguments)


def _status(arguments):
    import up
    return up.status(arguments)


def _logs(arguments):
    import up
    return up.logs(arguments)


def _reset(arguments):
    import up
    return up.reset(arguments)


def _admin(arguments):
    import up
    return up.admin(arguments)


def _build(_):
    import building
    import conformance
    import nodejs
    import packages
    packages.ensure("build")
    building.build()
    building.build(targets=["docs-api"], title="Writing docs/api")
    conformance.build_testee()
    nodejs.build_web()
    say(f"Built {building.BUILD / 'waystone'} and web/dist.")
    return 0


def _test(arguments):
    import testing
    return testing.run(arguments.names, arguments.under, arguments.rounds, arguments.seed)


def _bench(arguments):
    import subprocess
    import building
    import packages
    packages.ensure("build", "run", "bench")
    building.build()
    return subprocess.run(["/usr/bin/python3", "-B", str(ROOT / "tools" / "bench.py"),
                           *arguments.names], check=False).returncode


def _fuzz(arguments):
    import fuzzing
    return fuzzing.fuzz(arguments.names, arguments.seconds, arguments.keep)


def _lint(arguments):
    import linting
    return linting.accept_api() if arguments.accept_api else linting.lint(arguments.names)


def _fmt(_):
    import linting
    return linting.fmt()


def _gen_client(arguments):
    import clients
    return clients.run(arguments.language, arguments.out)


def _parser():
    parser = argparse.ArgumentParser(prog="./dev", description="One command for everything.",
                                     epilog=EPILOG)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name, function, text):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        return command

    command = add("up", _up, "install, build and start the server with its own database")
    command.add_argument("--port", type=int, help="port to serve on (8080)")
    command.add_argument("--tls", action="store_true", help="serve TLS, self-signed")
    command.add_argument("--detach", action="store_true", help="leave it running and return")
    add("down", _down, "stop the server, Redis and PostgreSQL")
    add("status", _status, "tell what runs")
    command = add("logs", _logs, "show a log")
    command.add_argument("part", nargs="?", default="server",
                         choices=["server", "postgres", "redis"])
    command.add_argument("-f", "--follow", action="store_true", help="go on as lines come")
    command.add_argument("-n", "--lines", type=int, default=50, help="lines to show (50)")
    command = add("reset", _reset, "stop everything and delete the data")
    command.add_argument("--yes", action="store_true", help="do not ask")
    # Everything behind the word belongs to waystone-admin, its options too.
    command = add("admin", _admin, "run waystone-admin on the database of ./dev up")
    command.add_argument("words", nargs=argparse.REMAINDER, metavar="...")
    add("build", _build, "build the server, the tools and the web client")
    command = add("test", _test, "run all tests, or those whose suite has a NAME in its own")
    command.add_argument("names", nargs="*", metavar="NAME")
    command.add_argument("--tsan", action="store_const", dest="under", const="tsan",
                         help="the suites of the services only, under ThreadSanitizer")
    command.add_argument("--valgrind", action="store_const", dest="under", const="valgrind",
                         help="the unit tests only, under valgrind")
    command.add_argument("--rounds", type=int, metavar="N",
                         help="of what happens at random in delivery and service/h2_direct "
                         "(a few)")
    command.add_argument("--seed", type=int, metavar="N",
                         help="of the first, as an earlier run has told it")
    command = add("lint", _lint, "check the sources, or only with the checks whose name has a NAME")
    command.add_argument("names", nargs="*", metavar="NAME")
    command.add_argument("--accept-api", action="store_true",
                         help="make the API as it is now the one that changes are compared with")
    add("fmt", _fmt, "format the sources")
    command = add("bench", _bench, "measure: unary, stream, large, grpcpp, read, chat, "
                                   "connections, sends, slow, auth, signin, attacks, json, web "
                                   "(all by default)")
    command.add_argument("names", nargs="*", metavar="NAME")
    command = add("fuzz", _fuzz, "run the fuzz targets, or those whose name has a NAME in it")
    command.add_argument("names", nargs="*", metavar="NAME")
    command.add_argument("--seconds", type=int, default=60, help="time for each target (60)")
    command.add_argument("--keep", action="store_true",
                         help="take finds that reach new code into tests/fuzz/corpus")
    command = add("gen-client", _gen_client, "make a client project in another language")
    command.add_argument("language", choices=["c", "go", "java", "python", "typescript"],
                         metavar="LANG", help="c, go, java, python or typescript")
    command.add_argument("--out", metavar="DIR", help="where (.dev/clients/LANG)")
    return parser


def _end_on_signals():
    """SIGTERM and a closed terminal end ./dev as Ctrl-C does: nothing stays behind."""
    def interrupt(*_):
        raise KeyboardInterrupt
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupt)


def main():
    words = sys.argv[1:]
    if not words or words == ["help"]:
        words = ["--help"]
    # argparse takes options for its own, even behind a command that takes the rest.
    arguments = _parser().parse_args(["admin"] if words[0] == "admin" else words)
    if words[0] == "admin":
        arguments.words = words[1:]
    os.chdir(ROOT)
    # PostgreSQL's own user has to reach its folder, whatever mask the shell has.
    os.umask(0o022)
    _end_on_signals()
    try:
        return arguments.function(arguments)
    except Problem as problem:
        sys.stdout.flush()
        if problem.details:
            print(f"\n{problem.details}\n", file=sys.stderr)
        print(f"dev: {problem.sentence}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndev: interrupted", file=sys.stderr)
        return 130
    except PermissionError as error:
        print(f"dev: {error.filename} belongs to another user. Run ./dev as that user, or remove "
              "the folder .dev and run it again.", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno == 28:  # ENOSPC
            print(f"dev: The disk that holds {error.filename or ROOT} is full. Free some space and "
                  "run it again.", file=sys.stderr)
            return 1
        raise


sys.exit(main())
