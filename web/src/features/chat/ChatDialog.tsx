import { createClient } from "@connectrpc/connect";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useDeferredValue, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Catalogue } from "@/components/Catalogue";
import { Dialog } from "@/components/Dialog";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import { Select } from "@/components/Select";
import { TextArea } from "@/components/TextArea";
import { ChatService, CreateChannelRequestSchema } from "@/gen/waystone/chat/v1/chat_pb";
import { ModerationService, ReportReason } from "@/gen/waystone/moderation/v1/moderation_pb";
import { newKey } from "@/lib/ids";
import { toChannel } from "@/lib/live/convert";
import type { Line } from "@/lib/live/model";
import { checkField } from "@/lib/rules";
import { transport } from "@/lib/transport";
import { useErrorText } from "@/lib/useErrorText";
import dialogs from "@/messages/en.dialogs.json";
import peace from "@/messages/en.peace.json";
import { ChangeDialog, SlowDialog } from "./ChannelDialogs";
import { useChat, useChatState } from "./context";
import type { OpenDialog } from "./dialogs";
import { SanctionDialog } from "./SanctionDialog";
import { useCall } from "./useCall";

const client = createClient(ChatService, transport);
const moderation = createClient(ModerationService, transport);

const SENTENCES = { ...peace, ...dialogs };

type ChatDialogProps = { dialog: OpenDialog; onClose: () => void };

export default function ChatDialog(props: ChatDialogProps) {
  return (
    <Catalogue messages={SENTENCES}>
      <AnyDialog {...props} />
    </Catalogue>
  );
}

function AnyDialog({ dialog, onClose }: ChatDialogProps) {
  if (dialog === "create") return <CreateDialog onClose={onClose} />;
  if (dialog === "find") return <FindDialog onClose={onClose} />;
  if (dialog === "whisper") return <WhisperDialog onClose={onClose} />;
  if ("change" in dialog) return <ChangeDialog channel={dialog.change} onClose={onClose} />;
  if ("slow" in dialog) return <SlowDialog channel={dialog.slow} onClose={onClose} />;
  if ("sanction" in dialog) return <SanctionDialog {...dialog} onClose={onClose} />;
  if ("report" in dialog) return <ReportDialog line={dialog.report} onClose={onClose} />;
  return <RemoveDialog line={dialog.remove} onClose={onClose} />;
}

function CreateDialog({ onClose }: { onClose: () => void }) {
  const t = useTranslations("chat");
  const td = useTranslations("chatDialogs");
  const { chat, speaker } = useChat();
  const { busy, failure, run } = useCall(onClose);
  const [name, setName] = useState("");
  const [topic, setTopic] = useState("");
  const [open, setOpen] = useState(true);
  const [wrong, setWrong] = useState(false);
  const [idempotencyKey] = useState(newKey);
  const create = (event: FormEvent) => {
    event.preventDefault();
    const bad = checkField(CreateChannelRequestSchema, "name", name.trim()) !== null;
    setWrong(bad);
    if (bad || !speaker) return;
    void run(async () => {
      const asked = { name: name.trim(), topic: topic.trim(), open, idempotencyKey };
      const { channel } = await client.createChannel({ ...asked, characterId: speaker.id });
      if (channel) chat.enter(toChannel(channel));
    });
  };
  return (
    <Dialog title={t("toCreate")} onClose={onClose}>
      <form className="form" onSubmit={create}>
        <Field
          label={td("channelName")}
          hint={td("channelNameHint")}
          error={wrong ? td("channelNameHint") : null}
          value={name}
          maxLength={32}
          onChange={(event) => setName(event.target.value)}
        />
        <Field
          label={td("channelTopic")}
          value={topic}
          maxLength={200}
          onChange={(event) => setTopic(event.target.value)}
        />
        <label className="tick">
          <input
            type="checkbox"
            checked={open}
            onChange={(event) => setOpen(event.target.checked)}
          />
          {td("channelOpen")}
        </label>
        {failure && <Notice>{failure}</Notice>}
        <div className="dialog-acts">
          <Button look="main" type="submit" aria-disabled={busy}>
            {td("createChannel")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function FindDialog({ onClose }: { onClose: () => void }) {
  const t = useTranslations("chat");
  const td = useTranslations("chatDialogs");
  const explain = useErrorText();
  const { chat, speaker } = useChat();
  const joined = useChatState((state) => state.channels);
  const { failure, run } = useCall(onClose);
  const [words, setWords] = useState("");
  const nameContains = useDeferredValue(words.trim());
  const found = useQuery({
    queryKey: ["channels", nameContains],
    staleTime: 0,
    queryFn: async () => (await client.findChannels({ nameContains })).channels.map(toChannel),
  });
  const join = (channelId: bigint) => {
    if (!speaker) return;
    void run(async () => {
      if (!joined.has(channelId)) {
        await client.joinChannel({ channelId, characterId: speaker.id });
        const { channel } = await client.getChannel({ channelId });
        if (channel) chat.enter(toChannel(channel));
      } else chat.open(channelId);
    });
  };
  return (
    <Dialog title={t("toFind")} onClose={onClose}>
      <Field
        label={td("findName")}
        type="search"
        value={words}
        maxLength={32}
        onChange={(event) => setWords(event.target.value)}
      />
      {failure && <Notice>{failure}</Notice>}
      <p className="muted" role="status">
        {found.error
          ? explain(found.error)
          : td("channelsFound", { count: found.data?.length ?? 0 })}
      </p>
      <ul className="found-channels">
        {found.data?.map((channel) => (
          <li key={String(channel.id)}>
            <div>
              <b>{channel.name}</b>
              <span className="muted">{t("members", { count: channel.memberCount })}</span>
              {channel.topic && <p className="muted">{channel.topic}</p>}
            </div>
            <Button onClick={() => join(channel.id)}>
              {joined.has(channel.id)
                ? td("openChannel", { channel: channel.name })
                : td("joinChannel", { channel: channel.name })}
            </Button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function WhisperDialog({ onClose }: { onClose: () => void }) {
  const t = useTranslations("chat");
  const td = useTranslations("chatDialogs");
  const { chat, speaker } = useChat();
  const { busy, failure, run } = useCall(onClose);
  const [name, setName] = useState("");
  const open = (event: FormEvent) => {
    event.preventDefault();
    if (speaker && name.trim().length > 1) void run(() => chat.whisper(speaker, name.trim()));
  };
  return (
    <Dialog title={t("toWhisper")} onClose={onClose}>
      <form className="form" onSubmit={open}>
        <Field
          label={td("whisperName")}
          hint={td("whisperHint")}
          value={name}
          maxLength={24}
          onChange={(event) => setName(event.target.value)}
        />
        {failure && <Notice>{failure}</Notice>}
        <div className="dialog-acts">
          <Button look="main" type="submit" aria-disabled={busy}>
            {td("openWhisper")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

const REASONS = {
  spam: ReportReason.SPAM,
  harassment: ReportReason.HARASSMENT,
  hate: ReportReason.HATE,
  threat: ReportReason.THREAT,
  privacy: ReportReason.PRIVACY,
  fraud: ReportReason.FRAUD,
  other: ReportReason.OTHER,
} as const;
type ReasonName = keyof typeof REASONS;

function ReportDialog({ line, onClose }: { line: Line; onClose: () => void }) {
  const t = useTranslations("chatDialogs");
  const reasons = useTranslations("reasons");
  const { speaker } = useChat();
  const [done, setDone] = useState(false);
  const { busy, failure, run } = useCall(() => setDone(true));
  const [reason, setReason] = useState<ReasonName>("spam");
  const [note, setNote] = useState("");
  const report = (event: FormEvent) => {
    event.preventDefault();
    if (!speaker) return;
    void run(async () => {
      await moderation.reportMessage({
        channelId: line.channelId,
        messageSequence: line.sequence,
        characterId: speaker.id,
        reason: REASONS[reason],
        note: note.trim(),
      });
    });
  };
  return (
    <Dialog title={t("reportTitle", { name: line.characterName })} onClose={onClose}>
      {done ? (
        <>
          <Notice kind="done">{t("reported")}</Notice>
          <div className="dialog-acts">
            <Button onClick={onClose}>{t("done")}</Button>
          </div>
        </>
      ) : (
        <form className="form" onSubmit={report}>
          <blockquote>{line.text}</blockquote>
          <Select
            label={t("reportReason")}
            value={reason}
            options={(Object.keys(REASONS) as ReasonName[]).map((one) => [one, reasons(one)])}
            onChange={(event) => setReason(event.target.value as ReasonName)}
          />
          <TextArea
            label={t("reportNote")}
            hint={t("reportHint")}
            value={note}
            maxLength={500}
            onChange={(event) => setNote(event.target.value)}
          />
          {failure && <Notice>{failure}</Notice>}
          <div className="dialog-acts">
            <Button look="main" type="submit" aria-disabled={busy}>
              {t("reportSend")}
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

/** Taking back cannot be undone, so it is asked once more. */
function RemoveDialog({ line, onClose }: { line: Line; onClose: () => void }) {
  const t = useTranslations("chatDialogs");
  const common = useTranslations("common");
  const { chat } = useChat();
  const { busy, failure, run } = useCall(onClose);
  return (
    <Dialog title={t("takeBackTitle")} onClose={onClose}>
      <blockquote>{line.text}</blockquote>
      <p>{t("takeBackLead")}</p>
      {failure && <Notice>{failure}</Notice>}
      <div className="dialog-acts">
        <Button onClick={onClose}>{common("cancel")}</Button>
        <Button
          look="danger"
          aria-disabled={busy}
          onClick={() => void run(() => chat.remove(line))}
        >
          {t("takeBackConfirm")}
        </Button>
      </div>
    </Dialog>
  );
}
