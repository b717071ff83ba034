import { lazy, Suspense } from "react";
import { useTranslations } from "use-intl";
import { Plate } from "@/components/Plate";
import { useTitle } from "@/lib/useTitle";

// As in the drawer: the plate stands before what is said on it.
const ChatPlace = lazy(() => import("./ChatPlace").then((it) => ({ default: it.ChatPlace })));

export function ChatScreen() {
  const t = useTranslations("drawer");
  useTitle(t("title"));
  return (
    <Plate className="chat-screen">
      <Suspense fallback={<div className="chat-bare" aria-busy />}>
        <ChatPlace screen />
      </Suspense>
    </Plate>
  );
}
