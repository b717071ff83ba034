import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useTranslations } from "use-intl";
import { Catalogue } from "@/components/Catalogue";
import { Plate, PlateTitle } from "@/components/Plate";
import { Queue } from "@/features/moderation";
import { useTitle } from "@/lib/useTitle";
import en from "@/messages/en.peace.json";
import { useInside } from "./inside";

const route = getRouteApi("/inside/moderation");

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
  const { view = "reports", report } = route.useSearch();
  const navigate = useNavigate();
  useTitle(t("title"));
  return (
    <Plate className="list-screen">
      <PlateTitle number={t("plate")} title={t("title")} />
      {moderator ? (
        <Queue
          view={view}
          reportId={report === undefined ? null : BigInt(report)}
          viewLink={(one, label) => (
            <Link
              to="/moderation"
              search={one === "reports" ? {} : { view: one }}
              activeOptions={{ exact: true, includeSearch: true }}
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
