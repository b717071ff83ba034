"""Rate limits as clients meet them: budgets that servers share, headers, Redis away, and the bound of
methods that declare none."""

import re
import time
import unittest

from harness import (CREATE_CHARACTER, GET_VERSION, LIST_CHANNELS, SIGN_IN, Api, Player, RpcError,
                     World, eventually)

MARK_READ = "chat.v1.ChatService/MarkRead"


def code_of(api, method, message=None):
    """How a call ends: "ok" or the error's code."""
    try:
        api.call(method, message)
    except RpcError as error:
        return error.code
    return "ok"


def head_of(api, method):
    """(HTTP status, headers) of an empty call."""
    status, headers, _ = api.request("POST", f"/waystone.{method}", "{}", {
        "Content-Type": "application/json", "Authorization": f"Bearer {api.token}"})
    return status, headers


class Budgets(unittest.TestCase):
    """60 characters an hour and account, 300 an hour and address: refused requests count, so empty
    ones will do."""

    def setUp(self):
        self.world = World("limits", servers=2, private=True, http__loops=1, rpc__rate_scale=1)
        self.addCleanup(self.world.close)

    def spend(self, player, servers, calls):
        """Codes of that many calls, in turns at the servers."""
        return [code_of(player.on(servers[i % len(servers)]), CREATE_CHARACTER)
                for i in range(calls)]

    def test_budget_is_shared_by_servers(self):
        player = Player(self.world.server)
        codes = self.spend(player, self.world.servers, 65)
        self.assertEqual(codes, ["invalid_argument"] * 59 + ["resource_exhausted"] * 6)
        status, headers = head_of(player.api, CREATE_CHARACTER)
        self.assertEqual(status, 429)
        self.assertTrue(1 <= int(headers["retry-after"]) <= 60, headers["retry-after"])

    def test_budget_of_another_account_is_its_own_and_that_of_the_address_is_not(self):
        players = [Player(self.world.server) for _ in range(6)]
        for player in players[:5]:
            codes = self.spend(player, self.world.servers, 59)
            self.assertEqual(set(codes[:58]), {"invalid_argument"})
        # 6 made characters and 295 calls use up the budget of the address, not the account's.
        self.assertEqual(self.spend(players[5], self.world.servers, 20)[-1], "resource_exhausted")
        _, headers = head_of(players[5].api, CREATE_CHARACTER)
        self.assertRegex(headers["ratelimit"],
                         r'^"ip-3600";r=0;t=\d+, "account-3600";r=5\d;t=\d+$')

    def test_headers_tell_every_budget(self):
        player = Player(self.world.server)
        _, headers = head_of(player.api, CREATE_CHARACTER)
        self.assertEqual(headers["ratelimit-policy"],
                         '"ip-3600";q=300;w=3600, "account-3600";q=60;w=3600')
        # Two calls: the character's and this one. The budget is whole when both have come back.
        found = re.fullmatch(r'"ip-3600";r=298;t=(\d+), "account-3600";r=58;t=(\d+)',
                             headers["ratelimit"])
        self.assertTrue(found, headers["ratelimit"])
        self.assertTrue(12 < int(found[1]) <= 24 and 60 < int(found[2]) <= 120, found[0])
        self.assertNotIn("retry-after", headers)
        _, headers = head_of(player.api, LIST_CHANNELS)
        self.assertNotIn("ratelimit", headers)

    def test_retry_after_is_the_truth(self):
        player = Player(self.world.server)
        for _ in range(700):
            status, headers = head_of(player.api, MARK_READ)
            if status == 429:
                break
        self.assertEqual(status, 429)
        wait_s = int(headers["retry-after"])
        refused_at = time.monotonic()
        self.assertTrue(eventually(lambda: head_of(player.api, MARK_READ)[0] != 429, wait_s + 1))
        self.assertLess(time.monotonic() - refused_at, wait_s + 1)

    def test_a_public_method_counts_by_address(self):
        api = Api(self.world.server)
        wrong = {"login": "", "password": "x"}
        codes = [code_of(Api(self.world.servers[i % 2]), SIGN_IN, wrong) for i in range(102)]
        self.assertEqual(codes, ["invalid_argument"] * 100 + ["resource_exhausted"] * 2)
        self.assertEqual(code_of(api, GET_VERSION), "ok")

    def test_without_redis_each_server_counts_alone(self):
        player = Player(self.world.server)
        self.world.redis.stop()
        try:
            codes = self.spend(player, self.world.servers[:1], 65)
            self.assertEqual(codes, ["invalid_argument"] * 60 + ["resource_exhausted"] * 5)
            self.assertEqual(self.spend(player, self.world.servers[1:], 1), ["invalid_argument"])
            Api(self.world.server).call(GET_VERSION)
        finally:
            self.world.redis.start()


class Default(unittest.TestCase):
    """Methods without a budget of their own."""

    def test_one_caller_is_bounded_and_others_are_not(self):
        world = World("default-limit", http__loops=1, rpc__rate_scale=1, rpc__default_calls=100)
        self.addCleanup(world.close)
        first, second = Player(world.server), Player(world.server)
        codes = [code_of(first.api, LIST_CHANNELS) for _ in range(130)]
        self.assertEqual(codes[0], "ok")
        self.assertEqual(codes[-1], "resource_exhausted")
        self.assertLessEqual(abs(codes.count("ok") - 100), 10)  # time goes on meanwhile
        status, headers = head_of(first.api, LIST_CHANNELS)
        self.assertEqual((status, headers["retry-after"]), (429, "1"))
        self.assertEqual(code_of(second.api, LIST_CHANNELS), "ok")
        self.assertEqual(code_of(Api(world.server), GET_VERSION), "ok")

    def test_it_can_be_switched_off(self):
        world = World("no-default-limit", http__loops=1, rpc__rate_scale=1, rpc__default_calls=0)
        self.addCleanup(world.close)
        codes = {code_of(Api(world.server), GET_VERSION) for _ in range(200)}
        self.assertEqual(codes, {"ok"})


if __name__ == "__main__":
    unittest.main()
