// The types of a kernel together with the account of what was asked of them, so that `pack` can
// write those and leave the whole BTF out.

import { formatCType } from '../types/c-declaration.ts';
import { BtfTypes } from '../types/btf-types.ts';
import { DwarfTypes } from '../types/dwarf-types.ts';
import type { CType, TypeKind, TypeSource } from '../types/ctype.ts';
import { LayoutTypes, type LayoutIdentity } from '../types/layout.ts';
import { writeLayout, type TypeName } from '../types/layout-write.ts';
import { USED_ENUMERATORS, USED_TYPES } from '../types/used-structs.ts';
import { PackedTypes } from './packed-types.ts';

/** What is written of the types. */
export interface TypesExport {
  /** The text of a layout file. */
  readonly layout: string;
  /** The types of variables that the source described, as C writes them. */
  readonly variables: Readonly<Record<string, string>>;
  /** What was asked for and is not in this kernel: `struct memalloc_info`. */
  readonly missing: readonly string[];
}

/** Asks another source and remembers what for. */
export class AskedTypes implements TypeSource {
  readonly origin: string;
  readonly #source: TypeSource;
  readonly #found = new Set<TypeName>();
  readonly #enumerators = new Set<string>();
  readonly #variables = new Map<string, CType>();
  readonly #missing = new Set<string>();

  constructor(source: TypeSource) {
    this.origin = source.origin;
    this.#source = source;
  }

  find(kind: TypeKind, name: string): CType | undefined {
    const type = this.#source.find(kind, name);
    if (type === undefined) this.#missing.add(`${kind} ${name}`);
    else if (kind !== 'int') this.#found.add(`${kind} ${name}`);
    return type;
  }

  findEnumerator(name: string): bigint | undefined {
    const value = this.#source.findEnumerator(name);
    if (value === undefined) this.#missing.add(name);
    else this.#enumerators.add(name);
    return value;
  }

  variableType(name: string): CType | undefined {
    const type = this.#source.variableType?.(name);
    if (type !== undefined) this.#variables.set(name, type);
    return type;
  }

  /**
   * The types that were asked for, with all that stallcore reads in some other kernel or dump.
   *
   * @throws InvalidError if the types are damaged
   */
  export(identity: LayoutIdentity): TypesExport {
    const source = this.#source;
    const names = new Set<TypeName>([...USED_TYPES, ...this.#found]);
    const enumerators = [...new Set([...USED_ENUMERATORS, ...this.#enumerators])];
    if (source instanceof BtfTypes || source instanceof DwarfTypes) {
      for (const name of source.usedNames()) names.add(name);
    }
    const variables = Object.fromEntries(
      [...this.#variables].map(([name, type]) => [name, formatCType(type, nameOf)]),
    );
    const given = source instanceof PackedTypes ? source.layout : source;
    const layout =
      given instanceof LayoutTypes
        ? JSON.stringify(given.file)
        : writeLayout(source, { identity, names: [...names], enumerators });
    return { layout, variables, missing: [...this.#missing] };
  }
}

function nameOf(type: CType): string {
  if (type.kind !== 'struct' && type.kind !== 'union' && type.kind !== 'enum') return 'void';
  return type.name === '' ? (type.typedefName ?? 'void') : `${type.kind} ${type.name}`;
}
