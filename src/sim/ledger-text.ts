// The ledger as the text of its JSON file, as JSON.stringify() with one space a level writes it.

import type { Ledger } from './ledger.ts';

/** The whole file. */
export function ledgerText(ledger: Ledger): string {
  return [...ledgerPieces(ledger)].join('');
}

/** {@link ledgerText} piece by piece: with 100,000 tasks it is too long for one string. */
export function* ledgerPieces(ledger: Ledger): Generator<string, void, undefined> {
  let before = '{\n ';
  for (const [key, value] of Object.entries(ledger)) {
    if (value === undefined) continue;
    yield `${before}${JSON.stringify(key)}: `;
    before = ',\n ';
    if (key === 'tasks') yield* arrayPieces(ledger.tasks);
    else yield indented(value, 1);
  }
  yield '\n}\n';
}

function* arrayPieces(items: readonly unknown[]): Generator<string, void, undefined> {
  let before = '[\n  ';
  for (const item of items) {
    yield `${before}${indented(item, 2)}`;
    before = ',\n  ';
  }
  yield items.length === 0 ? '[]' : '\n ]';
}

/** What is part of something else at that depth. */
function indented(value: unknown, depth: number): string {
  return JSON.stringify(value, null, 1).replaceAll('\n', `\n${' '.repeat(depth)}`);
}
