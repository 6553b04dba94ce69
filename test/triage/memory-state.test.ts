import assert from 'node:assert/strict';
import type { OomState } from '../../src/kernel/oom.ts';
import type { Checked, ZoneCheck } from '../../src/triage/checked.ts';
import { memoryState } from '../../src/triage/memory-state.ts';

const ZONE: ZoneCheck = { node: 0, name: 'DMA32', free: 0, min: 368, low: 460, high: 552 };
const OOM: OomState = {
  type: 'oom',
  victims: [],
  killCount: 18,
  lock: { address: '0x1', isHeld: true, owner: { address: '0x2', pid: 227, comm: 'cg-hog' } },
  memcgs: [],
  memcgTasks: [],
  bits: [],
};
const CHECKED: Checked = {
  requests: { tasks: 3, slowPath: 1, memoryCgroup: 0, perhapsOverdue: 1, unreadStacks: 0 },
  zones: [ZONE],
  writeback: 0,
  kswapd: [{ node: 0, pid: 30, comm: 'kswapd0', state: 'S', at: 'kswapd', failures: 16 }],
  oom: OOM,
  blocked: [],
  symbols: {},
};

describe('memoryState', () => {
  it('says what is free, what kswapd does, who has oom_lock and how many were killed', () => {
    assert.equal(
      memoryState(CHECKED),
      'Memory: DMA32 has 0 pages free, below min (368); none is being written; kswapd0(30) has ' +
        'given up (16 runs in a row reclaimed nothing); cg-hog(227) holds oom_lock; 18 killed ' +
        'since boot.',
    );
  });

  it('says what holds the memory, and whether swap is left', () => {
    const uses = {
      managedPages: 1000,
      uses: [
        { name: 'anonymous', pages: 710 },
        { name: 'page tables', pages: 3 },
        { name: 'free', pages: 2 },
      ],
      restPages: 285,
    };
    const held = memoryState({ ...CHECKED, uses, swap: { totalPages: 9, freePages: 0 } });
    const shares = 'anonymous 71 %, in no counter 29 %, free <1 %';
    assert.ok(held.includes(`; of 1000 pages: ${shares}; swap is full; none is being`), held);
    const left = memoryState({ ...CHECKED, swap: { totalPages: 9, freePages: 4 } });
    assert.match(left, /; 4 of 9 pages of swap free; none/);
  });

  it('has the zones that are shortest first, and says how far up the others are', () => {
    const frees = [900, 500, 400, 100];
    const zones = frees.map((free, node) => ({ ...ZONE, free, node }));
    assert.match(
      memoryState({ ...CHECKED, zones }),
      / node 3 has 100 .*, below min .* 400 .*, below low .* 500 .*, below high .*, and 1 more/,
    );
    const [above] = zones;
    assert.ok(above !== undefined);
    assert.match(
      memoryState({ ...CHECKED, zones: [above] }),
      / DMA32 has 900 pages free, above high \(552\)/,
    );
  });

  it('says what could not be read, and that a number is not whole', () => {
    const zones = [{ ...ZONE, unreadCpus: 2 }];
    assert.match(
      memoryState({ ...CHECKED, zones }),
      /0 pages free \(what 2 CPUs counted could not be read\)/,
    );
    const { zones: none, writeback, oom, ...rest } = CHECKED;
    assert.ok(none !== undefined && writeback !== undefined && oom !== undefined);
    assert.match(
      memoryState({ ...rest, kswapd: [] }),
      /zones could not be read; how many pages are being written is not known; .* is not known/,
    );
  });

  it('says that kswapd works, or sleeps', () => {
    const at = { node: 0, pid: 30, comm: 'kswapd0', state: 'D', at: 'shrink_slab', isIdle: false };
    assert.match(
      memoryState({ ...CHECKED, kswapd: [at] }),
      /kswapd0\(30\) is D in shrink_slab\(\)/,
    );
    const asleep = { ...at, isIdle: true };
    assert.match(memoryState({ ...CHECKED, kswapd: [asleep] }), /kswapd0\(30\) sleeps/);
  });
});
