/** The schema's numbers as the names of the catalogue. */
import { SecurityEventKind, SignInMeans } from "@/gen/waystone/account/v1/account_pb";

const MEANS = {
  [SignInMeans.UNSPECIFIED]: "unknown",
  [SignInMeans.REGISTRATION]: "registration",
  [SignInMeans.PASSWORD]: "password",
  [SignInMeans.PASSWORD_AND_FACTOR]: "factor",
  [SignInMeans.PASSKEY]: "passkey",
  [SignInMeans.PROVIDER]: "provider",
} as const;

export function meansName(means: SignInMeans) {
  return MEANS[means] ?? "unknown";
}

const EVENTS = {
  [SecurityEventKind.UNSPECIFIED]: "other",
  [SecurityEventKind.REGISTERED]: "registered",
  [SecurityEventKind.SIGNED_IN]: "signedIn",
  [SecurityEventKind.SIGN_IN_REFUSED]: "signInRefused",
  [SecurityEventKind.SIGNED_OUT]: "signedOut",
  [SecurityEventKind.TOKEN_REUSED]: "tokenReused",
  [SecurityEventKind.PASSWORD_CHANGED]: "passwordChanged",
  [SecurityEventKind.RECOVERY_STARTED]: "recoveryStarted",
  [SecurityEventKind.RECOVERED]: "recovered",
  [SecurityEventKind.EMAIL_CHANGE_STARTED]: "emailChangeStarted",
  [SecurityEventKind.EMAIL_VERIFIED]: "emailVerified",
  [SecurityEventKind.TOTP_CHANGED]: "totpChanged",
  [SecurityEventKind.RECOVERY_CODES_CHANGED]: "recoveryCodesChanged",
  [SecurityEventKind.PASSKEY_CHANGED]: "passkeyChanged",
  [SecurityEventKind.PROVIDER_CHANGED]: "providerChanged",
  [SecurityEventKind.API_KEY_CHANGED]: "apiKeyChanged",
  [SecurityEventKind.ROLE_CHANGED]: "roleChanged",
  [SecurityEventKind.EXPORTED]: "exported",
  [SecurityEventKind.CLOSED]: "closed",
  [SecurityEventKind.STEPPED_UP]: "steppedUp",
} as const;

/** Kinds that are newer than this page have no name of their own. */
export function eventName(kind: SecurityEventKind) {
  return EVENTS[kind] ?? "other";
}
