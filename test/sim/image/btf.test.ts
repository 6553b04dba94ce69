import assert from 'node:assert/strict';
import { readBtf } from '../../../src/format/btf/read.ts';
import { encodeBtf } from '../../../src/sim/image/btf.ts';
import { BtfTypes } from '../../../src/types/btf-types.ts';
import { exportLayout } from '../../../src/types/export.ts';
import { USED_ENUMERATORS, USED_TYPES } from '../../../src/types/used-structs.ts';
import { threeStallsTypes } from '../../support/three-stalls.ts';
import { bpftoolTypes } from '../../support/bpftool.ts';

describe('encodeBtf', () => {
  const types = threeStallsTypes();
  const btf = encodeBtf(types, { names: USED_TYPES, enumerators: USED_ENUMERATORS });

  it('gives back every struct, enum and enumerator of the layout that it was made from', () => {
    const identity = { release: null, arch: 'x86_64', banner: null, buildId: null };
    const texts = [types, new BtfTypes(readBtf(btf))].map(
      (source) =>
        exportLayout(source, { identity: { ...identity, producer: '', source: '' } }).text,
    );
    assert.ok((texts[0] ?? '').length > 100_000);
    assert.deepEqual(JSON.parse(texts[1] ?? ''), JSON.parse(texts[0] ?? ''));
  });

  it('is the same for the same types', () => {
    const again = encodeBtf(threeStallsTypes(), {
      names: USED_TYPES,
      enumerators: USED_ENUMERATORS,
    });
    assert.deepEqual(again, btf);
  });

  it('is BTF to bpftool too, with the same task_struct', function () {
    const theirs = bpftoolTypes(this, btf);
    const task = theirs.find((type) => type.kind === 'STRUCT' && type.name === 'task_struct');
    const ours = types.find('struct', 'task_struct');
    assert.ok(task !== undefined && ours?.kind === 'struct');
    assert.equal(task.size, ours.size);
    assert.equal((task.members as unknown[]).length, ours.members.length);
  });

  it('leaves out what the types lack', () => {
    const small = encodeBtf(types, { names: ['struct list_head', 'struct no_such_struct'] });
    const read = new BtfTypes(readBtf(small));
    const head = read.find('struct', 'list_head');
    assert.ok(head?.kind === 'struct');
    // next points to list_head itself.
    const next = head.members[0]?.type;
    assert.equal(next?.kind === 'pointer' ? next.target : undefined, head);
    assert.equal(read.find('struct', 'no_such_struct'), undefined);
    assert.equal(read.table.endId, 3);
  });
});
