import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { threeStallsTypes } from '../../support/three-stalls.ts';
import { threeStalls } from '../../support/three-stalls-facts.ts';
import { writeElf } from '../../../src/sim/image/elf.ts';
import type { LogFacts } from '../../../src/sim/image/machine-facts.ts';
import { buildMachine } from '../../../src/sim/image/machine.ts';
import { BytesSink } from '../../../src/util/io.ts';
import { skipWithReason } from '../../support/bpftool.ts';

/** Of kexec-tools: reads the ring buffer with its own code. */
const VMCORE_DMESG = '/usr/sbin/vmcore-dmesg';
const RING_BYTES = 1 << 17;
const DESC_COUNT = 1 << 12;

/** Records of some length; each one says which it is. */
function records(count: number, textLength: number): LogFacts[] {
  return Array.from({ length: count }, (_, i) => ({
    timeNs: i * 1_000_000,
    level: i % 8,
    callerPid: i % 5,
    text: `${i} `.padEnd(textLength, 'x'),
  }));
}

function printed({ timeNs, text }: LogFacts): string {
  const seconds = Math.floor(timeNs / 1e9);
  const us = Math.floor((timeNs % 1e9) / 1000);
  return `[${String(seconds).padStart(5)}.${String(us).padStart(6, '0')}] ${text}`;
}

describe('writeLogBuffer', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-log-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** What vmcore-dmesg prints of a machine with this log. */
  const dmesg = (log: readonly LogFacts[]): string[] => {
    const sink = new BytesSink();
    const facts = { ...threeStalls(), log };
    writeElf(buildMachine(facts, { types: threeStallsTypes(), btfNames: [] }), sink);
    const path = join(folder, 'log.elf');
    writeFileSync(path, sink.bytes());
    const text = execFileSync(VMCORE_DMESG, [path], { encoding: 'latin1', maxBuffer: 1 << 24 });
    return text === '' ? [] : text.replace(/\n$/, '').split('\n');
  };

  const cases: readonly [name: string, log: readonly LogFacts[]][] = [
    ['one record', records(1, 12)],
    ['records of all lengths of a word', [7, 8, 9, 15, 16, 17].flatMap((n) => records(1, n))],
    ['as many as fit', records(1_000, 100)],
  ];
  for (const [name, log] of cases) {
    it(`vmcore-dmesg prints ${name}`, function () {
      if (!existsSync(VMCORE_DMESG)) return skipWithReason(this, 'kexec-tools is not installed');
      assert.deepEqual(dmesg(log), log.map(printed));
    });
  }

  it('pushes the oldest records out where the text is too long', function () {
    if (!existsSync(VMCORE_DMESG)) return skipWithReason(this, 'kexec-tools is not installed');
    const log = records(2_000, 201);
    const lines = dmesg(log);
    assert.deepEqual(lines, log.slice(-lines.length).map(printed));
    // 8 bytes for the id; all that fits is there but for one record.
    const bytes = lines.length * (8 + 208);
    assert.ok(bytes <= RING_BYTES && bytes > RING_BYTES - 2 * 216, `${bytes} bytes`);
  });

  it('pushes the oldest records out where they are too many', function () {
    if (!existsSync(VMCORE_DMESG)) return skipWithReason(this, 'kexec-tools is not installed');
    const log = records(DESC_COUNT + 904, 8);
    assert.deepEqual(dmesg(log), log.slice(-DESC_COUNT).map(printed));
  });
});
