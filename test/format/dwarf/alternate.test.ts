import assert from 'node:assert/strict';
import { readDebugAltLink, readDebugSup } from '../../../src/format/dwarf/alternate.ts';

const NAME = [...Buffer.from('shared.dwz\0')];

describe('readDebugAltLink', () => {
  it('reads name and build ID', () => {
    assert.deepEqual(readDebugAltLink(Uint8Array.of(...NAME, 0xab, 0x01)), {
      path: 'shared.dwz',
      buildId: 'ab01',
    });
  });

  it('names the section where the name does not end', () => {
    assert.throws(() => readDebugAltLink(Uint8Array.of(0x41)), {
      message: '.gnu_debugaltlink+0x0: expected a string that ends in its unit',
    });
  });
});

describe('readDebugSup', () => {
  it('reads the link to the file, and that file itself', () => {
    assert.deepEqual(readDebugSup(Uint8Array.of(5, 0, 0, ...NAME, 2, 0xab, 0x01)), {
      isAlternate: false,
      path: 'shared.dwz',
      buildId: 'ab01',
    });
    assert.equal(readDebugSup(Uint8Array.of(5, 0, 1, 0, 1, 0xab)).isAlternate, true);
  });

  it('names section and offset of what it does not understand', () => {
    assert.throws(() => readDebugSup(Uint8Array.of(2, 0, 0, 0, 0)), {
      message: '.debug_sup+0x0: expected version 5, have 2',
    });
    assert.throws(() => readDebugSup(Uint8Array.of(5, 0, 0, ...NAME, 9, 1)), {
      message: '.debug_sup+0xf: expected 9 bytes, have 1',
    });
  });
});
