import { Code, ConnectError } from "@connectrpc/connect";
import { useTranslations } from "use-intl";
import { errorKind } from "./errors";

/** What only the server can explain, it explains in its own words. */
const TOLD = [
  Code.FailedPrecondition,
  Code.ResourceExhausted,
  Code.AlreadyExists,
  Code.NotFound,
  Code.InvalidArgument,
];

/** Turns a failed call into a sentence. */
export function useErrorText(): (error: unknown) => string {
  const t = useTranslations("errors");
  return (error) => {
    const { code, rawMessage } = ConnectError.from(error);
    return TOLD.includes(code) && rawMessage
      ? t("told", { words: rawMessage })
      : t(errorKind(error));
  };
}
