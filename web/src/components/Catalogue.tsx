import { type ReactNode, useMemo } from "react";
import { IntlProvider, type Messages, useLocale, useMessages } from "use-intl";

type CatalogueProps = { messages: Partial<Messages>; children: ReactNode };

/** Adds the sentences of a part of the page that is loaded later than the first screen. */
export function Catalogue({ messages, children }: CatalogueProps) {
  const locale = useLocale();
  const known = useMessages();
  const all = useMemo(() => ({ ...known, ...messages }), [known, messages]);
  return (
    <IntlProvider locale={locale} messages={all}>
      {children}
    </IntlProvider>
  );
}
