import assert from 'node:assert/strict';
import { memResult } from '../../src/kernel/mem.ts';
import { showMemText } from '../../src/report/show-mem.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';

const REAL: readonly (readonly [dump: string, truth: string])[] = [
  ['k61-press-d31.kdump', 'k61-press'],
  ['k1-victim-wd10.kdump', 'k1-victim-wd10'],
  ['k2-pair-b.kdump', 'k2-pair-b'],
];

describe('showMemText', function () {
  this.timeout(60_000);

  for (const [dump, truth] of REAL) {
    it(`has the lines and words that the kernel printed itself: ${dump}`, async function () {
      const printed = lastMemInfo(truthFile(this, `${truth}/dmesg.txt`));
      await withVmcore(realDump(this, dump), (vmcore) => {
        const lines = showMemText(memResult(vmcore)).trimEnd().split('\n');
        assert.deepEqual(lines.map(withoutNumbers), printed.map(withoutNumbers));
      });
    });
  }

  for (const [dump, truth] of REAL.slice(1)) {
    it(`has the numbers that the kernel printed, where nothing moved: ${dump}`, async function () {
      // Everybody waits, and has waited when the watchdog printed this.
      const printed = lastMemInfo(truthFile(this, `${truth}/dmesg.txt`));
      await withVmcore(realDump(this, dump), (vmcore) => {
        const lines = showMemText(memResult(vmcore)).trimEnd().split('\n');
        assert.deepEqual(
          lines,
          printed.map((line) => line.replace(/ local_pcp:\d+kB/, '')),
        );
      });
    });
  }
});

/** The lines of the last SysRq-m, with neither times nor the indentation of crash's log. */
function lastMemInfo(log: string): string[] {
  const start = log.lastIndexOf('Mem-Info:');
  const lines = log.slice(start).split('\n');
  const end = lines.findIndex((line) => line.includes('pages reserved'));
  return lines.slice(0, end + 1).map((line) => {
    const text = line.replace(/^\[ *[\d.]+\] /, '');
    return text.replace(/^ +/, ' ');
  });
}

/** `Node 0 DMA free:#kB …`, without whom blocks are for and what only the printing CPU has. */
function withoutNumbers(line: string): string {
  return line
    .replace(/ local_pcp:\d+kB/, '')
    .replace(/ \([A-Z]+\)/g, '')
    .replace(/(^|[: =])\d+/g, '$1#')
    .replace(/all_unreclaimable\? (yes|no)/, 'all_unreclaimable? #');
}
