// When a request came into the slow path: `alloc_start`, which __alloc_pages_slowpath()
// (mm/page_alloc.c) had from 4.9 to 4.14, to warn of requests that take long (63f53dea0c98; gone
// with 400e22499dd9). It is a local variable, so no type says where it lies; the function's own
// code does, which reads jiffies into it at the start, and takes it from jiffies for its warning:
//
//     48 8b 05 rel32    mov  jiffies(%rip), %rax      at the start
//     48 89 85 disp32   mov  %rax, disp(%rbp)
//     …
//     48 8b 3d rel32    mov  jiffies(%rip), %rdi      before jiffies_to_msecs()
//     48 2b bd disp32   sub  disp(%rbp), %rdi
//
// So it looks, with rbp or rsp, in Ubuntu's 4.11.0-1016-azure, 4.13.0-1032-oem and
// 4.14.0-1003-azure-edge. A compiler that keeps it in a register leaves it unknown.

import type { Vmcore } from '../target/vmcore.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { FaultError } from '../util/errors.ts';
import { recorded, type Fact } from './fact.ts';
import { functionCode } from './flag-bits.ts';
import { functionName } from './function-name.ts';
import { initialJiffies } from './jiffies.ts';
import type { TickTime } from './sched-info.ts';
import type { StackFrame } from './stack.ts';
import { variablesOf } from './stack-locals.ts';

const SLOW_PATH = '__alloc_pages_slowpath';

/** Reads it of tasks in the slow path. */
export class AllocStartReader {
  readonly #vmcore: Vmcore;
  readonly #time: TickTime;
  /** Read at the first request; `null` where there is none. */
  #slot: StackSlot | null | undefined;

  constructor(vmcore: Vmcore, time: TickTime) {
    this.#vmcore = vmcore;
    this.#time = time;
  }

  /**
   * For how long the outermost request of a stack is in the slow path, in seconds; undefined
   * where that is not kept, or what is kept there is no time since boot.
   */
  age(frames: readonly StackFrame[]): Fact<number> | undefined {
    const { jiffies, hz } = this.#time;
    this.#slot ??= slotOf(this.#vmcore) ?? null;
    const address = this.#slot === null ? undefined : addressIn(frames, this.#slot);
    if (address === undefined || jiffies === undefined || hz === undefined) return undefined;
    try {
      const bytes = this.#vmcore.readBytes(address, 8, 'stack');
      const start = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
      if (start > jiffies || start < initialJiffies(hz)) return undefined;
      return recorded(Number(jiffies - start) / hz, `alloc_start of ${SLOW_PATH}()`);
    } catch (error) {
      // The unwinder has read this stack and told what of it is missing.
      if (!(error instanceof FaultError)) throw error;
      return undefined;
    }
  }
}

function slotOf(vmcore: Vmcore): StackSlot | undefined {
  const { symbols } = vmcore;
  const address = symbols.lookup(SLOW_PATH);
  const jiffies = symbols.lookup('jiffies') ?? symbols.lookup('jiffies_64');
  const code = functionCode(vmcore, SLOW_PATH);
  const isKnown = address !== undefined && jiffies !== undefined && code !== undefined;
  return isKnown ? findStartSlot(code, { address, jiffies }) : undefined;
}

/** A word in a frame. */
export interface StackSlot {
  /** The register that it is addressed by. */
  readonly base: 'rbp' | 'rsp';
  /** In bytes, from there. */
  readonly displacement: number;
}

/** What `push %rbp` leaves between rbp and the end of the frame: itself and the return address. */
const FRAME_RECORD_SIZE = 16;

function addressIn(frames: readonly StackFrame[], slot: StackSlot): Vaddr | undefined {
  const frame = frames.findLast(
    ({ name }) => name !== undefined && functionName(name) === SLOW_PATH,
  );
  const range = frame === undefined ? undefined : variablesOf(frame);
  if (range === undefined) return undefined;
  const base = slot.base === 'rsp' ? range.start : vaddrAdd(range.end, -FRAME_RECORD_SIZE);
  const address = vaddrAdd(base, slot.displacement);
  const isInside = address >= range.start && address + 8n <= range.end;
  return isInside ? vaddr(address) : undefined;
}

// Opcodes of instructions with a register of 64 bits and an operand in memory.
const MOV_STORE = 0x89;
const MOV_LOAD = 0x8b;
const SUB_LOAD = 0x2b;

/** Bytes between the load of jiffies and what keeps it. */
const STORE_DISTANCE_MAX = 32;

/**
 * The word of the frame that a function reads jiffies into and later takes from jiffies; undefined
 * unless there is exactly one.
 *
 * @param at the address of the code, and that of jiffies
 */
export function findStartSlot(
  code: Uint8Array,
  at: { readonly address: Vaddr; readonly jiffies: Vaddr },
): StackSlot | undefined {
  const loads = jiffiesLoads(code, at);
  const stored = loads.flatMap((load) => storesAfter(code, load).map(nameOf));
  const taken = loads.flatMap(({ end, register }) => {
    const sub = stackOperand(code, end, SUB_LOAD);
    return sub?.register === register ? [sub.slot] : [];
  });
  const both = taken.filter((slot) => stored.includes(nameOf(slot)));
  return new Set(both.map(nameOf)).size === 1 ? both[0] : undefined;
}

function nameOf({ base, displacement }: StackSlot): string {
  return `${base}${displacement}`;
}

interface JiffiesLoad {
  readonly register: number;
  /** Offset of the next instruction. */
  readonly end: number;
}

/** Every `mov jiffies(%rip), %reg`. */
function jiffiesLoads(code: Uint8Array, at: { address: Vaddr; jiffies: Vaddr }): JiffiesLoad[] {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const loads: JiffiesLoad[] = [];
  for (let i = 0; i + 7 <= code.length; i++) {
    if (!isWide(code[i]) || code[i + 1] !== MOV_LOAD || ((code[i + 2] ?? 0) & 0xc7) !== 0x05) {
      continue;
    }
    const end = i + 7;
    const target = vaddrAdd(at.address, end + view.getInt32(i + 3, true));
    if (target === at.jiffies) loads.push({ register: registerOf(code, i), end });
  }
  return loads;
}

/** The words that the register is kept in soon after. */
function storesAfter(code: Uint8Array, { end, register }: JiffiesLoad): StackSlot[] {
  const slots: StackSlot[] = [];
  for (let i = end; i < end + STORE_DISTANCE_MAX; i++) {
    const store = stackOperand(code, i, MOV_STORE);
    if (store?.register === register) slots.push(store.slot);
  }
  return slots;
}

/** An instruction on a register and a word of the frame, if that is what stands there. */
function stackOperand(
  code: Uint8Array,
  at: number,
  opcode: number,
): { register: number; slot: StackSlot } | undefined {
  if (!isWide(code[at]) || code[at + 1] !== opcode) return undefined;
  const modrm = code[at + 2] ?? 0;
  const size = { 1: 1, 2: 4 }[modrm >> 6];
  const rm = modrm & 7;
  // rsp takes a SIB byte, which here says nothing more.
  const isStack = rm === 5 || (rm === 4 && code[at + 3] === 0x24);
  const start = at + (rm === 4 ? 4 : 3);
  if (size === undefined || !isStack || start + size > code.length) return undefined;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const displacement = size === 1 ? view.getInt8(start) : view.getInt32(start, true);
  const base = rm === 5 ? 'rbp' : 'rsp';
  return { register: registerOf(code, at), slot: { base, displacement } };
}

/** REX.W, with or without the bit that extends the register. */
function isWide(byte: number | undefined): boolean {
  return byte === 0x48 || byte === 0x4c;
}

/** The register in ModRM.reg, 0 to 15. */
function registerOf(code: Uint8Array, at: number): number {
  return (((code[at + 2] ?? 0) >> 3) & 7) | (code[at] === 0x4c ? 8 : 0);
}
