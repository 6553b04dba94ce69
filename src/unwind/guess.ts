// The last resort: words on a stack that are return addresses. Some are left from calls that have
// long returned, so that no frame found this way is certain.

import { START_KERNEL_MAP } from '../arch/x86-64.ts';
import { vaddrAdd, type Vaddr } from '../util/address.ts';
import { VmcoreError } from '../util/errors.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { FRAMES_MAX, type RawFrame } from './frame.ts';
import { WORD_SIZE, type StackMemory } from './stack-memory.ts';

/** The longest call instruction with memory operands that compilers use is 7 bytes. */
const CALL_LENGTH_MAX = 7;
const CALL_REL32 = 0xe8;
const CALL_REL32_LENGTH = 5;
/** `call r/m64` is FF /2. */
const GROUP_5 = 0xff;
const CALL_INDIRECT = 2;
/** `lretq`: REX.W CB. */
const FAR_RETURN = [0x48, 0xcb] as const;

/** Frames from `sp` to the end of its stack: return addresses that follow a call instruction. */
export function guessFrames(vmcore: Vmcore, memory: StackMemory, sp: Vaddr): RawFrame[] {
  const stack = memory.stackAt(sp);
  if (stack === undefined) return [];
  const frames: RawFrame[] = [];
  const first = (sp + 7n) & ~7n;
  for (let at = first; at + 8n <= stack.end && frames.length < FRAMES_MAX; at += 8n) {
    const place = at as Vaddr;
    const pc = wordOrNothing(memory, place);
    if (pc === undefined || !isReturnAddress(vmcore, pc)) continue;
    const above = vaddrAdd(place, WORD_SIZE);
    frames.push({ pc, sp: above, reliable: false, interrupted: false });
  }
  return frames;
}

function wordOrNothing(memory: StackMemory, at: Vaddr): Vaddr | undefined {
  try {
    return memory.word(at);
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return undefined;
  }
}

/** Whether an address lies in text, behind a call. */
export function isReturnAddress(vmcore: Vmcore, address: Vaddr): boolean {
  const place = vmcore.symbols.symbolAt(vaddrAdd(address, -1));
  if (place === undefined || !TEXT.test(place.type)) return false;
  return isBehindCall(codeBefore(vmcore, address));
}

/**
 * Whether a call can return to an address, which is denied only where the dump shows that it
 * cannot: it is no address of text, or no call is before it. Text that is not in the dump, and code
 * without symbols, may be; so may text of boot, whose memory has other uses afterwards (the first
 * idle task came from start_kernel()), and the start of a function: tracers let calls return to one
 * of theirs (kretprobe_trampoline(), return_to_handler()).
 *
 * Behind a far return nothing is called either: the stacks of idle tasks begin there, since
 * secondary_startup_64() pushes the address behind its `lretq` for unwinders (seen in 5.4.291 with
 * frame pointers).
 */
export function canReturnTo(vmcore: Vmcore, address: Vaddr): boolean {
  if (address < START_KERNEL_MAP) return false;
  const at = vmcore.symbols.symbolAt(address);
  const isStart = at?.offset === 0;
  const place = isStart ? at : vmcore.symbols.symbolAt(vaddrAdd(address, -1));
  if (place !== undefined && !TEXT.test(place.type)) return false;
  if (isStart || isFreedText(vmcore, address)) return true;
  const code = codeBefore(vmcore, address);
  return code.length < CALL_LENGTH_MAX || isBehindCall(code) || isBehindFarReturn(code);
}

function isBehindFarReturn(code: Uint8Array): boolean {
  return code.at(-2) === FAR_RETURN[0] && code.at(-1) === FAR_RETURN[1];
}

/** Between the marks of free_initmem() in arch/x86/mm/init.c; modules have none. */
function isFreedText(vmcore: Vmcore, address: Vaddr): boolean {
  const begin = vmcore.symbols.lookup('__init_begin');
  const end = vmcore.symbols.lookup('__init_end');
  return begin !== undefined && end !== undefined && address >= begin && address < end;
}

/** Letters of nm(1). */
const TEXT = /[tTwW]/;

function codeBefore(vmcore: Vmcore, address: Vaddr): Uint8Array {
  return vmcore.readAvailable(vaddrAdd(address, -CALL_LENGTH_MAX), CALL_LENGTH_MAX, 'code');
}

function isBehindCall(code: Uint8Array): boolean {
  if (code.length < CALL_LENGTH_MAX) return false;
  if (code[CALL_LENGTH_MAX - CALL_REL32_LENGTH] === CALL_REL32) return true;
  // call *%reg has 2 bytes, or 3 with a prefix; with a displacement 3 or 6, with SIB 7.
  return [2, 3, 4, 6, 7].some((length) => {
    const modrm = code[CALL_LENGTH_MAX - length + 1];
    return (
      code[CALL_LENGTH_MAX - length] === GROUP_5 &&
      modrm !== undefined &&
      ((modrm >> 3) & 7) === CALL_INDIRECT
    );
  });
}
