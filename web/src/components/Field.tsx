import { type InputHTMLAttributes, type ReactNode, useId } from "react";

type FieldProps = InputHTMLAttributes<HTMLInputElement> & {
  label: string;
  hint?: string;
  error?: string | null | undefined;
  /** Stands at the end of the line, such as a "show password" button. */
  trailing?: ReactNode;
  /** A line that follows what is written, such as how long a password is. */
  note?: string | null | undefined;
};

/** A labelled line to write on, with its hint and what is wrong with it tied to it for readers. */
export function Field({
  label,
  hint,
  error,
  trailing,
  note,
  className = "",
  ...input
}: FieldProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div className={`field ${error ? "field-wrong" : ""} ${className}`}>
      <label htmlFor={id}>{label}</label>
      <div className="field-line">
        <input
          {...input}
          id={id}
          aria-invalid={error ? true : undefined}
          aria-describedby={described || undefined}
        />
        {trailing}
      </div>
      {hint && (
        <p id={`${id}-hint`} className="field-hint">
          {hint}
        </p>
      )}
      {note && (
        <p className="field-hint" aria-live="polite">
          {note}
        </p>
      )}
      <p id={`${id}-error`} className="field-error" role={error ? "alert" : undefined}>
        {error}
      </p>
    </div>
  );
}
