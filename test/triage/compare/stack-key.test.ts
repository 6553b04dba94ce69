import assert from 'node:assert/strict';
import type { StackFrame, TaskStack } from '../../../src/kernel/stack.ts';
import { stackKeys } from '../../../src/triage/compare/stack-key.ts';

/** A stack of these calls, innermost first; `?` before a guessed one. */
function stack(names: string, fields: Partial<TaskStack> = {}): TaskStack {
  const frames = names.split(' ').map((name, at): StackFrame => {
    const isGuess = name.startsWith('?');
    const place = { pc: `0x${name}`, sp: `0x${(0x4000 - at * 64).toString(16)}` };
    return { ...place, name: name.replace('?', ''), ...(isGuess ? { guessed: true } : {}) };
  });
  return { type: 'stack', source: 'switched out', frames, end: 'user', ...fields };
}

const FAULT = 'try_to_free_pages __alloc_pages_slowpath __alloc_pages handle_mm_fault';

describe('stackKeys', () => {
  it('is the same of the same frames, and of no others', () => {
    assert.deepEqual(stackKeys(stack('a b c')), stackKeys(stack('a b c')));
    assert.notEqual(stackKeys(stack('a b c'))?.whole, stackKeys(stack('a d c'))?.whole);
    assert.notEqual(stackKeys(stack('a b'))?.whole, stackKeys(stack('?a b'))?.whole);
  });

  it('has the caller alone of a task that is elsewhere in the allocator', () => {
    const sleeping = stackKeys(stack(`schedule ${FAULT}`.replace('schedule ', '')));
    assert.equal(sleeping?.isFault, true);
    const deeper = stack(FAULT);
    const [inner, ...rest] = deeper.frames;
    const other = { ...deeper, frames: [{ ...inner!, pc: '0x1' }, ...rest] };
    assert.notEqual(stackKeys(other)?.whole, sleeping.whole);
    assert.equal(stackKeys(other)?.caller, sleeping.caller);
    assert.notEqual(stackKeys(stack(`${FAULT} exc_page_fault`))?.caller, sleeping.caller);
  });

  it('has no caller where a frame is guessed, the stack broken, or nobody asks', () => {
    assert.equal(stackKeys(stack(`${FAULT} ?do_syscall_64`))?.caller, undefined);
    assert.equal(stackKeys(stack(FAULT, { end: 'broken' }))?.caller, undefined);
    assert.equal(stackKeys(stack(FAULT, { end: 'limit' }))?.caller, undefined);
    assert.equal(stackKeys(stack('schedule do_nanosleep'))?.caller, undefined);
  });

  it('is nothing of a stack that could not be read, is empty or was given back', () => {
    assert.equal(stackKeys(undefined), undefined);
    assert.equal(stackKeys(stack('a', { frames: [] })), undefined);
    assert.equal(stackKeys(stack('a', { freed: true })), undefined);
  });
});
