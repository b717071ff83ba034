import { expect, it } from "vitest";
import { offersOf } from "./StepUpDialog";

const plain = { hasPassword: true, hasTotp: false, recoveryCodesLeft: 0, passkeys: [] };

it.each([
  ["a password alone", plain, ["password"]],
  ["neither password nor factor", { ...plain, hasPassword: false }, []],
  ["an app", { ...plain, hasTotp: true, recoveryCodesLeft: 9 }, ["totpCode", "recoveryCode"]],
  ["an app and no codes left", { ...plain, hasTotp: true }, ["totpCode"]],
  ["a passkey alone", { ...plain, passkeys: [1], recoveryCodesLeft: 10 }, ["recoveryCode"]],
])("an account with %s proves itself by what it has", (_, security, offers) => {
  expect(offersOf(security)).toEqual(offers);
});
