import { useTranslations } from "use-intl";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { Connection } from "@/lib/live/follower";
import { useClock } from "@/lib/useClock";
import type { Tidings } from "./tidings";

const notYet = createStore<Connection>(() => ({ kind: "catching-up" }));

/** The line at the top edge: whether what one sees is the present. */
export function ConnectionLine({ tidings }: { tidings: Tidings | null }) {
  const t = useTranslations();
  const clock = useClock();
  const connection = useStore(tidings?.live.connection ?? notYet);
  const words =
    connection.kind === "offline"
      ? t("connection.offline", { time: clock.time(connection.sinceMs) })
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
