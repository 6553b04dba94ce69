// A dump that `stallcore pack` made, as its note describes it.

import { decompressZlib } from '../format/compress/zlib.ts';
import { decodeRanges } from '../format/pack/ranges.ts';
import { readPackNotes, type ReadNote } from '../format/pack/read.ts';
import type { SectionName } from '../format/pack/constants.ts';
import type { PackedSection } from '../format/pack/write.ts';
import type { AbsentState, DamagedRange, PackedRanges } from '../memory/packed-memory.ts';
import { validateJson, type JsonSchema } from '../types/layout-schema.ts';
import { vaddr, type Vaddr } from '../util/address.ts';
import { FormatError, VmcoreError, type VmcoreErrorCode } from '../util/errors.ts';
import type { Problems } from '../util/problems.ts';
import { rangesOf, union, NO_RANGES, type Ranges } from '../util/ranges.ts';
import type { LoadedModule } from './modules.ts';
import type { PackFacts } from './pack-manifest.ts';
import { FACTS_SCHEMA, SYMBOL_SCHEMAS, SYMBOLS_SCHEMA } from './pack-schema.ts';
import { PackedSymbols, type NotedSymbol, type NotedTable } from './packed-symbols.ts';
import { PackedTypes } from './packed-types.ts';
import type { SymbolTable } from './symbols.ts';
import type { MemorySearch, OpeningStep } from './watch.ts';

/** All symbols that the note has. */
export interface NotedSymbols {
  readonly kernel: NotedTable;
  readonly modules: readonly NotedModule[];
}

/** The symbols of a module, or why they could not be read. */
export interface NotedModule {
  /** Of its `struct module`. */
  readonly address: string;
  readonly table?: NotedTable;
  readonly problem?: { readonly message: string; readonly code: VmcoreErrorCode };
}

/** More text than any note has; the layout of a kernel's types has a quarter of a mebibyte. */
const TEXT_SIZE_MAX = 256 << 20;

const SECTION = 'note of stallcore pack';

/** What a packed dump gives in place of what was taken out of it. */
export class Packed {
  readonly facts: PackFacts;
  readonly ranges: PackedRanges;
  readonly #symbols: NotedSymbols;
  readonly #layout: string;

  private constructor(facts: PackFacts, symbols: NotedSymbols, sections: Sections) {
    this.facts = facts;
    this.#symbols = symbols;
    this.#layout = sections.text('types');
    this.ranges = {
      kept: sections.ranges(),
      absent: absentOf(facts),
      damaged: facts.damaged satisfies readonly DamagedRange[],
    };
  }

  /**
   * Reads the note; undefined where these are not the notes of a packed dump.
   *
   * @throws VmcoreError if it is damaged: what was taken out would be read as zeros
   */
  static read(notes: readonly ReadNote[]): Packed | undefined {
    const found = readPackNotes(notes);
    if (found === undefined) return undefined;
    const sections = new Sections(found);
    const facts = sections.json('manifest', FACTS_SCHEMA) as PackFacts;
    const symbols = sections.json('symbols', SYMBOLS_SCHEMA) as NotedSymbols;
    checkSymbols(symbols);
    return new Packed(facts, symbols, sections);
  }

  /** Tells what could not be read when the dump that was packed was opened. */
  tellProblems(step: OpeningStep, problems: Problems): void {
    for (const { subject, message, code, forced } of this.facts.problems[step]) {
      if (forced === true) problems.addForced(subject, message);
      else problems.addMessage(subject, message, code);
    }
  }

  /** What a search found; undefined where nobody has made it. */
  findText({ start, length, text }: MemorySearch): Vaddr[] | undefined {
    return this.facts.searches
      .find((each) => BigInt(each.start) === start && each.length === length && each.text === text)
      ?.found.map((address) => vaddr(BigInt(address)));
  }

  kernelSymbols(problems: Problems): SymbolTable {
    return new PackedSymbols(this.#symbols.kernel, { onUnasked: unasked('symbol', problems) });
  }

  /** The table of a module. @throws VmcoreError with the problem that there was with it */
  moduleSymbols(module: LoadedModule, problems: Problems): SymbolTable {
    const noted = this.#symbols.modules.find(({ address }) => BigInt(address) === module.address);
    if (noted?.problem !== undefined) throw new ToldError(noted.problem);
    const table = noted?.table;
    if (table === undefined) {
      throw new ToldError({ message: 'removed by pack: nobody asked for one', code: 'lookup' });
    }
    const onUnasked = unasked(`symbol in module ${module.name}`, problems);
    return new PackedSymbols(table, { module: module.name, onUnasked });
  }

  /** @throws FormatError if the layout in the note is damaged */
  types(problems: Problems): PackedTypes {
    return new PackedTypes(this.#layout, this.facts.types, unasked('type', problems));
  }
}

/** An error that somebody had who read the dump before it was packed. */
class ToldError extends VmcoreError {
  readonly code: VmcoreErrorCode;

  constructor({ message, code }: { message: string; code: VmcoreErrorCode }) {
    super(message);
    this.code = code;
  }
}

/** Whether the kernel has it is not known, so that its absence proves nothing. */
function unasked(kind: string, problems: Problems): (name: string) => void {
  return (name) => {
    problems.addMessage(`${kind} ${name}`, NOT_KEPT, 'lookup');
  };
}

/** Why a symbol or type is not in the note. */
export const NOT_KEPT = 'removed by pack, which keeps only symbols and types that were used';

/** The sections of a note, unpacked when they are asked for. */
class Sections {
  readonly #sections: readonly PackedSection[];

  constructor(sections: readonly PackedSection[]) {
    this.#sections = sections;
  }

  *pieces(name: SectionName): Generator<Uint8Array> {
    let size = 0;
    for (const section of this.#sections) {
      if (section.name !== name) continue;
      size += section.plainSize;
      if (size > TEXT_SIZE_MAX) throw failure(`more than ${TEXT_SIZE_MAX} bytes of ${name}`);
      yield this.#unpacked(section);
    }
  }

  /** @throws FormatError that names the section: the error of zlib speaks of a page */
  #unpacked({ name, packed, plainSize }: PackedSection): Uint8Array {
    try {
      return decompressZlib(packed, plainSize);
    } catch (error) {
      if (!(error instanceof VmcoreError)) throw error;
      throw failure(`its section '${name}' cannot be unpacked`, error);
    }
  }

  text(name: SectionName): string {
    return Buffer.concat([...this.pieces(name)]).toString('utf8');
  }

  /** @throws FormatError if it is no JSON, or none that fits the schema */
  json(name: SectionName, schema: JsonSchema): unknown {
    const text = this.text(name);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw failure(`its section '${name}' is no JSON`, error);
    }
    try {
      validateJson(value, schema);
    } catch (error) {
      throw failure(`its section '${name}'`, error);
    }
    return value;
  }

  ranges(): Ranges {
    return decodeRanges(this.pieces('kept'));
  }
}

function failure(what: string, cause?: unknown): FormatError {
  return new FormatError({ section: SECTION }, what, cause === undefined ? {} : { cause });
}

/** The schema has no word for tuples. */
function checkSymbols({ kernel, modules }: NotedSymbols): void {
  const tables = [kernel, ...modules.flatMap(({ table }) => table ?? [])];
  for (const table of tables) {
    for (const list of [table.covering, ...Object.values(table.all)]) list.forEach(checkSymbol);
  }
}

function checkSymbol(symbol: NotedSymbol): void {
  SYMBOL_SCHEMAS.forEach((schema, i) => {
    validateJson(symbol[i], schema, `symbol[${i}]`);
  });
}

function absentOf({ absent }: PackFacts): Map<AbsentState, Ranges> {
  const byState = new Map<AbsentState, Ranges>();
  for (const { state, ranges } of absent) {
    const sorted = ranges
      .map(([start = 0, end = 0]) => ({ start, end }))
      .sort((a, b) => a.start - b.start);
    byState.set(state, union(byState.get(state) ?? NO_RANGES, rangesOf(sorted)));
  }
  return byState;
}
