/**
 * What the account may do, as its access token says: only to show or hide ways into screens. The
 * server checks every call.
 */
const MODERATOR = 3;

export function isModerator(accessToken: string): boolean {
  return roleOf(accessToken) >= MODERATOR;
}

export function roleOf(accessToken: string): number {
  try {
    const [, payload = ""] = accessToken.split(".");
    const json = atob(payload.replace(/-/g, "+").replace(/_/g, "/"));
    const { role } = JSON.parse(json) as { role?: unknown };
    return typeof role === "number" ? role : 0;
  } catch {
    return 0;
  }
}
