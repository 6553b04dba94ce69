import assert from 'node:assert/strict';
import { wrapWords } from '../../src/report/wrap.ts';

describe('wrapWords', () => {
  const TEXT = '12 tasks are stuck in the memory allocator, longest worker-1(207) for 29.8 s';

  it('leaves a text that nobody draws as it is', () => {
    assert.deepEqual(wrapWords(TEXT, Infinity), [TEXT]);
  });

  it('breaks between words, and no line is wider', () => {
    for (let width = 20; width <= TEXT.length; width++) {
      const lines = wrapWords(TEXT, width);
      assert.equal(lines.join(' '), TEXT);
      assert.ok(lines.every((line) => line.length <= width));
    }
  });

  it('puts the other lines below the first', () => {
    assert.deepEqual(wrapWords('- one two three four five', 20, '  '), [
      '- one two three four',
      '  five',
    ]);
  });

  it('leaves a word whole that is wider than the terminal', () => {
    const mask = '__GFP_HIGHMEM|__GFP_MOVABLE|__GFP_IO';
    assert.deepEqual(wrapWords(`3 × ${mask} more`, 20), ['3 ×', mask, 'more']);
  });
});
