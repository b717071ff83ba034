"""gRPC's interoperability cases, run by grpcio against interop-server: those of grpc-go's list on
cleartext and TLS, and compression seen on the wire of another implementation."""

import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import grpc

import certificates
from engine_test import EchoServer

ROOT = pathlib.Path(__file__).parents[2]
SCHEMAS = ROOT / "tests" / "conformance" / "grpc" / "testing"
INTEROP_SERVER = (pathlib.Path(os.environ["WAYSTONE_TEST_SERVER"]).parent / "tests" /
                  "conformance" / "interop-server")
HOME = pathlib.Path(os.environ["WAYSTONE_TEST_HOME"])
SIZES = [31415, 9, 2653, 58979]
REQUEST_SIZES = [27182, 8, 1828, 45904]
TIMEOUT_S = 20

generated = None
test_pb2 = None
test_pb2_grpc = None


def setUpModule():
    """By the file's own folder, since Python names modules by paths, and "grpc" is taken."""
    global generated, test_pb2, test_pb2_grpc
    generated = tempfile.TemporaryDirectory()
    subprocess.run(["protoc", f"-I{SCHEMAS}", f"-I{ROOT / 'api'}", "-I/usr/include",
                    f"--python_out={generated.name}", f"--grpc_out={generated.name}",
                    "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin", "test.proto"],
                   check=True)
    sys.path.insert(0, generated.name)
    import test_pb2 as messages
    import test_pb2_grpc as services
    test_pb2, test_pb2_grpc = messages, services


def tearDownModule():
    generated.cleanup()


class InteropServer(EchoServer):
    """Started with its own arguments; everything else is the same."""

    def __init__(self, tls=None):
        arguments = ["--tls", *map(str, tls)] if tls else []
        super().__init__(*arguments, command=(INTEROP_SERVER, "--port"))


def payload(size):
    return test_pb2.Payload(body=bytes(size))


def asked(sizes):
    return [test_pb2.ResponseParameters(size=size) for size in sizes]


def lengths(answers):
    return [len(answer.payload.body) for answer in answers]


class Cases:
    """One method a case, by the list's names."""

    def stub(self, **options):
        channel = self.channel(**options)
        self.addCleanup(channel.close)
        self.raw = channel
        return test_pb2_grpc.TestServiceStub(channel)

    def refused(self, call):
        with self.assertRaises(grpc.RpcError) as raised:
            call()
        return raised.exception

    def test_empty_unary(self):
        self.assertEqual(self.stub().EmptyCall(test_pb2.Empty(), timeout=TIMEOUT_S),
                         test_pb2.Empty())

    def test_large_unary(self):
        answer = self.stub().UnaryCall(test_pb2.SimpleRequest(
            response_size=314159, payload=payload(271828)), timeout=TIMEOUT_S)
        self.assertEqual(len(answer.payload.body), 314159)

    def test_client_streaming(self):
        requests = (test_pb2.StreamingInputCallRequest(payload=payload(n)) for n in REQUEST_SIZES)
        answer = self.stub().StreamingInputCall(requests, timeout=TIMEOUT_S)
        self.assertEqual(answer.aggregated_payload_size, 74922)

    def test_server_streaming(self):
        answers = self.stub().StreamingOutputCall(test_pb2.StreamingOutputCallRequest(
            response_parameters=asked(SIZES)), timeout=TIMEOUT_S)
        self.assertEqual(lengths(answers), SIZES)

    def test_ping_pong(self):
        sizes = []

        def requests():
            for size, request in zip(SIZES, REQUEST_SIZES):
                before = len(sizes)
                yield test_pb2.StreamingOutputCallRequest(
                    response_parameters=asked([size]), payload=payload(request))
                while len(sizes) == before:
                    time.sleep(0.002)

        for answer in self.stub().FullDuplexCall(requests(), timeout=TIMEOUT_S):
            sizes.append(len(answer.payload.body))
        self.assertEqual(sizes, SIZES)

    def test_empty_stream(self):
        self.assertEqual(list(self.stub().FullDuplexCall(iter(()), timeout=TIMEOUT_S)), [])

    def test_timeout_on_sleeping_server(self):
        request = test_pb2.StreamingOutputCallRequest(
            response_parameters=[test_pb2.ResponseParameters(size=1, interval_us=5_000_000)])
        error = self.refused(lambda: list(self.stub().FullDuplexCall(iter([request]), timeout=0.2)))
        self.assertEqual(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def test_cancel_after_begin(self):
        ended = threading.Event()

        def requests():
            ended.wait(TIMEOUT_S)
            yield from ()

        call = self.stub().StreamingInputCall.future(requests(), timeout=TIMEOUT_S)
        call.cancel()
        ended.set()
        self.assertTrue(call.cancelled())

    def test_cancel_after_first_response(self):
        request = test_pb2.StreamingOutputCallRequest(response_parameters=asked([31415, 9]))
        call = self.stub().FullDuplexCall(iter([request]), timeout=TIMEOUT_S)
        next(call)
        call.cancel()
        error = self.refused(lambda: [next(call) for _ in range(3)])
        self.assertEqual(error.code(), grpc.StatusCode.CANCELLED)

    def test_custom_metadata(self):
        sent = (("x-grpc-test-echo-initial", "test_initial_metadata_value"),
                ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"))
        _, call = self.stub().UnaryCall.with_call(test_pb2.SimpleRequest(response_size=1),
                                                  metadata=sent, timeout=TIMEOUT_S)
        self.assertIn(sent[0], call.initial_metadata())
        self.assertIn(sent[1], call.trailing_metadata())
        stream = self.stub().FullDuplexCall(iter(()), metadata=sent, timeout=TIMEOUT_S)
        self.assertEqual(list(stream), [])
        self.assertIn(sent[0], stream.initial_metadata())
        self.assertIn(sent[1], stream.trailing_metadata())

    def test_status_code_and_message(self):
        wanted = test_pb2.EchoStatus(code=2, message="test status message")
        stub = self.stub()
        one = self.refused(lambda: stub.UnaryCall(
            test_pb2.SimpleRequest(response_status=wanted), timeout=TIMEOUT_S))
        many = self.refused(lambda: list(stub.FullDuplexCall(
            iter([test_pb2.StreamingOutputCallRequest(response_status=wanted)]),
            timeout=TIMEOUT_S)))
        for error in (one, many):
            self.assertEqual((error.code(), error.details()),
                             (grpc.StatusCode.UNKNOWN, "test status message"))

    def test_special_status_message(self):
        message = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
        error = self.refused(lambda: self.stub().UnaryCall(test_pb2.SimpleRequest(
            response_status=test_pb2.EchoStatus(code=2, message=message)), timeout=TIMEOUT_S))
        self.assertEqual(error.details(), message)

    def test_unimplemented_method_and_service(self):
        self.stub()
        for path in ("/grpc.testing.TestService/UnimplementedCall",
                     "/grpc.testing.UnimplementedService/UnimplementedCall"):
            error = self.refused(lambda path=path: self.raw.unary_unary(path)(
                b"", timeout=TIMEOUT_S))
            self.assertEqual(error.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_client_compressed_unary(self):
        stub = self.stub()
        for compression, told in ((grpc.Compression.Gzip, True),
                                  (grpc.Compression.NoCompression, False)):
            request = test_pb2.SimpleRequest(
                expect_compressed=test_pb2.BoolValue(value=told), response_size=314159,
                payload=payload(271828))
            answer = stub.UnaryCall(request, compression=compression, timeout=TIMEOUT_S)
            self.assertEqual(len(answer.payload.body), 314159)
        request.expect_compressed.value = True
        error = self.refused(lambda: stub.UnaryCall(
            request, compression=grpc.Compression.NoCompression, timeout=TIMEOUT_S))
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)

    def test_client_compressed_streaming(self):
        request = test_pb2.StreamingInputCallRequest(
            expect_compressed=test_pb2.BoolValue(value=True), payload=payload(27182))
        answer = self.stub().StreamingInputCall(iter([request]), timeout=TIMEOUT_S,
                                                compression=grpc.Compression.Gzip)
        self.assertEqual(answer.aggregated_payload_size, 27182)

    def test_server_compressed_unary_and_streaming(self):
        stub = self.stub()
        for compressed in (True, False):
            wanted = test_pb2.BoolValue(value=compressed)
            answer = stub.UnaryCall(test_pb2.SimpleRequest(
                response_size=314159, response_compressed=wanted), timeout=TIMEOUT_S)
            self.assertEqual(len(answer.payload.body), 314159)
            answers = stub.StreamingOutputCall(test_pb2.StreamingOutputCallRequest(
                response_parameters=[test_pb2.ResponseParameters(size=31415, compressed=wanted)]),
                timeout=TIMEOUT_S)
            self.assertEqual(lengths(answers), [31415])


class Cleartext(Cases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = InteropServer()
        cls.addClassCleanup(cls.server.stop)

    def channel(self, **options):
        return grpc.insecure_channel(f"127.0.0.1:{self.server.port}")


class Tls(Cases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tls = certificates.ensure_certificate(HOME / "interop")
        cls.server = InteropServer(cls.tls)
        cls.addClassCleanup(cls.server.stop)

    def channel(self, **options):
        credentials = grpc.ssl_channel_credentials(self.tls[0].read_bytes())
        return grpc.secure_channel(f"localhost:{self.server.port}", credentials)


if __name__ == "__main__":
    unittest.main()
