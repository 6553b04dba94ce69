// Symbols as a table: nm(1)'s columns, with the size and the module.

import type { FoundSymbol, SymbolsResult } from '../kernel/symbols-result.ts';
import { escapeLine } from '../util/escape.ts';
import type { Table } from './table.ts';

/** All that was found, a row a symbol. */
export function symbolsTable({ answers }: SymbolsResult): Table {
  return {
    columns: [
      { title: 'ADDRESS', align: 'left' },
      { title: 'T', align: 'left' },
      { title: 'SIZE', align: 'right' },
      { title: 'SYMBOL', align: 'left' },
    ],
    rows: answers.flatMap(({ symbols }) => symbols.map(row)),
  };
}

function row(symbol: FoundSymbol): string[] {
  const { address, letter, sizeBytes, offsetBytes = 0 } = symbol;
  return [
    address16(BigInt(address) + BigInt(offsetBytes)),
    letter,
    sizeBytes === undefined ? '?' : String(sizeBytes),
    symbolWords(symbol),
  ];
}

/** `schedule+0x10/0xc0 [module]`, as the kernel prints it (%pS). */
function symbolWords({ name, offsetBytes, sizeBytes, module }: FoundSymbol): string {
  const of = sizeBytes === undefined ? '' : `/0x${sizeBytes.toString(16)}`;
  const plus = offsetBytes === undefined ? '' : `+0x${offsetBytes.toString(16)}${of}`;
  return escapeLine(`${name}${plus}${module === undefined ? '' : ` [${module}]`}`);
}

/** Sixteen digits, so that a column of them is in order. */
function address16(address: bigint): string {
  return `0x${address.toString(16).padStart(16, '0')}`;
}
