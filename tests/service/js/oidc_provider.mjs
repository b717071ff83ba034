// A real OpenID Connect provider for providers_test.py: oidc-provider, with its own login form, which
// takes anybody.
//
//     node oidc_provider.mjs PORT REDIRECT_URI CLIENT_SECRET KEY_ID
//
// Who signs in as "ada" has the subject "ada" and the address ada@example.org, which is verified
// unless the name begins with "un".
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const [port, redirectUri, secret, kid] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "waystone",
      client_secret: secret,
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" }] },
  cookies: { keys: ["of this test only"] },
  pkce: { required: () => true },
  conformIdTokenClaims: false, // like most, it tells who somebody is in the ID token
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified"],
    profile: ["preferred_username", "name"],
  },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: `${id}@example.org`,
      email_verified: !id.startsWith("un"),
      preferred_username: id,
      name: `The ${id}`,
    }),
  }),
});

provider.on("server_error", (_context, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
