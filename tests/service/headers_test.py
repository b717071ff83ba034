"""What browsers are told beside the answer: on pages, files, calls, errors, refusals."""

import json
import unittest

from harness import GET_SESSION, GET_VERSION, REGISTER, PASSWORD, Api, World, unique

STRICT = "max-age=31536000; includeSubDomains"
ORIGIN = "https://tools.example"
world = None


def setUpModule():
    global world
    world = World("headers", tls=True, http__loops=1, http__origins=ORIGIN)


def tearDownModule():
    world.close()


def get(path, method="GET", body=None, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Api(world.server).request(method, path, body, names)


def call(method, message=None, kind="application/json", **headers):
    return get(f"/waystone.{method}", "POST", json.dumps(message or {}), content_type=kind,
               **headers)


class Headers(unittest.TestCase):
    def common(self, headers):
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        self.assertEqual(headers["strict-transport-security"], STRICT)
        self.assertIn("frame-ancestors 'none'", headers["content-security-policy"])

    def test_pages_and_files(self):
        for path in ("/", "/sign-in", "/livez", "/readyz", "/metrics", "/openapi.json",
                     "/.well-known/jwks.json", "/nothing.here"):
            with self.subTest(path):
                _, headers, _ = get(path)
                self.common(headers)
                policy = headers["content-security-policy"]
                self.assertIn("default-src 'self'", policy)
                self.assertIn("object-src 'none'", policy)
                self.assertIn("base-uri 'none'", policy)
                self.assertNotIn("unsafe", policy)
                self.assertNotIn("*", policy)
                self.assertEqual(headers["referrer-policy"], "same-origin")
                self.assertEqual(headers["cross-origin-opener-policy"], "same-origin")
                self.assertEqual(headers["cross-origin-resource-policy"], "same-origin")
                for device in ("camera=()", "microphone=()", "geolocation=()"):
                    self.assertIn(device, headers["permissions-policy"])

    def test_each_header_once(self):
        connection = Api(world.server).connect()
        self.addCleanup(connection.close)
        for path in ("/", "/livez"):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            names = [name.lower() for name, _ in answer.getheaders()]
            self.assertEqual(len(names), len(set(names)), names)

    def test_calls_good_and_refused(self):
        for name, (_, headers, _) in {
                "good": call(GET_VERSION),
                "by GET": get(f"/waystone.{GET_VERSION}?connect=v1&encoding=json&message=%7B%7D"),
                "refused": call(GET_SESSION),
                "wrong": call(REGISTER, {"userName": "x"}),
                "no such method": call("meta.v1.MetaService/Nothing"),
                "no JSON": get(f"/waystone.{GET_VERSION}", "POST", b"{", content_type="application/json"),
                "grpc-web": call(GET_VERSION, kind="application/grpc-web+proto"),
                "no type": get(f"/waystone.{GET_VERSION}", "POST", b"", content_type="text/html"),
        }.items():
            with self.subTest(name):
                self.common(headers)
                self.assertIn("default-src 'none'", headers["content-security-policy"])
                self.assertEqual(headers["cache-control"], "no-store")

    def test_refused_requests(self):
        for method in ("PUT", "DELETE"):
            status, headers, _ = get("/", method)
            self.assertEqual(status, 405)
            self.common(headers)

    def test_what_holds_a_secret_is_kept_nowhere(self):
        name = unique("headers")
        _, headers, body = call(REGISTER, {"userName": name, "email": f"{name}@example.org",
                                           "password": PASSWORD,
                                           "tokenTransport": "TOKEN_TRANSPORT_COOKIE"})
        self.assertIn("accessToken", json.loads(body)["session"])
        self.assertEqual(headers["cache-control"], "no-store")
        self.assertTrue(headers["set-cookie"].startswith("__Secure-waystone_refresh="))
        for attribute in ("HttpOnly", "SameSite=Strict", "Secure"):
            self.assertIn(f"; {attribute}", headers["set-cookie"])

    def test_the_cookie_of_cleartext_does_not_do_over_tls(self):
        """A site on the same host without TLS could have set it."""
        name = unique("headers")
        _, headers, _ = call(REGISTER, {"userName": name, "email": f"{name}@example.org",
                                        "password": PASSWORD,
                                        "tokenTransport": "TOKEN_TRANSPORT_COOKIE"})
        pair = headers["set-cookie"].split(";")[0]
        refresh = "auth.v1.AuthService/RefreshSession"
        self.assertEqual(call(refresh, cookie=pair.removeprefix("__Secure-"))[0], 401)
        self.assertEqual(call(refresh, cookie=pair, sec_fetch_site="cross-site")[0], 403)
        self.assertEqual(call(refresh, cookie=pair, sec_fetch_site="same-site")[0], 403)
        self.assertEqual(call(refresh, cookie=pair, sec_fetch_site="same-origin")[0], 200)

    def test_other_origins(self):
        _, headers, _ = call(GET_VERSION, origin=ORIGIN)
        self.assertEqual(headers["access-control-allow-origin"], ORIGIN)
        self.assertNotIn("access-control-allow-credentials", headers)
        self.common(headers)
        for origin in ("https://evil.example", "null", ORIGIN + ".evil.example", ORIGIN + ":444"):
            for _, headers, _ in (call(GET_VERSION, origin=origin),
                                  get(f"/waystone.{GET_VERSION}", "OPTIONS", origin=origin,
                                      access_control_request_method="POST")):
                self.assertNotIn("access-control-allow-origin", headers, origin)

    def test_cleartext_asks_for_no_tls(self):
        """HSTS over cleartext means nothing to browsers, and must not be sent (RFC 6797)."""
        plain = world.add_server(with_tls=None)
        _, headers, _ = Api(plain).request("GET", "/")
        self.assertNotIn("strict-transport-security", headers)
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        plain.stop()


if __name__ == "__main__":
    unittest.main()
