import assert from 'node:assert/strict';

import { findGnuBuildId } from '../../src/target/notes-section.ts';

/** n_namesz, n_descsz, n_type, name, desc. */
function note(name: string, type: number, desc: number[], sizes: number[] = []): number[] {
  const words = new Uint32Array([sizes[0] ?? name.length, sizes[1] ?? desc.length, type]);
  const padded = (bytes: number[]): number[] => [
    ...bytes,
    ...Array<number>((4 - (bytes.length % 4)) % 4).fill(0),
  ];
  return [...new Uint8Array(words.buffer), ...padded([...Buffer.from(name)]), ...padded(desc)];
}

describe('findGnuBuildId', () => {
  const cases: [title: string, notes: number[], expected: string | undefined][] = [
    ['the only note', note('GNU\0', 3, [1, 2, 3, 4]), '01020304'],
    [
      'behind notes whose parts are padded',
      [...note('Xen\0', 6, [1]), ...note('Linux\0', 3, [9]), ...note('GNU\0', 3, [0xab])],
      'ab',
    ],
    ['nothing of another type', note('GNU\0', 5, [1, 2, 3, 4]), undefined],
    ['nothing of another owner', note('XNU\0', 3, [1, 2, 3, 4]), undefined],
    ['nothing where it is empty', note('GNU\0', 3, []), undefined],
    ['nothing in no bytes', [], undefined],
    ['nothing in half a header', [4, 0, 0, 0, 4, 0], undefined],
    ['nothing where it is cut off', note('GNU\0', 3, [1, 2, 3, 4]).slice(0, -1), undefined],
    ['nothing behind a name of 4 GiB', note('GNU\0', 3, [1], [0xffffffff]), undefined],
    ['nothing where the size is 4 GiB', note('GNU\0', 3, [1], [4, 0xffffffff]), undefined],
    ['nothing in zeros', Array<number>(64).fill(0), undefined],
  ];
  for (const [title, bytes, expected] of cases) {
    it(`finds ${title}`, () => {
      assert.equal(findGnuBuildId(Uint8Array.from(bytes)), expected);
    });
  }
});
