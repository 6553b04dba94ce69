import assert from 'node:assert/strict';
import {
  MMF_OOM_REAP_QUEUED,
  MMF_OOM_SKIP,
  probeFlag,
  TIF_MEMDIE,
  TIF_SIGPENDING,
  type ConstantProbe,
} from '../../src/types/kernel-constants.ts';

/** A kernel with the given functions, thread_info.flags at `offset` from the register. */
function probe(functions: Readonly<Record<string, string>>, offset = 0): ConstantProbe {
  return {
    flagsOffset: offset,
    code: (symbol) => {
      const digits = functions[symbol];
      return digits === undefined ? undefined : Buffer.from(digits.replaceAll(' ', ''), 'hex');
    },
  };
}

describe('probeFlag', () => {
  const FOUND: readonly (readonly [what: string, code: string, bit: number, offset?: number])[] = [
    // As gcc 12 compiled mark_oom_victim() of Debian 6.1.
    ['lock btsq $0x14,(%rdi)', '90 f0 48 0f ba 2f 14 72 3c', 20],
    ['lock btsq $0x14,(%rdi), LOCK patched away on one CPU', '3e 48 0f ba 2f 14', 20],
    ['lock btsl $0x3,0x10(%rax), thread_info on the stack', 'f0 0f ba 68 10 03', 3, 16],
    // As gcc 12 compiles mark_oom_victim() of 4.4.
    ['add $0x8,%rax; lock btsl $0x14,(%rax)', '48 83 c0 08 f0 0f ba 28 14 72 0f', 20, 8],
    ['lock andb $0xef,0x2(%rax)', 'f0 80 60 02 ef', 20],
    ['lock btrq $0x3,(%r12), with a SIB byte', 'f0 49 0f ba 34 24 03', 3],
  ];
  for (const [what, code, bit, offset] of FOUND) {
    it(`finds TIF_MEMDIE in ${what}`, () => {
      const found = probeFlag(TIF_MEMDIE, probe({ mark_oom_victim: code }, offset));
      assert.equal(found?.bit, bit);
      assert.match(found?.source ?? '', /mark_oom_victim/);
    });
  }

  it('finds TIF_SIGPENDING in lock orb $0x4,(%rdi)', () => {
    const found = probeFlag(TIF_SIGPENDING, probe({ signal_wake_up_state: 'f0 80 0f 04' }));
    assert.equal(found?.bit, 2);
  });

  it('goes on to the next function where the first cannot be read', () => {
    const found = probeFlag(TIF_MEMDIE, probe({ exit_oom_victim: 'f0 80 60 02 ef' }));
    assert.match(found?.source ?? '', /exit_oom_victim/);
  });

  it('finds MMF_OOM_SKIP in lock orb $0x20,0x38a(%rbx), mm->flags being at 0x388', () => {
    const exit_mmap = 'f0 80 8b 8a 03 00 00 20';
    assert.equal(probeFlag(MMF_OOM_SKIP, probe({ exit_mmap }, 0x388))?.bit, 21);
    // The same byte of another struct.
    assert.equal(probeFlag(MMF_OOM_SKIP, probe({ exit_mmap }, 0x380)), undefined);
  });

  it('takes MMF_OOM_VICTIM, which is only set, for no MMF_OOM_REAP_QUEUED', () => {
    // lock orb $0x2,0x38b(%rax): bit 25.
    const setVictim = 'f0 80 88 8b 03 00 00 02';
    // lock btsq $0x1a,0x388(%rax)
    const queue = 'f0 48 0f ba a8 88 03 00 00 1a';
    const find = (code: string): number | undefined =>
      probeFlag(MMF_OOM_REAP_QUEUED, probe({ oom_kill_process: code }, 0x388))?.bit;
    assert.equal(find(setVictim + queue), 26);
    assert.equal(find(setVictim), undefined);
  });

  const UNKNOWN: readonly (readonly [what: string, code: string])[] = [
    ['code without a locked instruction', '48 0f ba 2f 14'],
    ['a bit that the flag never had', 'f0 48 0f ba 2f 15'],
    ['two candidates in one function', 'f0 48 0f ba 2f 14 f0 48 0f ba 2f 03'],
    ['a register operand', 'f0 48 0f ba e8 14'],
    ['an address relative to rip', 'f0 80 0d 00 00 00 00 10'],
    ['code that is cut short', 'f0 80 60'],
  ];
  for (const [what, code] of UNKNOWN) {
    it(`says nothing for ${what}`, () => {
      assert.equal(probeFlag(TIF_MEMDIE, probe({ mark_oom_victim: code })), undefined);
    });
  }
});
