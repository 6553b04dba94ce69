// What lies between the members of a struct: bytes and bits that belong to none of them.

import { byteAndBitsOf, sizeOf, type Member, type StructType } from './ctype.ts';

/** Room that no member has. Bits are those of a storage unit that bit fields leave. */
export interface Hole {
  readonly bytes: number;
  readonly bits: number;
}

/** A member with where it is stored. */
export interface StoredMember {
  readonly member: Member;
  /** Bytes from the start of the struct; of a bit field those to its storage unit. */
  readonly byte: number;
  /** Of the member; of a bit field that of its storage unit. */
  readonly size: number;
  /** Of a bit field: its first bit, counted from the lowest of its storage unit, and its width. */
  readonly bits?: { readonly start: number; readonly size: number };
  /** What is unused between this member and the next. */
  readonly hole: Hole;
}

/** A struct with its holes. */
export interface StoredMembers {
  readonly members: readonly StoredMember[];
  /** What is unused before the first member. */
  readonly before: Hole;
  /** What is unused behind the last one. */
  readonly padding: Hole;
}

const NO_HOLE: Hole = { bytes: 0, bits: 0 };

/**
 * Where the members of a struct are stored and what is unused between them. The members of a union
 * have nothing between them.
 *
 * @throws FormatError if the type of a member is damaged
 */
export function storedMembers(struct: StructType): StoredMembers {
  const stored = struct.members.map(storeMember);
  if (struct.kind === 'union') {
    const members = stored.map((place) => ({ ...place, hole: NO_HOLE }));
    return { members, before: NO_HOLE, padding: NO_HOLE };
  }
  const walk = new GapWalk();
  const gaps = stored.map((place) => walk.gapBefore(place));
  const padding = walk.gapUpTo(struct.size * 8);
  const members = stored.map((place, at) => ({ ...place, hole: gaps[at + 1] ?? NO_HOLE }));
  return { members, before: gaps[0] ?? NO_HOLE, padding };
}

type Stored = Omit<StoredMember, 'hole'>;

function storeMember(member: Member): Stored {
  const size = sizeOf(member.type);
  const { byte, bits } = byteAndBitsOf(member);
  if (bits === undefined) return { member, byte, size };
  // A compiler takes the unit of the declared type that holds the bits; in packed structs they may
  // lie across two, and then BTF tells no more than where they start.
  const unit = size > 0 ? Math.floor(byte / size) * size : byte;
  return {
    member,
    byte: unit,
    size,
    bits: { start: member.bitOffset - unit * 8, size: bits.size },
  };
}

/** Goes from member to member and remembers how far bits are taken. */
class GapWalk {
  /** One past the last bit of the members so far. */
  #end = 0;
  /** One past the last bit of the storage unit that the last bit field is in. */
  #unitEnd = 0;

  gapBefore({ member, byte, size, bits }: Stored): Hole {
    const start = member.bitOffset;
    const gap = this.#gap(start, bits === undefined ? undefined : byte * 8);
    this.#end = start + (bits === undefined ? size * 8 : bits.size);
    // A unit of a larger type that holds the same bits goes on where a smaller one ends.
    if (bits === undefined) this.#unitEnd = 0;
    else this.#unitEnd = Math.max(this.#unitEnd, (byte + size) * 8, this.#end);
    return gap;
  }

  gapUpTo(bit: number): Hole {
    return this.#gap(bit, undefined);
  }

  /** @param unit the first bit of the unit of the bit field that begins at `start` */
  #gap(start: number, unit: number | undefined): Hole {
    let from = this.#end;
    let bytes = 0;
    let bits = 0;
    const left = Math.min(start, this.#unitEnd) - from;
    if (left > 0) {
      bits += left;
      from += left;
    }
    if (unit === undefined) {
      bytes += Math.max(0, Math.floor((start - from) / 8));
    } else {
      if (from < unit && unit <= start) {
        bytes += Math.floor((unit - from) / 8);
        from = unit;
      }
      bits += Math.max(0, start - from);
    }
    return { bytes, bits };
  }
}
