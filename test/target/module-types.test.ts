import assert from 'node:assert/strict';
import { openVmcore } from '../../src/target/index.ts';
import { moduleTypes } from '../../src/target/module-types.ts';
import { LookupError } from '../../src/util/errors.ts';
import { realDump } from '../support/real-dumps.ts';

describe('moduleTypes', () => {
  it('finds the types of a module and those of the kernel in a real dump', async function () {
    const vmcore = await openVmcore([realDump(this, 'k61-press-d31.kdump')]);
    try {
      const names = vmcore.modules.modules.map(({ name }) => name);
      assert.ok(names.includes('fuse'), names.join());
      const types = moduleTypes(vmcore, 'fuse');
      assert.equal(vmcore.types.find('struct', 'fuse_conn'), undefined);
      const conn = types.find('struct', 'fuse_conn');
      assert.equal(conn?.kind, 'struct');
      // A member whose type is the kernel's: ids of split BTF go on from the base.
      const member = conn?.kind === 'struct' && conn.members.find(({ name }) => name === 'lock');
      assert.equal(member && member.type.kind === 'struct' && member.type.name, 'spinlock');
      assert.throws(() => moduleTypes(vmcore, 'no_such_module'), LookupError);
    } finally {
      vmcore.close();
    }
  });
});
