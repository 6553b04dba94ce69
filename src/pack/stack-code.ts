// The code that the words on kernel stacks point into, as far as a debugger reads it from the dump
// while it unwinds. crash has no DWARF unwinder and looks at what is around each return address:
//
//   the 5 bytes in front      whether they are a call, and of what
//   the function up to it     its pushes and its subtractions from rsp, where ORC has no plain size
//   ORC around it             the 256 bytes of text are halved in steps that are not ours
//
// (crash 8.0.2, x86_64.c: x86_64_function_called_by, x86_64_get_framesize, orc_find.)

import {
  LOOKUP_BLOCK_SIZE,
  ORC_ENTRY_SIZE,
  ORC_IP_SIZE,
  ORC_LOOKUP_SIZE,
} from '../format/orc/constants.ts';
import type { LoadedModule } from '../target/modules.ts';
import type { Vmcore } from '../target/index.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import type { LogArea } from './log-areas.ts';

/** The longest instruction: the one at an address where a CPU was interrupted is looked at too. */
const INSTRUCTION_SIZE_MAX = 15;

/** crash asks for as many instructions as there are bytes in front: it goes on behind. */
const BYTES_PER_INSTRUCTION = 4;

/** A function of more is a symbol that has lost its neighbour. */
const FUNCTION_SIZE_MAX = 1 << 16;

/** The text of a kernel and its modules lies in the last 2 GiB (-mcmodel=kernel). */
const TEXT_HIGH = 0xffffffff;
const TEXT_START = 0xffffffff00000000n;

/** A block of text has some tens of entries, a module some thousands. */
const BLOCK_ORC_MAX = 1 << 10;
const MODULE_ORC_MAX = 1 << 18;

/** Collects the words of stacks, then reads the code that they point into. */
export class StackCode {
  readonly #vmcore: Vmcore;
  /** Low halves of the words that may be addresses of text: the same few on all stacks. */
  readonly #words = new Set<number>();
  readonly #modules = new Set<LoadedModule>();
  readonly #blocks = new Set<number>();

  constructor(vmcore: Vmcore) {
    this.#vmcore = vmcore;
  }

  /** @param bytes of a stack, from a word on */
  add(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + 8 <= bytes.length; at += 8) {
      if (view.getUint32(at + 4, true) === TEXT_HIGH) this.#words.add(view.getUint32(at, true));
    }
  }

  /** Reads what there is; what is disassembled without being looked at comes back. */
  read(): LogArea[] {
    const { symbols } = this.#vmcore;
    const start = symbols.lookup('_text');
    const end = symbols.lookup('_einittext') ?? symbols.lookup('_etext');
    const passed: LogArea[] = [];
    for (const low of this.#words) {
      const pc = vaddr(TEXT_START + BigInt(low));
      if (start !== undefined && end !== undefined && pc >= start && pc < end) {
        this.#readOrcOf(pc);
      } else if (!this.#isModuleText(pc)) continue;
      passed.push(...this.#readFunction(pc));
    }
    return passed;
  }

  #readFunction(pc: Vaddr): LogArea[] {
    const { symbols, modules } = this.#vmcore;
    const offset = (symbols.symbolAt(pc) ?? modules.symbolAt(pc))?.offset ?? FUNCTION_SIZE_MAX;
    const before = offset < FUNCTION_SIZE_MAX ? offset : 0;
    const size = before + INSTRUCTION_SIZE_MAX;
    this.#vmcore.readPresent(vaddrAdd(pc, -before), size, 'code');
    return [{ address: pc, size: before * BYTES_PER_INSTRUCTION + INSTRUCTION_SIZE_MAX }];
  }

  /** The entries of the block of text that an address is in (orc_lookup, struct orc_entry). */
  #readOrcOf(pc: Vaddr): void {
    const { symbols } = this.#vmcore;
    const [text, lookup, ips, entries] = [
      ...['_stext', 'orc_lookup', '__start_orc_unwind_ip', '__start_orc_unwind'],
    ].map((name) => symbols.lookup(name));
    if (text === undefined || lookup === undefined || pc < text) return;
    if (ips === undefined || entries === undefined) return;
    const block = Math.floor(Number(pc - text) / LOOKUP_BLOCK_SIZE);
    if (this.#blocks.has(block)) return;
    this.#blocks.add(block);
    const at = vaddrAdd(lookup, block * ORC_LOOKUP_SIZE);
    const bounds = this.#vmcore.readAvailable(at, 2 * ORC_LOOKUP_SIZE, ORC_TABLE);
    if (bounds.length < 2 * ORC_LOOKUP_SIZE) return;
    const view = new DataView(bytesOf(bounds));
    const first = view.getUint32(0, true);
    const count = view.getUint32(ORC_LOOKUP_SIZE, true) + 1 - first;
    if (count > 0 && count <= BLOCK_ORC_MAX) this.#readEntries({ ips, entries, first, count });
  }

  #isModuleText(pc: Vaddr): boolean {
    const module = this.#vmcore.modules.moduleAt(pc);
    if (module === undefined) return false;
    if (!this.#modules.has(module)) {
      this.#modules.add(module);
      this.#readModuleOrc(module);
    }
    return 'tT'.includes(this.#vmcore.modules.symbolAt(pc)?.type ?? '?');
  }

  /** All of it: there is no table of blocks (struct mod_arch_specific). */
  #readModuleOrc({ address }: LoadedModule): void {
    const module = this.#vmcore.object('module', address);
    if (!module.has('arch.num_orcs')) return;
    const count = Math.min(module.member('arch.num_orcs').number(), MODULE_ORC_MAX);
    const ips = module.member('arch.orc_unwind_ip').pointer();
    const entries = module.member('arch.orc_unwind').pointer();
    this.#readEntries({ ips, entries, first: 0, count });
  }

  #readEntries({ ips, entries, first, count }: OrcEntries): void {
    for (const [start, size] of [
      [ips, ORC_IP_SIZE],
      [entries, ORC_ENTRY_SIZE],
    ] as const) {
      this.#vmcore.readPresent(vaddrAdd(start, first * size), count * size, ORC_TABLE);
    }
  }
}

const ORC_TABLE = 'ORC table';

interface OrcEntries {
  readonly ips: Vaddr;
  readonly entries: Vaddr;
  readonly first: number;
  readonly count: number;
}

function bytesOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer;
}
