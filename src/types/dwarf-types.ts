// The types of a kernel from the DWARF of its vmlinux. A type stands in every unit that uses it;
// here the first of them stands for all, so that a struct is the same wherever it is met.

import * as c from '../format/dwarf/constants.ts';
import { DwarfIndex } from '../format/dwarf/definitions.ts';
import type { Die } from '../format/dwarf/die.ts';
import type { Dwarf, DieId } from '../format/dwarf/dwarf.ts';
import { DEFINED, type Defined } from '../format/dwarf/scan.ts';
import { sortByContent, type CType, type Member } from './ctype.ts';
import type { TypeKind, TypeSource } from './ctype.ts';
import type { Declaration } from './declaration.ts';
import { VmcoreError } from '../util/errors.ts';
import { declareType } from './declare.ts';
import { LazyArray, LazyEnum, LazyPointer, LazyStruct, type TypeGraph } from './lazy-ctypes.ts';
import { DwarfContainment } from './dwarf-containment.ts';
import { dwarfStep } from './dwarf-declaration.ts';
import { arrayCounts, baseType, byteSize, checkArray } from './dwarf-entries.ts';
import { enumeratorNames, enumValues } from './dwarf-entries.ts';
import { structMembers, typedefTargets } from './dwarf-entries.ts';
import type { TypeName } from './layout-write.ts';

/** As deep as modifiers and arrays nest in a kernel (MAX_RESOLVE_DEPTH in btf.c). */
const DEPTH_MAX = 32;

const FUNCTION_TYPE: CType = { kind: 'function' };
const VOID_TYPE: CType = { kind: 'void' };

/** A {@link TypeSource} over the DWARF of one file, which is passed over when first asked. */
export class DwarfTypes implements TypeSource, TypeGraph {
  readonly origin: string;
  readonly dwarf: Dwarf;
  readonly #made = new Map<DieId, CType>();
  readonly #stripped = new Map<DieId, DieId>();
  readonly #containment: DwarfContainment;
  /** By unit: entry → the typedef of it. */
  readonly #typedefNames = new Map<DieId, ReadonlyMap<DieId, string>>();
  /** The typedef through which an entry of another unit was reached. */
  readonly #passedTypedefs = new Map<DieId, string>();
  #index: DwarfIndex | undefined;
  #damage: VmcoreError | undefined;
  #enumerators: Map<string, DieId> | undefined;

  constructor(dwarf: Dwarf, origin: string) {
    this.dwarf = dwarf;
    this.origin = origin;
    this.#containment = new DwarfContainment(dwarf, (id) => this.#strip(id));
  }

  /** @throws FormatError if the file is damaged: each time, after the first without reading it */
  get index(): DwarfIndex {
    if (this.#damage !== undefined) throw this.#damage;
    try {
      return (this.#index ??= new DwarfIndex(this.dwarf));
    } catch (error) {
      if (error instanceof VmcoreError) this.#damage = error;
      throw error;
    }
  }

  find(kind: TypeKind, name: string): CType | undefined {
    const found = this.index.find(DEFINED[kind], name).map(({ id }) => this.typeOf(id));
    return sortByContent([...new Set(found)])[0];
  }

  findEnumerator(name: string): bigint | undefined {
    this.#enumerators ??= enumeratorNames(this.dwarf, this.index.enums());
    const id = this.#enumerators.get(name);
    const type = id === undefined ? undefined : this.typeOf(id);
    return type?.kind === 'enum' ? type.values.get(name) : undefined;
  }

  /**
   * The type of a global variable. Of several with this name the one that all files see goes first;
   * where it is only declared, as what an assembler file defines, its declaration says the type.
   */
  variableType(name: string): CType | undefined {
    for (const what of [DEFINED.external, DEFINED.static, DEFINED.declared]) {
      for (const { id } of this.index.find(what, name)) {
        const type = this.#typeOfVariable(id);
        if (type !== undefined) return type;
      }
    }
    return undefined;
  }

  *names(): Generator<string> {
    yield* this.index.names();
  }

  typedefDeclaration(name: string): Declaration | undefined {
    const [typedef] = this.index.find(DEFINED.typedef, name);
    if (typedef === undefined) return undefined;
    return this.declare(this.dwarf.target(this.dwarf.die(typedef.id), c.DW_AT_type) ?? 0, name);
  }

  /** Structs, unions and enums with a name that were looked at, also behind a pointer. */
  *usedNames(): Generator<TypeName> {
    for (const type of this.#made.values()) {
      const isNamed = type.kind === 'struct' || type.kind === 'union' || type.kind === 'enum';
      if (isNamed && type.name !== '') yield `${type.kind} ${type.name}`;
    }
  }

  /**
   * A type by its entry, typedefs and qualifiers removed.
   *
   * @throws FormatError if there is no such entry, or if it or what it is made of is damaged
   */
  typeOf(id: DieId): CType {
    const stripped = this.#strip(id);
    let type = this.#made.get(stripped);
    if (type === undefined) this.#made.set(stripped, (type = this.#make(stripped)));
    return type;
  }

  #membersOf(id: DieId): Member[] {
    this.#containment.check(id);
    return structMembers(this, this.dwarf, this.dwarf.die(id));
  }

  declare(id: DieId, name: string): Declaration {
    const error = (at: DieId, what: string): Error => this.dwarf.die(at).error(what);
    return declareType({ stepOf: (at) => dwarfStep(this.dwarf, at), error }, id, name);
  }

  /** The typedef that names an anonymous struct, union or enum. */
  typedefNameOf(id: DieId): string | undefined {
    const { unit } = this.dwarf.die(id);
    const unitId = this.dwarf.idAt(unit, 0);
    let names = this.#typedefNames.get(unitId);
    if (names === undefined) {
      names = typedefTargets(this.dwarf, unit);
      this.#typedefNames.set(unitId, names);
    }
    return names.get(id) ?? this.#passedTypedefs.get(id);
  }

  /** What a variable is; a definition may leave its type to its declaration (5.7.1.1). */
  #typeOfVariable(id: DieId): CType | undefined {
    const die = this.dwarf.die(id);
    const own = this.dwarf.target(die, c.DW_AT_type);
    if (own !== undefined) return this.typeOf(own);
    const declared = this.dwarf.target(die, c.DW_AT_specification);
    const type = declared && this.dwarf.target(this.dwarf.die(declared), c.DW_AT_type);
    return type === undefined ? undefined : this.typeOf(type);
  }

  #strip(start: DieId): DieId {
    const known = this.#stripped.get(start);
    if (known !== undefined) return known;
    let id = start;
    let typedef: Die | undefined;
    for (let depth = 0; depth <= DEPTH_MAX; depth++) {
      const die = id === 0 ? undefined : this.dwarf.die(id);
      if (die === undefined || !TRANSPARENT.has(die.tag)) {
        const stripped = die === undefined ? 0 : this.#canonical(die);
        if (typedef !== undefined && stripped === id && !this.#passedTypedefs.has(id)) {
          this.#passedTypedefs.set(id, this.dwarf.nameOf(typedef));
        }
        this.#stripped.set(start, stripped);
        return stripped;
      }
      typedef = undefined;
      let step = die;
      if (die.tag === c.DW_TAG_typedef) {
        step = this.dwarf.die(this.index.canonical(DEFINED.typedef, die));
        typedef = step;
      }
      id = this.dwarf.target(step, c.DW_AT_type) ?? 0;
    }
    const what = `expected at most ${DEPTH_MAX} typedefs and qualifiers, have more`;
    throw this.dwarf.die(start).error(what);
  }

  /** The entry that stands for all that define the same type; of a declaration its definition. */
  #canonical(die: Die): DieId {
    const what = TAGGED.get(die.tag);
    if (what === undefined) return this.dwarf.idOf(die);
    const signed = this.dwarf.target(die, c.DW_AT_signature);
    if (signed !== undefined) return this.#canonical(this.dwarf.die(signed));
    if (!die.flag(c.DW_AT_declaration)) return this.index.canonical(what, die);
    const found = this.index.find(what, this.dwarf.nameOf(die));
    const largest = found.reduce((a, b) => (b.size > a.size ? b : a), found[0]!);
    return largest?.id ?? this.dwarf.idOf(die);
  }

  #make(id: DieId): CType {
    if (id === 0) return VOID_TYPE;
    const die = this.dwarf.die(id);
    const target = (): DieId => this.dwarf.target(die, c.DW_AT_type) ?? 0;
    switch (die.tag) {
      case c.DW_TAG_base_type:
        return baseType(this.dwarf, die);
      case c.DW_TAG_pointer_type:
      case c.DW_TAG_reference_type: {
        const size = die.size(c.DW_AT_byte_size) ?? die.unit.addressSize;
        return new LazyPointer(this, { size, target: target() });
      }
      case c.DW_TAG_array_type:
        checkArray(this.dwarf, id, (inner) => this.#strip(inner));
        return new LazyArray(this, { counts: arrayCounts(die), target: target() });
      case c.DW_TAG_structure_type:
      case c.DW_TAG_class_type:
      case c.DW_TAG_union_type: {
        const kind = die.tag === c.DW_TAG_union_type ? 'union' : 'struct';
        return new LazyStruct(this, {
          id,
          kind,
          name: this.dwarf.nameOf(die),
          size: byteSize(die),
          members: () => this.#membersOf(id),
        });
      }
      case c.DW_TAG_enumeration_type:
        return this.#makeEnum(id, die);
      case c.DW_TAG_subroutine_type:
      case c.DW_TAG_subprogram:
        return FUNCTION_TYPE;
      case c.DW_TAG_unspecified_type:
        return VOID_TYPE;
      default:
        throw die.error(`expected a type, have tag 0x${die.tag.toString(16)}`);
    }
  }

  #makeEnum(id: DieId, die: Die): CType {
    const size = byteSize(die);
    const values = enumValues(this.dwarf, die, size);
    const signed = [...values.values()].some((value) => value < 0n);
    return new LazyEnum(this, { id, name: this.dwarf.nameOf(die), size, signed, values });
  }
}

/** The tags that say how a type may be used, not what it is. */
const TRANSPARENT = new Set([
  c.DW_TAG_typedef,
  c.DW_TAG_const_type,
  c.DW_TAG_volatile_type,
  c.DW_TAG_restrict_type,
  c.DW_TAG_atomic_type,
]);

const TAGGED = new Map<number, Defined>([
  [c.DW_TAG_structure_type, DEFINED.struct],
  [c.DW_TAG_class_type, DEFINED.struct],
  [c.DW_TAG_union_type, DEFINED.union],
  [c.DW_TAG_enumeration_type, DEFINED.enum],
]);
