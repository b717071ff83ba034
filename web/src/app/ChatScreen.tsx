import { useTranslations } from "use-intl";
import { Plate } from "@/components/Plate";
import { useTitle } from "@/lib/useTitle";
import { ChatPlace } from "./ChatPlace";

export function ChatScreen() {
  const t = useTranslations("chat");
  useTitle(t("title"));
  return (
    <Plate className="chat-screen">
      <ChatPlace screen />
    </Plate>
  );
}
