// The result object of `stallcore struct VMCORE NAME WHAT`: values of a type, or of some of its
// members, in the memory of the dump.

import { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { byteAndBitsOf, placeOf, type BitField, type CType } from '../types/ctype.ts';
import { describeCType } from '../types/declaration.ts';
import { hex, vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { FaultError, InvalidError, LookupError } from '../util/errors.ts';
import { count } from '../util/count.ts';
import { optional } from '../util/optional.ts';
import type { AskedType, NamedType } from './struct-layout.ts';
import { structTarget, type StructTarget } from './struct-target.ts';
import { ValueReader, type Value, type ValueOptions } from './struct-value.ts';

/** Values of a type. */
export interface StructValuesResult {
  readonly type: 'struct-values';
  /** As it was asked for. */
  readonly name: string;
  /** In C words: `struct task_struct`. */
  readonly declared: string;
  /** Where the types come from. */
  readonly source: string;
  readonly objects: readonly StructObject[];
}

/** One object. */
export interface StructObject {
  readonly target: StructTarget;
  /** All of it, or what was asked for; none where the target is NULL. */
  readonly values: readonly StructObjectValue[];
}

/** A value of an object. */
export interface StructObjectValue {
  /** The path of the member; absent for the whole object. */
  readonly member?: string;
  /** In C words; absent where a pointer on the way is not in the dump. */
  readonly type?: string;
  /** Absent where a pointer on the way is NULL or not in the dump. */
  readonly address?: string;
  readonly value?: Value;
  /** The path of the pointer that is NULL. */
  readonly nullAt?: string;
}

/** What of a type is wanted, and of which objects. */
export interface StructQuestion extends ValueOptions {
  readonly asked: AskedType;
  readonly found: NamedType;
  readonly source: string;
  /** Paths of members, `comm`, `signal.oom_mm`; all of it where there are none. */
  readonly members: readonly string[];
  /** Addresses, symbols, pids. */
  readonly targets: readonly string[];
}

/**
 * Reads the values. What is not in the dump is said so in the result, and is a problem as well.
 *
 * @throws LookupError if there is no such member, symbol or task
 * @throws FormatError if the type is damaged
 */
export function structValues(vmcore: Vmcore, question: StructQuestion): StructValuesResult {
  const { asked, found, source, members, targets } = question;
  const reader = new ValueReader(vmcore, question);
  const objects = targets.flatMap((word): StructObject[] => {
    const target = reached(vmcore, `${asked.name} ${word}`, () => {
      return structTarget(vmcore, found.type, word);
    });
    if (target === undefined) return [];
    if (target.address === undefined) return [{ target, values: [] }];
    const start = vaddr(BigInt(target.address));
    const paths = members.length === 0 ? [undefined] : members;
    const values = paths.map((path) => readAt(vmcore, reader, { type: found.type, start, path }));
    const absent = values.reduce((sum, { value }) => sum + countAbsent(value), 0);
    if (absent > 0) {
      const subject = `${asked.name} ${target.address}`;
      vmcore.problems.addMessage(subject, `${count(absent, 'value')} not in the dump`, 'fault');
    }
    return [{ target, values }];
  });
  const declared = found.typedef === undefined ? describeCType(found.type) : asked.name;
  return { type: 'struct-values', name: asked.name, declared, source, objects };
}

/** A pointer on the way may lie on a page that is absent: a problem, and undefined. */
function reached<T>({ problems }: Vmcore, subject: string, reach: () => T): T | undefined {
  try {
    return reach();
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    problems.add(subject, error);
    return undefined;
  }
}

function readAt(
  vmcore: Vmcore,
  reader: ValueReader,
  { type, start, path }: { type: CType; start: Vaddr; path: string | undefined },
): StructObjectValue {
  const subject = `${describeCType(type)} ${hex(start)}.${path}`;
  const place = reached(vmcore, subject, () => walkPath(vmcore, { type, start, path }));
  if (place === undefined) return optional('member', path);
  const told = { ...optional('member', path), type: describeCType(place.type) };
  if (place.nullAt !== undefined) return { ...told, nullAt: place.nullAt };
  const value = reader.read(place.type, place.address, place.bits);
  return { ...told, address: hex(place.address), value };
}

interface ReachedPlace {
  readonly type: CType;
  readonly address: Vaddr;
  readonly bits: BitField | undefined;
  readonly nullAt?: string;
}

/** Goes along a path, through pointers too. */
function walkPath(
  vmcore: Vmcore,
  { type, start, path }: { type: CType; start: Vaddr; path: string | undefined },
): ReachedPlace {
  let reached: ReachedPlace = { type, address: start, bits: undefined };
  const steps = path?.split('.') ?? [];
  for (const [at, step] of steps.entries()) {
    if (reached.type.kind === 'pointer') {
      const address = new Ref(vmcore, reached.type, reached.address).pointer();
      const nullAt = steps.slice(0, at).join('.');
      if (address === 0n) return { ...reached, nullAt };
      reached = { type: reached.type.target, address, bits: undefined };
    }
    const struct = reached.type;
    const place =
      struct.kind === 'struct' || struct.kind === 'union' ? placeOf(struct, step) : undefined;
    if (place === undefined) throw new LookupError('member', `${describeCType(struct)}.${step}`);
    const { byte, bits } = byteAndBitsOf(place);
    reached = { type: place.type, address: vaddrAdd(reached.address, byte), bits };
  }
  return reached;
}

/** Of an array each element. */
function countAbsent(value: Value | undefined): number {
  switch (value?.kind) {
    case 'absent':
      return 1;
    case 'struct':
    case 'union':
      return value.members.reduce((sum, member) => sum + countAbsent(member.value), 0);
    case 'array':
      return value.runs.reduce((sum, run) => sum + run.repeats * countAbsent(run.value), 0);
    default:
      return 0;
  }
}

/**
 * A type and perhaps members of it: `zone`, `struct zone`, `zone._watermark,name`.
 *
 * @throws InvalidError for what is no name
 */
export function parseStructName(text: string): { asked: AskedType; members: string[] } {
  const [, kind, name, path] =
    /^(?:(struct|union|enum) )?([A-Za-z_]\w*)(?:\.([\w.[\],]+))?$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidError(`${text}: expected NAME or NAME.member`);
  const asked = { name, ...optional('kind', kind as AskedType['kind']) };
  return { asked, members: path?.split(',').filter((each) => each !== '') ?? [] };
}
