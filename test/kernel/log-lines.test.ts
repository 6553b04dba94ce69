import assert from 'node:assert/strict';
import { consoleLine, recordLines } from '../../src/kernel/log-lines.ts';

const TEXT = 'MemAlloc: a(1) dying';

describe('consoleLine', () => {
  const CASES: readonly (readonly [what: string, line: string])[] = [
    ['a console', `[   78.402510] ${TEXT}`],
    ['a console with callers', `[   78.402510][  T123] ${TEXT}`],
    ['a level', `<4>[   78.402510] ${TEXT}`],
    ['syslog', `Apr  3 12:00:01 host kernel: [   78.402510] ${TEXT}`],
    ['journalctl -o short-iso', `2016-04-03T12:00:01+0000 host kernel: [78.402510] ${TEXT}`],
    ['netconsole with its extended format', `4,1234,78402510,-;${TEXT}`],
    ['netconsole with release and caller', `6.1.0,4,1234,78402510,-,caller=T1;${TEXT}`],
    ['a patch', `+ [ 78.402510] ${TEXT}`],
    ['a quotation', `> > [   78.402510] ${TEXT}`],
  ];
  for (const [what, line] of CASES) {
    it(`finds stamp and text behind the prefix of ${what}`, () => {
      assert.deepEqual(consoleLine(line), { timeUs: 78_402_510, text: TEXT });
    });
  }

  it('takes a line without a stamp', () => {
    assert.deepEqual(consoleLine(`Apr  3 12:00:01 host kernel: ${TEXT}`), { text: TEXT });
    assert.deepEqual(consoleLine(TEXT), { text: TEXT });
    assert.deepEqual(consoleLine(''), { text: '' });
  });
});

describe('recordLines', () => {
  it('gives each line of a record its stamp', () => {
    const bytes = new Uint8Array(Buffer.from('a\nb\xff', 'latin1'));
    assert.deepEqual(
      [...recordLines([{ timeUs: 5, bytes }, { bytes }])],
      [{ timeUs: 5, text: 'a' }, { timeUs: 5, text: 'b\xff' }, { text: 'a' }, { text: 'b\xff' }],
    );
  });
});
