import assert from 'node:assert/strict';
import { readBtf } from '../../src/format/btf/read.ts';
import { BtfWriter } from '../../src/format/btf/write.ts';
import { BtfTypes } from '../../src/types/btf-types.ts';
import { combineTypes } from '../../src/types/combine.ts';
import { btfKernelTable } from '../support/btf-kernel.ts';

describe('combineTypes', () => {
  it('asks the sources in order and prefers a complete struct', () => {
    const w = new BtfWriter();
    w.struct('task_struct', 0, []);
    w.enum('a', [{ name: 'SCHED_FIFO', value: 7 }]);
    const opaque = new BtfTypes(readBtf(w.finish()));
    const kernel = new BtfTypes(btfKernelTable(), { origin: 'kernel' });
    const both = combineTypes([opaque, kernel]);
    assert.equal(both.find('struct', 'task_struct'), kernel.find('struct', 'task_struct'));
    assert.equal(both.findEnumerator('SCHED_FIFO'), 7n);
    assert.equal(both.findEnumerator('SCHED_NONE'), -1n);
    assert.equal(both.variableType?.('runqueues'), kernel.find('struct', 'rq'));
    assert.equal(both.find('union', 'nothing'), undefined);
    assert.equal(both.origin, 'BTF in the dump, kernel');
    assert.equal(combineTypes([], 'none').origin, 'none');
  });
});
