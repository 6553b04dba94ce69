// The swap device and the pages of the swap cache in the vmcore, against the ledger.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vaddr, vaddrAdd } from '../../../src/util/address.ts';
import { runScenario, withRun, writeRun } from '../../support/simulated.ts';

const STRUCT_PAGE_SIZE = 64;

describe('writeSwap', function () {
  this.timeout(180_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-swap-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const flavour of ['6.1-kmallocwd', '4.4'] as const) {
    it(`says how much of it is free, and which pages of ${flavour} are in its cache`, async () => {
      const knobs = { ramMiB: 64, dumpSeconds: 4 };
      const options = { seed: 1, kmallocwd: 1, flavour, judgedBy: 0.1, knobs };
      const run = runScenario('dm-crypt-throttled', options);
      const { swapTotal, swapFree } = run.ledger.memory;
      assert.ok(swapTotal! > swapFree! && swapFree! > 0);
      const { facts } = run.image;
      const cached = facts.memory?.pages.filter(({ swapSlot }) => swapSlot !== undefined) ?? [];
      assert.ok(cached.length > 0);
      const files = writeRun(run, join(folder, flavour), { format: 'kdump' });
      await withRun(files, (vmcore) => {
        assert.equal(vmcore.global('total_swap_pages').number(), swapTotal);
        assert.equal(vmcore.global('nr_swap_pages').member('counter').number(), swapFree);
        assert.equal(vmcore.global('nr_swapfiles').number(), 1);
        const { address } = vmcore.global('swap_info').at(0).deref();
        const device = vmcore.object('swap_info_struct', address);
        assert.equal(device.member('pages').number(), swapTotal);
        assert.equal(device.member('inuse_pages').number(), swapTotal! - swapFree!);
        const bit = 1n << BigInt(vmcore.types.findEnumerator('PG_swapcache') ?? -1n);
        const slots = cached.map(({ pfn }) => {
          const at = vaddrAdd(vaddr(facts.kaslr.vmemmapBase), pfn * STRUCT_PAGE_SIZE);
          const page = vmcore.object('page', at);
          assert.notEqual(page.member('flags').integer() & bit, 0n);
          // PAGE_MAPPING_ANON
          assert.equal(page.member('mapping').integer() & 1n, 1n);
          return page.member('private').number();
        });
        assert.equal(new Set(slots).size, slots.length);
        assert.ok(slots.every((slot) => slot > 0 && slot <= swapTotal!));
      });
    });
  }
});
