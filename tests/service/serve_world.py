"""Servers for tests in other languages: prints where they are and stops when its input ends.

usage: serve_world.py NAME
"""

import json
import sys

import certificates
from harness import World


def main():
    world = World(sys.argv[1], http__loops=2)
    pair = certificates.ensure_certificate(world.home / "tls")
    tls = world.add_server(with_tls=pair)
    print(json.dumps({"plain": world.server.url(), "tls": tls.url(),
                      "certificate": str(pair[0])}), flush=True)
    sys.stdin.read()
    try:
        world.close()
    except AssertionError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
