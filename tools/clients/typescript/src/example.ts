// Signs in, lists the channels and follows the first one until interrupted.
//
// usage: node dist/example.js URL LOGIN PASSWORD [MESSAGES]    ends after so many messages, if given
import { ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";

import { AuthService } from "./gen/waystone/auth/v1/auth_pb.js";
import { ChatService } from "./gen/waystone/chat/v1/chat_pb.js";

async function main(url: string, login: string, password: string, messages: number) {
  // createGrpcTransport and createGrpcWebTransport take the same options.
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "2" });
  const { result } = await createClient(AuthService, transport).signIn({ login, password });
  if (result.case !== "session") throw new Error("The account wants a second factor.");
  const headers = { authorization: `Bearer ${result.value.accessToken}` };

  const chat = createClient(ChatService, transport);
  const { channels } = await chat.listChannels({}, { headers });
  for (const { name } of channels) console.log(`#${name}`);

  const request = { channelId: channels[0]?.id ?? 0n, afterSequence: 0n };
  for await (const { event } of chat.streamMessages(request, { headers })) {
    if (event.case === "caughtUp") console.log("-- live --");
    if (event.case !== "message") continue;
    console.log(`${event.value.characterName}: ${event.value.text}`);
    messages -= 1;
    if (messages === 0) break;
  }
}

const [url, login, password, messages = "-1"] = process.argv.slice(2);
if (!url || !login || !password) {
  console.error("usage: node dist/example.js URL LOGIN PASSWORD [MESSAGES]");
  process.exit(1);
}
try {
  await main(url, login, password, Number(messages));
  process.exit(); // the connection would wait for more calls
} catch (error) {
  console.error(ConnectError.from(error).message);
  process.exit(1);
}
