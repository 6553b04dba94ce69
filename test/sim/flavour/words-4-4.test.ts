import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { NAMES_4_4 } from '../../../src/sim/flavour/function-names-4-4.ts';
import { WORDS_4_4 } from '../../../src/sim/flavour/words-4-4.ts';
import * as bits from '../../../src/sim/kernel/task-bits.ts';
import * as gfp from '../../../src/sim/mm/gfp.ts';
import { GFP_ERAS } from '../../../src/types/gfp-flags.ts';

describe('WORDS_4_4', () => {
  it('gives masks the values that logs of 4.4 have', () => {
    const { GFP_KERNEL, GFP_NOFS, GFP_HIGHUSER_MOVABLE, __GFP_ZERO } = gfp;
    assert.equal(WORDS_4_4.gfp(GFP_KERNEL), 0x24000c0);
    assert.equal(WORDS_4_4.gfp(GFP_NOFS), 0x2400040);
    // From seeds/001: `gfp=0x242014a` has __GFP_COLD and no __GFP_FS instead.
    assert.equal(WORDS_4_4.gfp(GFP_HIGHUSER_MOVABLE | __GFP_ZERO), 0x24280ca);
    assert.equal(WORDS_4_4.gfpText(GFP_KERNEL), '0x24000c0');
  });

  it('moves each bit to the one that the reader knows by that name', () => {
    const era = GFP_ERAS.find(({ releases }) => releases === '4.4 to 4.9');
    for (const [name, mask] of Object.entries(gfp)) {
      if (!name.startsWith('__GFP_') || typeof mask !== 'number') continue;
      const known = era?.names.find((each) => each.name === name);
      // 4.4 alone had __GFP_NOACCOUNT in the place of __GFP_ACCOUNT.
      if (known !== undefined && name !== '__GFP_ACCOUNT') {
        assert.equal(WORDS_4_4.gfp(mask), known.mask, name);
      }
    }
  });

  it('refuses a bit that it has no place for', () => {
    assert.throws(() => WORDS_4_4.gfp(2 ** 30), /0x40000000 of 0x40000000 has no counterpart/);
  });

  it('has PF_KSWAPD and PF_FSTRANS where they were, and no PF_IDLE', () => {
    const { PF_KSWAPD, PF_KTHREAD, PF_MEMALLOC_NOFS, PF_IDLE } = bits;
    assert.equal(WORDS_4_4.taskFlags(PF_KSWAPD | PF_KTHREAD | PF_IDLE), 0x240000);
    assert.equal(WORDS_4_4.taskFlags(PF_MEMALLOC_NOFS), 0x20000);
  });

  it('has the states of then, and lets idle workers sleep as others do', () => {
    assert.equal(WORDS_4_4.taskState(bits.TASK_KILLABLE), 0x82);
    assert.equal(WORDS_4_4.taskState(bits.TASK_DEAD), 0x40);
    assert.equal(WORDS_4_4.taskState(bits.TASK_IDLE), 0x1);
  });

  it('renames functions that the simulation has', () => {
    const root = new URL('../../../src/sim/', import.meta.url);
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' });
    const texts = files
      .filter((name) => name.endsWith('.ts'))
      .map((name) => {
        return readFileSync(new URL(name, root), 'utf8');
      });
    const code = texts.join('\n');
    const gone = Object.keys(NAMES_4_4).filter(
      (name) => !new RegExp(`function\\*? ${name}\\b`).test(code),
    );
    assert.deepEqual(gone, []);
    assert.equal(WORDS_4_4.functionName('shrink_folio_list'), 'shrink_page_list');
    assert.equal(WORDS_4_4.functionName('do_syscall_64'), undefined);
    assert.equal(WORDS_4_4.functionName('schedule'), 'schedule');
  });
});
