// Writes a layout file: the named types with everything that lies in them by value. What a pointer
// points to is written by name only, or one struct would pull in the whole kernel.

import { InvalidError } from '../util/errors.ts';
import { finderOf, formatCType, pointerSizeOf } from './c-declaration.ts';
import type { CType, EnumType, Member, StructType, TypeKind, TypeSource } from './ctype.ts';
import type { LayoutEnum, LayoutIdentity, LayoutMember, LayoutStruct } from './layout.ts';
import { LAYOUT_FORMAT } from './layout-schema.ts';

/** A type by keyword and name as in C: `struct zone`, `enum zone_type`, `typedef u64`. */
export type TypeName = `${'struct' | 'union' | 'enum' | 'typedef'} ${string}`;

/** What a layout file is made of. */
export interface LayoutContents {
  readonly identity: LayoutIdentity;
  /** Types that the source lacks are left out: kernels differ. */
  readonly names: readonly TypeName[];
  /** Enumerators of enums without a name; those that the source lacks are left out. */
  readonly enumerators?: readonly string[];
  readonly flags?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/**
 * The text of a layout file. The same types give the same bytes: everything is sorted by name but
 * members and enumerators, which keep the order of their declaration.
 *
 * @throws InvalidError if a name or value in the source cannot stand in a layout file
 */
export function writeLayout(types: TypeSource, contents: LayoutContents): string {
  const collector = new Collector(types);
  for (const name of [...contents.names].sort(byText)) collector.addNamed(name);
  return formatFile(contents, collector);
}

const IDENTIFIER = /^[A-Za-z_]\w*$/;

class Collector {
  readonly structs = new Map<string, LayoutStruct>();
  readonly enums = new Map<string, LayoutEnum>();
  readonly typedefs = new Map<string, string>();
  readonly baseTypes = new Map<string, { size: number; signed?: boolean; float?: boolean }>();
  readonly types: TypeSource;
  /** The key of each type that is in the file. */
  readonly #keys = new Map<CType, string>();

  constructor(types: TypeSource) {
    this.types = types;
  }

  addNamed(typeName: TypeName): void {
    const [kind = '', name = ''] = typeName.split(' ');
    const type =
      kind === 'typedef'
        ? finderOf(this.types)('name', name)
        : this.types.find(kind as TypeKind, name);
    if (type === undefined) return;
    this.#addByValue(type, name);
    if (kind === 'typedef' && !this.typedefs.has(name)) this.typedefs.set(name, this.#text(type));
  }

  /** Takes a type and what it contains; `outer` names what is anonymous in it. */
  #addByValue(type: CType, outer: string): void {
    switch (type.kind) {
      case 'array':
        return this.#addByValue(type.element, outer);
      case 'pointer':
        return this.#addPointed(type.target);
      case 'int':
        this.baseTypes.set(type.name, { size: type.size, signed: type.signed });
        return;
      case 'float':
        this.baseTypes.set(type.name, { size: type.size, float: true });
        return;
      case 'struct':
      case 'union':
        return this.#addStruct(type, outer);
      case 'enum':
        return this.#addEnum(type, outer);
      default:
        return;
    }
  }

  /** Of what is behind pointers only integers are kept: they cost a line for the whole file. */
  #addPointed(target: CType): void {
    let type = target;
    for (let depth = 0; depth < 64; depth++) {
      if (type.kind === 'pointer') type = type.target;
      else if (type.kind === 'array') type = type.element;
      else break;
    }
    if (type.kind === 'int' || type.kind === 'float') this.#addByValue(type, '');
  }

  #addStruct(type: StructType, outer: string): void {
    if (this.#keys.has(type)) return;
    const key = this.#keyFor(type, outer, this.structs);
    const members: Record<string, LayoutMember | string> = {};
    // Taken before its members, so that a struct that contains itself ends here.
    this.structs.set(key, { kind: type.kind, size: type.size, members });
    const scope = key.split('#')[0] ?? key;
    for (const member of type.members) {
      this.#addByValue(member.type, scope);
      members[this.#memberKey(member, { key, members })] = this.#member(member);
    }
  }

  #memberKey(member: Member, struct: { key: string; members: object }): string {
    const { name } = member;
    if (name === '') {
      const index = Object.keys(struct.members).filter((key) => key.startsWith('#')).length;
      return `#${index}`;
    }
    if (!IDENTIFIER.test(name) || Object.hasOwn(struct.members, name)) {
      throw new InvalidError(
        `struct ${struct.key}: member ${JSON.stringify(name)} is no new C name`,
      );
    }
    return name;
  }

  #member(member: Member): LayoutMember | string {
    const offset = Math.floor(member.bitOffset / 8);
    const type = this.#text(member.type);
    if (member.bitSize === undefined) return `${offset} ${type}`;
    return { offset, type, bits: [member.bitOffset - offset * 8, member.bitSize] };
  }

  #addEnum(type: EnumType, outer: string): void {
    if (this.#keys.has(type)) return;
    const values: Record<string, number | string> = {};
    for (const [name, value] of type.values) values[name] = jsonValue(value);
    const key = this.#keyFor(type, outer, this.enums);
    this.enums.set(key, { size: type.size, signed: type.signed, values });
  }

  #keyFor(type: StructType | EnumType, outer: string, taken: ReadonlyMap<string, unknown>): string {
    const key = this.#newKey(type, outer, taken);
    this.#keys.set(type, key);
    return key;
  }

  #newKey(type: StructType | EnumType, outer: string, taken: ReadonlyMap<string, unknown>): string {
    const { name, typedefName } = type;
    const checked = name !== '' ? name : (typedefName ?? outer);
    if (!IDENTIFIER.test(checked)) {
      throw new InvalidError(`type ${JSON.stringify(checked)} is no C name`);
    }
    if (name !== '' && !taken.has(name)) return name;
    if (name === '' && typedefName !== undefined && !this.typedefs.has(typedefName)) {
      this.typedefs.set(typedefName, `${type.kind} ${typedefName}#`);
      return `${typedefName}#`;
    }
    const mark = name !== '' ? '##' : '#';
    for (let n = mark === '##' ? 1 : 0; ; n++) {
      if (!taken.has(`${checked}${mark}${n}`)) return `${checked}${mark}${n}`;
    }
  }

  #text(type: CType): string {
    return formatCType(type, (base) => this.#nameOf(base));
  }

  /** A typedef says more than the key of an anonymous type; a type not in the file has its tag. */
  #nameOf(type: CType): string {
    if (type.kind !== 'struct' && type.kind !== 'union' && type.kind !== 'enum') return 'void';
    const key = this.#keys.get(type);
    const { name, typedefName } = type;
    if (key === undefined) return name === '' ? (typedefName ?? 'void') : `${type.kind} ${name}`;
    return key.endsWith('#') ? key.slice(0, -1) : `${type.kind} ${key}`;
  }
}

function jsonValue(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function formatFile(contents: LayoutContents, collector: Collector): string {
  const { identity, enumerators = [], flags = {} } = contents;
  const pointerSize = pointerSizeOf(collector.types);
  const parts = Object.entries({
    $schema: './schema.json',
    format: LAYOUT_FORMAT,
    ...identity,
    pointerSize,
  }).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  parts.push(section('baseTypes', sorted(collector.baseTypes).map(line)));
  parts.push(section('typedefs', sorted(collector.typedefs).map(line)));
  const structs = sorted(collector.structs).map(([name, { kind, size, members }]) =>
    block(name, { kind, size }, { members }),
  );
  parts.push(section('structs', structs));
  const enums = sorted(collector.enums).map(([name, { size, signed, values }]) =>
    block(name, { size, signed }, { values }),
  );
  parts.push(section('enums', enums));
  const found = [...enumerators].sort(byText).flatMap((name) => {
    const value = collector.types.findEnumerator(name);
    return value === undefined ? [] : [line([name, jsonValue(value)])];
  });
  parts.push(section('enumerators', found));
  const sets = Object.entries(flags).sort(([a], [b]) => byText(a, b));
  parts.push(
    section(
      'flags',
      sets.map(([name, bits]) => block(name, {}, { '': bits })),
    ),
  );
  return `{\n${parts.join(',\n')}\n}\n`;
}

function section(name: string, lines: readonly string[]): string {
  const body = lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n  }`;
  return `  ${JSON.stringify(name)}: ${body}`;
}

/** `"name": {"head": …, "list": { one line an item }}`; a list without a name is the whole. */
function block(name: string, head: object, list: Record<string, object>): string {
  const [[listName, items] = ['', {}]] = Object.entries(list);
  const rows = Object.entries(items).map(
    ([key, value]) => `      ${JSON.stringify(key)}: ${inline(value)}`,
  );
  const body = rows.length === 0 ? '{}' : `{\n${rows.join(',\n')}\n    }`;
  if (listName === '') return `    ${JSON.stringify(name)}: ${body}`;
  const first = inline(head).slice(0, -1);
  return `    ${JSON.stringify(name)}: ${first}, ${JSON.stringify(listName)}: ${body}}`;
}

function line([key, value]: readonly [string, unknown]): string {
  return `    ${JSON.stringify(key)}: ${inline(value)}`;
}

/** JSON on one line with a space after colon and comma. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const items = Object.entries(value).map(
    ([key, item]) => `${JSON.stringify(key)}: ${inline(item)}`,
  );
  return `{${items.join(', ')}}`;
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => byText(a, b));
}

/** By code unit, the same on every machine; localeCompare is not. */
function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
