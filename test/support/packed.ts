// Packs dumps for tests, and says what a triage of each gives.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withProblems } from '../../src/cli/output.ts';
import { packVmcore, type PackOptions, type PackResult } from '../../src/pack/pack.ts';
import { openVmcore, type OpenOptions, type Vmcore } from '../../src/target/index.ts';
import { triage } from '../../src/triage/triage.ts';
import { BytesSink } from '../../src/util/io.ts';

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

/** The same of an opened one. */
export function answerOf(vmcore: Vmcore): unknown {
  return JSON.parse(JSON.stringify(withProblems(triage(vmcore), vmcore.problems)));
}
