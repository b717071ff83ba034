import { createClient } from "@connectrpc/connect";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Menu, type MenuItem } from "@/components/Popover";
import { ChannelRole, ChatService } from "@/gen/waystone/chat/v1/chat_pb";
import { newKey } from "@/lib/ids";
import { toRole } from "@/lib/live/convert";
import type { ChannelInfo, ChannelRoleName, PresentOne } from "@/lib/live/model";
import { transport } from "@/lib/transport";
import { useErrorText } from "@/lib/useErrorText";
import { useChat, useChatState } from "./context";
import { Panel } from "./Panel";

const client = createClient(ChatService, transport);
const PAGE_SIZE = 100;

type MembersPanelProps = {
  channel: ChannelInfo;
  onClose: () => void;
  onFailed: (error: unknown) => void;
};

/** Who is there; in channels one joins, who belongs to it and what they may do. */
export default function MembersPanel(props: MembersPanelProps) {
  const { channel, onClose } = props;
  const t = useTranslations("chat");
  const present = useChatState((state) => state.presence.get(channel.id));
  const joined = channel.kind === "custom" || channel.kind === "whisper";
  return (
    <Panel title={t("people")} onClose={onClose}>
      {joined ? (
        <Members {...props} />
      ) : !present ? (
        <p className="chat-panel-state">{t("hereUnknown")}</p>
      ) : (
        <>
          <p className="chat-panel-state">{t("here", { count: present.count })}</p>
          {present.people ? (
            <Here people={[...present.people.values()]} />
          ) : (
            <p className="chat-panel-state">{t("hereMany")}</p>
          )}
        </>
      )}
    </Panel>
  );
}

function Here({ people }: { people: PresentOne[] }) {
  const sorted = people.sort((a, b) => a.name.localeCompare(b.name));
  return (
    <ul className="people">
      {sorted.map((one) => (
        <li key={String(one.characterId)}>
          <Dot present={one} />
          <span className="people-name">{one.name}</span>
          <Appearance present={one} />
        </li>
      ))}
    </ul>
  );
}

function Dot({ present }: { present: PresentOne | undefined }) {
  const kind = present ? (present.away ? "away" : "online") : "offline";
  return <span className={`dot dot-${kind}`} aria-hidden="true" />;
}

/** The dot in words. */
function Appearance({ present }: { present: PresentOne | undefined }) {
  const t = useTranslations("chat");
  return (
    <span className="muted">
      {present ? (present.away ? t("away") : t("online")) : t("offline")}
      {present?.where && ` · ${present.where}`}
    </span>
  );
}

type Member = { id: bigint; name: string; role: ChannelRoleName };

function useMembers(channelId: bigint) {
  const queryKey = ["members", String(channelId)];
  const queries = useQueryClient();
  const read = useInfiniteQuery({
    queryKey,
    staleTime: 0,
    initialPageParam: "",
    queryFn: async ({ pageParam }) => {
      const page = { channelId, afterName: pageParam, pageSize: PAGE_SIZE };
      const { members, hasMore } = await client.listMembers(page);
      const all = members.map(
        (one): Member => ({
          id: one.characterId,
          name: one.characterName,
          role: toRole(one.role),
        }),
      );
      return { members: all, hasMore };
    },
    getNextPageParam: (page) => (page.hasMore ? page.members.at(-1)?.name : undefined),
  });
  const members = read.data?.pages.flatMap((page) => page.members) ?? [];
  return { ...read, members, readAgain: () => queries.invalidateQueries({ queryKey }) };
}

function Members({ channel, onFailed }: MembersPanelProps) {
  const t = useTranslations("chat");
  const explain = useErrorText();
  const { own } = useChat();
  const list = useMembers(channel.id);
  const people = useChatState((state) => state.presence.get(channel.id))?.people;
  const keeps = channel.role === "owner" || channel.role === "moderator";
  const act = (call: Promise<unknown>) => void call.then(list.readAgain, onFailed);
  const itemsFor = (one: Member): MenuItem[] => {
    const whom = { channelId: channel.id, characterId: one.id };
    const items: MenuItem[] = [];
    if (channel.kind !== "custom" || own.has(one.id) || one.role === "owner") return items;
    if (channel.role === "owner") {
      const role = one.role === "moderator" ? ChannelRole.MEMBER : ChannelRole.MODERATOR;
      items.push({
        label: one.role === "moderator" ? t("makeMember") : t("makeModerator"),
        onSelect: () => act(client.setMemberRole({ ...whom, role })),
      });
    }
    if (keeps && (channel.role === "owner" || one.role === "member")) {
      items.push({
        label: t("removeMember", { name: one.name }),
        danger: true,
        onSelect: () => act(client.removeMember({ ...whom, idempotencyKey: newKey() })),
      });
    }
    return items;
  };

  return (
    <>
      <p className="chat-panel-state" role="status">
        {list.error
          ? explain(list.error)
          : list.isPending
            ? t("membersReading")
            : t("members", { count: Math.max(channel.memberCount, list.members.length) })}
      </p>
      {keeps && channel.kind === "custom" && (
        <AddMember channel={channel} onAdded={list.readAgain} />
      )}
      <ul className="people">
        {list.members.map((one) => {
          const items = itemsFor(one);
          const present = people?.get(one.id);
          return (
            <li key={String(one.id)}>
              {people && <Dot present={present} />}
              <span className="people-name">{one.name}</span>
              {one.role !== "member" && one.role !== "none" && channel.kind === "custom" && (
                <span className="people-role">{t(`roles.${one.role}`)}</span>
              )}
              {people && <Appearance present={present} />}
              {items.length > 0 && (
                <Menu
                  label={t("memberMenu", { name: one.name })}
                  sign={<Icon name="more" />}
                  className="act"
                  items={items}
                />
              )}
            </li>
          );
        })}
      </ul>
      {list.hasNextPage && (
        <Button onClick={() => void list.fetchNextPage()}>{t("membersMore")}</Button>
      )}
    </>
  );
}

function AddMember({ channel, onAdded }: { channel: ChannelInfo; onAdded: () => void }) {
  const t = useTranslations("chat");
  const explain = useErrorText();
  const [name, setName] = useState("");
  const [failure, setFailure] = useState<string | null>(null);
  const add = async (event: FormEvent) => {
    event.preventDefault();
    if (name.trim().length < 2) return;
    setFailure(null);
    try {
      await client.addMember({ channelId: channel.id, characterName: name.trim() });
      setName("");
      onAdded();
    } catch (error) {
      setFailure(explain(error));
    }
  };
  return (
    <form className="search-form" onSubmit={add}>
      <div className="search-line">
        <input
          aria-label={t("addMember")}
          placeholder={t("addMember")}
          value={name}
          maxLength={24}
          onChange={(event) => setName(event.target.value)}
        />
        <button type="submit" className="act" aria-label={t("add")}>
          <Icon name="plus" />
        </button>
      </div>
      {failure && (
        <p className="field-error" role="alert">
          {failure}
        </p>
      )}
    </form>
  );
}
