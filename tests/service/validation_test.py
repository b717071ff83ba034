"""Field rules: what the server refuses, protovalidate refuses, and the error says the same."""

import base64
import os
import pathlib
import subprocess
import unittest

import grpc
import nodejs
from buf.validate import validate_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.rpc import error_details_pb2, status_pb2
from waystone.auth.v1 import auth_pb2, auth_pb2_grpc

from harness import REGISTER, Api, RpcError, World

ROOT = pathlib.Path(__file__).parents[2]
PACKAGES = ROOT / "tests" / "service" / "js"
TOOL = (pathlib.Path(os.environ["WAYSTONE_TEST_SERVER"]).parent / "tests" / "unit" / "gen"
        / "validate-tool")
TIMEOUT_S = 20


class Verdicts(unittest.TestCase):
    def test_they_are_those_of_protovalidate(self):
        """Messages that break every rule there is, forms at their edges, patterns against RE2."""
        env = nodejs.environment()
        nodejs.install(PACKAGES, env)
        done = subprocess.run(
            ["node", "tests/service/validation_compare.mjs", str(TOOL), str(ROOT), "4000"],
            cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("all equal", done.stdout)


def path_of(path):
    """A path as "name(number:type)" of each element."""
    return [f"{element.field_name}({element.field_number}:"
            f"{FieldDescriptorProto.Type.Name(element.field_type)})" for element in path.elements]


class Details(unittest.TestCase):
    """What a refused call carries, through the front door."""

    @classmethod
    def setUpClass(cls):
        cls.world = World("validation")

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    WANTED = [
        ("user_name", "string.min_len", "user_name(1:TYPE_STRING)",
         ["string(14:TYPE_MESSAGE)", "min_len(2:TYPE_UINT64)"]),
        ("user_name", "string.pattern", "user_name(1:TYPE_STRING)",
         ["string(14:TYPE_MESSAGE)", "pattern(6:TYPE_STRING)"]),
        ("email", "string.email_empty", "email(2:TYPE_STRING)",
         ["string(14:TYPE_MESSAGE)", "email(12:TYPE_BOOL)"]),
        ("password", "string.max_len", "password(3:TYPE_STRING)",
         ["string(14:TYPE_MESSAGE)", "max_len(3:TYPE_UINT64)"]),
        ("token_transport", "enum.defined_only", "token_transport(4:TYPE_ENUM)",
         ["enum(16:TYPE_MESSAGE)", "defined_only(2:TYPE_BOOL)"]),
    ]
    BAD = {"user_name": "1", "password": "x" * 129, "token_transport": 77}

    def check(self, bad_request, violations):
        self.assertEqual([(one.field, one.reason) for one in bad_request.field_violations],
                         [(field, rule) for field, rule, _, _ in self.WANTED])
        self.assertEqual(
            [(one.rule_id, path_of(one.field), path_of(one.rule), one.for_key)
             for one in violations.violations],
            [(rule, [element], way, False) for _, rule, element, way in self.WANTED])
        self.assertEqual([one.message for one in violations.violations],
                         [one.description for one in bad_request.field_violations])

    def test_grpc(self):
        with grpc.insecure_channel(f"localhost:{self.world.server.port}") as channel:
            stub = auth_pb2_grpc.AuthServiceStub(channel)
            with self.assertRaises(grpc.RpcError) as raised:
                stub.Register(auth_pb2.RegisterRequest(**self.BAD), timeout=TIMEOUT_S)
        error = raised.exception
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(error.details(), "user_name: must be at least 3 characters")
        packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
        details = status_pb2.Status.FromString(packed).details
        self.assertEqual(len(details), 2)
        bad_request = error_details_pb2.BadRequest()
        violations = validate_pb2.Violations()
        self.assertTrue(details[0].Unpack(bad_request))
        self.assertTrue(details[1].Unpack(violations))
        self.check(bad_request, violations)

    def test_connect(self):
        with self.assertRaises(RpcError) as raised:
            Api(self.world.server).call(REGISTER, {"userName": "1", "password": "x" * 129,
                                                   "tokenTransport": 77})
        details = raised.exception.details
        self.assertEqual([one["type"] for one in details],
                         ["google.rpc.BadRequest", "buf.validate.Violations"])
        values = [base64.b64decode(one["value"] + "=" * (-len(one["value"]) % 4))
                  for one in details]
        self.check(error_details_pb2.BadRequest.FromString(values[0]),
                   validate_pb2.Violations.FromString(values[1]))


if __name__ == "__main__":
    unittest.main()
