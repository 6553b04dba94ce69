// How many of something, in words.

/** `1 task`, `2 tasks`. */
export function count(number: number, noun: string, plural = 's'): string {
  return `${number} ${noun}${number === 1 ? '' : plural}`;
}
