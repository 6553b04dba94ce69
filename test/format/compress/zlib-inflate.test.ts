import assert from 'node:assert/strict';
import { deflateSync } from 'node:zlib';
import { Inflater } from '../../../src/format/compress/zlib-inflate.ts';

const PAGE = Buffer.from('struct page '.repeat(300));

/** What an inflater makes of a stream, as text or as zlib's complaint. */
function told(inflater: Inflater, stream: Uint8Array, room: number): string {
  const output = new Uint8Array(room);
  const inflated = inflater.unpack(stream, output);
  if ('errorCode' in inflated) return inflated.errorCode;
  return Buffer.from(output.subarray(0, inflated.length)).toString();
}

describe('Inflater', () => {
  let inflater: Inflater;
  before(() => {
    // Where this fails node has changed, and every page costs three times as much.
    inflater = Inflater.create() ?? assert.fail('this node has no handle that can be used again');
  });

  it('unpacks one stream after another', () => {
    for (const text of ['one', 'two', PAGE.toString(), 'three']) {
      assert.equal(told(inflater, deflateSync(text), 8192), text);
    }
  });

  it('fills the room that there is and no more', () => {
    assert.equal(told(inflater, deflateSync(PAGE), 24), PAGE.toString().slice(0, 24));
  });

  it('tells of damaged and of cut streams, and unpacks the next', () => {
    const damaged = deflateSync(PAGE);
    damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1;
    assert.equal(told(inflater, damaged, 8192), 'Z_DATA_ERROR');
    assert.equal(told(inflater, Buffer.from('no zlib at all'), 8192), 'Z_DATA_ERROR');
    assert.equal(told(inflater, deflateSync(PAGE).subarray(0, 20), 8192), 'Z_BUF_ERROR');
    assert.equal(told(inflater, deflateSync('well'), 8192), 'well');
  });
});
