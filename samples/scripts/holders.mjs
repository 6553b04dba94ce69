// Who holds what, and who waits for it: each lock that somebody waits for, those with most waiters
// first, with what its holder does.
//
//     stallcore run samples/scripts/holders.mjs VMCORE
//
// The exit code is 4 if who has a lock for certain waits for memory itself, so that a test rig can
// sort dumps.

import process from 'node:process';
import { chainOf, locksResult } from 'stallcore';

const EXIT_HOLDER_WANTS_MEMORY = 4;

/** @type {import('stallcore').Script} */
export default function ({ vmcore, print }) {
  const result = locksResult(vmcore);
  const tasks = new Map(result.tasks.map((task) => [task.pid, task]));
  const locks = result.locks
    .filter(({ waiters }) => waiters.length > 0)
    .sort((a, b) => b.waiters.length - a.waiters.length)
    .map(({ kind, address, name, owner, readers, waiters }) => {
      const holders = owner === undefined ? (readers?.tasks ?? []) : [owner];
      const { last, end } = chainOf(result, waiters[0]) ?? {};
      return { kind, address, name, holders, waiters, last, end };
    });
  for (const { kind, address, name, holders, waiters, last } of locks) {
    print(`${kind} ${address}${name === undefined ? '' : ` ${name}`}`);
    if (holders.length === 0) print('  it is not known who has it');
    for (const { pid, comm = '?', certain } of holders) {
      const { at = '?', state = '?', allocator } = tasks.get(pid) ?? {};
      const memory = allocator === undefined ? '' : `, and wants memory (${allocator})`;
      const has = certain ? 'has it' : 'may have it';
      print(`  ${comm}(${pid}) ${has}, in state ${state} in ${at}${memory}`);
    }
    const first = waiters.slice(0, 5).map((pid) => `${tasks.get(pid)?.comm ?? '?'}(${pid})`);
    const more = waiters.length > first.length ? ` and ${waiters.length - first.length} more` : '';
    print(`  waited for by ${first.join(', ')}${more}`);
    if (last !== undefined && holders.every(({ pid }) => pid !== last)) {
      print(`  to move first: ${tasks.get(last)?.comm ?? '?'}(${last})`);
    }
  }
  if (locks.length === 0) print('nobody waits for a lock');
  const wantsMemory = ({ pid, certain }) => certain && tasks.get(pid)?.allocator !== undefined;
  if (locks.some(({ holders }) => holders.some(wantsMemory))) {
    process.exitCode = EXIT_HOLDER_WANTS_MEMORY;
  }
  return { type: 'holders', locks };
}
