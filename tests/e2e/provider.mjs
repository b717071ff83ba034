// An OpenID Connect provider that signs in whoever it is told to, without asking: what the browser
// does at a provider is not ours to test. That the server holds providers to the rules is tested
// in tests/service/providers_test.py, against a real one.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";

const CLIENT = "waystone";
const LIFE_S = 300;

/** Who is at the provider's page next, and where the game is; `declines`: they call it off. */
export async function startProvider() {
  const provider = { subject: "", game: "", declines: false };
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const asked = new Map();
  let issuer = "";

  const answers = {
    "/.well-known/openid-configuration": () => ({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/keys`,
      response_types_supported: ["code"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
      code_challenge_methods_supported: ["S256"],
      token_endpoint_auth_methods_supported: ["none"],
    }),
    "/keys": () => ({
      keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "RS256" }],
    }),
    "/token": (form) => {
      const one = asked.get(form.get("code"));
      assert.ok(one, "an unknown code");
      asked.delete(form.get("code"));
      const proof = createHash("sha256").update(form.get("code_verifier")).digest("base64url");
      assert.equal(proof, one.challenge);
      return {
        access_token: "of no use",
        token_type: "Bearer",
        expires_in: LIFE_S,
        id_token: token(one),
      };
    },
  };

  function token({ subject, nonce }) {
    const nowS = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, aud: CLIENT, sub: subject, nonce, iat: nowS, exp: nowS + LIFE_S };
    const person = { email: `${subject}@guildhall.example`, email_verified: true };
    const text = [
      { alg: "RS256", typ: "JWT", kid: "one" },
      { ...claims, ...person, preferred_username: subject },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    return `${text}.${sign("RSA-SHA256", Buffer.from(text), privateKey).toString("base64url")}`;
  }

  /** Sends the browser back to the game at once. */
  function authorize(query) {
    const back = new URLSearchParams({ state: query.get("state"), iss: issuer });
    if (provider.declines) back.set("error", "access_denied");
    else {
      const code = randomUUID();
      back.set("code", code);
      asked.set(code, {
        subject: provider.subject,
        nonce: query.get("nonce"),
        challenge: query.get("code_challenge"),
      });
    }
    return `${provider.game}/sign-in/provider?${back}`;
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, issuer);
    if (url.pathname === "/authorize") {
      response.writeHead(303, { Location: authorize(url.searchParams) }).end();
      return;
    }
    let body = "";
    for await (const piece of request) body += piece;
    const answer = answers[url.pathname]?.(new URLSearchParams(body));
    response.writeHead(answer ? 200 : 404, { "Content-Type": "application/json" });
    response.end(JSON.stringify(answer ?? {}));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${server.address().port}`;
  return Object.assign(provider, {
    issuer,
    /** Its entry in the file that `auth.providers` names. */
    entry: {
      id: "guildhall",
      name: "Guildhall",
      issuer,
      client_id: CLIENT,
      redirect_uri: "http://127.0.0.1:1/sign-in/provider",
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  });
}
