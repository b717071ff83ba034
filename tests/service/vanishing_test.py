"""Half-open and vanishing clients: each costs the server nothing for long."""

import json
import random
import socket
import struct
import time
import unittest

from harness import (GET_SESSION, GET_VERSION, PASSWORD, SEND_MESSAGE, SIGN_IN, Api, Follower, Player, World, eventually, metric)

world = None
player = None


def setUpModule():
    global world, player
    world = World("vanishing")
    player = Player(world.server)


def tearDownModule():
    world.close()


def open_socket():
    return socket.create_connection(("127.0.0.1", world.server.port), timeout=10)


def reset(connection):
    """Closes with RST: the peer is gone without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def request(body=b"{}", length=None, method=GET_SESSION, kind="application/json"):
    head = (f"POST /waystone.{method} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
            f"Authorization: Bearer {player.token}\r\n"
            f"Content-Length: {len(body) if length is None else length}\r\n\r\n")
    return head.encode() + body


class Vanishing(unittest.TestCase):
    def tearDown(self):
        Api(world.server, player.token).call(GET_SESSION)
        self.assertTrue(eventually(lambda: metric(world.server, "waystone_calls") == 0),
                        "a call of a vanished client stays open")

    def settled(self):
        """Only the connection that asks is left."""
        return metric(world.server, "waystone_connections") <= 1

    def test_gone_at_every_byte_of_a_request(self):
        whole = request()
        for cut in range(0, len(whole), 7):
            connection = open_socket()
            connection.sendall(whole[:cut])
            reset(connection) if cut % 2 else connection.close()
        self.assertTrue(eventually(self.settled), "connections of vanished clients stay")

    def test_gone_before_the_answer(self):
        for number in range(100):
            connection = open_socket()
            body = json.dumps({"channelId": player.channel, "characterId": player.character["id"],
                               "text": f"gone {number}"}).encode()
            connection.sendall(request(body, method=SEND_MESSAGE))
            reset(connection) if number % 2 else connection.close()
        self.assertTrue(eventually(self.settled), "connections of vanished clients stay")
        page = player.api.call("chat.v1.ChatService/ListMessages",
                               {"channelId": player.channel, "pageSize": 200})
        numbers = [int(message["sequence"]) for message in page["messages"]]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))),
                         "the channel has gaps")

    def waiting(self):
        """A call that waits for a table; returns its connection."""
        connection = open_socket()
        body = json.dumps({"login": "nobody", "password": PASSWORD}).encode()
        connection.sendall(request(body, method=SIGN_IN))
        locks = "SELECT count(*) FROM pg_locks WHERE NOT granted"  # the server's own polls wait, too
        self.assertTrue(eventually(lambda: metric(world.server, "waystone_calls") == 1 and
                                   int(world.psql(locks)) >= 1), "the call does not wait")
        return connection

    def test_gone_while_its_call_waits(self):
        with world.table_held("accounts"):
            self.waiting().close()
            self.assertTrue(eventually(lambda: metric(world.server, "waystone_calls") == 0, 2),
                            "the call waits on")

    def test_half_closed_while_its_call_waits(self):
        with world.table_held("accounts"):
            connection = self.waiting()
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
            connection.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 499 "), head)
        self.assertEqual(json.loads(body)["code"], "canceled")

    def test_half_closed_client_still_gets_an_answer_nobody_waits_for(self):
        connection = open_socket()
        connection.sendall(request(method=GET_VERSION))
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer[:80])
        connection.close()

    def test_half_closed_in_the_middle_is_let_go(self):
        for cut in (-1, 30, 0):
            connection = open_socket()
            connection.sendall(request()[:cut])
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
            connection.close()
        self.assertTrue(eventually(self.settled), "connections of half-closed clients stay")

    def test_followers_that_vanish_are_forgotten(self):
        followers = [Follower(world.server, player.token, player.channel) for _ in range(20)]
        for follower in followers:
            follower.until_caught_up()
        self.assertTrue(eventually(
            lambda: metric(world.server, "waystone_hub_subscribers") == 20, 5))
        for follower in followers:
            follower.vanish()
        self.assertTrue(eventually(
            lambda: metric(world.server, "waystone_hub_subscribers") == 0, 10))

    def test_follower_that_reads_nothing_holds_nobody_up(self):
        lazy = open_socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = json.dumps({"channelId": player.channel}).encode()
        envelope = b"\0" + len(body).to_bytes(4, "big") + body
        lazy.sendall(request(envelope, kind="application/connect+json",
                             method="chat.v1.ChatService/StreamMessages"))
        quick = Follower(world.server, player.token, player.channel)
        quick.until_caught_up()
        for number in range(300):
            sent = player.say("x" * 490 + str(number))
            self.assertEqual(quick.next_message()["sequence"], sent["sequence"])
        quick.close()
        reset(lazy)

    def test_noise_instead_of_a_request(self):
        dice = random.Random(20)
        for _ in range(150):
            connection = open_socket()
            try:
                connection.sendall(dice.randbytes(dice.randrange(1, 600)))
            except OSError:
                pass
            connection.close()
        for start in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"PRI"):
            for _ in range(40):
                connection = open_socket()
                try:
                    connection.sendall(start + dice.randbytes(dice.randrange(0, 300)))
                except OSError:
                    pass
                reset(connection)
        self.assertTrue(eventually(self.settled, 15), "connections of vanished clients stay")

    def test_silent_connections_end_by_themselves(self):
        """No byte, half a head, half a body: each has its bound (base/limits.h)."""
        silent = [open_socket() for _ in range(3)]
        silent[1].sendall(request()[:40])
        silent[2].sendall(request(b"{", length=100))
        started = time.monotonic()
        for connection in silent:
            connection.settimeout(25)
            try:
                while connection.recv(4096):
                    pass
            except ConnectionResetError:
                pass
        self.assertLess(time.monotonic() - started, 20)
        self.assertGreater(time.monotonic() - started, 5)
        for connection in silent:
            connection.close()
