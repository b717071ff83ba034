import type { ReactNode } from "react";

type NoticeProps = { kind?: "error" | "done"; children: ReactNode };

/** One sentence about what just happened. Errors interrupt, results wait their turn. */
export function Notice({ kind = "error", children }: NoticeProps) {
  return (
    <p className={`notice notice-${kind}`} role={kind === "error" ? "alert" : "status"}>
      {children}
    </p>
  );
}
