/** The parts of our OpenAPI document that this page shows (gen/emit_openapi.c writes it). */
export type Schema = {
  $ref?: string;
  title?: string;
  description?: string;
  type?: string | string[];
  format?: string;
  contentEncoding?: string;
  items?: Schema;
  additionalProperties?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  enum?: (string | number)[];
  anyOf?: Schema[];
  allOf?: Schema[];
  oneOf?: Schema[];
  "x-enum-descriptions"?: Record<string, string>;
};

export type Media = { schema: Schema; example?: unknown; "x-example-message"?: unknown };

export type Operation = {
  summary: string;
  description: string;
  security: object[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { description: string; content?: Record<string, Media> }>;
  "x-waystone": {
    service: string;
    method: string;
    shape: string;
    access: string;
    time: string;
    requestSize: string;
    limit?: string;
    audited: boolean;
    sideEffects: boolean;
  };
  "x-streaming"?: {
    request: boolean;
    response: boolean;
    requestMessage: Schema;
    responseMessage: Schema;
  };
};

export type Document = {
  info: { title: string; version: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, { post: Operation; get?: Operation }>;
  components: { schemas: Record<string, Schema> };
};

export type Method = {
  path: string;
  post: Operation;
  hasGet: boolean;
  /** "waystone.chat.v1.SendMessageRequest". */
  request: string;
  response: string;
  example: string;
};

export function nameOf(reference: string | undefined): string {
  return reference?.split("/").at(-1) ?? "";
}

/** "SendMessageRequest": what people say. */
export function shortName(fullName: string): string {
  return fullName.split(".").at(-1) ?? fullName;
}

function methodOf(path: string, item: { post: Operation; get?: Operation }): Method {
  const { post } = item;
  const [media] = Object.values(post.requestBody?.content ?? {});
  const [answer] = Object.values(post.responses["200"]?.content ?? {});
  const streaming = post["x-streaming"];
  return {
    path,
    post,
    hasGet: item.get !== undefined,
    request: nameOf((streaming?.requestMessage ?? media?.schema)?.$ref),
    response: nameOf((streaming?.responseMessage ?? answer?.schema)?.$ref),
    example: JSON.stringify(media?.example ?? media?.["x-example-message"] ?? {}),
  };
}

export function methodsOf(document: Document, service: string): Method[] {
  return Object.entries(document.paths)
    .filter(([, item]) => item.post["x-waystone"].service === service)
    .map(([path, item]) => methodOf(path, item));
}

/** The schemas a value's schema points at: itself, items, entries, choices. */
function pointedAt(schema: Schema): string[] {
  const inside = [schema.items, schema.additionalProperties, ...(schema.anyOf ?? [])];
  return [
    ...(schema.$ref ? [nameOf(schema.$ref)] : []),
    ...inside.flatMap((one) => (one && typeof one === "object" ? pointedAt(one) : [])),
  ];
}

/** What the fields of some messages are made of, as far as it goes; sorted. */
export function typesBehind(document: Document, messages: string[]): string[] {
  const found = new Set<string>();
  const visit = (name: string): void => {
    for (const schema of Object.values(document.components.schemas[name]?.properties ?? {}))
      for (const next of pointedAt(schema))
        if (!found.has(next)) {
          found.add(next);
          visit(next);
        }
  };
  for (const name of messages) visit(name);
  return [...found].sort();
}

/** The field's comment, and the rules it has to keep. */
export function partsOf(description = ""): { meaning: string; rules: string } {
  const [meaning = "", rules = ""] = description.split(/(?:^|\n\n)Must be: /);
  return { meaning, rules: rules.replace(/\.$/, "") };
}
