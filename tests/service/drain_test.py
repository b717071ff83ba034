"""SIGTERM: open calls finish, streams are told, nothing new begins, the process ends with 0."""

import os
import signal
import socket
import threading
import time
import unittest

import grpc
from waystone.auth.v1 import auth_pb2, auth_pb2_grpc
from waystone.chat.v1 import chat_pb2, chat_pb2_grpc

from harness import PASSWORD, REGISTER, Api, Follower, Player, World, eventually, unique

world = None


def setUpModule():
    global world
    world = World("drain", servers=0, http__loops=2)


def tearDownModule():
    world.close()


def terminate(server):
    os.kill(server.pid(), signal.SIGTERM)


class Drain(unittest.TestCase):
    def ended_well(self, server, limit_s):
        started = time.monotonic()
        self.assertTrue(server.process.wait(limit_s), "the server does not end")
        self.assertEqual(server.process.exit_code(), 0)
        return time.monotonic() - started

    def test_idle_server_ends_at_once(self):
        server = world.add_server()
        terminate(server)
        self.assertLess(self.ended_well(server, 10), 3)

    def test_calls_in_flight_are_answered(self):
        """Registrations take a password hash each: they wait in the queue when it begins."""
        server = world.add_server(auth__hashing_threads=1)
        results = []

        def register():
            name = unique("late")
            try:
                results.append(Api(server).call(REGISTER, {
                    "userName": name, "email": f"{name}@example.org",
                    "password": PASSWORD})["session"]["account"]["userName"])
            except Exception as error:  # told in the assertion below
                results.append(error)

        threads = [threading.Thread(target=register) for _ in range(24)]
        for thread in threads:
            thread.start()
        self.assertTrue(eventually(lambda: len(results) >= 1, 10, 0.002))
        terminate(server)
        self.ended_well(server, 20)
        for thread in threads:
            thread.join()
        answered = [result for result in results if isinstance(result, str)]
        # A request whose connection was not accepted before the signal may be refused; one that
        # was begun is answered. All were sent before the first was answered.
        self.assertGreaterEqual(len(answered), 20, results)
        stored = int(world.psql("SELECT count(*) FROM accounts WHERE user_name LIKE 'late%'"))
        self.assertEqual(stored, len(answered), "what is stored and what was told differ")

    def test_open_streams_are_ended_with_unavailable(self):
        server = world.add_server()
        player = Player(server)
        follower = Follower(server, player.token, player.channel, timeout_s=20)
        follower.until_caught_up()
        channel = grpc.insecure_channel(f"localhost:{server.port}")
        stream = chat_pb2_grpc.ChatServiceStub(channel).StreamMessages(
            chat_pb2.StreamMessagesRequest(channel_id=int(player.channel)),
            metadata=[("authorization", f"Bearer {player.token}")], timeout=30)
        self.assertTrue(next(stream).HasField("caught_up"))
        terminate(server)
        payload = follower.until_end()
        self.assertEqual(payload["error"]["code"], "unavailable")
        with self.assertRaises(grpc.RpcError) as raised:
            for _ in stream:
                pass
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.ended_well(server, 15)
        channel.close()
        follower.close()

    def test_new_connections_are_refused(self):
        server = world.add_server()
        channel = grpc.insecure_channel(f"localhost:{server.port}")
        stub = auth_pb2_grpc.AuthServiceStub(channel)
        name = unique("drained")
        stub.Register(auth_pb2.RegisterRequest(user_name=name, email=f"{name}@example.org",
                                               password=PASSWORD), timeout=20)
        terminate(server)
        self.ended_well(server, 15)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=2).close()
        channel.close()

    def test_a_peer_that_reads_nothing_delays_it_no_longer_than_the_bound(self):
        server = world.add_server(http__drain_ms=2000)
        player = Player(server)
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
        silent[1].sendall(b"POST /waystone.auth.v1.AuthService/SignIn HTTP/1.1\r\nHost: x\r\n"
                          b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        silent[2].sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        follower = Follower(server, player.token, player.channel)
        follower.until_caught_up()
        time.sleep(0.3)
        terminate(server)
        self.assertLess(self.ended_well(server, 15), 8)
        for connection in silent:
            connection.close()
        follower.close()

    def test_what_was_acknowledged_survives_a_kill(self):
        server = world.add_server()
        player = Player(server)
        sent = [player.say(f"durable {number}") for number in range(10)]
        server.kill()
        server.expected_exit = -signal.SIGKILL
        other = world.add_server()
        page = player.on(other).call("chat.v1.ChatService/ListMessages",
                                     {"channelId": player.channel, "pageSize": 10})
        self.assertEqual(page["messages"], sent)
