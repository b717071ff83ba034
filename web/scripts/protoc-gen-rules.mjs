#!/usr/bin/env node
// A protoc plugin: writes the rules of string fields to src/gen/rules.ts.
//
// The schema carries its rules as buf.validate options. Reading those in the browser would bring
// the options' own descriptors along, 10 KB on the first load; what a form needs is a small table.
// Rules this file does not know are left to the server, which checks them all.
import { createRegistry, getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import { createEcmaScriptPlugin, runNodeJs } from "@bufbuild/protoplugin";

const plugin = createEcmaScriptPlugin({ name: "protoc-gen-rules", version: "v1", generateTs });

function generateTs(schema) {
  const registry = createRegistry(...schema.allFiles);
  const option = registry.getExtension("buf.validate.field");
  if (!option) throw new Error("the schema does not import buf/validate/validate.proto");

  const file = schema.generateFile("rules.ts");
  file.print("// Generated from the schema's buf.validate options. Do not edit.");
  file.print("export type StringRules = {");
  file.print("  minLen?: number;");
  file.print("  maxLen?: number;");
  file.print("  pattern?: string;");
  file.print("  email?: boolean;");
  file.print("};");
  file.print();
  file.print("/** By the full name of each string field that has rules. */");
  file.print("export const rules: Record<string, StringRules> = {");
  for (const field of schema.files.flatMap((one) => one.messages).flatMap((one) => one.fields)) {
    const rules = stringRules(field, option);
    if (rules) file.print("  ", JSON.stringify(nameOf(field)), ": ", JSON.stringify(rules), ",");
  }
  file.print("};");
}

function nameOf(field) {
  return `${field.parent.typeName}.${field.name}`;
}

function stringRules(field, option) {
  if (field.scalar !== ScalarType.STRING || !hasOption(field, option)) return null;
  const { type } = getOption(field, option);
  if (type.case !== "string") return null;
  const { minLen, maxLen, pattern, wellKnown } = type.value;
  return {
    ...(minLen > 0n && { minLen: Number(minLen) }),
    ...(maxLen > 0n && { maxLen: Number(maxLen) }),
    ...(pattern !== "" && { pattern }),
    ...(wellKnown.case === "email" && wellKnown.value && { email: true }),
  };
}

runNodeJs(plugin);
