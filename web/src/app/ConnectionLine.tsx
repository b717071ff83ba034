import { useFormatter, useTranslations } from "use-intl";
import { useStore } from "zustand";
import type { Chat } from "@/features/chat";

/** The line at the top edge: whether what one sees is the present. */
export function ConnectionLine({ chat }: { chat: Chat }) {
  const t = useTranslations();
  const format = useFormatter();
  const connection = useStore(chat.store, (state) => state.connection);
  const clock = (ms: number) =>
    format.dateTime(new Date(ms), { hour: "2-digit", minute: "2-digit", hour12: false });
  const words =
    connection.kind === "offline"
      ? t("connection.offline", { time: clock(connection.sinceMs) })
      : t(connection.kind === "live" ? "connection.live" : "connection.catchingUp");
  return (
    <header className={`topline topline-${connection.kind}`}>
      <span className="topline-name">{t("common.name")}</span>
      <span className="topline-state" role="status">
        {words}
      </span>
    </header>
  );
}
