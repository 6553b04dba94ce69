// What is damaged at random: the sample in each container, and the parts of its kernel.

import { gzipSync } from 'node:zlib';
import { writeFileSync } from 'node:fs';
import { compressZstd } from '../../src/format/compress/zstd-encode.ts';
import { readInfo } from '../../src/kernel/info.ts';
import { tasksResult } from '../../src/kernel/tasks-result.ts';
import { infoText } from '../../src/report/info.ts';
import { tasksSummary, tasksTable } from '../../src/report/tasks.ts';
import { triageText } from '../../src/report/triage.ts';
import { openVmcore } from '../../src/target/open.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { readVmlinux } from '../../src/target/vmlinux.ts';
import { triage } from '../../src/triage/triage.ts';
import { vaddr } from '../../src/util/address.ts';
import { VmcoreError } from '../../src/util/errors.ts';
import { BytesSource } from '../../src/util/io.ts';
import { buildVmlinux } from '../support/elf-builder.ts';
import { lz4Frame } from '../support/lz4-files.ts';
import type { Specimen } from '../support/specimen.ts';
import { useTypes } from '../support/use-types.ts';
import { dwarfSections } from '../support/vmlinux-builder.ts';
import type { Area } from './mutate.ts';

/** A sound file, and where damage is of interest. */
export interface FuzzTarget {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly areas?: readonly Area[];
  /** What is asked of it; that of a vmcore unless given. */
  readonly ask?: (path: string, bytes: Uint8Array) => Promise<void>;
}

/** The sample in every container, and with damage aimed at parts of the kernel. */
export function fuzzTargets(specimen: Specimen): FuzzTarget[] {
  const elf = specimen.elf();
  const areaOf = (text: Uint8Array): Area => {
    const start = Buffer.from(elf.buffer, elf.byteOffset, elf.length).indexOf(text);
    if (start < 0) throw new Error('the part is not in one piece in the file');
    return { start, end: start + text.length };
  };
  const at = (start: bigint, length: number): Area => areaOf(specimen.bytes(vaddr(start), length));
  const page = (address: bigint): Area => at(address - (address % 4096n), 4096);
  const btf = specimen.symbol('__start_BTF');
  const kallsyms = specimen.symbol('kallsyms_num_syms');
  const kdump = specimen.kdump();
  return [
    { name: 'ELF', bytes: elf },
    { name: 'ELF headers and notes', bytes: elf, areas: [{ start: 0, end: 8192 }] },
    { name: 'VMCOREINFO', bytes: elf, areas: [areaOf(Buffer.from(specimen.vmcoreinfo))] },
    { name: 'page tables', bytes: elf, areas: [page(specimen.symbol('swapper_pg_dir'))] },
    { name: 'kallsyms', bytes: elf, areas: [at(kallsyms, 2048)] },
    { name: 'BTF header', bytes: elf, areas: [at(btf, 24)] },
    { name: 'BTF types', bytes: elf, areas: [at(btf + 24n, 30_000)] },
    {
      name: 'tasks, pids, run queues',
      bytes: elf,
      areas: [
        page(specimen.task(1)),
        page(specimen.task(288)),
        page(specimen.task(700)),
        page(specimen.symbol('init_task')),
        page(specimen.symbol('init_pid_ns')),
        page(specimen.perCpu('runqueues', 1)),
      ],
    },
    { name: 'kdump', bytes: kdump },
    { name: 'kdump headers', bytes: kdump, areas: [{ start: 0, end: 0x1100 }] },
    { name: 'kdump v1', bytes: specimen.kdump({ version: 1 }) },
    ...(['lzo', 'snappy', 'zstd'] as const).map((codec) => ({
      name: `kdump, ${codec}`,
      bytes: specimen.kdump({ codec }),
    })),
    { name: 'flattened', bytes: specimen.flattened() },
    { name: 'lz4', bytes: lz4Frame(kdump) },
    { name: 'zstd', bytes: compressZstd(kdump) },
    { name: 'gzip', bytes: gzipSync(kdump) },
    { name: 'DWARF 4', bytes: buildVmlinux(dwarfSections(4)), ask: askVmlinux },
    { name: 'DWARF 5', bytes: buildVmlinux(dwarfSections(5)), ask: askVmlinux },
  ];
}

/** Reads every type of a vmlinux. @throws whatever is no VmcoreError: it is a bug */
async function askVmlinux(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const vmlinux = await readVmlinux(new BytesSource(bytes, 'fuzzed'), { path });
    if (vmlinux.types !== undefined) useTypes(vmlinux.types);
    vmlinux.close();
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
  }
}

/**
 * Opens a file and asks everything of it that there is to ask.
 *
 * @throws whatever is no VmcoreError: it is a bug
 */
export async function askEverything(path: string, bytes: Uint8Array): Promise<void> {
  writeFileSync(path, bytes);
  const vmcore = await openOrRefuse(path);
  if (vmcore === undefined) return;
  try {
    for (const ask of [askInfo, askTasks, askMemalloc]) {
      vmcore.problems.attempt('fuzz', () => ask(vmcore));
    }
  } finally {
    vmcore.close();
  }
}

async function openOrRefuse(path: string): Promise<Vmcore | undefined> {
  try {
    return await openVmcore([path]);
  } catch (error) {
    if (error instanceof VmcoreError) return undefined;
    throw error;
  }
}

function askInfo(vmcore: Vmcore): void {
  const info = readInfo(vmcore);
  JSON.stringify(info);
  infoText(info);
}

function askTasks(vmcore: Vmcore): void {
  const result = tasksResult(vmcore);
  JSON.stringify(result);
  tasksTable(result);
  tasksSummary(result);
}

function askMemalloc(vmcore: Vmcore): void {
  const result = triage(vmcore);
  JSON.stringify(result);
  triageText(result);
  triageText(result, { full: true });
}
