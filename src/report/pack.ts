// What a packed dump has, as text: for `pack` that made it, and for `info`.

import { count } from '../util/count.ts';
import { escapeLine } from '../util/escape.ts';
import { columnText } from './table.ts';

/** What `pack` says of what it wrote; the manifest of the note has it. */
export interface PackedSummary {
  readonly tool: string;
  readonly level: string;
  readonly source: {
    readonly container: {
      readonly description: string;
      readonly files: readonly { readonly name: string; readonly sizeBytes: number }[];
    };
    readonly checksum: string;
    readonly checksumOf: string;
  };
  readonly kept: readonly {
    readonly what: string;
    readonly bytes: number;
    readonly why?: string;
  }[];
  readonly keptBytes: number;
  readonly keptPages: number;
  readonly symbols: number;
  readonly masked: readonly string[];
}

/** The text of `stallcore pack`. */
export function packText(
  manifest: PackedSummary,
  { output, verified }: { readonly output: string; readonly verified: boolean },
): string {
  const { keptBytes, keptPages, symbols, masked } = manifest;
  const pages = count(keptPages, 'page');
  const lines = [
    `${escapeLine(output)}: ${bytes(keptBytes)} of memory in ${pages}, ${count(symbols, 'symbol')}`,
    ...masked.map(escapeLine),
    ...(verified
      ? [`verified: it gives the same ${masked.length === 0 ? 'triage' : 'verdict'}`]
      : []),
  ];
  return `${lines.join('\n')}\n\n${keptTable(manifest)}`;
}

/** Bytes of memory by what they are, the most first. */
export function keptTable({ kept }: PackedSummary): string {
  return columnText({
    columns: [
      { title: 'BYTES', align: 'right' },
      { title: 'OF', align: 'left' },
      { title: 'WHY', align: 'left' },
    ],
    rows: kept.map(({ what, bytes: size, why = '' }) => [
      ...[String(size), escapeLine(what), escapeLine(why)],
    ]),
  });
}

/** Facts of a packed dump for `info`: a title and a text each. */
export function packedFacts(manifest: PackedSummary): (readonly [title: string, text: string])[] {
  const { tool, level, source, keptBytes, keptPages, masked } = manifest;
  const { container, checksum, checksumOf } = source;
  const files = container.files.map(({ name, sizeBytes }) => `${name} (${sizeBytes} bytes)`);
  return [
    ['PACKED', `by ${tool}, level ${level}: ${bytes(keptBytes)} in ${count(keptPages, 'page')}`],
    ['PACKED FROM', `${files.join(', ')}, ${container.description}`],
    ['CHECKSUM', `${checksum} (${checksumOf})`],
    ...masked.map((what) => ['MASKED', what] as const),
  ];
}

function bytes(size: number): string {
  return `${(size / 1024).toFixed(1)} KiB`;
}
