"""OpenID Connect providers for tests, and the browser that goes between one and the game.

RealProvider is npm's oidc-provider, as it comes. CrookedProvider says whatever a test tells it to say,
which no real one would.
"""

import base64
import hashlib
import hmac
import html.parser
import http.cookiejar
import http.server
import json
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import nodejs
from harness import RpcError, base64url, compact, eventually
from paths import LOGS, ROOT

PACKAGES = ROOT / "tests" / "service" / "js"
CLIENT = "waystone"
SECRET = "a secret: with/odd+characters %"
REDIRECT = "http://127.0.0.1:1/sign-in/provider"  # nobody listens there: the test reads the address


# --- the browser ---

class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


class _Form(html.parser.HTMLParser):
    """The page's form: its action, and its fields with their values."""

    def __init__(self, page):
        super().__init__()
        self.action, self.fields = None, {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form" and self.action is None:
            self.action = attributes["action"]
        elif tag == "input" and "name" in attributes:
            self.fields[attributes["name"]] = attributes.get("value", "")


class Browser:
    """Cookies by host and path, pages, forms, and the game's calls."""

    def __init__(self, server):
        self.server = server
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(
            _NoRedirects, urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(self.cookies))

    def _open(self, url, body=None, headers=None):
        """(status, headers, text)"""
        request = urllib.request.Request(url, body, headers or {})
        try:
            with self.opener.open(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers, answer.read().decode()

    def call(self, method, message=None, token=None, headers=None):
        """A unary call, with the browser's cookies. The last answer's headers stay in `headers`."""
        head = {"Content-Type": "application/json", "Connect-Protocol-Version": "1",
                **({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        status, self.headers, body = self._open(
            f"http://127.0.0.1:{self.server.port}/waystone.{method}",
            json.dumps(message or {}).encode(), head)
        answer = json.loads(body)
        if status != 200:
            raise RpcError(status, answer)
        return answer

    def visit(self, url, login):
        """Goes where the game sends it, fills in what it is asked there, and comes back with the
        query of the address that the provider sends it to."""
        status, headers, page = self._open(url)
        for _ in range(20):
            if status in (302, 303):
                url = urllib.parse.urljoin(url, headers["Location"])
                if url.startswith(REDIRECT):
                    query = urllib.parse.urlsplit(url).query
                    return {name: values[0]
                            for name, values in urllib.parse.parse_qs(query).items()}
                status, headers, page = self._open(url)
                continue
            assert status == 200, page
            form = _Form(page)
            assert form.action, page
            fields = dict(form.fields)
            if "login" in fields:
                fields.update(login=login, password="anything")
            url = urllib.parse.urljoin(url, form.action)
            status, headers, page = self._open(url, urllib.parse.urlencode(fields).encode())
        raise AssertionError(f"no way back from {url}")


def query_of(url):
    return {name: values[0]
            for name, values in urllib.parse.parse_qs(urllib.parse.urlsplit(url).query).items()}


# --- a real provider ---

class RealProvider:
    """A process of its own. Started anew, it has other keys and has forgotten everybody."""

    def __init__(self, name, port):
        self.port = port
        self.issuer = f"http://127.0.0.1:{port}"
        self.log = LOGS / f"test-{name}.log"
        self.env = nodejs.environment()
        nodejs.install(PACKAGES, self.env)
        self.process = None
        self.starts = 0
        self.start()

    def start(self):
        self.starts += 1
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["node", "oidc_provider.mjs", str(self.port), REDIRECT, SECRET,
                 f"key-{self.starts}"],
                cwd=PACKAGES, env=self.env, stdout=log, stderr=log)
        assert eventually(self._answers, 60), f"the provider does not start; {self.log} tells why"

    def _answers(self):
        assert self.process.poll() is None, f"the provider ended; {self.log} tells why"
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                f"{self.issuer}/.well-known/openid-configuration", timeout=5).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


# --- a crooked one ---

class _Key:
    def __init__(self, kid):
        self.kid = kid
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
                "n": base64url(numbers.n.to_bytes(256, "big")),
                "e": base64url(numbers.e.to_bytes(3, "big"))}

    def sign(self, header, claims):
        text = ".".join(base64url(compact(part)) for part in (header, claims))
        signature = self.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{base64url(signature)}"


class _Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """The game leaves where it had enough, and strangers' certificates: that is what is tested."""


class CrookedProvider:
    """Several issuers at one port: the first part of the path is the name, which has a `say` of its
    own: what it says otherwise than an honest provider would."""

    def __init__(self, port, tls=None):
        self.port = port
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self.key = _Key("first")
        self.next_key = _Key("next")
        self.published = [self.key]
        self.says = {}
        self.requests = []  # (name, path, form, headers)
        self.release = threading.Event()  # lets go who was kept waiting
        handler = type("Handler", (_Handler,), {"provider": self})
        self.server = _Quiet(("127.0.0.1", port), handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def issuer(self, name):
        return f"{self.origin}/{name}"

    def count(self, name, path):
        return sum(1 for who, where, _, _ in self.requests if (who, where) == (name, path))

    def discovery(self, name):
        issuer = self.issuer(name)
        return {"issuer": issuer, "authorization_endpoint": f"{issuer}/auth?kept=1",
                "token_endpoint": f"{issuer}/token", "jwks_uri": f"{issuer}/jwks",
                **self.says.get(name, {}).get("discovery", {})}

    def id_token(self, name, nonce):
        say = self.says.get(name, {})
        now = int(time.time())
        claims = {"iss": self.issuer(name), "aud": CLIENT, "sub": "somebody", "nonce": nonce,
                  "iat": now, "exp": now + 300, **say.get("claims", {})}
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "RS256", "kid": say.get("kid", "first")}
        if say.get("alg") == "none":
            return ".".join([base64url(compact({"alg": "none"})), base64url(compact(claims)), ""])
        if say.get("alg") == "HS256":
            text = ".".join(base64url(compact(part))
                            for part in ({"alg": "HS256", "kid": "first"}, claims))
            mac = hmac.new(json.dumps(self.key.jwk()).encode(), text.encode(), hashlib.sha256)
            return f"{text}.{base64url(mac.digest())}"
        key = self.next_key if say.get("signed_by") == "next" else self.key
        return key.sign(header, claims)


class _Handler(http.server.BaseHTTPRequestHandler):
    provider = None  # of the class that is made of this one
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def _answer(self, status, body, headers=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            self.close_connection = True  # the game had enough

    def _handle(self, form):
        provider = self.provider
        _, name, path = self.path.split("/", 2)
        say = provider.says.get(name, {})
        provider.requests.append((name, path, form, dict(self.headers)))
        if path in say.get("hang", ()):
            provider.release.wait(60)
        if path in say.get("redirect", ()):
            return self._answer(302, b"", {"Location": f"{provider.issuer('honest')}/{path}"})
        if path in say.get("huge", ()):
            return self._answer(200, {"padding": "x" * 2_000_000})
        if path in say.get("status", {}):
            return self._answer(say["status"][path], {"error": "invalid_grant"})
        if path == ".well-known/openid-configuration":
            return self._answer(200, provider.discovery(name))
        if path == "jwks":
            return self._answer(200, {"keys": [key.jwk() for key in provider.published]})
        if "token_answer" in say:
            return self._answer(200, say["token_answer"])
        return self._answer(200, {"access_token": "unused", "token_type": "Bearer",
                                  "id_token": provider.id_token(name, say["nonce"])})

    def do_GET(self):
        self._handle(None)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._handle({key: values[0] for key, values in urllib.parse.parse_qs(body).items()})


def basic(user, password):
    """HTTP Basic as RFC 6749 wants it: both are escaped first."""
    text = f"{urllib.parse.quote(user, safe='')}:{urllib.parse.quote(password, safe='')}"
    return "Basic " + base64.b64encode(text.encode()).decode()
