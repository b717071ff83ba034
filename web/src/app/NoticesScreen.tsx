import { useTranslations } from "use-intl";
import { Catalogue } from "@/components/Catalogue";
import { Plate, PlateTitle } from "@/components/Plate";
import { NoticeList } from "@/features/notices/NoticeList";
import type { NoticeItem } from "@/lib/live/model";
import { useTitle } from "@/lib/useTitle";
import en from "@/messages/en.peace.json";
import { useInside } from "./inside";
import { navigate } from "./router";

export function NoticesScreen() {
  return (
    <Catalogue messages={en}>
      <NoticesPlate />
    </Catalogue>
  );
}

function NoticesPlate() {
  const t = useTranslations("notices");
  const { tidings, goToMessage } = useInside();
  useTitle(t("title"));
  const open = ({ kind, channelId, messageSequence, subjectId }: NoticeItem) => {
    if (kind === "report-filed") {
      void navigate({ to: "/moderation", search: { report: String(subjectId) } });
    } else if (kind === "appeal-filed") {
      void navigate({ to: "/moderation", search: { view: "appeals" } });
    } else if (kind === "sanction" || kind === "appeal-decided") {
      void navigate({ to: "/standing" });
    } else if (channelId > 0n) void goToMessage(channelId, messageSequence);
  };
  return (
    <Plate className="list-screen">
      <PlateTitle number={t("plate")} title={t("title")} />
      {tidings && <NoticeList notices={tidings.notices} onOpen={open} />}
    </Plate>
  );
}
