// Names that a user mistyped: what he may have meant, and what there is.

import { UsageError } from './usage.ts';

/** One letter in so many may be wrong. */
const LETTERS_PER_ERROR = 3;
/** The shortest part of a name that stands for it. */
const PART_LENGTH_MIN = 3;

/** How a name is asked for. */
export interface AskedName {
  /** The verb that asks. */
  readonly verb: string;
  /** What it is the name of, such as `scenario`. */
  readonly what: string;
  readonly given: string;
  /** Where the user finds all names; they are listed unless told. */
  readonly hint?: string;
}

/**
 * One of some names.
 *
 * @throws UsageError with the nearest, if it is none of them
 */
export function oneOf<T extends string>(names: readonly T[], asked: AskedName): T {
  const { verb, what, given, hint } = asked;
  const found = names.find((name) => name === given);
  if (found !== undefined) return found;
  const near = nearestName(names, given);
  const meant = near === undefined ? '' : `; did you mean ${near}?`;
  throw new UsageError(
    `${verb}: no ${what} ${given}${meant} (${hint ?? `there are: ${names.join(', ')}`})`,
  );
}

/**
 * The name that is spelt most like a word, else the first that the word is a part of.
 *
 * @returns undefined if there is none, or several are as near: `v6` may be any of v1 to v9
 */
export function nearestName<T extends string>(names: readonly T[], word: string): T | undefined {
  const most = Math.max(1, Math.floor(word.length / LETTERS_PER_ERROR));
  const distances = names.map((name) => editDistance(name, word));
  const least = Math.min(...distances);
  const nearest = names.filter((_, i) => distances[i] === least);
  if (least <= most) return nearest.length === 1 ? nearest[0] : undefined;
  return word.length < PART_LENGTH_MIN ? undefined : names.find((name) => name.includes(word));
}

/** Letters that are wrong, missing, too many, or in the place of their neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const last = row;
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next[j] = Math.min(
        last[j]! + 1,
        next[j - 1]! + 1,
        last[j - 1]! + (isSame ? 0 : 1),
        isSwapped ? before[j - 2]! + 1 : Infinity,
      );
    }
    [before, row] = [last, next];
  }
  return row[b.length]!;
}
