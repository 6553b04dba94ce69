import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logResult, type LogResult } from '../../src/kernel/log.ts';
import { logBytes, logJson, logRemarks, logText } from '../../src/report/log.ts';
import { latin1 } from '../../src/util/byte-reader.ts';
import { skipWithReason } from '../support/bpftool.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';

function resultOf(records: LogResult['records'], more: Partial<LogResult> = {}): LogResult {
  return { type: 'log', kind: 'ring', records, lost: [], leftOut: 0, unknown: 0, ...more };
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

/**
 * What drgn 0.2 prints of a record whose text lies at the start of the array, the block having no
 * room before its end: the 8 bytes of its id too, and as many less of its text.
 */
function withoutIds(drgn: string, own: string): string {
  const lines = own.split('\n');
  return drgn
    .split('\n')
    .map((line, at) => {
      const match = /^(\[[^\]]*\] )[^]{3}\xff[^]\0{3}([^]*)$/.exec(line);
      const whole = lines[at] ?? '';
      if (match === null) return line;
      return whole.startsWith(`${match[1]}${match[2]}`) ? whole : line;
    })
    .join('\n');
}

describe('logBytes', () => {
  it("equals drgn's truth byte for byte", async function () {
    this.timeout(60_000);
    for (const [dump, truth, idCount] of [
      ['k61-press-d31.kdump', 'k61-press', 1],
      ['k61-quiet-d31-zstd.kdump', 'k61-quiet', 0],
    ] as const) {
      const own = await withVmcore(realDump(this, dump), (vmcore) =>
        latin1(logBytes(logResult(vmcore))),
      );
      const drgn = truthFile(this, `${truth}/dmesg.txt`);
      const mended = withoutIds(drgn, own);
      const changed = drgn.split('\n').filter((line, at) => line !== mended.split('\n')[at]);
      assert.equal(changed.length, idCount);
      assert.ok(own === mended, dump);
    }
  });
});

describe('logText', () => {
  for (const dump of ['k1-victim-wd10', 'k2-pair-a', 'k2-pair-b']) {
    it(`equals crash's log of ${dump}`, async function () {
      await withVmcore(realDump(this, `${dump}.kdump`), (vmcore) => {
        assert.ok(logText(logResult(vmcore)) === truthFile(this, `${dump}/dmesg.txt`));
      });
    });
  }

  it('equals makedumpfile --dump-dmesg', async function () {
    this.timeout(60_000);
    const path = realDump(this, 'k61-press-d31.kdump');
    if (spawnSync('makedumpfile', ['--version']).error !== undefined) {
      return skipWithReason(this, 'makedumpfile is not installed');
    }
    const folder = mkdtempSync(join(tmpdir(), 'stallcore-dmesg-'));
    try {
      const out = join(folder, 'dmesg.txt');
      execFileSync('makedumpfile', ['--dump-dmesg', path, out], { stdio: 'ignore' });
      // It writes a char of 0x80 and more as an int that is below zero.
      const theirs = readFileSync(out, 'latin1').replace(/\\xffffff(?=[89a-f][\da-f])/g, '\\x');
      await withVmcore(path, (vmcore) => {
        assert.ok(logText(logResult(vmcore)) === theirs);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('writes nothing that a terminal obeys, and indents further lines', () => {
    const record = { timeUs: 1_234_567, bytes: bytes('a\tb\n\x1b[31m\r\x9b\xff') };
    const text = '[    1.234567] a\tb\n               \\x1b[31m\\x0d\\x9b\\xff\n';
    assert.equal(logText(resultOf([record])), text);
  });

  it('writes the time of day where it is known', () => {
    const records = [{ timeUs: 2_500_000, bytes: bytes('x') }, { bytes: bytes('y') }];
    const known = resultOf(records, { wallClockOffsetUs: Date.UTC(2026, 10, 1, 9) * 1000 });
    assert.equal(logText(known, { ctime: true }), '[Sun Nov  1 09:00:02 2026] x\ny\n');
    assert.equal(logText(resultOf(records), { ctime: true }), '[    2.500000] x\ny\n');
  });
});

describe('logJson', () => {
  it('has texts instead of bytes', () => {
    const json = JSON.stringify(logJson(resultOf([{ level: 4, bytes: bytes('a\x07\nb') }])));
    assert.match(json, /"records":\[\{"level":4,"text":"a\\\\x07\\nb"\}\]/);
  });
});

describe('logRemarks', () => {
  it('says what is lost and what is damaged', () => {
    const lost = [{ seq: 3, count: 2, why: 'overwritten by newer ones' }];
    const remarks = logRemarks(
      resultOf([{ seq: 9, bytes: bytes(''), damage: 'overwritten' }], { lost }),
    );
    assert.deepEqual(remarks, [
      '2 records of the log from number 3 on lost: overwritten by newer ones',
      'text of record 9 of the log: overwritten',
    ]);
  });
});
