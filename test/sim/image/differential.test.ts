// The images held against other people's tools: drgn opens them (kdump files through libkdumpfile)
// and walks the page tables with its own code, readelf counts the segments.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeThreeStalls, type ThreeStalls } from '../../support/three-stalls.ts';
import { writeElf } from '../../../src/sim/image/elf.ts';
import { writeKdump } from '../../../src/sim/image/kdump.ts';
import type { MachineImage } from '../../../src/sim/image/machine.ts';
import { findMember } from '../../../src/types/ctype.ts';
import { BytesSink, type ByteSink } from '../../../src/util/io.ts';
import { hasProgram, skipWithReason } from '../../support/bpftool.ts';

/** Reads `address length` pairs and prints the bytes in hex, one line each. */
const DRGN_READER = `
import drgn, sys
prog = drgn.Program()
prog.set_core_dump(sys.argv[1])
print(prog['UTS_RELEASE'].string_().decode())
for place in sys.argv[2:]:
    address, length = place.split(':')
    print(prog.read(int(address, 16), int(length)).hex())
`;

/** Debian's drgn belongs to the system's python, which may not be the first in PATH. */
function pythonWithDrgn(): string | undefined {
  return ['python3', '/usr/bin/python3'].find(
    (python) => spawnSync(python, ['-c', 'import drgn']).status === 0,
  );
}

const CONTAINERS: [name: string, write: (image: MachineImage, sink: ByteSink) => void][] = [
  ['ELF', writeElf],
  ['kdump file of zlib pages', (image, sink) => writeKdump(image, sink, { codec: 'zlib' })],
  ['kdump file of lzo pages', (image, sink) => writeKdump(image, sink, { codec: 'lzo' })],
];

describe('a machine, read by other tools', () => {
  let sample: ThreeStalls;
  let folder: string;
  before(() => {
    sample = makeThreeStalls();
    folder = mkdtempSync(join(tmpdir(), 'stallcore-image-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const fileOf = (write: (image: MachineImage, sink: ByteSink) => void): string => {
    const sink = new BytesSink();
    write(sample.image, sink);
    const path = join(folder, 'vmcore');
    writeFileSync(path, sink.bytes());
    return path;
  };

  for (const [name, write] of CONTAINERS) {
    it(`drgn finds every comm and stack in the ${name}`, function () {
      const python = pythonWithDrgn();
      if (python === undefined) {
        skipWithReason(this, 'drgn is not installed');
        return;
      }
      const { tasks, areas, facts } = sample.image;
      const comm = findMember(areas.memory.struct('task_struct'), 'comm');
      assert.ok(comm !== undefined);
      const offset = BigInt(comm.bitOffset / 8);
      const threads = [...tasks.idle, ...tasks.processes].flatMap((process) => process.threads);
      const places = threads.flatMap(({ task, stack }) => [
        `${(task + offset).toString(16)}:16`,
        `${stack.toString(16)}:4`,
      ]);
      const output = execFileSync(python, ['-c', DRGN_READER, fileOf(write), ...places]);
      const expected = threads.flatMap(({ facts: { comm: text } }) => [
        Buffer.from(text.padEnd(16, '\0'), 'latin1').toString('hex'),
        '9d6eac57',
      ]);
      assert.deepEqual(output.toString().trim().split('\n'), [facts.release, ...expected]);
    });
  }

  it('readelf sees segments that add up to the RAM and the kernel image', function () {
    if (!hasProgram('readelf')) skipWithReason(this, 'readelf is not installed');
    const text = execFileSync('readelf', ['-lW', fileOf(writeElf)]).toString();
    const loads = [...text.matchAll(/^ {2}LOAD +\S+ \S+ (\S+) \S+ (\S+)/gm)];
    const total = loads.reduce((sum, [, , memsz]) => sum + Number(memsz), 0);
    const { kernel, physical } = sample.image;
    const ram = physical.ram.reduce((sum, { start, end }) => sum + end - start, 0);
    assert.equal(total, ram + kernel.size);
    assert.equal(Number(loads[0]?.[1]), kernel.startPaddr);
  });
});
