// The state letter of a task, as /proc/PID/stat shows it (fs/proc/array.c, include/linux/sched.h).

import type { Vmcore } from '../target/vmcore.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';

/** From `task->__state` and `task->exit_state` to a letter. */
export type StateLetters = (state: number, exitState: number) => string;

/** The same bit in every kernel. */
export const TASK_UNINTERRUPTIBLE = 0x2;
/** TASK_UNINTERRUPTIBLE | TASK_NOLOAD (v4.2, commit 80ed87c8a9ca). */
const TASK_IDLE = 0x402;
/** A task that waits for an rt_mutex based spinlock (v5.15, commit 5f220be21418). */
const TASK_RTLOCK_WAIT = 0x1000;
/** A task in the freezer (v6.1, commit f5d39b020809). */
const TASK_FROZEN = 0x8000;

/** It is in the freezer, which the kernel shows as D since it has a state of its own. */
export function isFrozen({ stateBits = 0 }: { readonly stateBits?: number }): boolean {
  return (stateBits & TASK_FROZEN) !== 0;
}

/** No kernel has more states than this in its array. */
const STATES_MAX = 16;

/** What v4.14 and later have; used where the array of the dump cannot be read. */
const LETTERS_DEFAULT = 'RSDTtXZPI';

/**
 * The letters of this kernel, read from its `task_state_array`: the order of the bits differs
 * between releases (Z and X changed places in v3.14, P and I came in v4.14).
 */
export function taskStateLetters(vmcore: Vmcore): StateLetters {
  const letters = readLetters(vmcore) ?? LETTERS_DEFAULT;
  const idleIndex = letters.indexOf('I');
  // TASK_REPORT: the bits of the array, without the idle state that the kernel makes up.
  const reported = (1 << ((idleIndex < 0 ? letters.length : idleIndex) - 1)) - 1;
  return (state, exitState) => {
    if (idleIndex >= 0 && (state & TASK_IDLE) === TASK_IDLE) return 'I';
    if ((state & (TASK_RTLOCK_WAIT | TASK_FROZEN)) !== 0) {
      return letters[highestBit(TASK_UNINTERRUPTIBLE)] ?? '?';
    }
    return letters[highestBit((state | exitState) & reported)] ?? '?';
  };
}

/** The kernel's fls(): 1 for bit 0, 0 for none. */
function highestBit(bits: number): number {
  return 32 - Math.clz32(bits);
}

function readLetters(vmcore: Vmcore): string | undefined {
  const array = vmcore.symbols.lookup('task_state_array');
  if (array === undefined) return undefined;
  let letters = '';
  for (let i = 0; i < STATES_MAX; i++) {
    const pointer = vmcore.readAvailable(vaddrAdd(array, i * 8), 8);
    if (pointer.length < 8) break;
    const text = stateText(vmcore, vaddr(new DataView(pointer.buffer).getBigUint64(0, true)));
    if (text === undefined) break;
    letters += text[0] ?? '';
  }
  // Fewer than R S D T t and two exit states is not an array that any kernel had.
  return letters.startsWith('RSDTt') && letters.length >= 7 ? letters : undefined;
}

/** `S (sleeping)`, or undefined for anything that does not look like it. */
function stateText(vmcore: Vmcore, address: Vaddr): string | undefined {
  const text = latin1(vmcore.readText(address, 16));
  return /^[A-Za-z] \([a-z]/.test(text) ? text : undefined;
}
