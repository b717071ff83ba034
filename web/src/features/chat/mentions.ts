/** Names with an @ before them: completing them while one writes, finding them in what was written. */

export type Person = { id: bigint; name: string };

/** The @word the caret stands in, if any: where it begins and what of the name is there. */
export function mentionAt(text: string, caret: number): { from: number; part: string } | null {
  const from = text.lastIndexOf("@", caret - 1);
  if (from < 0 || (from > 0 && !/\s/.test(text[from - 1] as string))) return null;
  const part = text.slice(from + 1, caret);
  // Names are letters with single spaces, ' or - between; two words are as far as a guess goes.
  return /^[\p{L}]*([ '-][\p{L}]*)?$/u.test(part) && part.length <= 24 ? { from, part } : null;
}

/** Who the part of a name may mean, best first. */
export function candidates(part: string, people: readonly Person[], most = 6): Person[] {
  const wanted = part.toLowerCase();
  const starts = people.filter(({ name }) => name.toLowerCase().startsWith(wanted));
  const inside = people.filter(
    ({ name }) =>
      !name.toLowerCase().startsWith(wanted) && name.toLowerCase().includes(` ${wanted}`),
  );
  return [...starts, ...inside].slice(0, most);
}

/** Whom a text mentions, of the people known; the schema allows ten. */
export function mentioned(text: string, people: readonly Person[]): bigint[] {
  const found = new Set<bigint>();
  for (const piece of pieces(text, people)) if (piece.person) found.add(piece.person.id);
  return [...found].slice(0, 10);
}

export type Piece = { text: string; person: Person | null };

/** The text in pieces, mentions of known people apart. Longer names win. */
export function pieces(text: string, people: readonly Person[]): Piece[] {
  if (!text.includes("@") || people.length === 0) return [{ text, person: null }];
  const byLength = [...people].sort((a, b) => b.name.length - a.name.length);
  const all: Piece[] = [];
  let plainFrom = 0;
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    const rest = text.slice(at + 1).toLowerCase();
    const person = byLength.find(({ name }) => isHere(rest, name.toLowerCase()));
    if (!person || (at > 0 && /[\p{L}\p{N}]/u.test(text[at - 1] as string))) continue;
    if (at > plainFrom) all.push({ text: text.slice(plainFrom, at), person: null });
    plainFrom = at + 1 + person.name.length;
    all.push({ text: text.slice(at, plainFrom), person });
  }
  if (plainFrom < text.length) all.push({ text: text.slice(plainFrom), person: null });
  return all;
}

function isHere(rest: string, name: string): boolean {
  return rest.startsWith(name) && !/[\p{L}\p{N}]/u.test(rest[name.length] ?? " ");
}
