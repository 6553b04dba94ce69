// How pids were found by number until v4.15 (commit 95846ecf9dac): one hash table for all
// namespaces, whose chains string together the struct upids in the struct pids (kernel/pid.c).

import type { Vmcore } from '../target/vmcore.ts';
import { byteOffsetOf, findMember } from '../types/ctype.ts';
import { InvalidError } from '../util/errors.ts';
import { hex, vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { hlistEntries } from './list.ts';

/** The table has a head for each 256 KiB of memory, but no more than 2^12. */
const SHIFT_MAX = 12;
const HEAD_SIZE = 8;
const SUBJECT = 'pid hash';

/** Whether this kernel has such a table. */
export function hasPidHash(vmcore: Vmcore): boolean {
  const upid = vmcore.types.find('struct', 'upid');
  const isChained = upid?.kind === 'struct' && findMember(upid, 'pid_chain') !== undefined;
  return isChained && vmcore.symbols.lookup('pid_hash') !== undefined;
}

/** A pid of the initial namespace. */
export interface HashedPid {
  /** Its number there. */
  readonly index: number;
  /** `struct pid *` */
  readonly pointer: Vaddr;
}

/** The pids of the initial namespace; a chain that cannot be followed leaves a problem. */
export function* hashedPids(vmcore: Vmcore): Generator<HashedPid, void, undefined> {
  const { problems } = vmcore;
  const table = problems.attempt(SUBJECT, () => readTable(vmcore));
  const upid = problems.attempt(SUBJECT, () => vmcore.struct('upid'));
  const numbers = findMember(vmcore.struct('pid'), 'numbers');
  const namespace = vmcore.symbols.lookup('init_pid_ns');
  if (table === undefined || upid === undefined || numbers === undefined) return;
  const seen = new Set<bigint>();
  for (const address of table) {
    const head = vmcore.object('hlist_head', address);
    const subject = `${SUBJECT}, chain at ${hex(address)}`;
    for (const ref of hlistEntries(
      head,
      { type: upid, member: 'pid_chain' },
      { problems, subject },
    )) {
      if (seen.has(ref.address)) {
        problems.addMessage(subject, `runs into another one at ${hex(ref.address)}`);
        break;
      }
      seen.add(ref.address);
      const found = problems.attempt(`upid ${hex(ref.address)}`, () => ({
        index: ref.member('nr').number(),
        ns: ref.member('ns').pointer(),
      }));
      // A pid of another namespace has a upid of each namespace above it, and is met there.
      if (found === undefined || found.ns !== namespace) continue;
      yield { index: found.index, pointer: vaddrAdd(ref.address, -byteOffsetOf(numbers)) };
    }
  }
}

/** The addresses of the heads that have a chain. */
function readTable(vmcore: Vmcore): Vaddr[] {
  const table = vmcore.global('pid_hash').pointer();
  const shift = vmcore.global('pidhash_shift').number();
  if (shift > SHIFT_MAX) {
    throw new InvalidError(`pidhash_shift: expected up to ${SHIFT_MAX}, have ${shift}`);
  }
  const bytes = vmcore.readBytes(table, 2 ** shift * HEAD_SIZE, 'pid hash');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const heads: Vaddr[] = [];
  for (let at = 0; at < bytes.length; at += HEAD_SIZE) {
    if (view.getBigUint64(at, true) !== 0n) heads.push(vaddr(table + BigInt(at)));
  }
  return heads;
}
