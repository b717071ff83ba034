"""./dev bench signin: what a storm of sign-ins does to everybody else, and whether the clock tells
which names and addresses have an account."""

import http.client
import json
import math
import os
import random
import statistics
import subprocess
import sys
import time

STORM_CLIENTS = 128
ROUNDS = 300
WARM_UP = 20
WRONG = "no such horse at all"


class Caller:
    """Calls on one connection, each with its time."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def call(self, method, message):
        """Returns (HTTP status, seconds)."""
        body = json.dumps(message)
        started = time.perf_counter()
        self.connection.request("POST", f"/waystone.auth.v1.AuthService/{method}", body,
                                {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, time.perf_counter() - started


def storm(port, seconds):
    """Signs in as nobody from many clients at once; prints how many were checked and refused."""
    import threading
    counts, lock = {401: 0, 429: 0}, threading.Lock()
    until = time.monotonic() + seconds

    def client(number):
        caller, own = Caller(port), {}
        while time.monotonic() < until:
            status, _ = caller.call("SignIn", {"login": f"nobody{number}", "password": WRONG})
            own[status] = own.get(status, 0) + 1
            if status == 429:
                time.sleep(0.01)  # a client that heeds nothing, but is not itself the load
        with lock:
            for status, count in own.items():
                counts[status] = counts.get(status, 0) + count

    threads = [threading.Thread(target=client, args=(n,)) for n in range(STORM_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"checked": counts.pop(401), "refused": counts.pop(429), "other": counts}))


def mann_whitney(first, second):
    """The probability that two samples of one distribution differ this much (two-sided, by the
    normal approximation, which hundreds of values allow)."""
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(first), len(second)
    u = ranks - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def compare(bench, name, port, known, unknown):
    """Times of two kinds of calls in random order; `known` and `unknown` make (method, message)."""
    caller, times = Caller(port), ([], [])
    for number in range(WARM_UP + ROUNDS):
        for which in random.sample((0, 1), 2):
            status, seconds = caller.call(*(unknown if which else known)(number))
            if status not in (200, 401):
                raise RuntimeError(f"{name}: HTTP {status}")
            if number >= WARM_UP:
                times[which].append(seconds * 1000)
    medians = [statistics.median(sample) for sample in times]
    bench.record(f"{name}_known", medians[0], "ms, median", calls=ROUNDS)
    bench.record(f"{name}_unknown", medians[1], "ms, median", calls=ROUNDS)
    bench.record(f"{name}_same", mann_whitney(*times), "p")


def bench_signin(bench, victims_p99_ms, register):
    """Sign-ins: a storm of them beside other calls; times for known and unknown names."""
    with bench.server(loops=2) as server:
        quiet, stormy = [], []
        for _ in range(3):  # in turns, so that a change of the machine's speed meets both
            quiet.append(victims_p99_ms(server.port, server.pid()))
            attacker = subprocess.Popen(
                [sys.executable, "-B", __file__, str(server.port), "6"], stdout=subprocess.PIPE,
                text=True, preexec_fn=lambda: os.nice(19))
            time.sleep(1)  # until it blows
            stormy.append(victims_p99_ms(server.port, server.pid()))
            told = json.loads(attacker.communicate(timeout=60)[0])
            if told["other"] or not told["refused"]:
                raise RuntimeError(f"this was no storm: {told}")
        bench.record("signin_storm_checked", told["checked"] / 6, "passwords/s")
        bench.record("signin_storm_refused", told["refused"] / 6, "calls/s")
        bench.record("signin_quiet_p99", statistics.median(quiet), "ms")
        bench.record("signin_storm_p99", statistics.median(stormy), "ms")
        bench.record("signin_storm_p99_ratio",
                     statistics.median(stormy) / statistics.median(quiet), "times", runs=3)
    with bench.server(mail__directory=bench.home / "mail") as server:
        register(server, "known", "known@demo.invalid")
        database = bench.cluster.psql
        database("UPDATE accounts SET email_verified_at = now()", "bench")
        compare(bench, "signin_name", server.port,
                lambda _: ("SignIn", {"login": "known", "password": WRONG}),
                lambda _: ("SignIn", {"login": "other", "password": WRONG}))
        compare(bench, "signin_address", server.port,
                lambda _: ("SignIn", {"login": "known@demo.invalid", "password": WRONG}),
                lambda _: ("SignIn", {"login": "other@demo.invalid", "password": WRONG}))
        compare(bench, "recovery", server.port,
                lambda _: ("StartRecovery", {"email": "known@demo.invalid"}),
                lambda _: ("StartRecovery", {"email": "other@demo.invalid"}))
        compare(bench, "register", server.port,
                lambda n: ("Register", {"userName": f"first{n}", "email": "known@demo.invalid",
                                        "password": "correct horse battery"}),
                lambda n: ("Register", {"userName": f"other{n}", "email": f"other{n}@demo.invalid",
                                        "password": "correct horse battery"}))


if __name__ == "__main__":
    storm(int(sys.argv[1]), float(sys.argv[2]))
