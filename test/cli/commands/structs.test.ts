// The verb structs, and --vmlinux with DWARF, as a user meets them.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findMember, type StructType } from '../../../src/types/ctype.ts';
import { readLayout } from '../../../src/types/layout.ts';
import { CliRunner } from '../../support/cli-runner.ts';
import { buildVmlinux, type SectionSpec } from '../../support/elf-builder.ts';
import { buildIdNote, dwarfSections, rodata } from '../../support/vmlinux-builder.ts';

const SAMPLE = fileURLToPath(new URL('../../../samples/oom-victim-mutex.vmcore', import.meta.url));
const BANNER = 'Linux version 5.0.0-test (a@b) (gcc) #1 SMP';
const BUILD_ID = '00112233445566778899aabbccddeeff00112233';

describe('stallcore structs export', function () {
  this.timeout(30_000);
  const cli = new CliRunner();
  after(() => {
    cli.stop();
  });

  function vmlinux(...sections: readonly SectionSpec[]): string {
    const path = join(cli.folder, 'vmlinux');
    writeFileSync(path, buildVmlinux([rodata(BANNER), ...sections]));
    return path;
  }

  it('makes a layout file of the DWARF of a vmlinux', async () => {
    const output = join(cli.folder, 'layout.json');
    const path = vmlinux(...dwarfSections(), buildIdNote(BUILD_ID));
    const { exitCode, stderr } = await cli.run(['structs', 'export', path, '-o', output]);
    // The small kernel has not all that a real one has.
    assert.equal(exitCode, 1, stderr);
    assert.match(stderr, /^stallcore: wrote the types of 5\.0\.0-test to /);
    assert.match(
      stderr,
      /^stallcore: incomplete: every kernel has .*struct pglist_data.* do not$/m,
    );
    const layout = readLayout(readFileSync(output, 'utf8'));
    assert.deepEqual(
      { ...layout.identity, producer: undefined },
      {
        release: '5.0.0-test',
        arch: 'x86_64',
        banner: BANNER,
        buildId: BUILD_ID,
        producer: undefined,
        source: 'DWARF of vmlinux',
      },
    );
    const task = layout.find('struct', 'task_struct') as StructType;
    assert.equal(findMember(task, 'tasks.prev')?.bitOffset, 128);
  });

  it('names section and offset of damaged DWARF', async () => {
    const cut = dwarfSections().map((section) => {
      const isInfo = section.name === '.debug_info';
      return isInfo ? { ...section, data: section.data.subarray(0, 300) } : section;
    });
    const { exitCode, stderr } = await cli.run(['structs', 'export', vmlinux(...cut), '-o', '-']);
    assert.equal(exitCode, 3);
    assert.match(stderr, /\.debug_info\+0x0: expected a unit of \d+ bytes, have 296$/m);
  });

  it('writes nothing of a dump whose types are not found, and says what has them', async () => {
    const dump = join(cli.folder, 'vmcore');
    await cli.run(['simulate', 'quiet', '--flavour', '4.4', '-o', dump]);
    // Of another kernel than that of which structs/ has a layout.
    const bytes = readFileSync(dump, 'latin1').replaceAll('4.4.1-stallcore', '4.4.1-elsewhere');
    writeFileSync(dump, bytes, 'latin1');
    const output = join(cli.folder, 'none.json');
    const { exitCode, stderr } = await cli.run(['structs', 'export', dump, '-o', output]);
    assert.equal(exitCode, 3, stderr);
    assert.match(stderr, /^stallcore: vmcore: no types to export: the dump has no BTF, /);
    assert.equal(existsSync(output), false);
  });

  it('says that a stripped vmlinux has no types', async () => {
    const { exitCode, stderr } = await cli.run(['structs', 'export', vmlinux(), '-o', '-']);
    assert.equal(exitCode, 3);
    assert.match(
      stderr,
      /vmlinux: neither \.BTF nor \.debug_info: a stripped vmlinux has no types/,
    );
  });
});

describe('stallcore --vmlinux', function () {
  this.timeout(30_000);
  const cli = new CliRunner();
  after(() => {
    cli.stop();
  });

  it('is refused where it is of another kernel, naming both, unless forced', async () => {
    const path = join(cli.folder, 'vmlinux');
    writeFileSync(path, buildVmlinux([rodata(BANNER), ...dwarfSections()]));
    const refused = await cli.run(['info', SAMPLE, '--vmlinux', path]);
    assert.equal(refused.exitCode, 3);
    const both =
      /expected release 6\.1\.192-stallcore-sim \(build ID \w+\), have release 5\.0\.0-test/;
    assert.match(refused.stderr, both);
    const forced = await cli.run(['info', SAMPLE, '--vmlinux', path, '--force']);
    assert.equal(forced.exitCode, 1);
    assert.match(forced.stderr, both);
    assert.match(forced.stderr, /left out, nothing of it fits/);
    assert.match(forced.stdout, /^TYPES +BTF in the dump$/m, 'its init_task is none');
  });

  it('is refused by build ID where that differs', async () => {
    const path = join(cli.folder, 'vmlinux');
    writeFileSync(path, buildVmlinux([buildIdNote(BUILD_ID), ...dwarfSections()]));
    const { exitCode, stderr } = await cli.run(['info', SAMPLE, '--vmlinux', path]);
    assert.equal(exitCode, 3);
    const both = `expected build ID [0-9a-f]{40} \\(6\\.1\\.192-stallcore-sim\\), have build ID`;
    assert.match(stderr, new RegExp(`${both} ${BUILD_ID}`));
  });

  it('is taken unproved where it does not say which kernel it is of', async () => {
    const path = join(cli.folder, 'vmlinux');
    writeFileSync(path, buildVmlinux(dwarfSections()));
    const { exitCode, stderr } = await cli.run(['info', SAMPLE, '--vmlinux', path]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /it has neither build ID nor banner to compare: taken unproved/);
  });

  it('does not stop at a layout file of another kernel that is forced and nonsense', async () => {
    const name = '6.1.0-56-cloud-amd64-x86_64.json';
    const path = fileURLToPath(new URL(`../../../structs/${name}`, import.meta.url));
    const { exitCode, stderr } = await cli.run(['info', SAMPLE, '--layout', path, '--force']);
    assert.equal(exitCode, 1);
    assert.match(
      stderr,
      /made from kernel 6\.1\.0-56-cloud-amd64.*: left out, although --force was given/,
    );
  });
});
