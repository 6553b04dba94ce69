import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';

describe('Finding', () => {
  it('names no release in its next step: none is known to be newer than the dump', () => {
    const folder = new URL('../../src/triage/diagnoses/', import.meta.url);
    for (const name of readdirSync(folder)) {
      const text = readFileSync(new URL(name, folder), 'utf8');
      const next = /\bnext:([\s\S]*?)culprits:/.exec(text)?.[1] ?? text;
      assert.doesNotMatch(next, /kernels? (since|before|of|older)|\bv?[2-7]\.\d+\b/, name);
    }
  });
});
