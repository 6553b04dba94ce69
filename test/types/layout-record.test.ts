// A kernel's layout with the record of another version of the patch.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { findMember } from '../../src/types/ctype.ts';
import { withRecordLayout } from '../../src/types/layout-record.ts';
import { InvalidError } from '../../src/util/errors.ts';

const STRUCTS = new URL('../../structs/', import.meta.url);
const text = (name: string): string => readFileSync(new URL(name, STRUCTS), 'utf8');
const PATCHED = text('6.1.192-kmallocwd2-x86_64.json');

describe('withRecordLayout', () => {
  it('has the members of the other record where the kernel has its own', () => {
    const types = withRecordLayout(PATCHED, text('memalloc-L8.json'), 'L8');
    const task = types.find('struct', 'task_struct');
    assert.ok(task?.kind === 'struct');
    assert.ok(findMember(task, 'memalloc.in_flight') !== undefined);
    assert.equal(findMember(task, 'memalloc.dumped'), undefined);
  });

  it('takes the record out of the task where it lies on the stack', () => {
    const types = withRecordLayout(PATCHED, text('memalloc-L1.json'), 'L1');
    const task = types.find('struct', 'task_struct');
    assert.ok(task?.kind === 'struct');
    assert.equal(findMember(task, 'memalloc'), undefined);
    assert.equal(types.find('struct', 'memalloc_info'), undefined);
    assert.equal(types.find('struct', 'memalloc')?.kind, 'struct');
  });

  it('refuses a kernel without the patch', () => {
    const unpatched = text('6.1.0-56-cloud-amd64-x86_64.json');
    const record = text('memalloc-L8.json');
    assert.throws(() => withRecordLayout(unpatched, record, 'L8'), InvalidError);
  });
});
