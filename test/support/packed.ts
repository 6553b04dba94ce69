// Packs dumps for tests, and says what a triage of each gives, or a comparison.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readKdump } from '../../src/format/kdump/read.ts';
import { KdumpMemory } from '../../src/memory/kdump-memory.ts';
import { withProblems } from '../../src/cli/output.ts';
import { packVmcore, type PackOptions, type PackResult } from '../../src/pack/pack.ts';
import { openVmcore, type OpenOptions, type Vmcore } from '../../src/target/index.ts';
import { compareDumps, readDumpState } from '../../src/triage/compare.ts';
import { triage } from '../../src/triage/triage.ts';
import { BytesSink, BytesSource } from '../../src/util/io.ts';

/** A packed dump that lies in a file. */
export interface PackedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly result: PackResult;
}

/** Packs a dump to a file that is there for the time of `use`. */
export async function withPacked<T>(
  paths: readonly string[],
  options: Partial<PackOptions>,
  use: (packed: PackedFile) => T | Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-pack-'));
  try {
    const sink = new BytesSink();
    const defaults = { level: 'bytes', format: 'zlib', tool: 'test' } as const;
    const result = await packVmcore(paths, sink, { ...defaults, ...options });
    const path = join(folder, 'packed');
    const bytes = sink.bytes();
    writeFileSync(path, bytes);
    return await use({ path, bytes, result });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What `triage --json` prints of a dump. */
export async function triageJson(
  paths: readonly string[],
  options: OpenOptions = {},
): Promise<unknown> {
  const vmcore = await openVmcore(paths, options);
  try {
    return answerOf(vmcore);
  } finally {
    vmcore.close();
  }
}

/** What `compare --json` makes of two dumps. */
export async function compareJson(a: readonly string[], b: readonly string[]): Promise<unknown> {
  const before = await openVmcore(a);
  const now = await openVmcore(b);
  try {
    const result = compareDumps(readDumpState(before), readDumpState(now));
    const problems = [before.problems.list, now.problems.list];
    return JSON.parse(JSON.stringify({ ...result, problems }));
  } finally {
    before.close();
    now.close();
  }
}

/** What `triage --json` prints of one that is open. */
export function answerOf(vmcore: Vmcore): unknown {
  return JSON.parse(JSON.stringify(withProblems(triage(vmcore), vmcore.problems)));
}

const PAGE_SIZE = 4096;

/** All bytes of the pages of a packed dump, with what lies between them left out. */
export async function pagesOf({ bytes }: PackedFile): Promise<Map<number, Uint8Array>> {
  const memory = await KdumpMemory.open([readKdump(new BytesSource(bytes))]);
  const pages = new Map<number, Uint8Array>();
  for (const { start, end } of memory.presentRanges()) {
    for (let at = start; at < end; at += PAGE_SIZE) {
      const page = new Uint8Array(PAGE_SIZE);
      memory.readInto(page, at);
      pages.set(at, page);
    }
  }
  return pages;
}

/** How many of the pages have a text in them. */
export function countOf(pages: ReadonlyMap<number, Uint8Array>, text: string | Buffer): number {
  return [...pages.values()].filter((page) => Buffer.from(page).includes(text)).length;
}
