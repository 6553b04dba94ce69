import assert from 'node:assert/strict';
import { Ref } from '../../src/target/ref.ts';
import { FaultError, LookupError } from '../../src/util/errors.ts';
import { FakeMemory } from '../support/fake-memory.ts';

function sample(): { memory: FakeMemory; task: Ref } {
  const memory = new FakeMemory({
    signal: { size: 16, members: { nr: [0, 'int'], head: [8, 'unsigned long'] } },
    task: {
      size: 64,
      members: {
        pid: [0, 'int'],
        state: [4, 'unsigned int'],
        signal: [8, 'struct signal *'],
        comm: [16, 'char [16]'],
        inner: [32, 'struct signal'],
        counts: [48, 'unsigned int [4]'],
      },
    },
  });
  memory.u32(0, 0xffffffff);
  memory.u32(4, 0xffffffff);
  memory.u64(8, memory.at(0x100));
  memory.u32(0x100, 7);
  memory.u64(0x108, 0xfedcba9876543210n);
  for (const [i, letter] of [...'kswapd0'].entries()) memory.u8(16 + i, letter.charCodeAt(0));
  memory.u8(24, 'x'.charCodeAt(0)); // stale bytes behind the NUL
  for (let i = 0; i < 4; i++) memory.u32(48 + 4 * i, i * 10);
  return { memory, task: new Ref(memory, memory.struct('task'), memory.at(0)) };
}

describe('Ref', () => {
  it('reads integers by the sign of their type', () => {
    const { task } = sample();
    assert.equal(task.member('pid').number(), -1);
    assert.equal(task.member('state').number(), 0xffffffff);
    assert.equal(task.member('pid').integer(), -1n);
  });

  it('follows a pointer to a member, as -> does', () => {
    const { task } = sample();
    assert.equal(task.member('signal').member('nr').number(), 7);
    assert.equal(task.member('signal').member('head').integer(), 0xfedcba9876543210n);
    assert.equal(task.member('signal').has('head'), true);
  });

  it('finds members of structs inside by their path', () => {
    const { memory, task } = sample();
    assert.equal(task.member('inner.head').address, memory.at(40));
  });

  it('reads an array by index and a string up to its NUL', () => {
    const { task } = sample();
    assert.equal(task.member('counts').at(3).number(), 30);
    assert.equal(task.member('counts[2]').number(), 20);
    assert.equal(Buffer.from(task.member('comm').cString()).toString(), 'kswapd0');
  });

  it('goes from a member back to its struct', () => {
    const { memory, task } = sample();
    const inner = task.member('inner');
    assert.equal(inner.containerOf(memory.struct('task'), 'inner').address, task.address);
  });

  it('takes the first member that exists', () => {
    const { task } = sample();
    assert.equal(task.firstMember('__state', 'state').address, task.member('state').address);
    assert.throws(() => task.firstMember('a', 'b'), /struct task\.a or \.b: not in this kernel/);
  });

  it('names the member that is not there', () => {
    const { task } = sample();
    assert.throws(() => task.member('memalloc'), LookupError);
    assert.throws(() => task.member('memalloc'), /member struct task\.memalloc/);
  });

  it('throws where the pointer leads nowhere, naming the address', () => {
    const { memory, task } = sample();
    memory.u64(8, 0xdead0000n);
    assert.throws(() => task.member('signal').member('nr').number(), FaultError);
    assert.throws(() => task.member('signal').member('nr').number(), /0xdead0000/);
  });
});
