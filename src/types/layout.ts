// Layout files: what BTF says of the structs that we read, as JSON that can be kept, compared and
// written by hand for kernels that carry no BTF. See structs/README.md for the form.

import { FormatError, InvalidError } from '../util/errors.ts';
import { intSpellings, parseCType, type BaseKind } from './c-declaration.ts';
import {
  sizeOf,
  type CType,
  type EnumType,
  type Member,
  type StructType,
  type TypeKind,
  type TypeSource,
} from './ctype.ts';
import { LAYOUT_SCHEMA, validateJson } from './layout-schema.ts';

/** Which kernel a layout file describes and where it comes from. */
export interface LayoutIdentity {
  /** `uname -r`, null where the layout fits many kernels. */
  readonly release: string | null;
  /** `uname -m`: `x86_64`. */
  readonly arch: string;
  /** The kernel's linux_banner without its newline. */
  readonly banner: string | null;
  /** The kernel's GNU build ID in lower-case hex. */
  readonly buildId: string | null;
  readonly producer: string;
  readonly source: string;
}

/** A member as it stands in a layout file; in short `offset type`. */
export interface LayoutMember {
  readonly offset: number;
  readonly type: string;
  readonly size?: number;
  readonly bits?: readonly [number, number];
}

/** A struct or union as it stands in a layout file. */
export interface LayoutStruct {
  readonly kind: 'struct' | 'union';
  readonly size: number;
  readonly members: Readonly<Record<string, LayoutMember | string>>;
}

/** An enum as it stands in a layout file. */
export interface LayoutEnum {
  readonly size: number;
  readonly signed: boolean;
  readonly values: Readonly<Record<string, number | string>>;
}

/** A layout file, parsed and checked. */
export interface LayoutFile extends LayoutIdentity {
  readonly $schema?: string;
  readonly format: 1;
  readonly pointerSize: 4 | 8;
  readonly baseTypes: Readonly<Record<string, { size: number; signed?: boolean; float?: boolean }>>;
  readonly typedefs: Readonly<Record<string, string>>;
  readonly structs: Readonly<Record<string, LayoutStruct>>;
  readonly enums: Readonly<Record<string, LayoutEnum>>;
  readonly enumerators: Readonly<Record<string, number | string>>;
  readonly flags: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/**
 * Reads a layout file.
 *
 * @param text its content
 * @param origin words for results: `layout file 6.1.0-x86_64.json`
 * @throws FormatError naming the path of what breaks the schema
 */
export function readLayout(text: string, origin = 'layout file'): LayoutTypes {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new FormatError({ section: 'layout' }, `no JSON: ${error.message}`);
  }
  validateJson(parsed, LAYOUT_SCHEMA);
  const file = parsed as Partial<LayoutFile> & LayoutFile;
  return new LayoutTypes(
    {
      ...file,
      release: file.release ?? null,
      banner: file.banner ?? null,
      buildId: file.buildId ?? null,
      baseTypes: file.baseTypes ?? {},
      typedefs: file.typedefs ?? {},
      enums: file.enums ?? {},
      enumerators: file.enumerators ?? {},
      flags: file.flags ?? {},
    },
    origin,
  );
}

/** The types of a layout file; each is made when it is first asked for. */
export class LayoutTypes implements TypeSource {
  readonly origin: string;
  readonly file: LayoutFile;
  readonly #structs = new Map<string, CType>();
  readonly #enums = new Map<string, CType>();
  #enumerators: Map<string, bigint> | undefined;

  constructor(file: LayoutFile, origin: string) {
    this.file = file;
    this.origin = origin;
  }

  get identity(): LayoutIdentity {
    const { release, arch, banner, buildId, producer, source } = this.file;
    return { release, arch, banner, buildId, producer, source };
  }

  find(kind: TypeKind, name: string): CType | undefined {
    switch (kind) {
      case 'struct':
      case 'union': {
        const type = this.#struct(name);
        return type?.kind === kind ? type : undefined;
      }
      case 'enum':
        return this.#enum(name);
      case 'int':
        return this.#baseType(name);
      case 'typedef': {
        const text = own(this.file.typedefs, name);
        return text === undefined ? undefined : this.parse(text, `typedefs.${name}`);
      }
    }
  }

  *names(): Generator<string> {
    const { structs, enums, typedefs } = this.file;
    for (const key of [structs, enums, typedefs].flatMap((set) => Object.keys(set))) {
      if (!key.includes('#')) yield key;
    }
  }

  findEnumerator(name: string): bigint | undefined {
    this.#enumerators ??= this.#readEnumerators();
    return this.#enumerators.get(name);
  }

  /**
   * A C type as the file writes it.
   *
   * @param path where it stands, for the message
   * @throws FormatError if it is no C type, or names one by value that the file does not have
   */
  parse(text: string, path: string): CType {
    const options = { pointerSize: this.file.pointerSize, find: this.#findBase };
    let type: CType | undefined;
    try {
      type = parseCType(text, options);
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error;
      throw new FormatError({ section: 'layout' }, `$.${path}: ${error.message}`, { cause: error });
    }
    if (type !== undefined) return type;
    throw new FormatError({ section: 'layout' }, `$.${path}: '${text}' is not in this file`);
  }

  /**
   * Resolves every type of the file; reading alone resolves only what is used.
   *
   * @throws FormatError naming the path of what cannot be resolved or does not fit its struct
   */
  checkAll(): void {
    for (const name of Object.keys(this.file.structs)) {
      const struct = this.#struct(name) as StructType;
      for (const member of struct.members) void member.type;
    }
    for (const name of Object.keys(this.file.typedefs)) this.find('typedef', name);
    for (const name of Object.keys(this.file.enums)) this.#enum(name);
  }

  readonly #findBase = (kind: BaseKind, name: string): CType | undefined => {
    if (kind !== 'name') return this.find(kind, name);
    for (const spelling of intSpellings(name)) {
      const int = this.#baseType(spelling);
      if (int !== undefined) return int;
    }
    return this.find('typedef', name);
  };

  #struct(name: string): CType | undefined {
    const known = this.#structs.get(name);
    if (known !== undefined) return known;
    const struct = own(this.file.structs, name);
    if (struct === undefined) return undefined;
    const type = new LayoutStructType(this, name, struct);
    this.#structs.set(name, type);
    return type;
  }

  #enum(name: string): CType | undefined {
    const known = this.#enums.get(name);
    if (known !== undefined) return known;
    const found = own(this.file.enums, name);
    if (found === undefined) return undefined;
    const { size, signed } = found;
    const values = new Map(Object.entries(found.values).map(([key, n]) => [key, BigInt(n)]));
    const type: EnumType = { kind: 'enum', ...namesOf(name), size, signed, values };
    this.#enums.set(name, type);
    return type;
  }

  #baseType(name: string): CType | undefined {
    const found = own(this.file.baseTypes, name);
    if (found === undefined) return undefined;
    const { size, signed = false, float = false } = found;
    return float ? { kind: 'float', name, size } : { kind: 'int', name, size, signed };
  }

  #readEnumerators(): Map<string, bigint> {
    const { enumerators, enums, flags } = this.file;
    const sets = [
      enumerators,
      ...Object.values(enums).map((item) => item.values),
      ...Object.values(flags),
    ];
    const all = new Map<string, bigint>();
    for (const [name, value] of sets.flatMap((set) => Object.entries(set))) {
      if (!all.has(name)) all.set(name, BigInt(value));
    }
    return all;
  }
}

/** A key of the file, never one of Object.prototype. */
function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Key of a type to its C names: `atomic_t#` has a typedef, `zone#0` none, `foo##1` is a foo. */
function namesOf(key: string): { name: string; typedefName?: string } {
  const [, word = '', mark] = /^(\w+)(#\d*|##\d+)?$/.exec(key) ?? [];
  if (mark === undefined || mark.startsWith('##')) return { name: word };
  return mark === '#' ? { name: '', typedefName: word } : { name: '' };
}

class LayoutStructType implements StructType {
  readonly kind: 'struct' | 'union';
  readonly name: string;
  readonly typedefName: string | undefined;
  readonly size: number;
  readonly #types: LayoutTypes;
  readonly #key: string;
  readonly #struct: LayoutStruct;
  #members: Member[] | undefined;

  constructor(types: LayoutTypes, key: string, struct: LayoutStruct) {
    const { name, typedefName } = namesOf(key);
    this.kind = struct.kind;
    this.name = name;
    this.typedefName = typedefName;
    this.size = struct.size;
    this.#types = types;
    this.#key = key;
    this.#struct = struct;
  }

  get members(): readonly Member[] {
    this.#members ??= Object.entries(this.#struct.members).map(([name, member]) => {
      const path = `structs.${this.#key}.members.${name}`;
      return new LayoutMemberType(this.#types, { name, member, path, struct: this.#struct });
    });
    return this.#members;
  }
}

class LayoutMemberType implements Member {
  readonly name: string;
  readonly bitOffset: number;
  readonly bitSize: number | undefined;
  readonly #types: LayoutTypes;
  readonly #parts: { member: LayoutMember; path: string; struct: LayoutStruct };
  #type: CType | undefined;

  constructor(
    types: LayoutTypes,
    parts: { name: string; member: LayoutMember | string; path: string; struct: LayoutStruct },
  ) {
    const { name } = parts;
    const member = inFull(parts.member);
    this.name = name.startsWith('#') ? '' : name;
    this.bitOffset = member.offset * 8 + (member.bits?.[0] ?? 0);
    this.bitSize = member.bits?.[1];
    this.#types = types;
    this.#parts = { ...parts, member };
  }

  get type(): CType {
    if (this.#type !== undefined) return this.#type;
    const { member, path, struct } = this.#parts;
    const type = this.#types.parse(member.type, `${path}.type`);
    const size = sizeOf(type);
    if (member.size !== undefined && member.size !== size) {
      throw misfit(`${path}.size`, `${size} as '${member.type}' has`, member.size);
    }
    const end =
      this.bitSize === undefined ? this.bitOffset + size * 8 : this.bitOffset + this.bitSize;
    if (end > struct.size * 8) throw misfit(path, `end within ${struct.size} bytes`, end / 8);
    this.#type = type;
    return type;
  }
}

/** `16 struct list_head` in the long form; the schema holds that it has both. */
function inFull(member: LayoutMember | string): LayoutMember {
  if (typeof member !== 'string') return member;
  const space = member.indexOf(' ');
  return { offset: Number(member.slice(0, space)), type: member.slice(space + 1) };
}

function misfit(path: string, expected: string, have: number): FormatError {
  return new FormatError({ section: 'layout' }, `$.${path}: expected ${expected}, have ${have}`);
}
