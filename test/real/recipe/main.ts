// Makes the dumps: node --import=tsx test/real/recipe/main.ts FOLDER
//
// Writes the dumps and dumps.json, which says what each is; test/real/*.real.ts check them.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeCpio } from './cpio.ts';
import { convertWithMakedumpfile } from './convert.ts';
import { fetchKernel, type Kernel } from './kernel.ts';
import { chooseAccelerator, withMachine } from './machine.ts';
import type { BootFiles, BootLimits, MachinePlan, StoppedMachine } from './machine.ts';
import { readTruth } from './truth.ts';
import type { Dump, Manifest } from './manifest.ts';

/** The machines, and which dumps are made of each besides the plain ELF. */
const MACHINES: readonly (MachinePlan & { readonly name: string; readonly all: boolean })[] = [
  { name: 'pressure', play: 'pressure', memoryMib: 256, la57: true, vmcoreinfo: true, all: true },
  {
    name: 'quiet-no-note',
    play: 'quiet',
    memoryMib: 256,
    la57: false,
    vmcoreinfo: false,
    all: true,
  },
  { name: 'threads', play: 'threads', memoryMib: 512, la57: false, vmcoreinfo: true, all: false },
  { name: 'panic', play: 'panic', memoryMib: 256, la57: false, vmcoreinfo: true, all: false },
];

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Compiles guest.c and packs it with the one module that it loads. */
function makeInitramfs(folder: string, kernel: Kernel): string {
  const source = fileURLToPath(new URL('guest.c', import.meta.url));
  const init = join(folder, 'init');
  execFileSync('gcc', ['-O1', '-Wall', '-static', '-pthread', '-o', init, source]);
  const path = join(folder, 'initramfs.cpio');
  const archive = writeCpio([
    { name: 'init', mode: 0o755, data: readFileSync(init) },
    { name: 'qemu_fw_cfg.ko', mode: 0o644, data: readFileSync(kernel.fwCfgModule) },
  ]);
  writeFileSync(path, archive);
  return path;
}

/** Dumps a stopped machine into `folder`; the names tell what they are. */
async function dumpAll(
  machine: StoppedMachine,
  { folder, name, all }: { folder: string; name: string; all: boolean },
): Promise<Dump[]> {
  const dumps: Dump[] = [];
  const add = async (how: string, make: (path: string) => Promise<void>): Promise<void> => {
    const file = `${name}.${how}`;
    await make(join(folder, file));
    dumps.push({ file, machine: name });
    say(`  ${file}`);
  };
  await add('elf', (path) => machine.dump(path, 'elf'));
  if (!all) return dumps;
  await add('paging.elf', (path) => machine.dump(path, 'elf', true));
  for (const format of await machine.formats()) {
    if (!format.startsWith('kdump-')) continue;
    await add(`${format.slice(6)}.kdump`, (path) => machine.dump(path, format));
  }
  await add('raw', (path) => machine.saveRaw(path));
  return dumps;
}

/** Boots one machine and leaves its dumps and its console in `folder`. */
async function run(
  plan: (typeof MACHINES)[number],
  boot: BootFiles & BootLimits,
  folder: string,
): Promise<Dump[]> {
  say(`${plan.name}: ${plan.memoryMib} MiB, ${boot.accelerator}`);
  let dumps: Dump[] = [];
  await withMachine(plan, boot, async (machine) => {
    writeFileSync(join(folder, `${plan.name}.console`), machine.console, 'latin1');
    readTruth(machine.console);
    dumps = await dumpAll(machine, { folder, name: plan.name, all: plan.all });
  });
  return dumps;
}

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: main.ts FOLDER');
mkdirSync(folder, { recursive: true });
const kernel = fetchKernel(join(folder, 'kernel'));
const files = { vmlinuz: kernel.vmlinuz, initramfs: makeInitramfs(folder, kernel) };
const boot = { ...files, accelerator: await chooseAccelerator(files) };
const dumps: Dump[] = [];
for (const machine of MACHINES) dumps.push(...(await run(machine, boot, folder)));
for (const { name, vmcoreinfo, all } of MACHINES) {
  if (vmcoreinfo && all) dumps.push(...convertWithMakedumpfile(folder, name, say));
}
const manifest: Manifest = { release: kernel.release, dumps };
writeFileSync(join(folder, 'dumps.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
