import assert from 'node:assert/strict';
import { Ref } from '../../src/target/ref.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { ReturnHookReader, type ReturnHooks } from '../../src/unwind/return-hooks.ts';
import { Problems } from '../../src/util/problems.ts';
import { FakeMemory, type FakeStruct } from '../support/fake-memory.ts';
import { at, text } from '../support/stack-builder.ts';

const TRAMPOLINES = {
  return_to_handler: text(0x900),
  arch_rethook_trampoline: text(0xa00),
  kretprobe_trampoline: text(0xb00),
};
const TASK = 0x100;
const LINK: FakeStruct = { size: 8, members: { next: [0, 'struct llist_node *'] } };
const HEAD: FakeStruct = { size: 8, members: { first: [0, 'struct llist_node *'] } };
const CALL: FakeStruct = {
  size: 32,
  members: { ret: [0, 'unsigned long'], retp: [24, 'unsigned long *'] },
};
const NODE: FakeStruct = {
  size: 48,
  members: {
    llist: [16, 'struct llist_node'],
    ret_addr: [32, 'unsigned long'],
    frame: [40, 'unsigned long'],
    fp: [40, 'void *'],
  },
};

/** The hooks of a task whose struct has these members. */
function hooksOf(
  members: FakeStruct['members'],
  fill: (memory: FakeMemory) => void,
): { hooks: ReturnHooks; problems: Problems } {
  const memory = new FakeMemory({
    task_struct: { size: 64, members },
    llist_head: HEAD,
    llist_node: LINK,
    ftrace_ret_stack: CALL,
    rethook_node: NODE,
    kretprobe_instance: NODE,
  });
  fill(memory);
  const problems = new Problems();
  const vmcore = {
    problems,
    types: memory.types,
    symbols: { lookup: (name: keyof typeof TRAMPOLINES) => TRAMPOLINES[name] },
    object: (name: string, address: Ref['address']) =>
      new Ref(memory, memory.struct(name), address),
  } as unknown as Vmcore;
  return { hooks: new ReturnHookReader(vmcore).of(memory.at(TASK)), problems };
}

/** Nodes of a list whose head lies at the start of the task. */
function listOf(
  memory: FakeMemory,
  nodes: readonly (readonly [word: bigint, ret: bigint])[],
): void {
  nodes.forEach(([word, ret], i) => {
    const node = 0x1000 + i * 0x100;
    memory.u64(i === 0 ? TASK : node - 0x100 + 16, memory.at(node + 16));
    memory.u64(node + 32, ret);
    memory.u64(node + 40, word);
  });
}

describe('ReturnHookReader', () => {
  it('knows the trampolines by their symbols', () => {
    const { hooks } = hooksOf({}, () => undefined);
    for (const address of Object.values(TRAMPOLINES)) assert.ok(hooks.isTrampoline(address));
    assert.ok(!hooks.isTrampoline(text(0x901)));
    assert.equal(hooks.trueAddress(at(0x10)), undefined);
  });

  it('finds what the function graph tracer took, as far as its stack is full', () => {
    const { hooks, problems } = hooksOf(
      { ret_stack: [0, 'struct ftrace_ret_stack *'], curr_ret_stack: [8, 'int'] },
      (memory) => {
        memory.u64(TASK, memory.at(0x1000));
        memory.u32(TASK + 8, 1);
        for (const [i, word] of [at(0x30), at(0x20), at(0x10)].entries()) {
          memory.u64(0x1000 + i * 32, text(0x210 + i));
          memory.u64(0x1000 + i * 32 + 24, word);
        }
      },
    );
    assert.equal(hooks.trueAddress(at(0x30)), text(0x210));
    assert.equal(hooks.trueAddress(at(0x20)), text(0x211));
    assert.equal(hooks.trueAddress(at(0x10)), undefined);
    assert.ok(problems.isEmpty);
  });

  for (const list of ['rethooks', 'kretprobe_instances']) {
    it(`finds what a return probe took: ${list}`, () => {
      const { hooks, problems } = hooksOf({ [list]: [0, 'struct llist_head'] }, (memory) => {
        listOf(memory, [
          [at(0x10), text(0xa00)],
          [at(0x10), text(0x210)],
          [at(0x20), text(0x310)],
        ]);
      });
      assert.equal(hooks.trueAddress(at(0x10)), text(0x210));
      assert.equal(hooks.trueAddress(at(0x20)), text(0x310));
      assert.equal(hooks.trueAddress(at(0x28)), undefined);
      assert.ok(problems.isEmpty);
    });
  }

  it('walks no list for ever, and tells of one that cannot be read', () => {
    const circular = hooksOf({ rethooks: [0, 'struct llist_head'] }, (memory) => {
      listOf(memory, [[at(0x10), text(0x210)]]);
      memory.u64(0x1010, memory.at(0x1010));
    });
    assert.equal(circular.hooks.trueAddress(at(0x10)), text(0x210));
    const broken = hooksOf({ rethooks: [0, 'struct llist_head'] }, (memory) =>
      memory.u64(TASK, 8n),
    );
    assert.equal(broken.hooks.trueAddress(at(0x10)), undefined);
    assert.equal(broken.problems.count, 1);
  });
});
