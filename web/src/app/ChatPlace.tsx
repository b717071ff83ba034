import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslations } from "use-intl";
import { Seal } from "@/components/Seal";
import { raceName } from "@/features/characters";
import { ChatPanel } from "@/features/chat";
import { useInside } from "./inside";

/** Chat with the house joined to it, the same in the drawer and on its own screen. */
export function ChatPlace({ screen = false }: { screen?: boolean }) {
  const t = useTranslations("chat");
  const { chat, house } = useInside();
  const { speaker, characters } = house;
  const family = useMemo(() => new Set(characters.map((one) => one.id)), [characters]);
  const Title = screen ? "h1" : "h2";
  return (
    <>
      <header className="chat-title">
        {screen && <p className="lettering">{t("plate")}</p>}
        <Title>{t("channel")}</Title>
        <p className="muted">{t("channelHint")}</p>
      </header>
      <ChatPanel
        chat={chat}
        family={family}
        speaker={speaker}
        speakerSign={speaker && <Seal race={raceName(speaker.race)} className="seal-small" />}
        noSpeaker={
          <p className="chat-nobody">
            {t("nobody")} <Link to="/roster/new">{t("create")}</Link>
          </p>
        }
      />
    </>
  );
}
