import { element, inline, paragraphs, say } from "./dom";
import {
  type Document,
  type Method,
  methodsOf,
  nameOf,
  partsOf,
  type Schema,
  shortName,
  typesBehind,
} from "./openapi";
import { curlOf, getOf, tokenOf } from "./snippets";

const idOfType = (service: string, name: string): string => `${service}:${name}`;
export const idOfMethod = (method: Method): string =>
  `${method.post["x-waystone"].service}.${method.post["x-waystone"].method}`;

// Types of protobuf itself are told in words where they are used.
const isOwn = (name: string): boolean => !name.startsWith("google.protobuf.");

/** What a field holds, with links to types that are told further down. */
function typeOf(schema: Schema, service: string): (Node | string)[] {
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    if (!isOwn(name)) return [shortName(name)];
    return [element("a", { href: `#${idOfType(service, name)}` }, shortName(name))];
  }
  if (schema.type === "array") return ["list of ", ...typeOf(schema.items ?? {}, service)];
  if (schema.additionalProperties)
    return ["map of ", ...typeOf(schema.additionalProperties, service)];
  if (schema.contentEncoding) return ["bytes, in base64"];
  if (schema.format === "int64" || schema.format === "uint64")
    return [schema.format, ", as a string"];
  const choice = schema.anyOf?.find((one) => one.type || one.$ref);
  if (choice) return typeOf(choice, service);
  if (schema.type === "string") return ["string"];
  return [schema.format ?? String(schema.type ?? "any value")];
}

/** Which fields are members of a oneof, and in which words. */
function choicesOf(schema: Schema): Map<string, string> {
  const choices = new Map<string, string>();
  for (const { oneOf } of schema.allOf ?? []) {
    const members = oneOf?.flatMap((one) => one.required ?? []) ?? [];
    const words = members.length === oneOf?.length ? "exactly one of" : "at most one of";
    for (const member of members)
      choices.set(member, `${words} ${members.map((one) => `\`${one}\``).join(", ")}`);
  }
  return choices;
}

function fieldRow(name: string, schema: Schema, choice: string | undefined, service: string) {
  const { meaning, rules } = partsOf(schema.description);
  const kept = [choice, rules].filter((words) => words).join("; ");
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, element("code", {}, name)),
    element("td", { class: "field-type" }, ...typeOf(schema, service)),
    element(
      "td",
      {},
      ...paragraphs(meaning),
      kept ? element("p", { class: "field-rules" }, ...inline(kept)) : null,
    ),
  );
}

function fields(schema: Schema | undefined, service: string, caption: string): HTMLElement {
  const properties = Object.entries(schema?.properties ?? {});
  if (!schema || properties.length === 0)
    return element("p", { class: "muted" }, `${caption}: no fields.`);
  const choices = choicesOf(schema);
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        ...["Field", "Type", "Meaning and rules"].map((title) =>
          element("th", { scope: "col" }, title),
        ),
      ),
    ),
    element(
      "tbody",
      {},
      ...properties.map(([name, property]) => fieldRow(name, property, choices.get(name), service)),
    ),
  );
}

function snippet(title: string, text: string): HTMLElement {
  const copy = element("button", { class: "button copy", type: "button" }, "Copy");
  copy.setAttribute("aria-label", `Copy ${title}`);
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      say("Copied");
      copy.textContent = "Copied";
    } catch {
      say("The browser does not allow copying");
      copy.textContent = "Not allowed";
    }
    setTimeout(() => {
      copy.textContent = "Copy";
    }, 2000);
  });
  // Long lines scroll, which has to work with the keyboard too.
  const code = element("pre", { tabindex: "0" }, element("code", {}, text));
  code.setAttribute("role", "region");
  code.setAttribute("aria-label", title);
  return element("div", { class: "snippet" }, code, copy);
}

function fact(name: string, text: string | undefined): HTMLElement[] {
  return text ? [element("dt", {}, name), element("dd", {}, ...inline(text))] : [];
}

function facts(method: Method): HTMLElement {
  const told = method.post["x-waystone"];
  return element(
    "dl",
    { class: "facts" },
    ...fact("Who may call", told.access),
    ...fact("Shape", told.shape),
    ...fact("Limit", told.limit),
    ...fact("Time", told.time),
    ...fact("Request size", told.requestSize),
    ...fact("Side effects", told.sideEffects ? undefined : "none, so that it may be repeated"),
    ...fact("Audit", told.audited ? "each call is written to the audit log" : undefined),
  );
}

function errors(method: Method): HTMLElement | null {
  const told = Object.entries(method.post.responses).filter(([status]) => /^[45]/.test(status));
  if (told.length === 0) return null;
  return element(
    "details",
    { class: "errors" },
    element("summary", {}, "Errors"),
    element(
      "dl",
      {},
      ...told.flatMap(([status, { description }]) => [
        element("dt", {}, status),
        element("dd", {}, ...paragraphs(description)),
      ]),
    ),
  );
}

function methodArticle(document: Document, method: Method, service: string): HTMLElement {
  const id = idOfMethod(method);
  const name = method.post["x-waystone"].method;
  const streaming = method.post["x-streaming"];
  const { schemas } = document.components;
  // What the generator adds for readers of the bare document is said in the facts here.
  const text = method.post.description
    .replace(/(^|\n\n)Limit: [^\n]*$/, "")
    .replace(/(^|\n\n)This method streams[^\n]*/, "");
  return element(
    "article",
    { id, "data-name": searchable(method, schemas) },
    element("h3", {}, element("a", { href: `#${id}` }, name)),
    element("p", { class: "path" }, `POST ${method.path}`),
    ...paragraphs(text),
    facts(method),
    fields(schemas[method.request], service, streaming?.request ? "Each request" : "Request"),
    fields(schemas[method.response], service, streaming?.response ? "Each response" : "Response"),
    errors(method),
    element("h4", {}, "With curl"),
    snippet(`${name} with curl`, curlOf(method, location.origin)),
    ...(method.hasGet
      ? [element("h4", {}, "With GET"), snippet(`${name} with GET`, getOf(method, location.origin))]
      : []),
  );
}

function searchable(method: Method, schemas: Record<string, Schema>): string {
  const names = [method.request, method.response].flatMap((name) =>
    Object.keys(schemas[name]?.properties ?? {}),
  );
  return [method.path, ...names].join(" ").toLowerCase();
}

function typeArticle(document: Document, name: string, service: string): HTMLElement {
  const schema = document.components.schemas[name];
  const id = idOfType(service, name);
  const values = schema?.enum ?? [];
  return element(
    "article",
    { id, class: "type" },
    element("h4", {}, element("a", { href: `#${id}` }, shortName(name))),
    ...paragraphs(schema?.description ?? ""),
    values.length === 0
      ? fields(schema, service, "Fields")
      : element(
          "dl",
          { class: "values" },
          ...values.flatMap((value) => [
            element("dt", {}, element("code", {}, String(value))),
            element("dd", {}, schema?.["x-enum-descriptions"]?.[value] ?? ""),
          ]),
        ),
  );
}

/** A service with its methods, and the types they are made of. */
export function serviceSection(
  document: Document,
  tag: { name: string; description: string },
): HTMLElement {
  const methods = methodsOf(document, tag.name);
  const messages = methods.flatMap((method) => [method.request, method.response]);
  const types = typesBehind(document, messages).filter(isOwn);
  return element(
    "section",
    { id: tag.name, "aria-labelledby": `${tag.name}-title` },
    element("p", { class: "lettering" }, tag.name.split(".").slice(0, -1).join(" · ")),
    element("h2", { id: `${tag.name}-title` }, shortName(tag.name)),
    ...paragraphs(tag.description),
    ...methods.map((method) => methodArticle(document, method, tag.name)),
    types.length > 0
      ? element(
          "div",
          { class: "types" },
          element("h3", {}, "Types"),
          ...types.map((name) => typeArticle(document, name, tag.name)),
        )
      : null,
  );
}

/** What is the same for every call. */
export function introduction(document: Document): HTMLElement {
  return element(
    "section",
    { class: "introduction", "aria-label": "Every call" },
    ...paragraphs(document.info.description),
    snippet("how to get an access token", tokenOf(location.origin)),
  );
}

export function indexList(document: Document): HTMLElement[] {
  return document.tags.map((tag) =>
    element(
      "div",
      { class: "index-service" },
      element("a", { class: "index-name", href: `#${tag.name}` }, shortName(tag.name)),
      element(
        "ul",
        {},
        ...methodsOf(document, tag.name).map((method) =>
          element(
            "li",
            {},
            element("a", { href: `#${idOfMethod(method)}` }, method.post["x-waystone"].method),
          ),
        ),
      ),
    ),
  );
}
