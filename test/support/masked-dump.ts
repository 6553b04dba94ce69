// Copies of dumps that say less than these: lines of VMCOREINFO taken out, in the notes and
// wherever memory has the text, notes left out. A copy is an ELF dump of what is present.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as elf from '../../src/format/elf/constants.ts';
import type { ElfNote } from '../../src/format/elf/notes.ts';
import { writeElfVmcore, type ElfNoteSpec } from '../../src/format/elf/write.ts';
import { btResult } from '../../src/kernel/bt.ts';
import { readInfo, type InfoResult } from '../../src/kernel/info.ts';
import { logResult } from '../../src/kernel/log.ts';
import { readMemalloc } from '../../src/kernel/memalloc-report.ts';
import { tasksResult } from '../../src/kernel/tasks-result.ts';
import type { PhysicalRange } from '../../src/memory/physical.ts';
import { openContainer } from '../../src/target/open-container.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { BytesSink, type ByteSource } from '../../src/util/io.ts';
import { Problems } from '../../src/util/problems.ts';
import { withVmcore } from './real-dumps.ts';

/** What a copy does not say. */
export interface Mask {
  /** Which lines of VMCOREINFO are taken out; `all` takes its note too. */
  readonly lines?: RegExp | 'all';
  /** Whether the notes of CPUs are left out. */
  readonly cpuNotes?: boolean;
  /** Changes what is left of memory. */
  readonly edit?: (memory: EditableMemory) => void;
}

/** Memory that a test damages. */
export interface EditableMemory {
  /** Bytes of one range; writing to them changes the copy. */
  bytesAt(paddr: number, length: number): Buffer;
}

/** Writes a copy of `source`, masked, to `path`. */
async function writeMaskedDump(source: string, path: string, mask: Mask): Promise<void> {
  const container = await openContainer([source], { problems: new Problems() });
  try {
    const pieces = [...container.memory.presentRanges()].map((range) => {
      const bytes = Buffer.alloc(range.end - range.start);
      container.memory.readInto(bytes, range.start);
      return { ...range, bytes };
    });
    for (const { bytes } of pieces) maskTexts(bytes, mask.lines);
    mask.edit?.({ bytesAt: (paddr, length) => bytesAt(pieces, paddr, length) });
    const notes = container.notes.flatMap((note) => maskedNote(note, mask));
    if (container.vmcoreinfo !== undefined && mask.lines !== 'all') {
      const desc = Buffer.from(container.vmcoreinfo.bytes);
      maskTexts(desc, mask.lines);
      notes.push({ name: elf.NOTE_VMCOREINFO, type: 0, desc });
    }
    const sink = new BytesSink();
    const segments = pieces.map(({ start, bytes }) => ({ paddr: start, data: sourceOf(bytes) }));
    writeElfVmcore(sink, { notes, segments });
    writeFileSync(path, sink.bytes());
  } finally {
    container.close();
  }
}

/** The first line; what is a VMCOREINFO begins so. */
const FIRST_LINE = 'OSRELEASE=';

/** Takes lines out of every VMCOREINFO text, in place; what is left moves together. */
function maskTexts(bytes: Buffer, lines: Mask['lines']): void {
  if (lines === undefined) return;
  let at = bytes.indexOf(FIRST_LINE);
  for (; at >= 0; at = bytes.indexOf(FIRST_LINE, at + 1)) {
    let end = at;
    while (end < bytes.length && isText(bytes[end] as number)) end++;
    const text = bytes.toString('latin1', at, end);
    const kept = text.split('\n').filter((line) => lines !== 'all' && !lines.test(line));
    bytes.fill(0, at, end);
    bytes.write(kept.join('\n'), at, 'latin1');
  }
}

function isText(byte: number): boolean {
  return byte === 0x0a || (byte >= 0x20 && byte < 0x7f);
}

function maskedNote(note: ElfNote, { lines, cpuNotes = false }: Mask): ElfNoteSpec[] {
  const { name, type } = note;
  // It is written again, without the lines.
  if (name === elf.NOTE_VMCOREINFO) return [];
  const isCpu = (name === elf.NOTE_CORE && type === elf.NT_PRSTATUS) || name === elf.NOTE_QEMU;
  if (isCpu && cpuNotes) return [];
  const desc = Buffer.from(note.desc);
  maskTexts(desc, lines);
  return [{ name, type, desc }];
}

function bytesAt(
  pieces: readonly (PhysicalRange & { bytes: Buffer })[],
  paddr: number,
  length: number,
): Buffer {
  const piece = pieces.find(({ start, end }) => paddr >= start && paddr + length <= end);
  if (piece === undefined) throw new RangeError(`not in one range: ${paddr}, ${length} bytes`);
  return piece.bytes.subarray(paddr - piece.start, paddr - piece.start + length);
}

function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    name: 'memory',
    size: bytes.length,
    readInto: (into, offset) => {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
  };
}

/** A mask, and in words what it takes. */
export interface Masked {
  readonly name: string;
  readonly mask: Mask;
  /** What of it the answers must depend on: the dump to compare with has that masked as well. */
  readonly without?: Mask;
}

/**
 * Asks a dump and its masked copy the same, which must give the same answers.
 *
 * @returns what `info` says of the copy and of the dump
 */
export async function checkMasked(
  dump: string,
  { mask, without }: Omit<Masked, 'name'>,
): Promise<[masked: InfoResult, whole: InfoResult]> {
  const whole = await wholeAnswers(dump, without);
  const masked = await withMaskedDump(dump, mask, (path) =>
    withVmcore(path, (vmcore) => {
      assert.deepEqual(vmcore.problems.list, []);
      return answers(vmcore);
    }),
  );
  for (const [verb, result] of Object.entries(whole.results)) {
    assert.deepEqual(masked.results[verb], result, verb);
  }
  return [masked.info, whole.info];
}

/** A masked copy that is there for the time of `use`. */
export async function withMaskedDump<T>(
  dump: string,
  mask: Mask,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-masked-'));
  try {
    const path = join(folder, 'vmcore');
    await writeMaskedDump(dump, path, mask);
    return await use(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Of dumps that were asked before, since reading one takes a second. */
const KNOWN = new Map<string, Answers>();

async function wholeAnswers(dump: string, without: Mask | undefined): Promise<Answers> {
  const key = `${dump} ${JSON.stringify(without)}`;
  const read = (path: string): Promise<Answers> => withVmcore(path, answers);
  const whole =
    KNOWN.get(key) ??
    (without === undefined ? await read(dump) : await withMaskedDump(dump, without, read));
  KNOWN.set(key, whole);
  return whole;
}

/** What the verbs print with `--json`, by verb. */
interface Answers {
  readonly info: InfoResult;
  readonly results: Record<string, unknown>;
}

function answers(vmcore: Vmcore): Answers {
  const results = {
    memalloc: readMemalloc(vmcore, { evidence: 'always' }),
    tasks: tasksResult(vmcore),
    bt: btResult(vmcore, { all: true }),
    log: logResult(vmcore),
  };
  return {
    info: readInfo(vmcore),
    results: JSON.parse(JSON.stringify(results)) as Record<string, unknown>,
  };
}
