import assert from 'node:assert/strict';

import { parseSystemMap } from '../../src/target/system-map.ts';
import { FormatError } from '../../src/util/errors.ts';

describe('parseSystemMap', () => {
  it('reads a line a symbol', () => {
    const text = '0000000000031980 A runqueues\nffffffff81000000 T _text\n';
    assert.deepEqual(parseSystemMap(text), [
      { name: 'runqueues', value: 0x31980n, type: 'A' },
      { name: '_text', value: 0xffffffff81000000n, type: 'T' },
    ]);
  });

  it('takes /proc/kallsyms without its modules, and CRLF', () => {
    const text = 'ffffffff81000000 T _text\r\nffffffffc0337000 t fw_init\t[qemu_fw_cfg]\r\n';
    assert.deepEqual(
      parseSystemMap(text).map(({ name }) => name),
      ['_text'],
    );
  });

  const damaged: [title: string, text: string, message: RegExp][] = [
    ['nothing', '', /System.map: expected addresses, have no symbols/],
    [
      "Debian's placeholder",
      'ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n',
      /System.map\+0x0: expected `address type name`, have "ffffffffffffffff B The real/,
    ],
    [
      'addresses that were hidden',
      '0000000000000000 T _text\n0000000000000000 T _stext\n',
      /System.map: expected addresses, have zero for each/,
    ],
    [
      'a line that is cut off, by its offset',
      'ffffffff81000000 T _text\nffffffff810\n',
      /System.map\+0x19: expected .*have "ffffffff810"/,
    ],
    ['a binary file', '\x7fELF\x02\x01\x01\0\0', /System.map\+0x0: .*, have binary data$/],
  ];
  for (const [title, text, message] of damaged) {
    it(`refuses ${title}`, () => {
      assert.throws(
        () => parseSystemMap(text),
        (error) => error instanceof FormatError && message.test(error.message),
      );
    });
  }
});
