import assert from 'node:assert/strict';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { LOGLEVEL_INFO } from '../../../src/sim/kernel/printk.ts';
import { cond_resched } from '../../../src/sim/kernel/sched.ts';
import type { Task } from '../../../src/sim/kernel/task.ts';
import { addThread, bareKernel } from '../../support/bare-kernel.ts';

const LINE_US = 10_000;
const CPUS = 4;

function machine(consoleHandover: boolean): Kernel {
  return bareKernel({ hz: 1000, cpuCount: CPUS, consoleUs: LINE_US, consoleHandover });
}

/** A thread that prints so many lines after so many jiffies. @returns when it was done with them */
function printer(k: Kernel, { after, lines = 1 }: { after: number; lines?: number }) {
  const result: { task?: Task; begun?: number; ms?: number } = {};
  result.task = addThread(k, `printer-${after}`, after, function* () {
    const from = (result.begun = k.sched.now);
    for (let i = 0; i < lines; i++) {
      k.printk(LOGLEVEL_INFO, `line ${i} of ${after}`);
      yield* cond_resched(k);
    }
    result.ms = Math.round((k.sched.now - from) / 1000);
  });
  return result;
}

describe('SlowConsole', () => {
  it('makes who prints wait for each line, where nobody else does', () => {
    for (const handover of [false, true]) {
      const k = machine(handover);
      const alone = printer(k, { after: 1, lines: 5 });
      k.sched.run(200_000);
      assert.equal(alone.ms, 50);
      assert.deepEqual([k.slowConsole.dropped, k.slowConsole.notices], [0, []]);
    }
  });

  it('is of no account where nobody listens', () => {
    const k = bareKernel({ hz: 1000, consoleUs: 0 });
    const quick = printer(k, { after: 1, lines: 100 });
    k.sched.run(100_000);
    assert.equal(quick.ms, 0);
  });

  it('has who prints print for all others, who go on at once, before there was a hand-over', () => {
    const k = machine(false);
    const first = printer(k, { after: 1 });
    // They come while the first is at its own line, and at those of the others.
    const others = [4, 8, 12, 16, 20].map((after) => printer(k, { after, lines: 2 }));
    k.sched.run(300_000);
    assert.deepEqual(
      others.map(({ ms }) => ms),
      [0, 0, 0, 0, 0],
    );
    assert.equal(first.ms, 110);
  });

  it('never lets who prints go while others add lines faster than it prints them', () => {
    const k = machine(false);
    const first = printer(k, { after: 1 });
    printer(k, { after: 2 });
    addThread(k, 'flood', 3, function* () {
      for (;;) {
        k.printk(LOGLEVEL_INFO, 'page allocation stalls');
        k.spend(LINE_US / 2);
        yield { kind: 'run', us: k.current.debt };
        k.current.debt = 0;
      }
    });
    k.sched.run(5_000_000);
    assert.equal(first.ms, undefined);
  });

  it('is handed over after the line to who spins, and others leave theirs to that one', () => {
    const k = machine(true);
    const first = printer(k, { after: 1 });
    const second = printer(k, { after: 4 });
    const third = printer(k, { after: 6 });
    k.sched.run(200_000);
    assert.equal(first.ms, 10);
    assert.equal(third.ms, 0);
    // The rest of the first line, its own, and that of the third.
    const rest = LINE_US - (second.begun! - first.begun!);
    assert.equal(second.ms, Math.round((rest + 2 * LINE_US) / 1000));
  });

  it('lets the next one take over what was left to who spun', () => {
    const k = machine(true);
    const first = printer(k, { after: 1 });
    const second = printer(k, { after: 4 });
    for (let i = 0; i < 3; i++) printer(k, { after: 6 });
    // The second is at its own line, with three others to come.
    const last = printer(k, { after: 15 });
    k.sched.run(300_000);
    assert.equal(first.ms, 10);
    assert.ok(second.ms! < 30, `${second.ms}`);
    const end = (last.begun! - first.begun!) / 1000 + last.ms!;
    assert.equal(Math.round(end), 60, 'six lines, one after the other');
  });

  it('skips what the log no longer has, says how much, and frees who was to print it', () => {
    const k = machine(false);
    const first = printer(k, { after: 1 });
    const count = 2_000;
    addThread(k, 'flood', 3, function* () {
      for (let i = 0; i < count; i++) k.printk(LOGLEVEL_INFO, 'x'.repeat(120));
      yield* cond_resched(k);
    });
    k.sched.run(1_000_000);
    // 128 bytes each of 128 KiB: about half of the records are gone before they are printed.
    assert.ok(k.log.firstSeq > count / 2 - 100, `${k.log.firstSeq}`);
    k.sched.run(60_000_000);
    printer(k, { after: 0 });
    k.sched.run(k.sched.now + 1_000_000);
    const { dropped, notices } = k.slowConsole;
    assert.ok(dropped >= k.log.firstSeq - 10, `${dropped}`);
    assert.deepEqual(notices, [`** ${dropped} printk messages dropped **`]);
    const printed = count + 1 - dropped;
    assert.ok(Math.abs(first.ms! - 10 * (printed + 1)) <= 20, `${first.ms} ms, ${printed} lines`);
  });
});

describe('Log', () => {
  it('has only so many bytes in its ring, the last ones', () => {
    const k = bareKernel();
    addThread(k, 'printer', 0, function* () {
      for (let i = 0; i < 3_000; i++) k.printk(LOGLEVEL_INFO, 'x'.repeat(56));
      yield* cond_resched(k);
    });
    k.sched.run(100_000);
    assert.equal(k.log.nextSeq, 3_000);
    assert.equal(k.log.firstSeq, 3_000 - 2 ** 17 / 64);
  });
});
