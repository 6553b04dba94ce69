import assert from 'node:assert/strict';
import type { Ledger } from '../../src/sim/ledger.ts';
import { ledgerPieces, ledgerText } from '../../src/sim/ledger-text.ts';
import { runScenario } from '../support/simulated.ts';

describe('ledgerText', function () {
  this.timeout(60_000);

  it('is what JSON.stringify() gives, in pieces none of which has all tasks', () => {
    const { ledger } = runScenario('quiet', { seed: 1, kmallocwd: 2 });
    assert.equal(ledgerText(ledger), `${JSON.stringify(ledger, null, 1)}\n`);
    assert.ok([...ledgerPieces(ledger)].length > ledger.tasks.length);
  });

  it('leaves out what is undefined, and writes empty arrays as such', () => {
    const ledger = { scenario: 'a\nb', panic: undefined, lines: [], tasks: [] } as unknown;
    assert.equal(ledgerText(ledger as Ledger), `${JSON.stringify(ledger, null, 1)}\n`);
  });
});
