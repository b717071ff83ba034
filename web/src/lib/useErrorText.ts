import { Code, ConnectError } from "@connectrpc/connect";
import { useTranslations } from "use-intl";
import type en from "@/messages/en.json";
import { asSentence, errorKind, reasonOf, retryAfterS } from "./errors";

/** What only the server can explain, it explains in its own words. */
const TOLD = [
  Code.FailedPrecondition,
  Code.ResourceExhausted,
  Code.AlreadyExists,
  Code.NotFound,
  Code.InvalidArgument,
];

/** Turns a failed call into a sentence: by its reason where it has one, else by its code. */
export function useErrorText(): (error: unknown) => string {
  const t = useTranslations("errors");
  return (error) => {
    const { code, rawMessage } = ConnectError.from(error);
    const because = `because.${reasonOf(error)}` as `because.${keyof typeof en.errors.because}`;
    if (t.has(because)) return t(because);
    const seconds = retryAfterS(error);
    if (code === Code.ResourceExhausted && seconds !== null) {
      return seconds > 90
        ? t("busyMinutes", { minutes: Math.ceil(seconds / 60) })
        : t("busySeconds", { seconds });
    }
    return TOLD.includes(code) && rawMessage
      ? t("told", { words: asSentence(rawMessage) })
      : t(errorKind(error));
  };
}
