import assert from 'node:assert/strict';
import { escapeControls, escapeText } from '../../src/util/escape.ts';

describe('escapeText', () => {
  const CASES: readonly (readonly [bytes: number[], text: string])[] = [
    [[0x61, 0x20, 0x28, 0x62, 0x29], 'a (b)'],
    [[0x0a], '\\x0a'],
    [[0x1b, 0x5b, 0x32, 0x4a], '\\x1b[2J'],
    [[0x5c], '\\x5c'],
    [[0x7e, 0x7f, 0x80, 0xff], '~\\x7f\\x80\\xff'],
    [[], ''],
  ];
  for (const [bytes, text] of CASES) {
    it(`writes bytes ${Buffer.from(bytes).toString('hex') || '(none)'} as "${text}"`, () => {
      assert.equal(escapeText(Uint8Array.from(bytes)), text);
    });
  }
});

describe('escapeControls', () => {
  it('keeps line feeds and what people write, and shows what terminals obey', () => {
    assert.equal(escapeControls('a\n\x1b[2J\x9b2Jé\x7f'), 'a\n\\x1b[2J\\x9b2Jé\\x7f');
  });
});
