// A small dump taken apart, so that a test can damage any byte of it, by virtual address and by
// member of a struct too, and put it together again as any container. The dump is the machine of
// three-stalls.ts: half a megabyte of memory, a whole kernel as far as we read one.

import { compressPage } from '../../src/format/compress/encode.ts';
import { ready, type PageCodec } from '../../src/format/compress/pages.ts';
import { NOTE_VMCOREINFO } from '../../src/format/elf/constants.ts';
import { writeElfVmcore, writeNotes, type ElfVmcoreSpec } from '../../src/format/elf/write.ts';
import { FlattenedSink } from '../../src/format/flattened/write.ts';
import { readKdump } from '../../src/format/kdump/read.ts';
import { KdumpWriter, type KdumpWriterOptions } from '../../src/format/kdump/write.ts';
import { readTasks } from '../../src/kernel/task.ts';
import { openVmcore } from '../../src/target/open.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { findMember } from '../../src/types/ctype.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';
import { BytesSink, BytesSource } from '../../src/util/io.ts';
import { FileSource } from '../../src/target/file-source.ts';
import { CODEC_FLAGS } from './kdump-builder.ts';
import { threeStallsPath } from './three-stalls.ts';

const PAGE_SIZE = 4096;

/** What is the same in all copies of one specimen: the dump as it was, to look things up in. */
interface Intact {
  readonly vmcore: Vmcore;
  /** Addresses of task_structs by pid; idle tasks are not among them. */
  readonly tasks: ReadonlyMap<number, Vaddr>;
}

/** Pages and VMCOREINFO of a dump. */
export class Specimen {
  /** Page frame number → content; what is not here is not dumped. */
  readonly pages: Map<number, Uint8Array>;
  /** RAM that is there and not dumped; kdump can tell. */
  readonly excluded = new Set<number>();
  vmcoreinfo: string;
  readonly #intact: Intact;

  private constructor(intact: Intact, pages: Map<number, Uint8Array>, vmcoreinfo: string) {
    this.#intact = intact;
    this.pages = pages;
    this.vmcoreinfo = vmcoreinfo;
  }

  /** Takes a dump apart; all of its memory is kept, so it should be small. */
  static async load(path = threeStallsPath()): Promise<Specimen> {
    await ready();
    const vmcore = await openVmcore([path]);
    const pages = new Map<number, Uint8Array>();
    for (const { start, end } of vmcore.memory.presentRanges()) {
      for (let at = start; at < end; at += PAGE_SIZE) {
        const page = new Uint8Array(PAGE_SIZE);
        vmcore.memory.readInto(page, at);
        pages.set(at / PAGE_SIZE, page);
      }
    }
    const file = FileSource.open(path);
    const vmcoreinfo = Buffer.from(readKdump(file).readVmcoreinfo() ?? []).toString('latin1');
    file.close();
    const tasks = readTasks(vmcore).tasks.map(
      (task) => [task.pid ?? -1, vaddr(BigInt(task.address))] as const,
    );
    return new Specimen({ vmcore, tasks: new Map(tasks) }, pages, vmcoreinfo);
  }

  /** A copy to damage. */
  copy(): Specimen {
    const pages = [...this.pages].map(([pfn, page]) => [pfn, page.slice()] as const);
    return new Specimen(this.#intact, new Map(pages), this.vmcoreinfo);
  }

  close(): void {
    this.#intact.vmcore.close();
  }

  /** Address of a symbol of kallsyms or VMCOREINFO. */
  symbol(name: string): Vaddr {
    const told = new RegExp(`SYMBOL\\(${name}\\)=(.*)`).exec(this.vmcoreinfo)?.[1];
    return told === undefined ? this.#intact.vmcore.symbol(name) : vaddr(BigInt(`0x${told}`));
  }

  /** Address of one CPU's copy of a per-CPU variable. */
  perCpu(name: string, cpu: number): Vaddr {
    return vaddr(this.symbol(name) + this.#intact.vmcore.perCpuOffset(cpu));
  }

  /** Address of the task_struct of a thread. */
  task(pid: number): Vaddr {
    const address = this.#intact.tasks.get(pid);
    if (address === undefined) throw new Error(`the specimen has no pid ${pid}`);
    return address;
  }

  /** Address of a member of a struct. */
  member(struct: string, address: Vaddr, path: string): Vaddr {
    const place = findMember(this.#intact.vmcore.struct(struct), path);
    if (place === undefined) throw new Error(`struct ${struct} has no ${path}`);
    return vaddr(address + BigInt(place.bitOffset / 8));
  }

  /** Physical address. */
  paddr(address: Vaddr): number {
    return this.#intact.vmcore.space.translate(address);
  }

  /** Bytes as they are in memory. */
  bytes(address: Vaddr, length: number): Uint8Array {
    return this.#intact.vmcore.readBytes(address, length);
  }

  /** The u64 at a virtual address. */
  pointer(address: Vaddr): Vaddr {
    return vaddr(this.#view(this.paddr(address)).getBigUint64(0, true));
  }

  /** The u32 at a virtual address. */
  u32(address: Vaddr): number {
    return this.#view(this.paddr(address)).getUint32(0, true);
  }

  /** Writes an integer; `size` in bytes. */
  set(address: Vaddr, value: bigint | number, size: 1 | 2 | 4 | 8 = 8): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
    return this.write(address, bytes.subarray(0, size));
  }

  /** Writes bytes, across pages. */
  write(address: Vaddr, bytes: Uint8Array): this {
    bytes.forEach((byte, i) => {
      this.#view(this.paddr(vaddr(address + BigInt(i)))).setUint8(0, byte);
    });
    return this;
  }

  /** Leaves out the page that holds an address, as a filter does. */
  exclude(address: Vaddr): this {
    const pfn = Math.floor(this.paddr(address) / PAGE_SIZE);
    this.pages.delete(pfn);
    this.excluded.add(pfn);
    return this;
  }

  /** Changes the text of VMCOREINFO. */
  editVmcoreinfo(from: RegExp | string, to: string): this {
    const edited = this.vmcoreinfo.replace(from, to);
    if (edited === this.vmcoreinfo) throw new Error(`VMCOREINFO has no ${String(from)}`);
    this.vmcoreinfo = edited;
    return this;
  }

  /** As an ELF vmcore, one PT_LOAD for each run of pages. */
  elf(options: Partial<ElfVmcoreSpec> = {}): Uint8Array {
    const sink = new BytesSink();
    writeElfVmcore(sink, {
      notes: [this.#note()],
      segments: this.runs().map(({ pfn, bytes }) => ({
        paddr: pfn * PAGE_SIZE,
        data: new BytesSource(bytes),
      })),
      ...options,
    });
    return sink.bytes();
  }

  /** As a kdump file. */
  kdump(options: Partial<KdumpWriterOptions> & { codec?: PageCodec } = {}): Uint8Array {
    const sink = new BytesSink();
    this.#writeKdump(sink, options);
    return sink.bytes();
  }

  /** As makedumpfile -F writes it. */
  flattened(): Uint8Array {
    const sink = new BytesSink();
    const flat = new FlattenedSink(sink);
    this.#writeKdump(flat, {});
    flat.finish();
    return sink.bytes();
  }

  /** Contiguous pages, in the order of their pfns. */
  runs(): { pfn: number; bytes: Uint8Array }[] {
    const runs: { pfn: number; pages: Uint8Array[] }[] = [];
    for (const [pfn, page] of [...this.pages].sort(([a], [b]) => a - b)) {
      const last = runs.at(-1);
      if (last !== undefined && last.pfn + last.pages.length === pfn) last.pages.push(page);
      else runs.push({ pfn, pages: [page] });
    }
    return runs.map(({ pfn, pages }) => ({ pfn, bytes: Buffer.concat(pages) }));
  }

  #note(): { name: string; type: number; desc: Uint8Array } {
    return { name: NOTE_VMCOREINFO, type: 0, desc: Buffer.from(this.vmcoreinfo, 'latin1') };
  }

  #writeKdump(
    sink: BytesSink | FlattenedSink,
    { codec = 'zlib', ...options }: Partial<KdumpWriterOptions> & { codec?: PageCodec },
  ): void {
    const pfns = [...this.pages.keys(), ...this.excluded].sort((a, b) => a - b);
    const { split } = options;
    const isHere = (pfn: number): boolean => !split || (pfn >= split.start && pfn < split.end);
    const writer = new KdumpWriter(sink, {
      maxPfn: Math.max(...pfns) + 1,
      storedCountMax: [...this.pages.keys()].filter(isHere).length,
      utsname: { sysname: 'Linux', machine: 'x86_64' },
      dumpLevel: 31,
      vmcoreinfo: Buffer.from(this.vmcoreinfo, 'latin1'),
      notes: writeNotes([this.#note()]),
      compress: (page) => {
        const bytes = compressPage(codec, page);
        return bytes === undefined ? undefined : { bytes, flags: CODEC_FLAGS[codec] };
      },
      ...options,
    });
    for (const pfn of pfns) {
      const page = this.pages.get(pfn);
      if (page === undefined) writer.addExcluded({ start: pfn, end: pfn + 1 });
      else writer.addPage(pfn, page);
    }
    writer.finish();
  }

  #view(paddr: number): DataView {
    const page = this.pages.get(Math.floor(paddr / PAGE_SIZE));
    if (page === undefined) throw new Error(`page of 0x${paddr.toString(16)} is not there`);
    return new DataView(page.buffer, page.byteOffset + (paddr % PAGE_SIZE));
  }
}
