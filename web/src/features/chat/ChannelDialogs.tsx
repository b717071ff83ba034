import { createClient } from "@connectrpc/connect";
import { type FormEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import { Select } from "@/components/Select";
import { ChatService, UpdateChannelRequestSchema } from "@/gen/waystone/chat/v1/chat_pb";
import { ModerationService } from "@/gen/waystone/moderation/v1/moderation_pb";
import { toChannel } from "@/lib/live/convert";
import type { ChannelInfo } from "@/lib/live/model";
import { checkField } from "@/lib/rules";
import { transport } from "@/lib/transport";
import { useOnce } from "@/lib/useOnce";
import { useChat } from "./context";
import { useCall } from "./useCall";

const client = createClient(ChatService, transport);
const moderation = createClient(ModerationService, transport);

type ChannelDialogProps = { channel: ChannelInfo; onClose: () => void };

/** What owners and moderators of a channel may change of it. */
export function ChangeDialog({ channel, onClose }: ChannelDialogProps) {
  const t = useTranslations("chat");
  const td = useTranslations("chatDialogs");
  const { chat } = useChat();
  const { busy, failure, run } = useCall(onClose);
  const [name, setName] = useState(channel.name);
  const [topic, setTopic] = useState(channel.topic);
  const [open, setOpen] = useState(channel.open);
  const [seconds, setSeconds] = useState(channel.slowModeSeconds);
  const [wrong, setWrong] = useState(false);
  const save = (event: FormEvent) => {
    event.preventDefault();
    const bad = checkField(UpdateChannelRequestSchema, "name", name.trim()) !== null;
    setWrong(bad);
    if (bad) return;
    void run(async () => {
      const { channel: changed } = await client.updateChannel({
        channelId: channel.id,
        name: name.trim(),
        topic: topic.trim(),
        open,
        slowModeSeconds: seconds,
      });
      if (changed) chat.enter(toChannel(changed));
    });
  };
  return (
    <Dialog title={t("toChange")} onClose={onClose}>
      <form className="form" onSubmit={save} noValidate>
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
        <SlowMode seconds={seconds} onChange={setSeconds} />
        <label className="tick">
          <input
            type="checkbox"
            checked={open}
            onChange={(event) => setOpen(event.target.checked)}
          />
          {td("channelOpen")}
        </label>
        <Acts busy={busy} failure={failure} submit={td("saveChannel")} />
      </form>
    </Dialog>
  );
}

/** A moderator's hold on the pace of any channel. */
export function SlowDialog({ channel, onClose }: ChannelDialogProps) {
  const t = useTranslations("chatDialogs");
  const once = useOnce();
  const { busy, failure, run } = useCall(onClose);
  const [seconds, setSeconds] = useState(channel.slowModeSeconds);
  const save = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const asked = { channelId: channel.id, slowModeSeconds: seconds };
      await once(String(seconds), (idempotencyKey) =>
        moderation.setSlowMode({ ...asked, idempotencyKey }),
      );
    });
  };
  return (
    <Dialog title={t("slowTitle", { channel: channel.name })} onClose={onClose}>
      <form className="form" onSubmit={save}>
        <SlowMode seconds={seconds} onChange={setSeconds} />
        <Acts busy={busy} failure={failure} submit={t("saveSlow")} />
      </form>
    </Dialog>
  );
}

/** Seconds between two messages of a speaker. */
const PACES = [0, 5, 10, 30, 60, 300, 900, 3600];

type SlowModeProps = { seconds: number; onChange: (seconds: number) => void };

function SlowMode({ seconds, onChange }: SlowModeProps) {
  const t = useTranslations("chatDialogs");
  // A pace that was set elsewhere is among the choices, too.
  const paces = PACES.includes(seconds) ? PACES : [...PACES, seconds].sort((a, b) => a - b);
  return (
    <Select
      label={t("slowMode")}
      value={String(seconds)}
      options={paces.map((one) => [String(one), t("pace", { seconds: one })])}
      onChange={(event) => onChange(Number(event.target.value))}
    />
  );
}

type ActsProps = { busy: boolean; failure: string | null; submit: string };

function Acts({ busy, failure, submit }: ActsProps) {
  return (
    <>
      {failure && <Notice>{failure}</Notice>}
      <div className="dialog-acts">
        <Button look="main" type="submit" aria-disabled={busy}>
          {submit}
        </Button>
      </div>
    </>
  );
}
