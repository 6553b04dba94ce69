// ORC of the image: what frame each function has, as objtool would find it in its code, and the
// tables that say so. Kernels with it (CONFIG_UNWINDER_ORC, Linux 4.14) keep no frame pointers.
//
//   function     endbr64; push %rbp; sub $size, %rsp     rsp + size + 16 is the caller's
//   without rbp  endbr64; sub $size, %rsp                rsp + size + 8
//   __schedule   … mov %rsp, %rbp                        rbp + 16, as compilers make it there
//   entry code   user registers on top of the stack      UNWIND_HINT_REGS
//   ret_from_fork, secondary_startup_64_no_verify        the end: UNWIND_HINT_EMPTY

import { ORC_ENTRY_SIZE, ORC_IP_SIZE, type OrcVersion } from '../../format/orc/constants.ts';
import type { OrcEntry } from '../../format/orc/entry.ts';
import { orcLookupSize, writeOrc, writeOrcLookup, type OrcRow } from '../../format/orc/write.ts';
import type { TypeSource } from '../../types/ctype.ts';
import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { FrameFacts, LocalFacts, MachineFacts } from './machine-facts.ts';

/** The format of Linux 6.1. */
const VERSION: OrcVersion = 1;
/** endbr64, push %rbp, mov %rsp to %rbp, sub $imm32 from %rsp: bytes of each. */
const ENDBR_SIZE = 4;
const PUSH_SIZE = 1;
const MOV_SIZE = 3;
const SUB_SIZE = 7;
/** iret's five words lie on the stack when entry code begins; then it pushes the rest. */
const ENTRY_SIZE = 0x20;
const WORD = 8;

const ENDS = new Set(['ret_from_fork', 'secondary_startup_64_no_verify']);
const ENTRIES = new Set(['entry_SYSCALL_64_after_hwframe', 'asm_exc_page_fault']);
const FRAME_POINTERS = new Set(['__schedule']);

/** The frame of a function below its return address. */
export type OrcFrame =
  | { readonly kind: 'end' }
  | { readonly kind: 'entry' }
  | {
      readonly kind: 'call';
      /** rbp is the first that it pushes. */
      readonly savesBp: boolean;
      /** rbp points there. */
      readonly keepsBp: boolean;
      /** Bytes below that, for local variables. */
      readonly size: number;
    };

/** Frames by function. */
export type OrcFrames = (name: string) => OrcFrame;

/** Bytes that a local variable and what goes with it take on a stack. */
export function localSize(types: TypeSource, local: LocalFacts): number {
  const sizeOf = (name: string): number => {
    const type = types.find('struct', name);
    assert(type?.kind === 'struct', `${types.origin} has no struct ${name}`);
    return Math.ceil(type.size / WORD) * WORD;
  };
  const own = sizeOf(local.type);
  return local.type === 'compact_control' ? own + sizeOf('capture_control') : own;
}

/** A function has room for all that it was seen to keep on any stack, at any instant. */
export function planFrames(types: TypeSource, facts: MachineFacts): OrcFrames {
  const sizes = new Map<string, number>();
  const see = ({ name, locals }: FrameFacts): void => {
    const size = locals.reduce((sum, local) => sum + localSize(types, local), 0);
    sizes.set(name, Math.max(size, sizes.get(name) ?? 0));
  };
  for (const { threads } of facts.processes) {
    for (const { frames = [] } of threads) frames.forEach(see);
  }
  facts.otherFrames?.forEach(see);
  return (name) => {
    if (ENDS.has(name)) return { kind: 'end' };
    if (ENTRIES.has(name)) return { kind: 'entry' };
    const keepsBp = FRAME_POINTERS.has(name);
    // Compilers save rbp where they run out of registers: in about half of all functions.
    const savesBp = keepsBp || name.length % 2 === 0;
    return { kind: 'call', savesBp, keepsBp, size: sizes.get(name) ?? 0 };
  };
}

/** Where the tables lie. */
export interface OrcPlan {
  readonly frames: OrcFrames;
  readonly rows: readonly OrcRow[];
  readonly text: { readonly start: Vaddr; readonly end: Vaddr };
}

/** Gives the tables their symbols; the text must be complete. */
export function defineOrc(
  image: KernelImage,
  types: TypeSource,
  { facts, functions }: { facts: MachineFacts; functions: readonly string[] },
): OrcPlan {
  const frames = planFrames(types, facts);
  const text = { start: image.symbol('_stext'), end: image.symbol('_etext') };
  const rows = rowsOf(image, frames, functions);
  const define = (name: string, size: number, section: 'rodata' | 'bss'): void => {
    image.define(`__start_${name}`, { section, size, align: 8 });
    image.mark(`__stop_${name}`, vaddrAdd(image.symbol(`__start_${name}`), size), 'R');
  };
  define('orc_unwind_ip', rows.length * ORC_IP_SIZE, 'rodata');
  define('orc_unwind', rows.length * ORC_ENTRY_SIZE, 'rodata');
  const size = orcLookupSize(Number(text.end - text.start));
  image.define('orc_lookup', { section: 'bss', size });
  image.mark('orc_lookup_end', vaddrAdd(image.symbol('orc_lookup'), size), 'B');
  return { frames, rows, text };
}

/** Writes the tables. */
export function writeOrcTables(image: KernelImage, memory: KernelMemory, plan: OrcPlan): void {
  const ipsAddress = image.symbol('__start_orc_unwind_ip');
  const { ips, entries } = writeOrc(plan.rows, { ipsAddress, version: VERSION });
  memory.write(ipsAddress, ips);
  memory.write(image.symbol('__start_orc_unwind'), entries);
  memory.write(image.symbol('orc_lookup'), writeOrcLookup(plan.rows, plan.text));
}

function rowsOf(image: KernelImage, frames: OrcFrames, functions: readonly string[]): OrcRow[] {
  const rows = functions
    .map((name) => ({ name, start: image.symbol(name) }))
    .sort((a, b) => (a.start < b.start ? -1 : 1))
    .flatMap(({ name, start }) =>
      entriesOf(frames(name)).map(([offset, entry]) => {
        return { address: vaddrAdd(start, offset), entry };
      }),
    );
  // Nothing is known of what lies behind the last function.
  return [...rows, { address: image.symbol('_etext'), entry: row({ type: 'undefined' }) }];
}

function row(fields: Partial<OrcEntry>): OrcEntry {
  const none = { spRegister: 'undefined', spOffset: 0, bpRegister: 'undefined' } as const;
  return { type: 'call', ...none, bpOffset: 0, signal: false, ...fields };
}

/** The entries of a function by the offset at which each begins. */
function entriesOf(frame: OrcFrame): [offset: number, entry: OrcEntry][] {
  if (frame.kind === 'end') return [[0, row({ type: 'end_of_stack' })]];
  if (frame.kind === 'entry') {
    const at = { spRegister: 'sp', spOffset: 0, signal: true } as const;
    return [
      [0, row({ type: 'regs_partial', ...at })],
      [ENTRY_SIZE, row({ type: 'regs', ...at })],
    ];
  }
  const { savesBp, keepsBp, size } = frame;
  const entries: [number, OrcEntry][] = [[0, row({ spRegister: 'sp', spOffset: WORD })]];
  let offset = ENDBR_SIZE;
  let depth = WORD;
  let saved: Partial<OrcEntry> = {};
  if (savesBp) {
    offset += PUSH_SIZE;
    depth += WORD;
    saved = { bpRegister: 'prev_sp', bpOffset: -2 * WORD };
    entries.push([offset, row({ spRegister: 'sp', spOffset: depth, ...saved })]);
  }
  if (keepsBp) {
    entries.push([offset + MOV_SIZE, row({ spRegister: 'bp', spOffset: depth, ...saved })]);
  } else if (size > 0) {
    const spOffset = depth + size;
    entries.push([offset + SUB_SIZE, row({ spRegister: 'sp', spOffset, ...saved })]);
  }
  return entries;
}
