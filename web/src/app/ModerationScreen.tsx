import { useTranslations } from "use-intl";
import { Catalogue } from "@/components/Catalogue";
import { Plate, PlateTitle } from "@/components/Plate";
import { Queue, VIEWS } from "@/features/moderation";
import { useTitle } from "@/lib/useTitle";
import en from "@/messages/en.peace.json";
import { useInside } from "./inside";
import { Link, navigate, useSearch } from "./router";

/** The operator's surface: no ornament beyond the plate, and nothing for players. */
export function ModerationScreen() {
  return (
    <Catalogue messages={en}>
      <ModerationPlate />
    </Catalogue>
  );
}

function ModerationPlate() {
  const t = useTranslations("moderation");
  const { moderator } = useInside();
  const search = useSearch();
  const view = VIEWS.find((one) => one === search.get("view")) ?? "reports";
  const report = search.get("report") ?? "";
  useTitle(t("title"));
  return (
    <Plate className="list-screen">
      <PlateTitle number={t("plate")} title={t("title")} />
      {moderator ? (
        <Queue
          view={view}
          reportId={/^\d{1,18}$/.test(report) ? BigInt(report) : null}
          viewLink={(one, label) => (
            <Link
              to="/moderation"
              search={one === "reports" ? {} : { view: one }}
              aria-current={one === view ? "page" : undefined}
            >
              {label}
            </Link>
          )}
          onReport={(id) =>
            void navigate({
              to: "/moderation",
              search: {
                ...(view === "reports" ? {} : { view }),
                ...(id === null ? {} : { report: String(id) }),
              },
            })
          }
        />
      ) : (
        <p className="lead">{t("notModerator")}</p>
      )}
    </Plate>
  );
}
