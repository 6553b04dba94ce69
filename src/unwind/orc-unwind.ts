// One stack by its ORC entries: the rules of unwind_next_frame() (arch/x86/kernel/unwind_orc.c).
//
//   entry.type     caller's pc is                  and its rsp
//   call           at cfa - 8                      cfa
//   regs           pt_regs.ip, pt_regs at cfa      pt_regs.sp
//   regs_partial   iret frame at cfa: ip cs flags sp ss, other registers as they are
//   end_of_stack, undefined                        none
//
// cfa is a register plus an offset, or what the word there points to.

import { PT_REGS, SEGMENT_RPL_MASK } from '../arch/x86-64.ts';
import type { OrcEntry } from '../format/orc/read.ts';
import { hex, vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { VmcoreError } from '../util/errors.ts';
import { optional } from '../util/optional.ts';
import {
  FRAMES_MAX,
  type RawFrame,
  type RawStack,
  type RegisterName,
  type StackStart,
} from './frame.ts';
import { NO_HOOKS, type ReturnHooks } from './return-hooks.ts';
import { WORD_SIZE, type StackMemory } from './stack-memory.ts';

/** Finds the entry that holds at an address of text: an OrcLookup. */
export interface OrcFinder {
  readonly find: (pc: Vaddr) => OrcEntry | undefined;
}

/** Registers as far as they are known. */
type Registers = (name: RegisterName) => Vaddr | undefined;

interface State {
  readonly pc: Vaddr;
  readonly sp: Vaddr;
  readonly bp: Vaddr | undefined;
  readonly interrupted: boolean;
  readonly trampoline?: true;
  /** What was saved where this frame was interrupted; else nothing but rsp and rbp is known. */
  readonly registers: Registers;
}

const NONE: Registers = () => undefined;

/** Why there is no caller. */
interface Ended {
  readonly end: RawStack['end'];
  readonly problem?: string;
}

/** Walks a stack from its innermost frame outwards. */
export function unwindOrc(
  memory: StackMemory,
  orc: OrcFinder,
  start: StackStart,
  hooks: ReturnHooks = NO_HOOKS,
): RawStack {
  const frames: RawFrame[] = [];
  let state: State = {
    pc: start.pc,
    sp: start.sp,
    bp: start.bp,
    interrupted: start.interrupted,
    registers: (name) => start.others?.get(name),
  };
  while (frames.length < FRAMES_MAX) {
    const entry = orc.find(state.interrupted ? state.pc : vaddrAdd(state.pc, -1));
    const next = state.trampoline === true ? atTrampoline(state) : step(memory, entry, state);
    const cfa = 'cfa' in next ? next.cfa : undefined;
    frames.push({
      pc: state.pc,
      sp: state.sp,
      ...optional('bp', state.bp),
      ...optional('cfa', cfa),
      reliable: true,
      interrupted: state.interrupted,
      ...optional('trampoline', state.trampoline),
    });
    if ('end' in next) return { frames, ...next };
    state = unhooked(next.caller, hooks);
  }
  return { frames, end: 'limit', problem: `more than ${FRAMES_MAX} frames` };
}

/** Return addresses lie below the caller's rsp. */
function unhooked(caller: State, hooks: ReturnHooks): State {
  if (!hooks.isTrampoline(caller.pc)) return caller;
  const pc = hooks.trueAddress(vaddrAdd(caller.sp, -WORD_SIZE));
  return pc === undefined ? { ...caller, trampoline: true } : { ...caller, pc };
}

/** ORC says nothing of who comes after it: the tracer knows alone. */
function atTrampoline({ pc }: State): Ended {
  return broken(`where the tracer at ${hex(pc)} goes on is not in the dump`);
}

type Step = Ended | { readonly caller: State; readonly cfa: Vaddr };

function step(memory: StackMemory, entry: OrcEntry | undefined, state: State): Step {
  if (entry === undefined) return broken(`no ORC entry for ${hex(state.pc)}`);
  if (entry.type === 'end_of_stack') return { end: 'end' };
  if (entry.type === 'undefined') return broken(`ORC says that ${hex(state.pc)} has no frame`);
  try {
    const cfa = callersSp(memory, entry, state);
    if (cfa === undefined) {
      return broken(`${entry.spRegister} is not known in the frame of ${hex(state.pc)}`);
    }
    const caller = callerOf(memory, entry, { state, cfa });
    if ('end' in caller) return caller;
    if (isLoop(memory, state, caller)) {
      return broken(`the frame of ${hex(caller.pc)} is not further out than ${hex(state.sp)}`);
    }
    return { caller, cfa };
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return broken(`frame of ${hex(state.pc)}: ${error.message}`);
  }
}

function broken(problem: string): Ended {
  return { end: 'broken', problem };
}

function callersSp(memory: StackMemory, entry: OrcEntry, state: State): Vaddr | undefined {
  const { spRegister: register, spOffset: offset } = entry;
  switch (register) {
    case 'sp':
      return vaddrAdd(state.sp, offset);
    case 'bp':
      return state.bp === undefined ? undefined : vaddrAdd(state.bp, offset);
    case 'sp_indirect':
      return vaddrAdd(memory.word(state.sp), offset);
    case 'bp_indirect':
      return state.bp === undefined ? undefined : memory.word(vaddrAdd(state.bp, offset));
    case 'undefined':
    case 'prev_sp':
      return undefined;
    default:
      // Nothing is added: the function keeps its caller's rsp in the register.
      return state.registers(register);
  }
}

function callerOf(
  memory: StackMemory,
  entry: OrcEntry,
  { state, cfa }: { state: State; cfa: Vaddr },
): State | Ended {
  if (entry.type === 'call') {
    const pc = memory.word(vaddrAdd(cfa, -WORD_SIZE));
    const bp = callersBp(memory, entry, { state, cfa, registers: NONE });
    return { pc, sp: cfa, bp, interrupted: entry.signal, registers: NONE };
  }
  // An iret frame is the end of a pt_regs, so that its members lie where they always do.
  const regs = entry.type === 'regs' ? cfa : vaddrAdd(cfa, -PT_REGS.ip);
  const saved = (name: RegisterName): Vaddr => memory.word(vaddrAdd(regs, PT_REGS[name]));
  if ((saved('cs') & SEGMENT_RPL_MASK) !== 0n) return { end: 'user' };
  const registers = entry.type === 'regs' ? saved : state.registers;
  const bp = callersBp(memory, entry, { state, cfa, registers });
  return { pc: saved('ip'), sp: saved('sp'), bp, interrupted: entry.signal, registers };
}

function callersBp(
  memory: StackMemory,
  { bpRegister, bpOffset }: OrcEntry,
  { state, cfa, registers }: { state: State; cfa: Vaddr; registers: Registers },
): Vaddr | undefined {
  if (bpRegister === 'prev_sp') return memory.word(vaddrAdd(cfa, bpOffset));
  if (bpRegister === 'bp') {
    return state.bp === undefined ? undefined : memory.word(vaddrAdd(state.bp, bpOffset));
  }
  return registers('bp') ?? state.bp;
}

/** Each caller lies further out on its stack; one stack follows another at most once. */
function isLoop(memory: StackMemory, from: State, to: State): boolean {
  return to.sp <= from.sp && memory.stackAt(vaddr(to.sp - 1n)) === memory.stackAt(from.sp);
}
