import { useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { saveFile } from "./save";

type NewCodesProps = { codes: string[]; userName: string; onKept: () => void };

/** The codes, this once: to print, to copy, to keep as a file. */
export default function NewCodes({ codes, userName, onKept }: NewCodesProps) {
  const t = useTranslations("account");
  const [copied, setCopied] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const text = [t("codesFile", { name: userName }), "", ...codes, ""].join("\n");
  const copy = () => void navigator.clipboard?.writeText(text).then(() => setCopied(true));
  return (
    <section className="new-codes" aria-labelledby="new-codes-title">
      <h2 id="new-codes-title" ref={heading} tabIndex={-1}>
        {t("codesNew")}
      </h2>
      <p>{t("codesNewLead")}</p>
      <p className="print-only">{t("codesFile", { name: userName })}</p>
      <ol className="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ol>
      {copied && <Notice kind="done">{t("copied")}</Notice>}
      <div className="part-acts">
        <Button onClick={() => saveFile("waystone-recovery-codes.txt", [text], "text/plain")}>
          {t("download")}
        </Button>
        <Button onClick={copy}>{t("copy")}</Button>
        <Button onClick={() => print()}>{t("print")}</Button>
        <Button look="main" onClick={onKept}>
          {t("codesKept")}
        </Button>
      </div>
    </section>
  );
}
