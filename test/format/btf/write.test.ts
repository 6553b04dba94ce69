import assert from 'node:assert/strict';
import { readBtf } from '../../../src/format/btf/read.ts';
import { BtfWriter } from '../../../src/format/btf/write.ts';
import { btfKernel } from '../../support/btf-kernel.ts';
import { bpftoolTypes, comparable, describeBtfType } from '../../support/bpftool.ts';
import { PAIR } from '../../support/btf-pair.ts';

describe('BtfWriter', () => {
  it('writes the bytes of the hand-made table', () => {
    const w = new BtfWriter();
    const int = w.int('int', 4, 1);
    w.struct('pair', 8, [
      { name: 'first', type: int, bitOffset: 0 },
      { name: 'second', type: int, bitOffset: 32, bitSize: 4 },
    ]);
    assert.deepEqual([...w.finish()], PAIR);
  });

  it('says which id comes next, so that a type can name one that follows', () => {
    const w = new BtfWriter();
    assert.equal(w.nextId, 1);
    assert.equal(w.ptr(w.nextId + 1), 1);
    assert.equal(w.struct('self', 8, [{ name: 'self', type: 1, bitOffset: 0 }]), 2);
    const self = readBtf(w.finish()).type(2);
    assert.ok(self.kind === 'struct' && self.members[0]?.type === 1);
  });

  it('refuses a vlen and a bit offset that the format has no room for', () => {
    const w = new BtfWriter();
    assert.throws(() => w.raw(1, { vlen: 1 << 24 }, []), /BTF kind 1, vlen 16777216$/);
    const far = [{ name: 'far', type: 1, bitOffset: 1 << 24, bitSize: 1 }];
    assert.throws(() => w.struct('s', 1 << 22, far), /s\.far: bit offset 16777216$/);
  });

  it('writes what bpftool reads in the same way', function () {
    const bytes = btfKernel().writer.finish();
    const theirs = bpftoolTypes(this, bytes);
    const table = readBtf(bytes);
    const ours = Array.from({ length: table.endId - 1 }, (_, i) => describeBtfType(table, i + 1));
    assert.deepEqual(ours.map(comparable), theirs.map(comparable));
  });

  it('writes a split table that bpftool reads with its base', function () {
    const baseBytes = btfKernel().writer.finish();
    const base = readBtf(baseBytes);
    const w = new BtfWriter({ base });
    w.struct('xfs_buf', 16, [
      { name: 'b_list', type: base.idsNamed('list_head')[0]!, bitOffset: 0 },
    ]);
    const bytes = w.finish();
    const theirs = bpftoolTypes(this, bytes, baseBytes);
    const table = readBtf(bytes, { base });
    assert.deepEqual([describeBtfType(table, base.endId)], theirs);
  });
});
