// Several members of one struct at once: the plan of a walk over many tasks. Neighbouring members
// are read in one go, a member that cannot be read is left out and reported, the rest is kept.

import { vaddrAdd, type Vaddr } from '../util/address.ts';
import { InvalidError, VmcoreError } from '../util/errors.ts';
import type { Problems } from '../util/problems.ts';
import { compileMember, type MemberValue } from '../types/compile.ts';
import {
  byteAndBitsOf,
  findMember,
  sizeOf,
  type MemberPlace,
  type StructType,
} from '../types/ctype.ts';
import type { TypedMemory } from './ref.ts';

/** The values that were read, by key; a member that is absent or unreadable has no entry. */
export type RecordValues<Key extends string> = { [K in Key]?: MemberValue };

/** A value as a number; of a 64-bit one only what fits into 53 bits is exact. */
export function numberOf(value: MemberValue | undefined): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'bigint' ? Number(value) : undefined;
}

/** Members closer than this are read together: a read costs more than the bytes between. */
const GAP_MAX = 64;

/** Of a member that is read; `comm` has 16 bytes. Types of a damaged dump have gigabytes. */
const MEMBER_SIZE_MAX = 1 << 16;

interface PlannedMember<Key> {
  readonly key: Key;
  readonly start: number;
  readonly end: number;
  /** Decodes the member from a view that starts at the struct's span. */
  readonly decode: (view: DataView, base: number) => MemberValue;
}

interface Span<Key> {
  readonly start: number;
  end: number;
  readonly members: PlannedMember<Key>[];
}

/** Reads a fixed set of members of one struct, compiled once and used for many addresses. */
export class RecordReader<Key extends string> {
  readonly #memory: TypedMemory;
  readonly #of: string;
  readonly #spans: Span<Key>[];
  readonly #buffer: Uint8Array;
  readonly #view: DataView;

  /**
   * @param paths for each key the member's path, or several of which the first that exists is
   *   taken; a key whose paths this kernel lacks is never in the values
   * @throws InvalidError for a member larger than any that a kernel has
   */
  constructor(
    memory: TypedMemory,
    type: StructType,
    paths: Readonly<Record<Key, string | readonly string[]>>,
  ) {
    this.#memory = memory;
    this.#of = type.name;
    this.#spans = planSpans(planMembers(type, paths));
    const longest = this.#spans.reduce((max, span) => Math.max(max, span.end - span.start), 0);
    this.#buffer = new Uint8Array(longest);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** @param report where members that cannot be read are told of, and of what struct they are */
  read(address: Vaddr, report: { problems: Problems; subject: () => string }): RecordValues<Key> {
    const values: RecordValues<Key> = {};
    for (const span of this.#spans) {
      try {
        this.#readSpan(address, span, values);
      } catch (error) {
        if (!(error instanceof VmcoreError)) throw error;
        this.#readOneByOne(address, span, { values, report });
      }
    }
    return values;
  }

  #readSpan(address: Vaddr, span: Span<Key>, values: RecordValues<Key>): void {
    const bytes = this.#buffer.subarray(0, span.end - span.start);
    this.#memory.readInto(bytes, vaddrAdd(address, span.start), this.#of);
    for (const member of span.members) {
      values[member.key] = member.decode(this.#view, member.start - span.start);
    }
  }

  /** A span may straddle a page that the filter left out; what lies before it still counts. */
  #readOneByOne(
    address: Vaddr,
    span: Span<Key>,
    into: { values: RecordValues<Key>; report: { problems: Problems; subject: () => string } },
  ): void {
    for (const member of span.members) {
      const { problems, subject } = into.report;
      problems.attempt(`${subject()}.${member.key}`, () => {
        const single = { start: member.start, end: member.end, members: [member] };
        this.#readSpan(address, single, into.values);
      });
    }
  }
}

function planMembers<Key extends string>(
  type: StructType,
  paths: Readonly<Record<Key, string | readonly string[]>>,
): PlannedMember<Key>[] {
  const members: PlannedMember<Key>[] = [];
  for (const [key, path] of Object.entries<string | readonly string[]>(paths)) {
    const candidates = typeof path === 'string' ? [path] : path;
    const place = candidates
      .map((name) => findMember(type, name))
      .find((found) => found !== undefined);
    if (place !== undefined) members.push(planMember(key as Key, place));
  }
  return members.sort((a, b) => a.start - b.start);
}

function planMember<Key>(key: Key, place: MemberPlace): PlannedMember<Key> {
  const { byte: start, bits } = byteAndBitsOf(place);
  const size = bits === undefined ? sizeOf(place.type) : Math.ceil((bits.start + bits.size) / 8);
  if (size > MEMBER_SIZE_MAX) {
    const what = `expected at most ${MEMBER_SIZE_MAX} bytes, have ${size}`;
    throw new InvalidError(`member ${String(key)}: ${what}`);
  }
  const decode = compileMember({ ...place, bitOffset: place.bitOffset - start * 8 });
  return { key, start, end: start + size, decode };
}

function planSpans<Key>(members: readonly PlannedMember<Key>[]): Span<Key>[] {
  const spans: Span<Key>[] = [];
  for (const member of members) {
    const last = spans.at(-1);
    if (last !== undefined && member.start <= last.end + GAP_MAX) {
      last.end = Math.max(last.end, member.end);
      last.members.push(member);
    } else {
      spans.push({ start: member.start, end: member.end, members: [member] });
    }
  }
  return spans;
}
