import { Link } from "@tanstack/react-router";
import { useTranslations } from "use-intl";
import { Icon } from "@/components/Icon";
import { Roster } from "@/features/characters";
import { useTitle } from "@/lib/useTitle";
import { useInside } from "./inside";

export function RosterScreen() {
  const t = useTranslations("nav");
  const { house, session } = useInside();
  useTitle(t("roster"));
  return (
    <Roster
      house={house}
      houseName={session.userName}
      addLink={(label) => (
        <Link to="/roster/new" className="button button-main">
          <Icon name="plus" />
          {label}
        </Link>
      )}
    />
  );
}
