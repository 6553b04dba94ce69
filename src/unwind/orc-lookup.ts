// The ORC tables of a vmcore: those of the kernel, and those of each module, searched where they
// lie in the dump.

import { ORC_ENTRY_SIZE, ORC_IP_SIZE } from '../format/orc/constants.ts';
import { orcVersionOfHeader, Orc, sampleOrcVersion } from '../format/orc/read.ts';
import type { OrcEntry, OrcVersion } from '../format/orc/read.ts';
import type { LoadedModule } from '../target/modules.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { FormatError } from '../util/errors.ts';
import type { ByteSource } from '../util/io.ts';

/** Bytes of an ORC header, a hash of the struct's declaration (since 6.4, commit b9f174c811e3). */
const HEADER_SIZE = 20;

/** A table and the text that it is about, [start, end). */
interface TextTable {
  readonly start: bigint;
  readonly end: bigint;
  readonly orc: Orc;
}

/** How each instruction's frame is undone. */
export class OrcLookup {
  readonly #vmcore: Vmcore;
  readonly #kernel: TextTable | undefined;
  readonly #modules = new Map<LoadedModule, Orc | undefined>();
  /** Stacks share most of their frames. */
  readonly #found = new Map<bigint, OrcEntry | undefined>();

  /** What could not be read becomes a problem of the vmcore's. */
  constructor(vmcore: Vmcore) {
    this.#vmcore = vmcore;
    this.#kernel = vmcore.problems.attempt('ORC tables', () => kernelTable(vmcore));
  }

  /** Whether the kernel was built with ORC tables (CONFIG_UNWINDER_ORC, since 4.14). */
  get isPresent(): boolean {
    return this.#kernel !== undefined;
  }

  /** The format of the tables; undefined where there are none. */
  get version(): OrcVersion | undefined {
    return this.#kernel?.orc.version;
  }

  /** The entry that holds at an address in the text of the kernel or of a module. */
  find(pc: Vaddr): OrcEntry | undefined {
    if (this.#found.has(pc)) return this.#found.get(pc);
    const orc = this.#tableOf(pc);
    const entry = this.#vmcore.problems.attempt('ORC tables', () => orc?.find(pc));
    this.#found.set(pc, entry);
    return entry;
  }

  #tableOf(pc: Vaddr): Orc | undefined {
    const kernel = this.#kernel;
    if (kernel === undefined) return undefined;
    if (pc >= kernel.start && pc < kernel.end) return kernel.orc;
    const module = this.#vmcore.modules.moduleAt(pc);
    if (module === undefined) return undefined;
    if (!this.#modules.has(module)) {
      const subject = `ORC tables of module ${module.name}`;
      const read = (): Orc | undefined => moduleTable(this.#vmcore, module, kernel.orc.version);
      this.#modules.set(module, this.#vmcore.problems.attempt(subject, read));
    }
    return this.#modules.get(module);
  }
}

function kernelTable(vmcore: Vmcore): TextTable | undefined {
  const { symbols } = vmcore;
  const ips = between(vmcore, '__start_orc_unwind_ip', '__stop_orc_unwind_ip');
  const entries = between(vmcore, '__start_orc_unwind', '__stop_orc_unwind');
  if (ips === undefined || entries === undefined) return undefined;
  const version = kernelVersion(vmcore, entries);
  const table = between(vmcore, 'orc_lookup', 'orc_lookup_end');
  const textStart = symbols.lookup('_stext');
  const orc = new Orc({
    ips,
    ipsAddress: ips.start,
    entries,
    version,
    ...(table === undefined || textStart === undefined ? {} : { lookup: { table, textStart } }),
  });
  const start = symbols.lookup('_text') ?? textStart ?? orc.addressOf(0);
  const last = orc.addressOf(orc.count - 1);
  return { start, end: symbols.lookup('_einittext') ?? symbols.lookup('_etext') ?? last, orc };
}

/** By the hash that the kernel keeps, else by the entries: a release says nothing of backports. */
function kernelVersion(vmcore: Vmcore, entries: ByteSource): OrcVersion {
  const header = vmcore.symbols.lookup('__start_orc_header');
  const version =
    header === undefined
      ? sampleOrcVersion(entries)
      : (orcVersionOfHeader(vmcore.readBytes(header, HEADER_SIZE)) ?? sampleOrcVersion(entries));
  if (version === undefined) {
    throw new FormatError({ section: 'ORC' }, 'the entries are of no version that is known');
  }
  return version;
}

/** struct mod_arch_specific (arch/x86/include/asm/module.h). */
function moduleTable(vmcore: Vmcore, module: LoadedModule, version: OrcVersion): Orc | undefined {
  const object = vmcore.object('module', module.address);
  if (!object.has('arch.num_orcs')) return undefined;
  const count = object.member('arch.num_orcs').number();
  if (count === 0) return undefined;
  const ips = object.member('arch.orc_unwind_ip').pointer();
  const entries = object.member('arch.orc_unwind').pointer();
  return new Orc({
    ips: new KernelBytes(vmcore, ips, count * ORC_IP_SIZE),
    ipsAddress: ips,
    entries: new KernelBytes(vmcore, entries, count * ORC_ENTRY_SIZE),
    version,
  });
}

function between(vmcore: Vmcore, from: string, to: string): KernelBytes | undefined {
  const start = vmcore.symbols.lookup(from);
  const end = vmcore.symbols.lookup(to);
  if (start === undefined || end === undefined || end <= start) return undefined;
  return new KernelBytes(vmcore, start, Number(end - start));
}

/** Kernel memory from one address on. */
class KernelBytes implements ByteSource {
  readonly name = 'kernel memory';
  readonly start: Vaddr;
  readonly size: number;
  readonly #vmcore: Vmcore;

  constructor(vmcore: Vmcore, start: Vaddr, size: number) {
    this.#vmcore = vmcore;
    this.start = vaddr(start);
    this.size = size;
  }

  readInto(into: Uint8Array, offset: number): number {
    const length = Math.max(0, Math.min(into.length, this.size - offset));
    this.#vmcore.readInto(into.subarray(0, length), vaddrAdd(this.start, offset), 'ORC table');
    return length;
  }
}
