// How many of something, in words.

/** `1 task`, `2 tasks`. */
export function count(number: number, noun: string, plural = 's'): string {
  return `${number} ${noun}${number === 1 ? '' : plural}`;
}

/** `12 %`; `<1 %` of what is not nothing. `of` is not 0. */
export function percent(part: number, of: number): string {
  const rounded = Math.round((part * 100) / of);
  return Math.abs(rounded) === 0 && part !== 0 ? '<1 %' : `${rounded} %`;
}
