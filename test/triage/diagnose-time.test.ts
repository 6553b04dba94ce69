import assert from 'node:assert/strict';
import { diagnose } from '../../src/triage/diagnose.ts';
import type { Finding } from '../../src/triage/finding.ts';
import { facts, FAULT, MUTEX, type TaskSketch } from '../support/facts-builder.ts';
import { historyOf } from '../support/history-builder.ts';

type Others = Parameters<typeof facts>[1];

function first(tasks: readonly TaskSketch[], others?: Others): Finding {
  const [finding] = diagnose(facts(tasks, others));
  assert.ok(finding !== undefined);
  return finding;
}

function found(tasks: readonly TaskSketch[]): string[] {
  return diagnose(facts(tasks)).map(({ diagnosis, confidence }) => `${diagnosis} ${confidence}`);
}

/** It asks for memory, and nothing records since when. */
const UNAGED: TaskSketch = { pid: 1, state: 'R', calls: FAULT };
const ASKS: TaskSketch = { ...UNAGED, gfp: 'GFP_HIGHUSER_MOVABLE' };
/** It waits for a lock of whoever asks. */
const VICTIM = {
  victim: true,
  calls: `${MUTEX} < vfs_write`,
  waitsFor: { lock: 'mutex 0xf00', holders: [1], isCertain: true },
} as const;

function victim(offCpu: number): TaskSketch {
  return { ...VICTIM, pid: 2, offCpu };
}

describe('diagnose, in the first seconds of what may be a stall', () => {
  it('holds no likeness for likely while everybody who waits has run lately', () => {
    const looper: TaskSketch = { ...UNAGED, offCpu: 0.1 };
    assert.equal(found([looper, victim(30)])[0], 'D3 likely');
    assert.equal(found([looper, victim(0.7)])[0], 'D3 possible');
    assert.match(
      first([looper, victim(0.7)]).against.join(),
      /nobody who waits is known to have waited for over/,
    );
  });

  it('takes whoever is on a CPU for one who has run lately', () => {
    const runs: TaskSketch = { ...UNAGED, onCpu: true };
    assert.equal(found([runs, victim(0.7)])[0], 'D3 possible');
    assert.match(first([runs, victim(0.7)]).because, /, but nobody who waits is known to have/);
    assert.equal(found([runs, victim(38)])[0], 'D3 likely');
  });

  it('gives a victim that was killed a moment ago the time to exit', () => {
    const java = { ...VICTIM, comm: 'java' };
    const at = (nowSeconds: number, pid = 2): Finding =>
      first([ASKS, { ...java, pid }], { history: historyOf([KILL], nowSeconds) });
    const KILL = '[   70.000000] Out of memory: Killed process 2 (java) total-vm:1kB';
    assert.equal(at(79).confidence, 'possible');
    assert.match(at(79).because, /, but java\(2\) was killed 9\.0 s before the dump/);
    assert.equal(at(81).confidence, 'certain');
    // The line is of another process.
    assert.equal(at(79, 4).confidence, 'certain');
  });
});
