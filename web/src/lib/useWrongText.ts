import { useTranslations } from "use-intl";
import { asSentence } from "./errors";
import type { Wrong } from "./useForm";

/** The sentence for what is wrong with a field; user names have their own for the pattern. */
export function useWrongText(): (wrong: Wrong | undefined, isUserName?: boolean) => string | null {
  const t = useTranslations("fields");
  return (wrong, isUserName = false) => {
    if (!wrong) return null;
    switch (wrong.rule) {
      case "server":
        return asSentence(wrong.description);
      case "minLen":
      case "maxLen":
        return t(wrong.rule, { limit: wrong.limit });
      case "pattern":
        return t(isUserName ? "userNamePattern" : "pattern");
      default:
        return t(wrong.rule);
    }
  };
}
