// The page's own elements, by the ids in index.html.

/** The element with this id; the page has it, or the page is broken. */
export function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** A file's name is enough; an address is shown whole. */
export function shortName(source: string): string {
  return source.includes("://") ? source : (source.split(/[\\/]/).pop() ?? source);
}

/** "1 frame", "2 frames". */
export function counted(count: number, singular: string): string {
  return `${count} ${singular}${count === 1 ? "" : "s"}`;
}
