// Symbols of loaded modules, read from the kernel's list of them:
//
//   modules ─ struct module.list ─ …      .name, .state, where its memory lies
//                 .kallsyms ─ struct mod_kallsyms: .symtab, .num_symtab, .strtab, .typetab
//
// What moved, and how it is told:
//   mem[MOD_MEM_NUM_TYPES] since 6.4 (ac3b43283923); core_layout, init_layout since 4.5
//   (7523e4dc5057); module_core and core_size before.
//   kallsyms is a struct of its own since 4.5 (8244062ef1e5); its members were the module's before.
//   typetab since 5.2 (1c7651f43777); before, the type letter lay over st_info or st_size, so that
//   sizes are of use only where typetab is.

import { vaddr, type Vaddr } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';
import { InvalidError } from '../util/errors.ts';
import type { Problems } from '../util/problems.ts';
import type { StructType } from '../types/ctype.ts';
import { Ref, type TypedMemory } from './ref.ts';
import { SymbolList } from './symbol-list.ts';
import type { KernelSymbol, SymbolPlace, SymbolTable } from './symbols.ts';

/** A loaded module. */
export interface LoadedModule {
  readonly name: string;
  /** Address of the `struct module`. */
  readonly address: Vaddr;
  /** Its text and data, [start, end). */
  readonly ranges: readonly { readonly start: bigint; readonly end: bigint }[];
}

/** Elf64_Sym: u32 st_name, u8 st_info, u8 st_other, u16 st_shndx, u64 st_value, u64 st_size. */
const SYM_SIZE = 24;
const SHN_UNDEF = 0;

/** A machine has a few hundred modules, the largest about 20,000 symbols. */
const MODULES_MAX = 10_000;
const MODULE_SYMBOLS_MAX = 1 << 20;
const STRTAB_SIZE_MAX = 64 << 20;
/** Half the 2 GiB in which modules and kernel must lie. */
const MODULE_SIZE_MAX = 1n << 30n;

/** Gets the table of a module, by `read` or another way. */
export type ReadAround = (module: LoadedModule, read: () => SymbolTable) => SymbolTable;

/** The symbols of all modules; the list is walked on first use, each table read on first need. */
export class ModuleSymbols implements SymbolTable {
  readonly origin = 'the kallsyms of loaded modules';
  readonly #memory: TypedMemory;
  readonly #kernel: SymbolTable;
  readonly #problems: Problems;
  readonly #tables = new Map<Vaddr, SymbolTable | undefined>();
  readonly #around: ReadAround;
  #modules: readonly LoadedModule[] | undefined;

  /**
   * @param kernel symbols of the kernel image, for the head of the list
   * @param around reads a table, or has it from elsewhere; reads it unless given
   */
  constructor(
    memory: TypedMemory,
    kernel: SymbolTable,
    problems: Problems,
    around: ReadAround = (_module, read) => read(),
  ) {
    this.#memory = memory;
    this.#kernel = kernel;
    this.#problems = problems;
    this.#around = around;
  }

  /** The modules in the order of the list, the one loaded last first. */
  get modules(): readonly LoadedModule[] {
    if (this.#modules === undefined) {
      const modules: LoadedModule[] = [];
      this.#modules = modules;
      // The dump may have caught the list mid-update: modules before a bad link stay valid.
      this.#problems.attempt('list of modules', () => {
        for (const module of this.#walk()) modules.push(module);
      });
    }
    return this.#modules;
  }

  get count(): number {
    return this.modules.reduce((sum, module) => sum + (this.#table(module)?.count ?? 0), 0);
  }

  lookup(name: string): Vaddr | undefined {
    return this.lookupAll(name)[0]?.address;
  }

  lookupAll(name: string): KernelSymbol[] {
    return this.modules.flatMap((module) => this.#table(module)?.lookupAll(name) ?? []);
  }

  /** The module whose text or data an address is in. */
  moduleAt(address: Vaddr): LoadedModule | undefined {
    return this.modules.find(({ ranges }) =>
      ranges.some(({ start, end }) => address >= start && address < end),
    );
  }

  symbolAt(address: Vaddr): SymbolPlace | undefined {
    const module = this.moduleAt(address);
    return module === undefined ? undefined : this.#table(module)?.symbolAt(address);
  }

  *symbols(): Generator<KernelSymbol> {
    for (const module of this.modules) yield* this.#table(module)?.symbols() ?? [];
  }

  #table(module: LoadedModule): SymbolTable | undefined {
    if (!this.#tables.has(module.address)) {
      const read = (): SymbolTable => this.#around(module, () => this.#readTable(module));
      const subject = `symbols of module ${module.name}`;
      this.#tables.set(module.address, this.#problems.attempt(subject, read));
    }
    return this.#tables.get(module.address);
  }

  /** @throws VmcoreError at the first bad link */
  *#walk(): Generator<LoadedModule> {
    const type = structOf(this.#memory, 'module');
    const head = this.#kernel.lookup('modules');
    const list = structOf(this.#memory, 'list_head');
    if (type === undefined || list === undefined || head === undefined) return;
    const seen = new Set<bigint>([head]);
    let node = new Ref(this.#memory, list, head).member('next').pointer();
    while (node !== head) {
      if (seen.has(node) || seen.size > MODULES_MAX) {
        throw new InvalidError(`it does not return to its head after ${seen.size - 1} modules`);
      }
      seen.add(node);
      const link = new Ref(this.#memory, list, node);
      const module = this.#problems.attempt('module', () =>
        readModule(link.containerOf(type, 'list')),
      );
      if (module !== undefined) yield module;
      node = link.member('next').pointer();
    }
  }

  #readTable(module: LoadedModule): SymbolList {
    const type = structOf(this.#memory, 'module');
    if (type === undefined) throw new InvalidError('struct module is not known');
    const object = new Ref(this.#memory, type, module.address);
    const tables = object.has('kallsyms') ? object.member('kallsyms').deref() : object;
    const count = tables.member('num_symtab').number();
    if (count > MODULE_SYMBOLS_MAX) {
      throw new InvalidError(`expected at most ${MODULE_SYMBOLS_MAX} symbols, have ${count}`);
    }
    const symtab = this.#read(tables.member('symtab').pointer(), count * SYM_SIZE);
    const types = tables.has('typetab')
      ? this.#read(tables.member('typetab').pointer(), count)
      : undefined;
    const symbols = placedSymbols(symtab, types, module.name);
    const strtab = tables.member('strtab').pointer();
    return new SymbolList(this.origin, this.#named(symbols, strtab));
  }

  #read(address: Vaddr, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#memory.readInto(bytes, address);
    return bytes;
  }

  /** strtab has no size of its own: it ends behind the name that starts last. */
  #named(symbols: readonly UnnamedSymbol[], strtab: Vaddr): NamedSymbol[] {
    const last = symbols.reduce((max, { nameOffset }) => Math.max(max, nameOffset), 0);
    if (last > STRTAB_SIZE_MAX) {
      throw new InvalidError(`a name lies at ${last}, expected less than ${STRTAB_SIZE_MAX}`);
    }
    const names = this.#read(strtab, last);
    const lastName = this.#lastName(vaddr(strtab + BigInt(last)));
    return symbols.flatMap(({ nameOffset, ...symbol }) => {
      const end = names.indexOf(0, nameOffset);
      const name =
        nameOffset === last || end < 0 ? lastName : latin1(names.subarray(nameOffset, end));
      return name === '' ? [] : [{ ...symbol, name }];
    });
  }

  /** A name up to its NUL, read byte by byte since the page behind it may not be there. */
  #lastName(address: Vaddr): string {
    const byte = new Uint8Array(1);
    const bytes: number[] = [];
    for (let i = 0; i < NAME_LENGTH_MAX; i++) {
      this.#memory.readInto(byte, vaddr(address + BigInt(i)));
      if (byte[0] === 0) break;
      bytes.push(byte[0] as number);
    }
    return latin1(Uint8Array.from(bytes));
  }
}

/** KSYM_NAME_LEN. */
const NAME_LENGTH_MAX = 512;

interface UnnamedSymbol {
  readonly nameOffset: number;
  readonly address: Vaddr;
  readonly size: number;
  readonly type: string;
  readonly module: string;
}

type NamedSymbol = Omit<UnnamedSymbol, 'nameOffset'> & { readonly name: string };

function placedSymbols(
  symtab: Uint8Array,
  types: Uint8Array | undefined,
  module: string,
): UnnamedSymbol[] {
  const view = new DataView(symtab.buffer, symtab.byteOffset, symtab.byteLength);
  const symbols: UnnamedSymbol[] = [];
  for (let at = 0; at < symtab.length; at += SYM_SIZE) {
    const address = view.getBigUint64(at + 8, true) as Vaddr;
    if (view.getUint16(at + 6, true) === SHN_UNDEF || address === 0n) continue;
    const size = view.getBigUint64(at + 16, true);
    const letter = types?.[at / SYM_SIZE];
    symbols.push({
      nameOffset: view.getUint32(at, true),
      address,
      size: types === undefined || size > MODULE_SIZE_MAX ? 0 : Number(size),
      type: letter === undefined ? '?' : String.fromCharCode(letter),
      module,
    });
  }
  return symbols;
}

function readModule(module: Ref): LoadedModule {
  return {
    name: latin1(module.member('name').cString()),
    address: module.address,
    ranges: moduleRanges(module).filter(({ start, end }) => end - start <= MODULE_SIZE_MAX),
  };
}

function moduleRanges(module: Ref): { start: bigint; end: bigint }[] {
  if (module.has('mem')) {
    const mem = module.member('mem');
    const count = mem.type.kind === 'array' ? mem.type.count : 0;
    return Array.from({ length: count }, (_, i) => range(mem.at(i), 'base', 'size'));
  }
  if (module.has('core_layout')) {
    const layouts = [module.member('core_layout'), module.member('init_layout')];
    return layouts.map((layout) => range(layout, 'base', 'size'));
  }
  return [range(module, 'module_core', 'core_size'), range(module, 'module_init', 'init_size')];
}

function range(object: Ref, base: string, size: string): { start: bigint; end: bigint } {
  const start = object.member(base).pointer();
  return { start, end: start + BigInt(object.member(size).number()) };
}

function structOf(memory: TypedMemory, name: string): StructType | undefined {
  const type = memory.types.find('struct', name);
  return type?.kind === 'struct' ? type : undefined;
}
