import assert from 'node:assert/strict';
import { inFile, inFileAsync } from '../../src/target/in-file.ts';
import { errorChain, FormatError, UnsupportedError } from '../../src/util/errors.ts';

function messageOf(error: Error): string {
  try {
    return inFile('/boot/vmlinux', () => {
      throw error;
    });
  } catch (thrown) {
    return errorChain(thrown);
  }
}

describe('inFile', () => {
  it('names the file in an error about its contents, once', () => {
    const named = messageOf(new FormatError({ section: 'BTF', offset: 0 }, 'magic'));
    assert.equal(named, 'vmlinux: BTF+0x0: magic');
    assert.equal(messageOf(new UnsupportedError('vmlinux: of i386')), 'vmlinux: of i386');
  });

  it('leaves a bug of ours as it is', () => {
    assert.equal(messageOf(new TypeError('x is undefined')), 'x is undefined');
  });
});

describe('inFileAsync', () => {
  it('names the file as inFile does', async () => {
    const read = inFileAsync('a/b', () => Promise.reject(new UnsupportedError('of i386')));
    await assert.rejects(read, { code: 'invalid', message: 'b' });
  });
});
