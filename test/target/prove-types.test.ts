import assert from 'node:assert/strict';
import { disproveTypes } from '../../src/target/prove-types.ts';
import type { TypeSource } from '../../src/types/ctype.ts';
import { readLayout } from '../../src/types/layout.ts';
import { openVmcore, type Vmcore } from '../../src/target/index.ts';
import { vaddrAdd } from '../../src/util/address.ts';
import { threeStallsPath } from '../support/three-stalls.ts';

/** The least of a task_struct; offsets in bytes. */
function taskTypes(
  members: Readonly<Record<string, { offset: number; type: string }>>,
): TypeSource {
  const structs = { task_struct: { kind: 'struct', size: 9728, members } };
  const baseTypes = { int: { size: 4, signed: true }, char: { size: 1, signed: true } };
  const identity = { arch: 'x86_64', producer: 'test', source: 'test' };
  const file = { format: 1, ...identity, pointerSize: 8, baseTypes, typedefs: {}, structs };
  return readLayout(JSON.stringify(file));
}

describe('disproveTypes', () => {
  let vmcore: Vmcore;
  let commAt: number;
  before(async () => {
    vmcore = await openVmcore([threeStallsPath()]);
    const bytes = vmcore.readBytes(vmcore.symbol('init_task'), 9000);
    commAt = Buffer.from(bytes).indexOf('swapper/0\0');
    assert.ok(commAt > 0);
  });
  after(() => vmcore.close());

  it('has nothing against types of the kernel itself', () => {
    assert.equal(disproveTypes(vmcore.types, vmcore), undefined);
  });

  it('tells what they make of the name of init_task', () => {
    const comm = { offset: commAt + 3, type: 'char[16]' };
    assert.equal(
      disproveTypes(taskTypes({ comm }), vmcore),
      'by it init_task has the name "pper/0", and not "swapper"',
    );
  });

  it('tells that the pid would not be 0', () => {
    const comm = { offset: commAt, type: 'char[16]' };
    const pid = { offset: commAt, type: 'int' };
    assert.match(disproveTypes(taskTypes({ comm, pid }), vmcore) ?? '', /^by it the pid/);
  });

  it('concludes nothing from types that lack the struct, or from a page that is not there', () => {
    assert.equal(disproveTypes({ ...NOTHING }, vmcore), undefined);
    const symbol = vaddrAdd(vmcore.symbol('init_task'), 2 ** 30);
    const elsewhere = { ...vmcore.symbols, lookup: () => symbol };
    const symbols = elsewhere as unknown as Vmcore['symbols'];
    const comm = { offset: 0, type: 'char[16]' };
    assert.equal(disproveTypes(taskTypes({ comm }), { space: vmcore.space, symbols }), undefined);
  });
});

const NOTHING: TypeSource = {
  origin: 'none',
  find: () => undefined,
  findEnumerator: () => undefined,
};
