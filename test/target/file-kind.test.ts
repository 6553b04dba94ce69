import assert from 'node:assert/strict';
import { kindOf, refuseOtherKind } from '../../src/target/file-kind.ts';
import { ET_CORE, ET_EXEC } from '../../src/format/elf/constants.ts';
import { buildVmlinux } from '../support/elf-builder.ts';

/** e_type is the 16 bits at 16 of an ELF header. */
function elf(type: number): Uint8Array {
  const bytes = buildVmlinux([]).slice(0, 256);
  bytes[16] = type;
  return bytes;
}

describe('kindOf', () => {
  const kinds: [what: string, head: Uint8Array | string, kind: string | undefined][] = [
    ['a program', elf(ET_EXEC), 'vmlinux'],
    ['a core', elf(ET_CORE), undefined],
    ['an ELF header cut short', elf(ET_EXEC).subarray(0, 20), undefined],
    [
      'a list of symbols',
      'ffffffff81000000 T _text\nffffffff81000000 T startup_64\n',
      'system-map',
    ],
    ['JSON', '{\n  "format": 1,\n', 'layout'],
    ['a dump of the makedumpfile format', 'KDUMP   \x06\0\0\0', undefined],
    ['bytes that begin as JSON', '{"\0\x80', undefined],
    ['nothing', '', undefined],
  ];
  for (const [what, head, kind] of kinds) {
    it(`knows ${what}`, () => {
      assert.equal(kindOf(typeof head === 'string' ? Buffer.from(head, 'latin1') : head), kind);
    });
  }
});

describe('refuseOtherKind', () => {
  it('names the option that takes such a file', () => {
    const head = Buffer.from('0000000000000000 A fixed_percpu_data\n');
    assert.throws(() => refuseOtherKind('x', head, 'layout'), {
      message:
        'x: expected a layout file (or other JSON); this is a System.map, to be given beside the ' +
        'vmcore with --system-map',
    });
    refuseOtherKind('x', head, 'system-map');
  });
});
