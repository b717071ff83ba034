/**
 * Passkeys: WebAuthn's JSON forms, as the server writes them, to what browsers take, and back.
 *
 * Browsers have parsers of their own for these, but not yet all of them.
 */
import { hasPasskeys } from "./hasPasskeys";

/** What an authenticator signed for a sign-in or a proof; fields as in the schema's PasskeyAssertion. */
export type Assertion = {
  credentialId: Uint8Array<ArrayBuffer>;
  clientDataJson: Uint8Array<ArrayBuffer>;
  authenticatorData: Uint8Array<ArrayBuffer>;
  signature: Uint8Array<ArrayBuffer>;
  userHandle: Uint8Array<ArrayBuffer>;
};

export type Attestation = {
  clientDataJson: Uint8Array<ArrayBuffer>;
  attestationObject: Uint8Array<ArrayBuffer>;
};

/** Whether the browser can offer passkeys among what it fills into a sign-in form. */
export async function canOfferPasskeys(): Promise<boolean> {
  if (!hasPasskeys()) return false;
  return (await PublicKeyCredential.isConditionalMediationAvailable?.()) ?? false;
}

type AskOptions = { signal?: AbortSignal; conditional?: boolean };

/** Asks for a passkey's signature. Null when the person would rather not. */
export async function askPasskey(
  optionsJson: string,
  { signal, conditional = false }: AskOptions = {},
): Promise<Assertion | null> {
  const credential = await unlessDeclined(() =>
    navigator.credentials.get({
      publicKey: toRequestOptions(optionsJson),
      ...(signal && { signal }),
      ...(conditional && { mediation: "conditional" as const }),
    }),
  );
  if (!credential) return null;
  const { rawId, response } = credential as PublicKeyCredential;
  const { clientDataJSON, authenticatorData, signature, userHandle } =
    response as AuthenticatorAssertionResponse;
  return {
    credentialId: new Uint8Array(rawId),
    clientDataJson: new Uint8Array(clientDataJSON),
    authenticatorData: new Uint8Array(authenticatorData),
    signature: new Uint8Array(signature),
    userHandle: new Uint8Array(userHandle ?? new ArrayBuffer(0)),
  };
}

/** Makes a passkey. Null when the person would rather not. */
export async function makePasskey(optionsJson: string): Promise<Attestation | null> {
  const credential = await unlessDeclined(() =>
    navigator.credentials.create({ publicKey: toCreationOptions(optionsJson) }),
  );
  if (!credential) return null;
  const response = (credential as PublicKeyCredential).response as AuthenticatorAttestationResponse;
  return {
    clientDataJson: new Uint8Array(response.clientDataJSON),
    attestationObject: new Uint8Array(response.attestationObject),
  };
}

/** Closing the browser's dialog, its time running out and our own abort are all answers: no. */
async function unlessDeclined<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    const { name } = error as Error;
    if (name === "NotAllowedError" || name === "AbortError") return null;
    throw error;
  }
}

type RequestJson = Omit<PublicKeyCredentialRequestOptions, "challenge" | "allowCredentials"> & {
  challenge: string;
  allowCredentials?: PublicKeyCredentialDescriptorJSON[];
};

export function toRequestOptions(json: string): PublicKeyCredentialRequestOptions {
  const { challenge, allowCredentials, ...rest } = JSON.parse(json) as RequestJson;
  return {
    ...rest,
    challenge: fromBase64Url(challenge),
    ...(allowCredentials && { allowCredentials: allowCredentials.map(toDescriptor) }),
  };
}

type CreationJson = Omit<
  PublicKeyCredentialCreationOptions,
  "challenge" | "user" | "excludeCredentials"
> & {
  challenge: string;
  user: PublicKeyCredentialUserEntityJSON;
  excludeCredentials?: PublicKeyCredentialDescriptorJSON[];
};

export function toCreationOptions(json: string): PublicKeyCredentialCreationOptions {
  const { challenge, user, excludeCredentials, ...rest } = JSON.parse(json) as CreationJson;
  return {
    ...rest,
    challenge: fromBase64Url(challenge),
    user: { ...user, id: fromBase64Url(user.id) },
    ...(excludeCredentials && { excludeCredentials: excludeCredentials.map(toDescriptor) }),
  };
}

function toDescriptor(one: PublicKeyCredentialDescriptorJSON): PublicKeyCredentialDescriptor {
  return { ...one, id: fromBase64Url(one.id) } as PublicKeyCredentialDescriptor;
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const bytes = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(bytes, (one) => one.charCodeAt(0));
}
