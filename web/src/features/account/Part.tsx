import { type ReactNode, useId } from "react";
import { useTranslations } from "use-intl";
import { Notice } from "@/components/Notice";
import { useErrorText } from "@/lib/useErrorText";

type PartProps = { title: string; lead?: string; children: ReactNode };

/** A part of an account view, with its heading. */
export function Part({ title, lead, children }: PartProps) {
  const id = useId();
  return (
    <section className="part" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {lead && <p className="muted">{lead}</p>}
      {children}
    </section>
  );
}

type ReadProps<Data> = {
  query: { data: Data | undefined; error: unknown };
  children: (data: Data) => ReactNode;
};

/** What was read, or that it is being read, or why it could not be. */
export function Read<Data>({ query, children }: ReadProps<Data>) {
  const t = useTranslations("account");
  const explain = useErrorText();
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <Notice>{explain(query.error)}</Notice>;
  return <p className="muted">{t("reading")}</p>;
}
