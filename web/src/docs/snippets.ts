import type { Method } from "./openapi";

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A format of printf(1) that gives a Connect envelope: flags, four bytes of length, JSON. */
function envelope(text: string): string {
  const length = new TextEncoder().encode(text).length;
  const bytes = [0, 0, length >> 16, length >> 8, length]
    .map((byte) => `\\${(byte & 255).toString(8).padStart(3, "0")}`)
    .join("");
  return quoted(bytes + text.replaceAll("\\", "\\\\").replaceAll("%", "%%"));
}

function bearer(method: Method): string[] {
  return method.post.security.length > 0 ? ['-H "authorization: Bearer $token"'] : [];
}

const joined = (parts: string[]): string => parts.join(" \\\n  ");

/** The call with curl, as Connect in JSON. */
export function curlOf(method: Method, origin: string): string {
  const url = origin + method.path;
  if (method.post["x-streaming"])
    return `printf ${envelope(method.example)} |\n  ${joined([
      `curl -sN ${url}`,
      ...bearer(method),
      "-H 'content-type: application/connect+json'",
      "--data-binary @-",
    ])}`;
  return joined([
    `curl -s ${url}`,
    ...bearer(method),
    "-H 'content-type: application/json'",
    `-d ${quoted(method.example)}`,
  ]);
}

/** The same as GET, for methods without side effects. */
export function getOf(method: Method, origin: string): string {
  return joined([
    `curl -s -G ${origin}${method.path}`,
    ...bearer(method),
    "-d encoding=json",
    `--data-urlencode ${quoted(`message=${method.example}`)}`,
  ]);
}

/** How to get the token the others need. */
export function tokenOf(origin: string): string {
  return `token=$(curl -s ${origin}/waystone.auth.v1.AuthService/SignIn \\
  -H 'content-type: application/json' -d '{"login":"...","password":"..."}' |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["session"]["accessToken"])')`;
}
