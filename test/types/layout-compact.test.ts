import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { compactLayout } from '../../src/types/layout-compact.ts';
import { readLayout } from '../../src/types/layout.ts';

const FILE = new URL('../../structs/6.1.0-56-cloud-amd64-x86_64.json', import.meta.url);

describe('compactLayout', () => {
  const text = readFileSync(FILE, 'utf8');
  const compact = compactLayout(text);

  it('says the same in fewer bytes', () => {
    assert.deepEqual(JSON.parse(compact), JSON.parse(text));
    assert.deepEqual(readLayout(compact).file, readLayout(text).file);
    assert.ok(compact.length < text.length * 0.85, `${compact.length} of ${text.length}`);
  });

  it('has a line for each member', () => {
    const at = compact.indexOf('\n"list_head"');
    const [first, next, prev] = compact.slice(at + 1).split('\n');
    assert.equal(first, '"list_head":{"kind":"struct","size":16,"members":{');
    assert.equal(next, '"next":{"offset":0,"type":"struct list_head *"},');
    assert.equal(prev, '"prev":{"offset":8,"type":"struct list_head *"}}},');
  });
});
