import assert from 'node:assert/strict';
import { diagnose } from '../../src/triage/diagnose.ts';
import { reliefOf, reliefText } from '../../src/triage/relief.ts';
import { facts, FAULT, MUTEX, type TaskSketch } from '../support/facts-builder.ts';

const ASKS: TaskSketch = { pid: 3, comm: 'backup', state: 'R', calls: FAULT, gfp: 'GFP_KERNEL' };
const SHORT = { zones: [{ name: 'DMA32', free: 242, min: 242, freeNotAdded: 0 }] };

describe('reliefOf', () => {
  const of = (writeback: number | undefined, zones: Parameters<typeof facts>[1] = SHORT): unknown =>
    reliefOf(facts([ASKS], { ...zones, writeback }));

  it('is none of nothing, and not known where the counter is not', () => {
    assert.equal(of(0), 'none');
    assert.equal(of(undefined), undefined);
  });

  it('is enough from the page on that serves all who wait above the mark', () => {
    assert.equal(of(1), 'too little');
    assert.equal(of(2), 'enough');
  });

  it('is enough where no zone is short, or none could be read', () => {
    assert.equal(of(1, { zones: [{ name: 'DMA32', free: 9, min: 8, freeNotAdded: 0 }] }), 'enough');
    assert.equal(of(1, {}), 'enough');
  });
});

describe('reliefText', () => {
  it('says whether the pages can end it, and nothing of none', () => {
    const text = (writeback: number): string[] =>
      reliefText(facts([ASKS], { ...SHORT, writeback }));
    assert.match(String(text(1)), /^1 page being written .* too few to end this$/);
    assert.match(String(text(40)), /^40 pages being written .* when the disk is done$/);
    assert.deepEqual(text(0), []);
  });
});

describe('diagnose, with pages under writeback', () => {
  const waitsFor = { lock: 'mutex 0xf00', holders: [3], isCertain: true };
  const victim = { pid: 2, victim: true, calls: `${MUTEX} < vfs_write`, waitsFor } as const;
  const found = (writeback: number): string[] =>
    diagnose(facts([victim, ASKS], { ...SHORT, writeback })).map(
      ({ diagnosis, confidence }) => `${diagnosis} ${confidence}`,
    );

  it('takes a page or two for no relief of a machine that stands still', () => {
    assert.deepEqual(found(0), ['D3 certain']);
    assert.deepEqual(found(1), ['D3 likely']);
    assert.deepEqual(found(40), ['D13 likely', 'D3 possible']);
  });
});
