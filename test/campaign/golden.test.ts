import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { GOLDEN, goldenText, readGolden, type GoldenRow } from './golden.ts';

const rows = [...readGolden(readFileSync(GOLDEN, 'utf8')).values()];

/** The machine got on, or had nothing to wait for. */
const NO_STALL = ['D13', 'D14'];
/** Those that say that nothing can ever go on. */
const OOM_DEADLOCKS = ['D1', 'D2', 'D3', 'D4', 'D5', 'D6', 'D7', 'D8', 'D9', 'D10', 'D11'];

function line({ seed, truth, triaged, confidence }: GoldenRow): string {
  return `seed ${seed} came to ${truth}, and triage says ${triaged}, ${confidence}`;
}

describe('test/golden/triage-random.txt', () => {
  it('has each of the seeds 1 to 300', () => {
    assert.deepEqual(
      rows.map(({ seed }) => seed),
      Array.from({ length: 300 }, (_, i) => i + 1),
    );
  });

  it('has no OOM deadlock that is certain of a machine that was quiet or overloaded', () => {
    const wrong = rows.filter(
      ({ truth, triaged, confidence }) =>
        NO_STALL.includes(truth) && OOM_DEADLOCKS.includes(triaged) && confidence === 'certain',
    );
    assert.deepEqual(wrong.map(line), []);
  });

  it('has no OOM deadlock of a machine on which no request was overdue', () => {
    const wrong = rows.filter(
      ({ overdue, triaged, confidence }) =>
        overdue === 0 && OOM_DEADLOCKS.includes(triaged) && confidence !== 'possible',
    );
    assert.deepEqual(wrong.map(line), []);
  });

  it('misses no stall, but where nobody is overdue yet', () => {
    const missed = rows.filter(
      ({ truth, triaged, overdue }) =>
        !NO_STALL.includes(truth) && triaged === 'D14' && overdue > 0,
    );
    assert.deepEqual(missed.map(line), []);
  });

  it('is read only where its matrix is that of its lines', () => {
    const text = goldenText(rows);
    assert.equal(readGolden(text).size, rows.length);
    assert.throws(() => readGolden(text.replace(/^(D14 +D14 )\d+/m, '$17')), /is not what/);
  });
});
