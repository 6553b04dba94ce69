// A short campaign in the test suite; `npm run fuzz` is the long one.

import assert from 'node:assert/strict';
import { fuzz } from './campaign.ts';

const SEED = 20_150_906;
const COUNT = 150;

describe('openVmcore and all that follows', () => {
  it(`end in a value or a VmcoreError on random damage, seed ${SEED}`, async () => {
    assert.deepEqual(await fuzz(SEED, COUNT), []);
  });
});
