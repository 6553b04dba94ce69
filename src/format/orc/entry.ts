// One ORC entry in the words of version 3, whatever version it was read from.

import {
  ORC_ENTRY_SIZE,
  ORC_TYPE_SHIFT,
  ORC_TYPES_V1,
  ORC_TYPES_V3,
  ORC_V1_END,
  ORC_V2_END,
  ORC_V2_SIGNAL,
  ORC_V3_SIGNAL,
  ORC_VERSIONS,
  orcRegisters,
  type OrcRegister,
  type OrcType,
  type OrcVersion,
} from './constants.ts';

/** How to find the caller's frame from an instruction: struct orc_entry. */
export interface OrcEntry {
  readonly type: OrcType;
  /** From here, plus {@link spOffset}, is the caller's stack pointer. */
  readonly spRegister: OrcRegister;
  readonly spOffset: number;
  /** Where the caller's rbp was saved; `undefined` where rbp still has it. */
  readonly bpRegister: OrcRegister;
  readonly bpOffset: number;
  /** The frame was interrupted: its address is that of the next instruction, not of a return. */
  readonly signal: boolean;
}

/** Reads the entry at `offset`; undefined if no kernel of this version has such an entry. */
export function decodeOrcEntry(
  view: DataView,
  offset: number,
  version: OrcVersion,
): OrcEntry | undefined {
  const flags = view.getUint16(offset + 4, true);
  const registers = orcRegisters(version);
  const spRegister = registers[flags & 0xf];
  const bpRegister = registers[(flags >> 4) & 0xf];
  if (spRegister === undefined || bpRegister === undefined) return undefined;
  const kind = version <= 2 ? oldType(flags, spRegister, version) : newType(flags);
  if (kind === undefined) return undefined;
  const spOffset = view.getInt16(offset, true);
  const bpOffset = view.getInt16(offset + 2, true);
  const entry = { ...kind, spRegister, spOffset, bpRegister, bpOffset };
  return isPossible(entry) ? entry : undefined;
}

type Kind = Pick<OrcEntry, 'type' | 'signal'>;

/** Version 1 has no `signal`: whoever finds registers was interrupted. */
function oldType(flags: number, spRegister: OrcRegister, version: OrcVersion): Kind | undefined {
  const endBit = version === 1 ? ORC_V1_END : ORC_V2_END;
  const known = 0x3ff | endBit | (version === 2 ? ORC_V2_SIGNAL : 0);
  if ((flags & ~known) !== 0) return undefined;
  const ends = (flags & endBit) !== 0;
  const type = ORC_TYPES_V1[(flags >> ORC_TYPE_SHIFT) & 3];
  if (type === undefined) return undefined;
  const signal = version === 1 ? type !== 'call' : (flags & ORC_V2_SIGNAL) !== 0;
  if (spRegister === 'undefined') {
    if (type !== 'call') return undefined;
    return { type: ends ? 'end_of_stack' : 'undefined', signal };
  }
  return ends ? undefined : { type, signal };
}

function newType(flags: number): Kind | undefined {
  if ((flags & ~(0x7ff | ORC_V3_SIGNAL)) !== 0) return undefined;
  const type = ORC_TYPES_V3[(flags >> ORC_TYPE_SHIFT) & 7];
  return type === undefined ? undefined : { type, signal: (flags & ORC_V3_SIGNAL) !== 0 };
}

/** What unwind_next_frame() takes (arch/x86/kernel/unwind_orc.c); all else it warns of. */
function isPossible({ type, spRegister, bpRegister, signal }: OrcEntry): boolean {
  const isFrame = type !== 'undefined' && type !== 'end_of_stack';
  if (isFrame !== (spRegister !== 'undefined') || spRegister === 'prev_sp') return false;
  if (!isFrame && type === 'undefined' && signal) return false;
  return bpRegister === 'undefined' || bpRegister === 'prev_sp' || bpRegister === 'bp';
}

/** Writes an entry. @returns its bytes; undefined if the version cannot say it */
export function encodeOrcEntry(entry: OrcEntry, version: OrcVersion): Uint8Array | undefined {
  const registers = orcRegisters(version);
  const sp = registers.indexOf(entry.spRegister);
  const bp = registers.indexOf(entry.bpRegister);
  if (sp < 0 || bp < 0) return undefined;
  const bytes = new Uint8Array(ORC_ENTRY_SIZE);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, entry.spOffset, true);
  view.setInt16(2, entry.bpOffset, true);
  view.setUint16(4, sp | (bp << 4) | kindBits(entry, version), true);
  const back = decodeOrcEntry(view, 0, version);
  return back !== undefined && isSame(back, entry) ? bytes : undefined;
}

function kindBits({ type, signal }: OrcEntry, version: OrcVersion): number {
  if (version >= 3) {
    return (ORC_TYPES_V3.indexOf(type) << ORC_TYPE_SHIFT) | (signal ? ORC_V3_SIGNAL : 0);
  }
  const number = Math.max(0, ORC_TYPES_V1.indexOf(type)) << ORC_TYPE_SHIFT;
  const ends = type === 'end_of_stack';
  if (version === 1) return number | (ends ? ORC_V1_END : 0);
  return number | (signal ? ORC_V2_SIGNAL : 0) | (ends ? ORC_V2_END : 0);
}

function isSame(a: OrcEntry, b: OrcEntry): boolean {
  const keys = Object.keys(a) as (keyof OrcEntry)[];
  return keys.every((key) => a[key] === b[key]);
}

/** A version is not believed if more of the entries than one in so many make no sense in it. */
const NONSENSE_MAX = 64;

/**
 * Tells the version from entries alone, for kernels without a header: the one in which every entry
 * makes sense and most are frames that rsp or rbp gives. A few hundred from all over the table do.
 *
 * @returns undefined if no version, or more than one, fits
 */
export function guessOrcVersion(entries: Uint8Array): OrcVersion | undefined {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const count = Math.floor(entries.length / ORC_ENTRY_SIZE);
  const kinds = kindsOf(view, count);
  const scores = ORC_VERSIONS.map((version) => {
    let nonsense = 0;
    let frames = 0;
    for (const { offset, count: alike } of kinds) {
      const entry = decodeOrcEntry(view, offset, version);
      if (entry === undefined) nonsense += alike;
      else if (entry.type === 'call' && isPlain(entry)) frames += alike;
    }
    return { version, nonsense, frames };
  });
  const fits = scores
    .filter(({ nonsense, frames }) => nonsense * NONSENSE_MAX <= count && frames * 2 > count)
    .sort((a, b) => a.nonsense - b.nonsense);
  const [best, next] = fits;
  return best === undefined || next?.nonsense === best.nonsense ? undefined : best.version;
}

/** Entries of equal `flags`, which alone say whether an entry makes sense: a table has few. */
function kindsOf(view: DataView, count: number): { offset: number; count: number }[] {
  const kinds = new Map<number, { offset: number; count: number }>();
  for (let i = 0; i < count; i++) {
    const offset = i * ORC_ENTRY_SIZE;
    const flags = view.getUint16(offset + 4, true);
    const known = kinds.get(flags);
    if (known === undefined) kinds.set(flags, { offset, count: 1 });
    else known.count++;
  }
  return [...kinds.values()];
}

function isPlain({ spRegister }: OrcEntry): boolean {
  return spRegister === 'sp' || spRegister === 'bp';
}
