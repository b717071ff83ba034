import type en from "./en.json";

// Lets the compiler check every key.
declare module "use-intl" {
  interface AppConfig {
    Messages: typeof en;
    Locale: "en";
  }
}
