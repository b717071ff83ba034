/** Whether the browser knows passkeys at all; passkeys.ts uses them. */
export function hasPasskeys(): boolean {
  return typeof PublicKeyCredential !== "undefined";
}
