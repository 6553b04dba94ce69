// The registers of each CPU in the notes of the vmcore, and where readelf sees them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PRSTATUS_REG_OFFSET } from '../../../src/format/elf/cpu-notes.ts';
import { prStatusNotes } from '../../../src/sim/image/prstatus.ts';
import type { MachineImage } from '../../../src/sim/image/machine.ts';
import { vaddr } from '../../../src/util/address.ts';
import { hasProgram, skipWithReason } from '../../support/bpftool.ts';
import { CONTAINERS, runScenario } from '../../support/simulated.ts';

describe('prStatusNotes', function () {
  this.timeout(180_000);
  let image: MachineImage;
  before(() => {
    ({ image } = runScenario('oom-lock-starved', { seed: 1, kmallocwd: 10 }));
  });

  it('has one CPU after the other, each in the function that its task was in', () => {
    const { statuses, facts, tasks, symbols } = image;
    assert.deepEqual(
      statuses.map(({ cpu }) => cpu),
      facts.idle.map(({ cpu }) => cpu),
    );
    const threads = [...tasks.idle, ...tasks.processes].flatMap((process) => process.threads);
    for (const { cpu, pid, registers } of statuses) {
      const thread = threads.find((each) => {
        return each.facts.pid === pid && each.facts.cpu === cpu && each.facts.onCpu;
      });
      assert.ok(thread !== undefined);
      const innermost = thread.facts.frames?.at(-1)?.name;
      const { rip = 0n, rsp = 0n, cs } = registers;
      if (innermost === undefined) {
        assert.equal(cs, 0x33n);
        continue;
      }
      assert.equal(symbols.findLast(({ address }) => address <= vaddr(rip))?.name, innermost);
      assert.ok(rsp > thread.stack && rsp < thread.stack + 16384n);
    }
  });

  it('lays pid and rip out as struct elf_prstatus does', () => {
    const [note] = prStatusNotes([{ cpu: 0, pid: 7, registers: { r15: 1n, rip: 2n } }]);
    const view = new DataView(note!.desc.buffer);
    assert.equal(view.getInt32(32, true), 7);
    assert.equal(view.getBigUint64(PRSTATUS_REG_OFFSET, true), 1n);
    // 16 registers lie in front of rip.
    assert.equal(view.getBigUint64(PRSTATUS_REG_OFFSET + 128, true), 2n);
  });

  it('is NT_PRSTATUS to readelf, once a CPU', function () {
    if (!hasProgram('readelf')) skipWithReason(this, 'readelf is not installed');
    const folder = mkdtempSync(join(tmpdir(), 'stallcore-prstatus-'));
    try {
      const path = join(folder, 'vmcore');
      const elf = CONTAINERS.find(({ name }) => name === 'elf');
      writeFileSync(path, elf!.bytes({ image } as Parameters<NonNullable<typeof elf>['bytes']>[0]));
      const text = execFileSync('readelf', ['-nW', path], { encoding: 'latin1' });
      const found = [...text.matchAll(/CORE +0x00000150\tNT_PRSTATUS/g)];
      assert.equal(found.length, image.facts.cpuCount);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
