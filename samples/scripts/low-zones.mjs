// Zones that are short of pages, what kswapd of their node does about it, and the slab caches that
// hold most memory.
//
//     stallcore run samples/scripts/low-zones.mjs VMCORE [-- COUNT]
//
// COUNT caches, 5 unless told. What kswapd does is read member by member, as an example of reading
// what no function of the library has: vmcore.object() makes a reference, member() follows it.

import { boostedMarks, memResult, readTasks, StackReader } from 'stallcore';

const PAGE_KIB = 4;

/** @type {import('stallcore').Script} */
export default function ({ vmcore, args, print }) {
  const { nodes, pressure, slabCaches = [] } = memResult(vmcore);
  const low = pressure.filter(({ level }) => level === 'below min' || level === 'below low');
  for (const { node, zone, level } of low) {
    const state = nodes.find((each) => each.node === node)?.zones.find(({ name }) => name === zone);
    const free = state?.counters.NR_FREE_PAGES?.value ?? '?';
    // What the kernel compares with: the watermarks and what it has boosted them by for a while.
    const marks = state?.watermarks === undefined ? undefined : boostedMarks(state.watermarks);
    const compared = marks === undefined ? '' : ` (min ${marks.min}, low ${marks.low})`;
    print(`node ${node} zone ${zone}: ${level}, ${free} pages free${compared}`);
  }
  if (low.length === 0) print('no zone is below its low watermark');
  const kswapds = nodes.map((node) => kswapdState(vmcore, node));
  for (const { node, pid, order, failures, calls } of kswapds) {
    const woken = order === undefined ? '' : `, woken for order ${order}`;
    const failed = failures === undefined ? '' : `, ${failures} runs in a row freed nothing`;
    print(`node ${node} kswapd(${pid ?? '?'})${woken}${failed}: ${calls.join(' < ') || '?'}`);
  }
  const caches = slabCaches
    .filter(({ pages }) => pages !== undefined)
    .sort((a, b) => b.pages - a.pages)
    .slice(0, Number(args[0] ?? 5));
  for (const { name, pages, activeObjects, objects, isReclaimable } of caches) {
    const kind = isReclaimable ? 'reclaimable' : 'not reclaimable';
    const used = `${activeObjects ?? '?'} of ${objects ?? '?'} objects in use`;
    print(`slab ${name}: ${pages * PAGE_KIB} KiB, ${used}, ${kind}`);
  }
  return { type: 'low-zones', low, kswapds, caches };
}

/** @param {import('stallcore').Vmcore} vmcore */
function kswapdState(vmcore, { node, address, kswapdFailures }) {
  const pgdat = vmcore.object('pglist_data', BigInt(address));
  const task = pgdat.member('kswapd').deref();
  if (task.address === 0n) return { node, calls: [] };
  const pid = task.member('pid').number();
  const found = readTasks(vmcore).tasks.find((each) => each.pid === pid);
  const stack = found === undefined ? undefined : new StackReader(vmcore).read(found);
  return {
    node,
    pid,
    // A kernel that lacks the member has no such number, which is not the number 0.
    ...(pgdat.has('kswapd_order') ? { order: pgdat.member('kswapd_order').number() } : {}),
    ...(kswapdFailures === undefined ? {} : { failures: kswapdFailures }),
    calls: (stack?.frames ?? []).slice(0, 4).map(({ name }) => name ?? '?'),
  };
}
