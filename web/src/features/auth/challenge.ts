import type { SecondFactorChallenge } from "@/gen/waystone/auth/v1/auth_pb";

/**
 * The sign-in that waits for its second factor. It stays in this page's memory: a reload begins the
 * sign-in again, and nothing of it is stored.
 */
let waiting: SecondFactorChallenge | null = null;

export function keepChallenge(challenge: SecondFactorChallenge | null): void {
  waiting = challenge;
}

export function waitingChallenge(): SecondFactorChallenge | null {
  return waiting;
}
