/** A form whose rules come from the schema and whose last word is the server's. */
import type { DescMessage } from "@bufbuild/protobuf";
import { type FormEvent, useRef, useState } from "react";
import { fieldViolations } from "./errors";
import { type Broken, checkField } from "./rules";

type Names<Values> = Extract<keyof Values, string>;

/** What is wrong with a field: a broken rule of the schema, or the server's own words. */
export type Wrong = Broken | { rule: "server"; description: string };

type FormOptions<Values> = {
  schema: DescMessage;
  initial: Values;
  /** Each value's name in the schema. */
  fields: Record<Names<Values>, string>;
  submit: (values: Values) => Promise<void>;
  /** Turns an error without field details into one, where its meaning allows. */
  explain?: (error: unknown) => Partial<Record<Names<Values>, Wrong>>;
};

export function useForm<Values extends Record<string, string>>(options: FormOptions<Values>) {
  type Name = Names<Values>;
  const { schema, initial, fields, submit, explain } = options;
  const [values, setValues] = useState(initial);
  const [wrong, setWrong] = useState<Partial<Record<Name, Wrong>>>({});
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const form = useRef<HTMLFormElement>(null);
  const names = Object.keys(fields) as Name[];

  const check = (name: Name) => checkField(schema, fields[name], values[name] ?? "");

  const bind = (name: Name) => ({
    name,
    value: values[name] ?? "",
    onChange: (event: { target: { value: string } }) => {
      setValues({ ...values, [name]: event.target.value });
      if (wrong[name]) setWrong({ ...wrong, [name]: undefined });
    },
    onBlur: () => {
      // An untouched field is not wrong yet; leaving it to read the page must not scold.
      if (values[name] !== "") setWrong({ ...wrong, [name]: check(name) ?? undefined });
    },
  });

  const show = (found: Partial<Record<Name, Wrong>>): boolean => {
    const first = names.find((name) => found[name]);
    setWrong(found);
    if (first) form.current?.querySelector<HTMLInputElement>(`[name="${first}"]`)?.focus();
    return first !== undefined;
  };

  /** Checks and sends; `how` in place of the form's own way. */
  const send = async (how: (values: Values) => Promise<void> = submit) => {
    if (busy) return;
    setFailure(null);
    if (show(pick(names, (name) => check(name)))) return;
    setBusy(true);
    try {
      await how(values);
    } catch (error) {
      const violations = fieldViolations(error);
      const told = pick(names, (name) => {
        const found = violations.find((one) => one.field === fields[name]);
        return found ? { rule: "server", description: found.description } : null;
      });
      if (!show({ ...explain?.(error), ...told })) setFailure(error);
    } finally {
      setBusy(false);
    }
  };

  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void send();
  };

  return { values, bind, wrong, busy, failure, form, send, onSubmit };
}

function pick<Name extends string>(names: Name[], find: (name: Name) => Wrong | null) {
  const found: Partial<Record<Name, Wrong>> = {};
  for (const name of names) {
    const one = find(name);
    if (one) found[name] = one;
  }
  return found;
}
