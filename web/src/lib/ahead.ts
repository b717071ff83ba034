/**
 * For whoever comes near the way to a part of the page, by pointer or keyboard: loads it before they
 * open it. A failure is told when it is opened, which tries again.
 */
export function ahead(load: () => Promise<unknown>) {
  const begin = () => void load().catch(() => {});
  return { onPointerEnter: begin, onFocus: begin };
}
