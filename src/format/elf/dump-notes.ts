// The notes of a dump by what they mean: registers of each CPU, VMCOREINFO and the like. ELF dumps
// and the notes buffer of kdump-compressed files both end here.

import { latin1 } from '../../util/byte-reader.ts';
import type { Problems } from '../../util/problems.ts';
import * as elf from './constants.ts';
import {
  decodePrStatus,
  decodeQemuCpuState,
  type NoteMachine,
  type PrStatus,
  type QemuCpuState,
} from './cpu-notes.ts';
import type { ElfNote } from './notes.ts';

/** What the notes of a dump say; a list is empty, a text undefined, where no note says it. */
export interface DumpNotes {
  /** NT_PRSTATUS in the order of the file: the kernel writes one per CPU that was online. */
  readonly prStatus: readonly PrStatus[];
  /** QEMU's CPU states in the order of the file, one per virtual CPU. */
  readonly qemuCpus: readonly QemuCpuState[];
  /** The text of the VMCOREINFO note. */
  readonly vmcoreinfo: string | undefined;
  /** The text of the VMCOREINFO_XEN note, the hypervisor's. */
  readonly vmcoreinfoXen: string | undefined;
  /** What makedumpfile's `--config` erased, as the ERASEINFO note says. */
  readonly eraseinfo: string | undefined;
  /** Names of the device dumps (VMCOREDD), whose contents are not read. */
  readonly deviceDumps: readonly string[];
  /** Everything else, as it is. */
  readonly others: readonly ElfNote[];
}

/** struct vmcoredd_header ends with `u8 dump_name[44]` (include/uapi/linux/vmcore.h). */
const VMCOREDD_NAME_SIZE = 44;

/** Sorts notes by what they mean; one that cannot be decoded becomes a problem. */
export function decodeNotes(
  notes: readonly ElfNote[],
  options: NoteMachine & { readonly problems: Problems },
): DumpNotes {
  const { problems } = options;
  const prStatus: PrStatus[] = [];
  const qemuCpus: QemuCpuState[] = [];
  const texts = new Map<string, string>();
  const deviceDumps: string[] = [];
  const others: ElfNote[] = [];
  for (const note of notes) {
    if (note.name === elf.NOTE_CORE && note.type === elf.NT_PRSTATUS) {
      const subject = `NT_PRSTATUS ${prStatus.length}`;
      const decoded = problems.attempt(subject, () => decodePrStatus(note, options));
      if (decoded !== undefined) prStatus.push(decoded);
    } else if (note.name === elf.NOTE_QEMU && options.machine === elf.EM_X86_64) {
      const subject = `QEMU CPU state ${qemuCpus.length}`;
      const decoded = problems.attempt(subject, () => decodeQemuCpuState(note));
      if (decoded !== undefined) qemuCpus.push(decoded);
    } else if (TEXT_NOTES.has(note.name)) {
      if (!texts.has(note.name)) texts.set(note.name, noteText(note));
    } else if (note.name === elf.NOTE_LINUX && note.type === elf.NT_VMCOREDD) {
      deviceDumps.push(cut(latin1(note.desc.subarray(0, VMCOREDD_NAME_SIZE))));
    } else others.push(note);
  }
  return {
    prStatus,
    qemuCpus,
    vmcoreinfo: texts.get(elf.NOTE_VMCOREINFO),
    vmcoreinfoXen: texts.get(elf.NOTE_VMCOREINFO_XEN),
    eraseinfo: texts.get(elf.NOTE_ERASEINFO),
    deviceDumps,
    others,
  };
}

const TEXT_NOTES = new Set<string>([
  elf.NOTE_VMCOREINFO,
  elf.NOTE_VMCOREINFO_XEN,
  elf.NOTE_ERASEINFO,
]);

/** The build ID of a vmlinux in hex, from its GNU note; undefined if it has none. */
export function findBuildId(notes: readonly ElfNote[]): string | undefined {
  const note = notes.find(
    (candidate) => candidate.name === elf.NOTE_GNU && candidate.type === elf.NT_GNU_BUILD_ID,
  );
  return note === undefined ? undefined : Buffer.from(note.desc).toString('hex');
}

function noteText(note: ElfNote): string {
  return cut(latin1(note.desc));
}

/** Up to the first NUL: the kernel's VMCOREINFO page is zero behind its text. */
function cut(text: string): string {
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}
