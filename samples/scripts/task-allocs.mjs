// The task list with its allocation state: what Tetsuo Handa wanted a script for /usr/bin/crash for
// (linux-mm, 2016-10-20), so that a vmcore gives a clue even where no watchdog ran.
//
//     stallcore run samples/scripts/task-allocs.mjs VMCORE [-- --all]
//
// Tasks that wait for memory, those that wait longest first; --all has every task. On a kernel with
// the kmallocwd patch the numbers are its record, on others what the stacks and mainline's own
// structures tell, and then `>` stands before what is at least so long.

import { readMemalloc } from 'stallcore';

/** @type {import('stallcore').Script} */
export default async function ({ vmcore, args, print, printTable }) {
  const { tasks, record } = readMemalloc(vmcore, { evidence: 'without record' });
  const states = tasks.map(allocationState);
  const waiting = states.filter(({ waits }) => waits);
  const shown = (args.includes('--all') ? states : waiting).sort(
    (a, b) => (b.seconds ?? -1) - (a.seconds ?? -1),
  );
  await printTable({
    columns: [
      { title: 'PID', align: 'right' },
      { title: 'COMM', align: 'left' },
      { title: 'ST', align: 'left' },
      { title: 'WAITS', align: 'right' },
      { title: 'ORDER', align: 'right' },
      { title: 'WORDS', align: 'left' },
      { title: 'GFP', align: 'left', widthMin: 12 },
    ],
    rows: shown.map((task) => [
      String(task.pid ?? '?'),
      task.comm ?? '?',
      task.state ?? '?',
      waitWords(task),
      String(task.order ?? '-'),
      task.words.join(' '),
      task.gfp ?? '-',
    ]),
  });
  const source = record === undefined ? 'rebuilt from stacks' : `record ${record.layout}`;
  print(`${waiting.length} of ${states.length} tasks wait for memory (${source})`);
  return { type: 'task-allocs', source, tasks: shown };
}

/** One task, by its record or else by evidence. */
function allocationState({ pid, comm, state, words, record, evidence }) {
  const set = Object.keys(words).filter((word) => words[word] === true);
  const task = { pid, comm, state, words: set };
  if (record !== undefined) {
    const { inFlight: waits, delaySeconds: seconds, order, gfpNames, gfpMask, seq } = record;
    return { ...task, waits, seconds, order, gfp: gfpNames ?? gfpMask, seq };
  }
  return {
    ...task,
    waits: evidence?.place !== undefined,
    seconds: evidence?.age?.value,
    atLeast: evidence?.age?.kind === 'bound',
    order: evidence?.order?.value,
    gfp: evidence?.gfpNames ?? evidence?.gfpMask?.value,
  };
}

function waitWords({ waits, seconds, atLeast }) {
  if (!waits) return '-';
  if (seconds === undefined) return '?';
  return `${atLeast === true ? '> ' : ''}${seconds.toFixed(1)} s`;
}
