"""Servers for tests in other languages: prints where they are and stops when its input ends.

usage: serve_world.py NAME [--demo] [KEY=VALUE ...]

Each line of its input is a statement for the database, for what no player can do by calls; each is
answered by a line of JSON.

--demo loads the world of ./dev up; keys are those of the configuration.
"""

import json
import sys

import certificates
import world as demo
from harness import World


def main():
    name, *words = sys.argv[1:]
    options = dict(word.split("=", 1) for word in words if word != "--demo")
    world = World(name, **{"http__loops": 2,
                           **{key.replace(".", "__"): value for key, value in options.items()}})
    pair = certificates.ensure_certificate(world.home / "tls")
    tls = world.add_server(with_tls=pair)
    if "--demo" in words:
        demo.load(world.server)
    print(json.dumps({"plain": world.server.url(), "tls": tls.url(),
                      "certificate": str(pair[0])}), flush=True)
    for statement in sys.stdin:
        print(json.dumps(world.psql(statement)), flush=True)
    try:
        world.close()
    except AssertionError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
