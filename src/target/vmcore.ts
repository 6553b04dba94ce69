// An opened vmcore: the memory of the dumped machine with the symbols and types of its kernel.
// Everything in kernel/ starts from here.

import { hex, vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { InvalidError, LookupError, VmcoreError } from '../util/errors.ts';
import type { Problems } from '../util/problems.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import type { Vmcoreinfo } from '../format/vmcoreinfo/read.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import type { CType, StructType, TypeSource } from '../types/ctype.ts';
import { globalType } from '../types/globals.ts';
import type { ContainerInfo, CpuRegisters } from './container.ts';
import type { KernelIdentity } from './identity.ts';
import { Ref, type TypedMemory } from './ref.ts';
import type { ModuleSymbols } from './modules.ts';
import { NO_TYPES_FOUND } from './no-types.ts';
import { NOT_KEPT, type Packed } from './packed.ts';
import { searchText } from './search-text.ts';
import type { SymbolTable } from './symbols.ts';
import { unrecorded, type MemorySearch, type Watch } from './watch.ts';

/** More than anything that is read as a whole: the BTF of a kernel has 4 to 10 MB. */
const READ_SIZE_MAX = 64 << 20;

/** What a vmcore is made of; {@link openVmcore} puts it together. */
export interface VmcoreParts {
  readonly container: ContainerInfo;
  readonly describeCut: () => string | undefined;
  readonly memory: PhysicalMemory;
  readonly space: AddressSpace;
  readonly identity: KernelIdentity;
  readonly vmcoreinfo: Vmcoreinfo;
  readonly symbols: SymbolTable;
  readonly modules: ModuleSymbols;
  readonly types: TypeSource;
  readonly cpuRegisters: readonly CpuRegisters[];
  readonly problems: Problems;
  readonly close: () => void;
  /** The note of a packed dump. */
  readonly packed?: Packed | undefined;
  readonly watch?: Watch | undefined;
}

/** A vmcore whose kernel has been found. */
export class Vmcore implements TypedMemory {
  readonly container: ContainerInfo;
  /** That a file ends before the dump does, in words; undefined where it does not. */
  readonly describeCut: () => string | undefined;
  readonly memory: PhysicalMemory;
  readonly space: AddressSpace;
  readonly identity: KernelIdentity;
  /** What the kernel says of itself; enough for the log where no types are known. */
  readonly vmcoreinfo: Vmcoreinfo;
  readonly symbols: SymbolTable;
  /** The loaded modules; read when first asked for. */
  readonly modules: ModuleSymbols;
  readonly types: TypeSource;
  /** What the dump tells of the registers of each CPU, in the order of its notes. */
  readonly cpuRegisters: readonly CpuRegisters[];
  /** What could not be read so far. */
  readonly problems: Problems;
  /** Closes the files and removes temporary ones. */
  readonly close: () => void;
  readonly #packed: Packed | undefined;
  readonly #watch: Watch | undefined;
  readonly #perCpuOffsets = new Map<number, Vaddr>();
  /** Walks over many tasks ask for the same few. */
  readonly #structs = new Map<string, StructType>();

  constructor(parts: VmcoreParts) {
    this.container = parts.container;
    this.describeCut = parts.describeCut;
    this.memory = parts.memory;
    this.space = parts.space;
    this.identity = parts.identity;
    this.vmcoreinfo = parts.vmcoreinfo;
    this.symbols = parts.symbols;
    this.modules = parts.modules;
    this.types = parts.types;
    this.cpuRegisters = parts.cpuRegisters;
    this.problems = parts.problems;
    this.close = parts.close;
    this.#packed = parts.packed;
    this.#watch = parts.watch;
  }

  /**
   * @param of what the bytes are a part of: {@link TypedMemory}
   * @throws FaultError naming the first virtual address that cannot be read
   */
  readInto(into: Uint8Array, address: Vaddr, of?: string): void {
    this.#watch?.reading(of);
    this.space.readInto(into, address);
  }

  /**
   * @throws FaultError naming the first virtual address that cannot be read
   * @throws InvalidError for more than anybody reads at once: sizes come from the dump's types
   */
  readBytes(address: Vaddr, length: number, of?: string): Uint8Array {
    if (length > READ_SIZE_MAX) {
      throw new InvalidError(
        `virtual address ${hex(address)}: expected up to ${READ_SIZE_MAX} bytes, have ${length}`,
      );
    }
    const bytes = new Uint8Array(length);
    this.readInto(bytes, address, of);
    return bytes;
  }

  /** @throws LookupError if this kernel has no such symbol */
  symbol(name: string): Vaddr {
    const address = this.symbols.lookup(name);
    if (address === undefined) {
      const { origin } = this.symbols;
      // A handful, of which nothing can be concluded.
      const few = origin === 'VMCOREINFO' ? 'VMCOREINFO does not name it' : whyNotIn(origin);
      const why = this.symbols.mayLack?.(name) === true ? NOT_KEPT : few;
      throw new LookupError('symbol', name, why);
    }
    return address;
  }

  /** @throws LookupError if this kernel has no such struct or union */
  struct(name: string): StructType {
    const known = this.#structs.get(name);
    if (known !== undefined) return known;
    const type = this.types.find('struct', name) ?? this.types.find('union', name);
    if (type === undefined || (type.kind !== 'struct' && type.kind !== 'union')) {
      throw new LookupError('type', `struct ${name}`, this.#whyNoType);
    }
    this.#structs.set(name, type);
    return type;
  }

  /**
   * A global variable, with the type that our table of globals gives it.
   *
   * @throws LookupError if this kernel has no such symbol or type
   */
  global(name: string): Ref {
    return new Ref(this, this.#globalType(name), this.symbol(name));
  }

  /**
   * One CPU's copy of a per-CPU variable.
   *
   * @throws LookupError if this kernel has no such symbol or type
   */
  perCpu(name: string, cpu: number): Ref {
    const address = vaddr(this.symbol(name) + this.perCpuOffset(cpu));
    return new Ref(this, this.#globalType(name), address);
  }

  /** A value of a struct at a known address. */
  object(structName: string, address: Vaddr): Ref {
    return new Ref(this, this.struct(structName), address);
  }

  /**
   * What to add to a per-CPU symbol for one CPU: __per_cpu_offset[cpu] (mm/percpu.c), or 0 on a
   * kernel without CONFIG_SMP.
   */
  perCpuOffset(cpu: number): Vaddr {
    let offset = this.#perCpuOffsets.get(cpu);
    if (offset === undefined) {
      const table = this.symbols.lookup('__per_cpu_offset');
      offset = table === undefined ? vaddr(0n) : this.#pointerAt(vaddrAdd(table, cpu * 8));
      this.#perCpuOffsets.set(cpu, offset);
    }
    return offset;
  }

  /**
   * The bytes from `address` on that can be read, at most `lengthMax`; for code and tables whose
   * end is not known. Text is read by {@link readText}.
   */
  readAvailable(address: Vaddr, lengthMax: number, of?: string): Uint8Array {
    const bytes = new Uint8Array(lengthMax);
    const pageSize = 4096;
    let done = 0;
    while (done < lengthMax) {
      const inPage = Number((address + BigInt(done)) & BigInt(pageSize - 1));
      const length = Math.min(lengthMax - done, pageSize - inPage);
      try {
        this.readInto(bytes.subarray(done, done + length), vaddrAdd(address, done), of);
      } catch (error) {
        if (!(error instanceof VmcoreError)) throw error;
        break;
      }
      done += length;
    }
    return bytes.subarray(0, done);
  }

  /**
   * Reads what there is of some bytes, page by page; for `pack`, which keeps what is read.
   *
   * @param use is given each part that could be read; good until it returns
   */
  readPresent(address: Vaddr, length: number, of: string, use?: (part: Uint8Array) => void): void {
    const page = new Uint8Array(4096);
    for (let done = 0; done < length;) {
      const at = vaddrAdd(address, done);
      const part = page.subarray(0, Math.min(length - done, 4096 - Number(at & 4095n)));
      try {
        this.readInto(part, at, of);
        use?.(part);
      } catch (error) {
        if (!(error instanceof VmcoreError)) throw error;
      }
      done += part.length;
    }
  }

  /**
   * A string up to its NUL, or as much of it as can be read. What lies behind it is somebody
   * else's, so that no byte of that is read.
   */
  readText(address: Vaddr, lengthMax: number, of = 'text'): Uint8Array {
    const bytes = new Uint8Array(lengthMax);
    for (let i = 0; i < lengthMax; i++) {
      try {
        this.readInto(bytes.subarray(i, i + 1), vaddrAdd(address, i), of);
      } catch (error) {
        if (!(error instanceof VmcoreError)) throw error;
        return bytes.subarray(0, i);
      }
      if (bytes[i] === 0) return bytes.subarray(0, i);
    }
    return bytes;
  }

  /** Where a text stands in kernel memory; what cannot be read of that is passed over. */
  findText(search: MemorySearch): readonly Vaddr[] {
    const watch = this.#watch;
    const found =
      this.#packed?.findText(search) ??
      unrecorded(watch, this.space, () => searchText(this, search));
    watch?.found(search, found);
    return found;
  }

  #globalType(name: string): CType {
    const type = globalType(this.types, name);
    if (type === undefined) {
      throw new LookupError('type', `variable ${name}`, this.#whyNoType);
    }
    return type;
  }

  /** A kernel whose types were not found may have any. */
  get #whyNoType(): string | undefined {
    const { origin } = this.types;
    return origin === 'none' ? NO_TYPES_FOUND : whyNotIn(origin);
  }

  #pointerAt(address: Vaddr): Vaddr {
    const bytes = this.readBytes(address, 8, 'per-CPU data');
    return vaddr(new DataView(bytes.buffer).getBigUint64(0, true));
  }
}

/** A file has what was put into it, which may be less than its kernel has. */
function whyNotIn(origin: string): string | undefined {
  return /^(System\.map|layout file) /.test(origin) ? `not in ${origin}` : undefined;
}
