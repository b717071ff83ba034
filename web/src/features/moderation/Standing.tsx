import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { TextArea } from "@/components/TextArea";
import { AppealSanctionRequestSchema } from "@/gen/waystone/moderation/v1/moderation_pb";
import { checkField } from "@/lib/rules";
import { useAct } from "@/lib/useAct";
import { useErrorText } from "@/lib/useErrorText";
import { useOnce } from "@/lib/useOnce";
import { moderation, social } from "./calls";
import { SanctionCard } from "./SanctionCard";

/** The player's own sanctions, with the way to appeal, and whom the player blocks. */
export function Standing() {
  const t = useTranslations("moderation");
  return (
    <div className="standing">
      <section aria-labelledby="own-sanctions">
        <h2 id="own-sanctions">{t("mySanctions")}</h2>
        <MySanctions />
      </section>
      <section aria-labelledby="own-blocks">
        <h2 id="own-blocks">{t("myBlocks")}</h2>
        <MyBlocks />
      </section>
    </div>
  );
}

function MySanctions() {
  const t = useTranslations("moderation");
  const explain = useErrorText();
  const { data, error, isPending } = useQuery({
    queryKey: ["moderation", "mine"],
    staleTime: 0,
    queryFn: async () => (await moderation.listMySanctions({})).sanctions,
  });
  if (isPending) return <p className="muted">{t("reading")}</p>;
  if (error) return <Notice>{explain(error)}</Notice>;
  if (data.length === 0) return <p className="muted">{t("noSanctions")}</p>;
  return (
    <ul className="cases">
      {data.map((sanction) => (
        <li key={String(sanction.id)}>
          <SanctionCard sanction={sanction}>
            {sanction.appealed ? (
              <p className="muted">{t("appealed")}</p>
            ) : (
              sanction.active && <AppealForm sanctionId={sanction.id} />
            )}
          </SanctionCard>
        </li>
      ))}
    </ul>
  );
}

function AppealForm({ sanctionId }: { sanctionId: bigint }) {
  const t = useTranslations("moderation");
  const once = useOnce();
  const { act, busy, failure } = useAct("moderation");
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const appeal = (event: FormEvent) => {
    event.preventDefault();
    const bad = checkField(AppealSanctionRequestSchema, "text", text.trim()) !== null;
    setWrong(bad);
    if (bad) return;
    const asked = { sanctionId, text: text.trim() };
    void act(() =>
      once(asked.text, (idempotencyKey) => moderation.appealSanction({ ...asked, idempotencyKey })),
    );
  };
  if (!open) return <Button onClick={() => setOpen(true)}>{t("toAppeal")}</Button>;
  return (
    <form className="form" onSubmit={appeal}>
      <TextArea
        label={t("appealText")}
        hint={t("appealHint")}
        error={wrong ? t("writeSome") : null}
        value={text}
        maxLength={500}
        onChange={(event) => setText(event.target.value)}
      />
      {failure && <Notice>{failure}</Notice>}
      <Button look="main" type="submit" aria-disabled={busy}>
        {t("sendAppeal")}
      </Button>
    </form>
  );
}

function MyBlocks() {
  const t = useTranslations("moderation");
  const explain = useErrorText();
  const { act, failure } = useAct("moderation");
  const { data, error, isPending } = useQuery({
    queryKey: ["moderation", "blocks"],
    staleTime: 0,
    queryFn: async () => (await social.listBlocks({})).blocks,
  });
  if (isPending) return <p className="muted">{t("reading")}</p>;
  if (error) return <Notice>{explain(error)}</Notice>;
  if (data.length === 0) return <p className="muted">{t("noBlocks")}</p>;
  return (
    <>
      {failure && <Notice>{failure}</Notice>}
      <ul className="blocks">
        {data.map(({ characterId, characterName }) => (
          <li key={String(characterId)}>
            <b>{characterName}</b>
            <Button onClick={() => void act(() => social.unblockCharacter({ characterId }))}>
              {t("unblock", { name: characterName })}
            </Button>
          </li>
        ))}
      </ul>
    </>
  );
}
