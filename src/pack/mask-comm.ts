// Other names for the tasks of users, the same for the same, so that a packed dump tells nothing of
// what ran there. Kernel threads keep theirs: a kernel's source has them, and a diagnosis goes by
// some of them.

import type { Task } from '../kernel/task.ts';
import type { Vmcore } from '../target/index.ts';
import { vaddr } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';
import { rangeAt, type Ranges } from '../util/ranges.ts';
import { BytePatches } from './byte-patches.ts';
import type { PageMask } from './kept-memory.ts';

/** TASK_COMM_LEN, with the NUL. */
const COMM_SIZE = 16;

/** Shorter ones stand in memory by chance. */
const FOUND_LENGTH_MIN = 4;

/** Names and where they stand. */
export interface CommMask {
  /** Replaces the names in a page. */
  readonly mask: PageMask;
  /** How many names were replaced. */
  readonly count: number;
}

/**
 * Replaces the names of users' tasks: in their task_structs, and on stacks wherever a name of four
 * or more letters stands.
 *
 * @param stackPages the pages that have something of a stack
 */
export function maskComms(vmcore: Vmcore, tasks: readonly Task[], stackPages: Ranges): CommMask {
  const others = new Map<string, Uint8Array>();
  const patches = new BytePatches();
  for (const { address, commHex, kthread } of tasks) {
    if (commHex === undefined || kthread === true) continue;
    const comm = Buffer.from(commHex, 'hex');
    const field = fieldOf(others, latin1(comm));
    const start = vmcore.object('task_struct', vaddr(BigInt(address))).member('comm').address;
    patches.field(vmcore, start, field, COMM_SIZE);
  }
  const replaceAll = replacer(others);
  return {
    count: others.size,
    mask: (page, paddr) => {
      if (rangeAt(stackPages, paddr) >= 0) replaceAll(page);
      patches.mask(page, paddr);
    },
  };
}

/** The name that stands for another one, with NULs behind it. */
function fieldOf(others: Map<string, Uint8Array>, comm: string): Uint8Array {
  const known = others.get(comm);
  if (known !== undefined) return known;
  const field = new Uint8Array(COMM_SIZE);
  // Ten billion of them have room.
  field.set(Buffer.from(`task-${others.size + 1}`, 'latin1'));
  others.set(comm, field);
  return field;
}

/** Replaces the names wherever they stand in some bytes. */
function replacer(others: ReadonlyMap<string, Uint8Array>): (bytes: Uint8Array) => void {
  const byStart = new Map<number, (readonly [comm: Uint8Array, field: Uint8Array])[]>();
  for (const [text, field] of others) {
    if (text.length < FOUND_LENGTH_MIN) continue;
    const comm = Buffer.from(text, 'latin1');
    const start = comm.readUInt32LE(0);
    const same = byStart.get(start);
    if (same === undefined) byStart.set(start, [[comm, field]]);
    else same.push([comm, field]);
  }
  return (bytes) => {
    if (byStart.size === 0) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + FOUND_LENGTH_MIN <= bytes.length; at++) {
      const start = view.getUint32(at, true);
      if (start === 0) continue;
      for (const [comm, field] of byStart.get(start) ?? []) {
        const isThere = comm.every((byte, i) => bytes[at + i] === byte);
        if (isThere) bytes.set(field.subarray(0, comm.length), at);
      }
    }
  };
}
