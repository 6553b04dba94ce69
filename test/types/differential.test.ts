import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBtf } from '../../src/format/btf/read.ts';
import { BtfTypes } from '../../src/types/btf-types.ts';
import { findMember, sizeOf, type StructType } from '../../src/types/ctype.ts';
import { realBtf } from '../support/btf-real.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';
import { paholeStructs, type PaholeStruct } from '../support/pahole.ts';

const STRUCTS = `task_struct signal_struct mm_struct zone pglist_data scan_control mem_cgroup
  worker_pool mutex rw_semaphore kmem_cache page rq module printk_ringbuffer`;

describe('BtfTypes on the BTF of real kernels', () => {
  for (const dump of ['k61-press-d31.kdump', 'k2-pair-a.kdump']) {
    it(`places the members of structs of ${dump} as pahole does`, async function () {
      this.timeout(180_000);
      if (!hasProgram('pahole')) skipWithReason(this, 'pahole is not installed');
      const bytes = await realBtf(this, dump);
      const types = new BtfTypes(readBtf(bytes));
      let compared = 0;
      for (const theirs of structsIn(bytes, STRUCTS.trim().split(/\s+/))) {
        const struct = types.find('struct', theirs.name) as StructType;
        assert.equal(struct.size, theirs.size, theirs.name);
        for (const member of theirs.members) {
          const place = findMember(struct, member.name);
          const ours = { name: member.name, bitOffset: place?.bitOffset };
          const size = place?.bitSize ?? (place && sizeOf(place.type));
          assert.deepEqual({ ...ours, size }, member, `${theirs.name}.${member.name}`);
          compared++;
        }
      }
      assert.ok(compared > 400, `${compared} members`);
    });
  }

  it('finds the record of the patch where crash found it with DWARF', async function () {
    for (const [dump, offset] of [
      ['k1-victim-wd10.kdump', 2016],
      ['k2-pair-a.kdump', 2432],
    ] as const) {
      const types = new BtfTypes(readBtf(await realBtf(this, dump)));
      const task = types.find('struct', 'task_struct') as StructType;
      assert.equal(findMember(task, 'memalloc')?.bitOffset, offset * 8);
      assert.equal(findMember(task, 'memalloc.gfp')?.bitOffset, (offset + 20) * 8);
    }
  });
});

function structsIn(bytes: Uint8Array, names: readonly string[]): PaholeStruct[] {
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-pahole-'));
  try {
    const path = join(folder, 'types.btf');
    writeFileSync(path, bytes);
    return paholeStructs({ path, format: 'btf' }, names);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
