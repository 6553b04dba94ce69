// Sections of a small vmlinux, for buildVmlinux().

import { ByteWriter } from '../../src/util/byte-writer.ts';
import { DwarfStyler, otherUnit, taskUnit } from './dwarf-kernel.ts';
import { DwarfWriter } from './dwarf-writer.ts';
import type { SectionSpec } from './elf-builder.ts';

export const SHT_PROGBITS = 1;
const SHT_NOTE = 7;
const NT_GNU_BUILD_ID = 3;

/** Read-only data with these texts in it. */
export function rodata(...texts: readonly string[]): SectionSpec {
  return { name: '.rodata', type: SHT_PROGBITS, data: Buffer.from(`${texts.join('\0')}\0`) };
}

/** A task_struct in DWARF. */
export function dwarfSections(version = 5): SectionSpec[] {
  const s = new DwarfStyler({ version });
  const bytes = new DwarfWriter()
    .unit(s.unit(taskUnit(s)))
    .unit(s.unit(otherUnit(s)))
    .finish();
  return Object.entries(bytes).map(([name, data]) => ({ name, type: SHT_PROGBITS, data }));
}

/** The build ID of these hex digits. */
export function buildIdNote(digits: string): SectionSpec {
  const id = Buffer.from(digits, 'hex');
  const writer = new ByteWriter().u32(4).u32(id.length).u32(NT_GNU_BUILD_ID);
  return { name: '.notes', type: SHT_NOTE, data: writer.fixedString('GNU', 4).bytes(id).finish() };
}
