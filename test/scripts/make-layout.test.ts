import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { makeLayout } from '../../src/scripts/make-layout.ts';
import { findMember, type StructType } from '../../src/types/ctype.ts';
import { readLayout } from '../../src/types/layout.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';

const structs = (name: string): string =>
  readFileSync(new URL(`../../structs/${name}`, import.meta.url), 'utf8');
const SHIPPED = '4.4.1-stallcore-sim-x86_64.json';

describe('makeLayout', () => {
  it('gives what lies in structs/', function () {
    if (!hasProgram('gcc')) return skipWithReason(this, 'gcc is not installed');
    this.timeout(60_000);
    assert.equal(makeLayout(), structs(SHIPPED));
  });

  it('has the record of the patch v3 as the mails have it', () => {
    const [kernel, record] = [SHIPPED, 'memalloc-L3.json'].map((name) => {
      return readLayout(structs(name), name).file.structs.memalloc_info;
    });
    assert.notEqual(kernel, undefined);
    assert.deepEqual(kernel, record);
  });

  it('has offsets that kernels of 4.4 are known by', () => {
    const types = readLayout(structs(SHIPPED), SHIPPED);
    const { structs: all } = types.file;
    const offset = (struct: string, member: string): number =>
      (findMember(types.find('struct', struct) as StructType, member)?.bitOffset ?? NaN) / 8;
    assert.equal(offset('task_struct', 'state'), 0);
    assert.equal(offset('task_struct', 'stack'), 8);
    assert.equal(offset('thread_info', 'flags'), 8);
    assert.equal(offset('thread_info', 'cpu'), 16);
    assert.equal(offset('uts_namespace', 'name'), 4);
    assert.equal(all.printk_log?.size, 16);
    assert.equal(all.page?.size, 64);
    assert.equal(all.mem_section?.size, 16);
  });
});
