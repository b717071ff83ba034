#!/usr/bin/env python3
"""Turns annotated SQL into typed C functions, without a database.

    querygen.py --out DIR queries/guilds.sql ...

writes DIR/guilds.h and DIR/guilds.c for each file, and DIR/all.c with the list of all queries.
A query is:

    -- name: guilds_insert :one
    -- Founds a guild. ALREADY_EXISTS if the name is taken.
    -- in: name text, owner_id int8, note text?
    -- out: id int8, name text, created_at timestamptz
    INSERT INTO guilds (name, owner_id, note) VALUES (@name, @owner_id, @note)
    RETURNING id, name, created_at;

Shapes: ":one" (NOT_FOUND without a row), ":many", ":exec", ":execrows" (tells the rows
affected). "type?" may be NULL. A statement that starts with SELECT, or with WITH and changes
nothing, runs on the read lane unless it locks rows or says "-- lane: write". The types named here
are checked against a migrated database by a test that prepares every query.
"""

import argparse
import pathlib
import re
import sys
from dataclasses import dataclass, field

# name: (enum, C parameter, C member of a row)
TYPES = {
    "int2": ("DB_INT2", "int16_t ", "int16_t "),
    "int4": ("DB_INT4", "int32_t ", "int32_t "),
    "int8": ("DB_INT8", "int64_t ", "int64_t "),
    "bool": ("DB_BOOL", "bool ", "bool "),
    "float8": ("DB_FLOAT8", "double ", "double "),
    "text": ("DB_TEXT", "const char *", "char *"),
    "bytea": ("DB_BYTES", "struct bytes ", "struct bytes "),
    "timestamptz": ("DB_TIMESTAMPTZ", "int64_t ", "int64_t "),
    "uuid": ("DB_UUID", "struct db_uuid ", "struct db_uuid "),
    "int8[]": ("DB_INT8_ARRAY", "const int64_t *", "struct db_int8_array "),
    "text[]": ("DB_TEXT_ARRAY", "const char *const *", None),
}
ARRAYS = {"int8[]": "struct db_int8_array", "text[]": "struct db_text_array"}
MAX_PARAMETERS = 32  # DB_MAX_PARAMETERS of db/internal.h
SHAPES = {"one": "DB_ONE", "many": "DB_MANY", "exec": "DB_EXEC", "execrows": "DB_EXEC"}


class Mistake(Exception):
    """What is wrong with the input, with file and line."""


@dataclass
class Value:
    name: str
    type: str
    nullable: bool

    @property
    def flagged(self):
        """Whether NULL needs a flag beside the value."""
        return self.nullable and self.type not in ("text",)


@dataclass
class Query:
    name: str
    shape: str
    where: str
    comment: list = field(default_factory=list)
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    write_lane: bool = False
    sql: list = field(default_factory=list)


def parse_values(text, where, as_rows):
    values = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        words = part.split()
        if len(words) != 2:
            raise Mistake(f"{where}: '{part}' must be a name and a type")
        name, type_name = words
        nullable = type_name.endswith("?")
        type_name = type_name.rstrip("?")
        if type_name not in TYPES or (as_rows and TYPES[type_name][2] is None):
            raise Mistake(f"{where}: unknown type '{type_name}'; known: {', '.join(TYPES)}")
        if name in (v.name for v in values):
            raise Mistake(f"{where}: '{name}' is named twice")
        values.append(Value(name, type_name, nullable))
    return values


def annotate(query, text, where):
    """One comment line inside a query."""
    if text.startswith("in:"):
        query.inputs = parse_values(text[3:], where, False)
    elif text.startswith("out:"):
        query.outputs = parse_values(text[4:], where, True)
    elif text.startswith("lane:"):
        if text[5:].strip() != "write":
            raise Mistake(f"{where}: the only lane to ask for is write")
        query.write_lane = True
    else:
        query.comment.append(text)


def parse(path):
    head, queries, query = [], [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path}:{number}"
        comment = re.match(r"--\s?(.*)$", line)
        name = re.match(r"--\s*name:\s*(\w+)\s+:(\w+)\s*$", line)
        if name:
            if name[2] not in SHAPES:
                raise Mistake(f"{where}: unknown shape ':{name[2]}'; known: {', '.join(SHAPES)}")
            query = Query(name[1], name[2], where)
            queries.append(query)
        elif line.startswith("-- name:"):
            raise Mistake(f"{where}: write: -- name: some_name :one")
        elif comment and query is None:
            head.append(comment[1])
        elif comment and not query.sql:
            annotate(query, comment[1].strip(), where)
        elif line.strip() and query is None:
            raise Mistake(f"{where}: SQL before the first '-- name:'")
        elif query is not None and line.strip():
            query.sql.append(line.rstrip())
    for query in queries:
        check(query)
    return head, queries


def check(query):
    text = "\n".join(query.sql)
    if not text.endswith(";") or text.count(";") != 1:
        raise Mistake(f"{query.where}: {query.name} must be one statement that ends with ';'")
    if re.search(r"(SELECT|RETURNING|DISTINCT|,)\s*(\w+\.)?\*", text, re.I):
        raise Mistake(f"{query.where}: {query.name} must list its columns instead of *")
    used = set(re.findall(r"(?<![\w@])@(\w+)", text))
    known = {v.name for v in query.inputs}
    for name in sorted(used - known):
        raise Mistake(f"{query.where}: {query.name} uses @{name}, which 'in:' does not declare")
    for name in sorted(known - used):
        raise Mistake(f"{query.where}: {query.name} declares {name} and does not use it")
    if len(query.inputs) > MAX_PARAMETERS:
        raise Mistake(f"{query.where}: {query.name} has more than {MAX_PARAMETERS} parameters")
    if query.shape in ("one", "many") and not query.outputs:
        raise Mistake(f"{query.where}: {query.name} returns rows and needs 'out:'")
    if query.shape in ("exec", "execrows") and query.outputs:
        raise Mistake(f"{query.where}: {query.name} returns no rows and must have no 'out:'")


def numbered_sql(query):
    """The statement with $1, $2 ... for @names, in the order of 'in:'."""
    numbers = {v.name: i for i, v in enumerate(query.inputs, 1)}
    text = "\n".join(query.sql).rstrip(";")
    return re.sub(r"(?<![\w@])@(\w+)", lambda m: f"${numbers[m[1]]}", text)


def is_read(query):
    text = " ".join(query.sql)
    return (
        bool(re.match(r"\s*(SELECT|WITH)\b", text, re.I))
        and not re.search(r"\b(INSERT|UPDATE|DELETE|MERGE)\b", text, re.I)
        and not re.search(r"\bFOR\s+(NO\s+KEY\s+)?(UPDATE|SHARE|KEY)", text, re.I)
        and not query.write_lane
    )


def c_string(text):
    lines = [line.replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n")]
    return "\n".join(f'           "{line}\\n"' for line in lines)


# --- what is written ---


def parameter_list(query):
    parameters = ["struct db *db"]
    if query.shape in ("one", "many"):
        parameters.append("struct arena *arena")
    for value in query.inputs:
        c_type = TYPES[value.type][1]
        if value.flagged:
            parameters.append(f"const {c_type}*{value.name}")
        else:
            parameters.append(f"{c_type}{value.name}")
        if value.type in ARRAYS:
            parameters.append(f"size_t {value.name}_count")
    if query.shape == "one":
        parameters.append(f"struct {query.name}_row **ret_row")
    elif query.shape == "many":
        parameters += [f"struct {query.name}_row **ret_rows", "size_t *ret_count"]
    elif query.shape == "execrows":
        parameters.append("size_t *ret_count")
    return ", ".join(parameters)


def row_struct(query):
    lines = [f"struct {query.name}_row {{"]
    for value in query.outputs:
        note = " /* NULL when SQL's */" if value.nullable and not value.flagged else ""
        lines.append(f"    {TYPES[value.type][2]}{value.name};{note}")
        if value.flagged:
            lines.append(f"    bool {value.name}_is_null;")
    return "\n".join(lines + ["};"])


def doc_comment(query, source):
    text = query.comment or [query.name]
    lines = ["/* " + text[0]] + [" * " + line for line in text[1:]]
    lines[-1] += f" ({source}:{query.where.rsplit(':', 1)[1]})"
    lines.append(" * Suspends. `db` is the pool or a transaction" + (
        "; rows live in `arena`." if query.shape in ("one", "many") else "."))
    return "\n".join(lines) + " */"


def header(stem, source, head, queries):
    guard = f"WAYSTONE_DB_QUERIES_{stem.upper()}_H"
    parts = [
        f"/* Generated from {source}. Do not edit." + "".join(f"\n * {h}" for h in head if h) + " */",
        f"#ifndef {guard}\n#define {guard}",
        '#include "db/db.h"',
    ]
    for query in queries:
        if query.outputs:
            parts.append(row_struct(query))
        parts.append(
            f"{doc_comment(query, source)}\nenum status {query.name}({parameter_list(query)}) "
            "MUST_CHECK;"
        )
    return "\n\n".join(parts + ["#endif"]) + "\n"


def field_table(kind, query, values, struct):
    if not values:
        return ""
    rows = []
    for value in values:
        flag = f", offsetof({struct}, {value.name}_is_null)" if value.flagged else ", 0"
        rows.append(
            f'    {{"{value.name}", {TYPES[value.type][0]}, {str(value.nullable).lower()}, '
            f"offsetof({struct}, {value.name}){flag}}},"
        )
    return f"static const struct db_field {query.name}_{kind}[] = {{\n" + "\n".join(rows) + "\n};\n\n"


def parameter_struct(query):
    if not query.inputs:
        return ""
    lines = [f"struct {query.name}_parameters {{"]
    for value in query.inputs:
        c_type = ARRAYS.get(value.type)
        lines.append(f"    {c_type} {value.name};" if c_type else f"    {TYPES[value.type][1]}{value.name};")
        if value.flagged:
            lines.append(f"    bool {value.name}_is_null;")
    return "\n".join(lines + ["};", "", ""])


def assignments(query):
    lines = []
    for value in query.inputs:
        target = f"parameters.{value.name}"
        if value.type in ARRAYS:
            lines.append(f"    {target} = ({ARRAYS[value.type]}){{{value.name}, {value.name}_count}};")
        elif value.flagged:
            lines.append(f"    {target}_is_null = {value.name} == NULL;")
            lines.append(f"    if ({value.name} != NULL)\n        {target} = *{value.name};")
        else:
            lines.append(f"    {target} = {value.name};")
    return "\n".join(lines) + ("\n" if lines else "")


def function(query):
    has_rows = query.shape in ("one", "many")
    arena = "arena" if has_rows else "NULL"
    parameters = "&parameters" if query.inputs else "NULL"
    lines = [f"enum status {query.name}({parameter_list(query)})", "{"]
    if query.inputs:
        lines.append(f"    struct {query.name}_parameters parameters = {{0}};")
    if has_rows:
        lines.append("    void *rows;")
    if query.shape in ("one", "exec"):
        lines.append("    size_t count;")
    lines.append("")
    body = assignments(query)
    count = "ret_count" if query.shape in ("many", "execrows") else "&count"
    rows = "&rows" if has_rows else "NULL"
    call = f"db_run(db, {arena}, &{query.name}_query, {parameters}, {rows}, {count})"
    if has_rows:
        target = "*ret_row" if query.shape == "one" else "*ret_rows"
        body += f"    TRY({call});\n    {target} = rows;\n    return STATUS_OK;\n"
    else:
        body += f"    return {call};\n"
    return "\n".join(lines) + "\n" + body + "}\n"


def source_file(stem, source, queries):
    parts = [f"/* Generated from {source}. Do not edit. */\n#include \"{stem}.h\"\n\n#include <stddef.h>\n"]
    for query in queries:
        row = f"struct {query.name}_row"
        tables = (
            parameter_struct(query)
            + field_table("inputs", query, query.inputs, f"struct {query.name}_parameters")
            + field_table("outputs", query, query.outputs, row)
        )
        size = f"sizeof({row})" if query.outputs else "0"
        entry = (
            f"const struct db_query {query.name}_query = {{\n"
            f'    .name = "{query.name}",\n    .sql =\n{c_string(numbered_sql(query))},\n'
            f"    .shape = {SHAPES[query.shape]},\n    .read_only = {str(is_read(query)).lower()},\n"
            f"    .parameters = {query.name + '_inputs' if query.inputs else 'NULL'},\n"
            f"    .parameter_count = {len(query.inputs)},\n"
            f"    .columns = {query.name + '_outputs' if query.outputs else 'NULL'},\n"
            f"    .column_count = {len(query.outputs)},\n    .row_size_bytes = {size},\n}};\n"
        )
        declaration = f"extern const struct db_query {query.name}_query;\n"
        parts.append(tables + declaration + entry + "\n" + function(query))
    return "\n".join(parts)


def all_file(queries):
    names = [q.name for q in queries]
    lines = ["/* Every query of the program. Generated. Do not edit. */", '#include "db/db.h"', ""]
    lines += [f"extern const struct db_query {name}_query;" for name in names]
    lines += ["", "const struct db_query *const db_all_queries[] = {"]
    lines += [f"    &{name}_query," for name in names]
    lines += ["};", f"const size_t db_query_count = {len(names)};"]
    return "\n".join(lines) + "\n"


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--out", type=pathlib.Path, required=True)
    options.add_argument("files", type=pathlib.Path, nargs="+")
    arguments = options.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    everything, seen = [], {}
    for path in arguments.files:
        source = f"db/queries/{path.name}"
        head, queries = parse(path)
        for query in queries:
            if query.name in seen:
                raise Mistake(f"{query.where}: {query.name} is already at {seen[query.name]}")
            seen[query.name] = query.where
        (arguments.out / f"{path.stem}.h").write_text(header(path.stem, source, head, queries))
        (arguments.out / f"{path.stem}.c").write_text(source_file(path.stem, source, queries))
        everything += queries
    (arguments.out / "all.c").write_text(all_file(everything))


if __name__ == "__main__":
    try:
        main()
    except (Mistake, OSError) as mistake:
        sys.exit(f"querygen: {mistake}")
