import { lazy, Suspense, useMemo } from "react";
import { useTranslations } from "use-intl";
import { Catalogue } from "@/components/Catalogue";
import { Seal } from "@/components/Seal";
import { raceName } from "@/features/characters";
import { ChatPanel } from "@/features/chat";
import en from "@/messages/en.chat.json";
import { useInside } from "./inside";
import { Link } from "./router";

const SanctionsOn = lazy(() => import("@/features/moderation/SanctionsOn"));

const sanctionsOn = (characterId: bigint) => (
  <Suspense>
    <SanctionsOn characterId={characterId} />
  </Suspense>
);

/** Chat with the house joined to it, the same in the drawer and on its own screen. */
export function ChatPlace({ screen = false }: { screen?: boolean }) {
  return (
    <Catalogue messages={en}>
      <Place screen={screen} />
    </Catalogue>
  );
}

function Place({ screen }: { screen: boolean }) {
  const t = useTranslations("chat");
  const { tidings, house, moderator } = useInside();
  const { speaker, characters } = house;
  const family = useMemo(() => characters.map(({ id, name }) => ({ id, name })), [characters]);
  if (!tidings) return <div className="chat-bare" aria-busy />;
  return (
    <ChatPanel
      chat={tidings.chat}
      heading={screen ? "h1" : "h2"}
      family={family}
      moderator={moderator}
      sanctionsOn={sanctionsOn}
      speaker={speaker}
      speakerSign={speaker && <Seal race={raceName(speaker.race)} className="seal-small" />}
      noSpeaker={
        <p className="chat-nobody">
          {t("nobody")} <Link to="/roster/new">{t("create")}</Link>
        </p>
      }
    />
  );
}
