// Values of C types in the memory of the dump, member by member. Each is read by itself, so that a
// page that is absent takes away the members on it and no others.

import { KERNEL_HALF } from '../arch/x86-64.ts';
import type { SymbolPlace } from '../target/symbols.ts';
import type { Vmcore } from '../target/vmcore.ts';
import {
  byteAndBitsOf,
  sizeOf,
  type ArrayType,
  type BitField,
  type CType,
  type EnumType,
  type StructType,
} from '../types/ctype.ts';
import { memberTypeWords } from '../types/declaration.ts';
import { hex, vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { FaultError, type FaultReason } from '../util/errors.ts';
import { escapeText } from '../util/escape.ts';
import { optional } from '../util/optional.ts';

/** A value; which members it has depends on its kind. */
export type Value =
  | { readonly kind: 'struct' | 'union'; readonly members: readonly MemberValue[] }
  | ArrayValue
  /** Decimal digits, or `0x…` of what is wider than 64 bits. */
  | { readonly kind: 'int' | 'float' | 'bool'; readonly value: string }
  | EnumValueOf
  | { readonly kind: 'text'; readonly text: string; readonly cut?: true }
  | PointerValue
  /** Nothing is stored: a flexible array, a function, a struct that is only declared. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'absent'; readonly reason: FaultReason }
  /** There are more values than anybody reads. */
  | { readonly kind: 'not shown' };

/** An array: equal neighbours together. */
export interface ArrayValue {
  readonly kind: 'array';
  readonly count: number;
  readonly runs: readonly { readonly repeats: number; readonly value: Value }[];
  /** Elements at the end that are not shown. */
  readonly notShown: number;
}

/** An enum: its name, or the names of its bits, and what has none. */
export interface EnumValueOf {
  readonly kind: 'enum';
  readonly value: string;
  readonly names: readonly string[];
  /** Bits without a name; absent where there are none. */
  readonly rest?: string;
}

/** A pointer. */
export interface PointerValue {
  readonly kind: 'pointer';
  readonly value: string;
  /** The symbol that covers it: `init_task+0x8 [module]`. */
  readonly symbol?: string;
  /** Of a `char *` what it points to, up to the NUL. */
  readonly text?: string;
}

/** A member of a struct with its value. */
export interface MemberValue {
  /** Empty for an anonymous one. */
  readonly name: string;
  /** In C words, `char [16]`. */
  readonly type: string;
  /** From the start of the outermost value. */
  readonly offsetBytes: number;
  /** Of a bit field: its first bit, counted from the lowest of that byte, and its width. */
  readonly bits?: BitField;
  readonly value: Value;
}

/** How much of a value is read. */
export interface ValueOptions {
  /** Runs of equal elements of an array; 16 unless told. */
  readonly arrayMax?: number;
}

const ARRAY_MAX = 16;
/** Elements of an array that are looked at for repetitions. */
const ELEMENTS_MAX = 4096;
/** Values in all: some arrays of the kernel hold arrays of structs. */
const VALUES_MAX = 100_000;
/** The kernel's own types nest to a dozen. */
const NESTING_MAX = 32;
const TEXT_MAX = 256;

/** What values are read from. */
export type ValueSource = Pick<Vmcore, 'symbols' | 'readBytes' | 'readAvailable'>;

/** Reads values of one dump. */
export class ValueReader {
  readonly #vmcore: ValueSource;
  readonly #arrayMax: number;
  #left = VALUES_MAX;
  #start: Vaddr = vaddr(0n);

  constructor(vmcore: ValueSource, { arrayMax = ARRAY_MAX }: ValueOptions = {}) {
    this.#vmcore = vmcore;
    this.#arrayMax = arrayMax;
  }

  /**
   * The value of a type, or of a member of it, at an address.
   *
   * @throws FormatError if the type is damaged
   */
  read(type: CType, address: Vaddr, bits?: BitField): Value {
    this.#left = VALUES_MAX;
    this.#start = address;
    return this.#value(type, address, { bits, depth: 0 });
  }

  #value(type: CType, address: Vaddr, at: { bits?: BitField | undefined; depth: number }): Value {
    if (this.#left-- <= 0 || at.depth > NESTING_MAX) return { kind: 'not shown' };
    try {
      if (at.bits !== undefined) return this.#bitField(type, address, at.bits);
      switch (type.kind) {
        case 'struct':
        case 'union':
          return this.#struct(type, address, at.depth);
        case 'array':
          return this.#array(type, address, at.depth);
        case 'void':
        case 'function':
          return { kind: 'nothing' };
        default:
          return type.size > 0 ? this.#scalar(type, address) : { kind: 'nothing' };
      }
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      return { kind: 'absent', reason: error.reason };
    }
  }

  #struct(type: StructType, address: Vaddr, depth: number): Value {
    if (type.size === 0 && type.members.length === 0) return { kind: 'nothing' };
    const members = type.members.map((member) => {
      const { byte, bits } = byteAndBitsOf(member);
      const place = vaddrAdd(address, byte);
      return {
        name: member.name,
        type: memberTypeWords(member),
        offsetBytes: Number(BigInt.asUintN(64, place - this.#start)),
        ...optional('bits', bits),
        value: this.#value(member.type, place, { bits, depth: depth + 1 }),
      };
    });
    return { kind: type.kind, members };
  }

  #array(type: ArrayType, address: Vaddr, depth: number): Value {
    const { element, count } = type;
    if (count === 0) return { kind: 'nothing' };
    if (isChar(element)) return this.#text(address, count);
    const size = sizeOf(element);
    const runs: { repeats: number; value: Value }[] = [];
    let last = '';
    let done = 0;
    for (; done < Math.min(count, ELEMENTS_MAX); done++) {
      const value = this.#value(element, vaddrAdd(address, done * size), { depth: depth + 1 });
      const words = wordsOf(value);
      const run = runs.at(-1);
      if (run !== undefined && words === last) run.repeats++;
      else if (runs.length >= this.#arrayMax) break;
      else runs.push({ repeats: 1, value });
      last = words;
    }
    return { kind: 'array', count, runs, notShown: count - done };
  }

  #text(address: Vaddr, count: number): Value {
    const length = Math.min(count, TEXT_MAX);
    const bytes = this.#vmcore.readBytes(address, length);
    const end = bytes.indexOf(0);
    const text = escapeText(end < 0 ? bytes : bytes.subarray(0, end));
    return { kind: 'text', text, ...(end < 0 && count > length ? { cut: true as const } : {}) };
  }

  #scalar(type: CType, address: Vaddr): Value {
    const bytes = this.#vmcore.readBytes(address, sizeOf(type));
    if (type.kind === 'float') return { kind: 'float', value: floatWords(bytes) };
    if (bytes.length > 8) return { kind: 'int', value: hex(unsignedOf(bytes)) };
    if (type.kind === 'pointer') return this.#pointer(type.target, vaddr(unsignedOf(bytes)));
    return integerValue(type, unsignedOf(bytes), bytes.length * 8);
  }

  #bitField(type: CType, address: Vaddr, { start, size }: BitField): Value {
    const bytes = this.#vmcore.readBytes(address, Math.ceil((start + size) / 8));
    return integerValue(type, BigInt.asUintN(size, unsignedOf(bytes) >> BigInt(start)), size);
  }

  #pointer(target: CType, value: Vaddr): PointerValue {
    const isKernels = value >= KERNEL_HALF;
    const place = isKernels ? this.#vmcore.symbols.symbolAt(value) : undefined;
    const text = isKernels && isChar(target) ? this.#textAt(value) : undefined;
    return {
      kind: 'pointer',
      value: hex(value),
      ...optional('symbol', place === undefined ? undefined : symbolWords(place)),
      ...optional('text', text),
    };
  }

  /** undefined where not even the first byte can be read. */
  #textAt(address: Vaddr): string | undefined {
    const bytes = this.#vmcore.readAvailable(address, TEXT_MAX);
    if (bytes.length === 0) return undefined;
    const end = bytes.indexOf(0);
    return escapeText(end < 0 ? bytes : bytes.subarray(0, end));
  }
}

/** What two equal elements of an array have in common: all but where they are. */
function wordsOf(value: Value): string {
  return JSON.stringify(value, (key, each: unknown) => (key === 'offsetBytes' ? undefined : each));
}

/** `init_task+0x8`, with its module behind it where it has one. */
export function symbolWords({ name, offset, module }: SymbolPlace): string {
  const plus = offset === 0 ? '' : `+${hex(offset)}`;
  return `${name}${plus}${module === undefined ? '' : ` [${module}]`}`;
}

function isChar(type: CType): boolean {
  return type.kind === 'int' && type.size === 1 && /^(signed )?char$/.test(type.name);
}

function integerValue(type: CType, raw: bigint, bits: number): Value {
  const signed = (type.kind === 'int' || type.kind === 'enum') && type.signed;
  const value = signed ? BigInt.asIntN(bits, raw) : raw;
  if (type.kind === 'enum') return enumValue(type, value);
  // Any other value than these is none that the compiler can have written.
  const isBool = type.kind === 'int' && type.name === '_Bool' && value <= 1n;
  return isBool
    ? { kind: 'bool', value: String(value === 1n) }
    : { kind: 'int', value: String(value) };
}

function enumValue({ values }: EnumType, value: bigint): EnumValueOf {
  const exact = [...values].find(([, each]) => each === value);
  if (exact !== undefined) return { kind: 'enum', value: String(value), names: [exact[0]] };
  const bits = [...values].filter(([, each]) => each > 0n && (each & (each - 1n)) === 0n);
  const isFlags = value > 0n && bits.length > 1 && bits.length === values.size;
  const set = isFlags ? bits.filter(([, each]) => (value & each) !== 0n) : [];
  const rest = set.reduce((left, [, each]) => left & ~each, value);
  return {
    kind: 'enum',
    value: String(value),
    names: set.map(([name]) => name),
    ...optional('rest', set.length > 0 && rest !== 0n ? hex(rest) : undefined),
  };
}

function unsignedOf(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at] ?? 0);
  return value;
}

/** The kernel has floats in saved FPU state only. */
function floatWords(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 4) return String(view.getFloat32(0, true));
  return bytes.length === 8 ? String(view.getFloat64(0, true)) : hex(unsignedOf(bytes));
}
