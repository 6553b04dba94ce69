import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readVmlinux } from '../../src/target/vmlinux.ts';
import { BytesSource } from '../../src/util/io.ts';
import { buildVmlinux, type SectionSpec } from '../support/elf-builder.ts';
import { buildIdNote, dwarfSections, SHT_PROGBITS } from '../support/vmlinux-builder.ts';

const BUILD_ID = 'ab01cd23';
const OTHER_ID = 'ef987654';

function altLink(path: string): SectionSpec {
  const data = Buffer.from(`${path}\0${Buffer.from(BUILD_ID, 'hex').toString('latin1')}`, 'latin1');
  return { name: '.gnu_debugaltlink', type: SHT_PROGBITS, data };
}

describe('openDwarf', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-dwarf-'));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** The origin of the types of a file that links to `link`, with these files beside it. */
  async function open(
    link: string,
    files: Record<string, SectionSpec[] | Uint8Array>,
  ): Promise<string> {
    const path = join(folder, 'boot', 'vmlinux');
    rmSync(folder, { recursive: true, force: true });
    for (const [name, sections] of Object.entries(files)) {
      const file = join(folder, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, sections instanceof Uint8Array ? sections : buildVmlinux(sections));
    }
    const bytes = buildVmlinux([...dwarfSections(), altLink(link)]);
    const vmlinux = await readVmlinux(new BytesSource(bytes, 'vmlinux'), { path });
    vmlinux.close();
    return vmlinux.types?.origin ?? 'none';
  }

  const alternate = [...dwarfSections(), buildIdNote(BUILD_ID)];

  for (const [where, link, name] of [
    ['where the link says', '../dwz/shared', 'dwz/shared'],
    ['beside the file', '/usr/share/dwz/shared', 'boot/shared'],
    ['by its build ID', '/usr/share/dwz/shared', '.build-id/ab/01cd23.debug'],
  ] as const) {
    it(`finds the alternate file ${where}`, async () => {
      assert.equal(await open(link, { [name]: alternate }), 'DWARF of vmlinux');
    });
  }

  it('names an alternate file that is not there', async () => {
    await assert.rejects(open('../dwz/shared', {}), {
      message:
        'vmlinux: a part of its DWARF is in ../dwz/shared (build ID ab01cd23), which is not there',
    });
  });

  it('refuses an alternate file of another build', async () => {
    const other = [...dwarfSections(), buildIdNote(OTHER_ID)];
    await assert.rejects(open('shared', { 'boot/shared': other }), {
      message:
        'shared: not the alternate file of vmlinux: expected build ID ab01cd23, have ef987654',
    });
  });

  it('refuses an alternate file without DWARF', async () => {
    await assert.rejects(open('shared', { 'boot/shared': [buildIdNote(BUILD_ID)] }), {
      message: 'shared: no .debug_info in the alternate file',
    });
  });

  it('refuses an alternate file of other byte order', async () => {
    const other = buildVmlinux(alternate, { littleEndian: false });
    await assert.rejects(open('shared', { 'boot/shared': other }), {
      message: 'shared: big-endian DWARF',
    });
  });

  it('refuses entries without abbreviations', async () => {
    const sections = dwarfSections().filter(({ name }) => name !== '.debug_abbrev');
    const without = new BytesSource(buildVmlinux(sections), 'vmlinux');
    await assert.rejects(readVmlinux(without), {
      message: 'vmlinux: .debug_info without .debug_abbrev',
    });
  });
});
