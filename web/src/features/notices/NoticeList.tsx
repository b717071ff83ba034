import { useTranslations } from "use-intl";
import { useStore } from "zustand";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import type { NoticeItem } from "@/lib/live/model";
import { useClock } from "@/lib/useClock";
import type { Notices } from "./store";

type NoticeListProps = {
  notices: Notices;
  /** Leads to what a notice is about. */
  onOpen: (notice: NoticeItem) => void;
};

/** What happened to the account, newest first; choosing one leads there and marks it read. */
export function NoticeList({ notices, onOpen }: NoticeListProps) {
  const t = useTranslations("notices");
  const { ready, failed, items, hasMore, unread } = useStore(notices.store);
  return (
    <>
      <div className="notices-head">
        <p className="muted" role="status">
          {ready ? t("unread", { count: unread }) : t("reading")}
        </p>
        {unread > 0 && <Button onClick={() => void notices.markAllRead()}>{t("markAll")}</Button>}
      </div>
      {failed && (
        <Notice>
          {t("failed")}{" "}
          <Button look="quiet" onClick={() => void notices.read()}>
            {t("again")}
          </Button>
        </Notice>
      )}
      {ready && items.length === 0 && <p className="notices-none">{t("none")}</p>}
      <ul className="notices" aria-label={t("title")}>
        {items.map((item) => (
          <li key={String(item.id)}>
            <NoticeRow
              item={item}
              onOpen={() => {
                void notices.markRead(item);
                onOpen(item);
              }}
            />
          </li>
        ))}
      </ul>
      {hasMore && <Button onClick={() => void notices.read(true)}>{t("older")}</Button>}
    </>
  );
}

function NoticeRow({ item, onOpen }: { item: NoticeItem; onOpen: () => void }) {
  const t = useTranslations("notices");
  const clock = useClock();
  return (
    <button
      type="button"
      className={`notice-row ${item.read ? "" : "notice-new"}`}
      onClick={onOpen}
    >
      <span className="lettering">
        {t(`kinds.${item.kind}`)}
        {!item.read && <span className="unseen"> {t("isNew")}</span>}
      </span>
      <time className="muted" dateTime={new Date(item.createdAtMs).toISOString()}>
        {clock.moment(item.createdAtMs)}
      </time>
      <span className="notice-text">{item.text}</span>
    </button>
  );
}
