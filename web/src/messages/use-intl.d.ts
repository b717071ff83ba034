import type account from "./en.account.json";
import type chat from "./en.chat.json";
import type dialogs from "./en.dialogs.json";
import type entry from "./en.entry.json";
import type house from "./en.house.json";
import type en from "./en.json";
import type peace from "./en.peace.json";

// Lets the compiler check every key. What comes with later parts is in catalogues of their own.
declare module "use-intl" {
  interface AppConfig {
    Messages: typeof en &
      typeof chat &
      typeof dialogs &
      typeof peace &
      typeof entry &
      typeof account &
      typeof house;
    Locale: "en";
  }
}
