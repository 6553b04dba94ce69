// One virtual machine: boots, waits until its init says READY (or the kernel panics), stops, and
// is dumped in as many formats as are asked for.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Qmp } from './qmp.ts';

/** What the guest does; see guest.c. */
export type Play = 'quiet' | 'pressure' | 'threads' | 'panic';

/** A machine of the recipe. */
export interface MachinePlan {
  readonly play: Play;
  readonly memoryMib: number;
  /** Page tables of five levels; only software emulation has them everywhere. */
  readonly la57: boolean;
  /** With `-device vmcoreinfo`, QEMU's dumps carry the kernel's note. */
  readonly vmcoreinfo: boolean;
}

/** A machine that did not come up. */
export class BootError extends Error {}

/** Files to boot from. */
export interface BootFiles {
  readonly vmlinuz: string;
  readonly initramfs: string;
}

/** How to run it, and for how long at most. */
export interface BootLimits {
  readonly accelerator: Accelerator;
  readonly secondsMax?: number;
}

/** How the processor is run: hardware virtualisation, or QEMU's software emulation. */
export type Accelerator = 'kvm' | 'tcg';

// Software emulation boots this kernel in a few seconds; after minutes a machine hangs.
const BOOT_SECONDS_MAX = 300;
const KVM_TRIAL_SECONDS = 30;

/** Hardware virtualisation offers what the host has. */
function cpuModel({ la57 }: MachinePlan, accelerator: Accelerator): string {
  if (accelerator === 'tcg') return `max,la57=${la57 ? 'on' : 'off'}`;
  // Nested KVM may refuse the register that arch-capabilities stands for, and QEMU aborts then.
  return la57 ? 'host,arch-capabilities=off' : 'host,arch-capabilities=off,la57=off';
}

/** /dev/kvm may exist and still boot nothing, as inside some containers: it has to show it. */
export async function chooseAccelerator(boot: BootFiles): Promise<Accelerator> {
  if (process.env.STALLCORE_REAL_ACCEL === 'tcg' || !existsSync('/dev/kvm')) return 'tcg';
  const trial = { play: 'quiet', memoryMib: 256, la57: false, vmcoreinfo: false } as const;
  const limits = { accelerator: 'kvm', secondsMax: KVM_TRIAL_SECONDS } as const;
  try {
    await withMachine(trial, { ...boot, ...limits }, () => Promise.resolve());
    return 'kvm';
  } catch (error) {
    if (!(error instanceof BootError)) throw error;
    return 'tcg';
  }
}

function qemuArguments(plan: MachinePlan, boot: BootFiles & BootLimits, socket: string): string[] {
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-accel', boot.accelerator, '-cpu', cpuModel(plan, boot.accelerator), '-smp', '2'],
    ...['-m', `${plan.memoryMib}M`, '-kernel', boot.vmlinuz, '-initrd', boot.initramfs],
    ...['-append', `console=ttyS0 loglevel=1 panic=0 rdinit=/init play=${plan.play}`],
    ...['-serial', 'stdio', '-qmp', `unix:${socket},server=on,wait=off`],
    ...(plan.vmcoreinfo ? ['-device', 'vmcoreinfo'] : []),
  ];
}

/** A machine that stands still. */
export class StoppedMachine {
  /** All that the guest wrote to its serial console. */
  readonly console: string;
  readonly #qmp: Qmp;
  readonly #memoryBytes: number;

  constructor(qmp: Qmp, memoryBytes: number, console: string) {
    this.#qmp = qmp;
    this.#memoryBytes = memoryBytes;
    this.console = console;
  }

  /** The formats that this QEMU was built with: elf, kdump-zlib, kdump-lzo, kdump-snappy. */
  async formats(): Promise<string[]> {
    const answer = await this.#qmp.execute('query-dump-guest-memory-capability');
    return (answer as { formats: string[] }).formats;
  }

  /** QEMU's dump-guest-memory; `paging` asks for virtual addresses in the program headers. */
  async dump(path: string, format: string, paging = false): Promise<void> {
    const formatArgument = paging ? {} : { format };
    await this.#qmp.execute('dump-guest-memory', {
      paging,
      protocol: `file:${path}`,
      ...formatArgument,
    });
  }

  /** The bytes of RAM from physical address 0 on, and nothing else. */
  async saveRaw(path: string): Promise<void> {
    await this.#qmp.execute('pmemsave', { val: 0, size: this.#memoryBytes, filename: path });
  }
}

/** Waits until the console shows what the play ends with. */
async function untilReady(qemu: ChildProcess, play: Play, secondsMax: number): Promise<string> {
  const ready = play === 'panic' ? /---\[ end Kernel panic/ : /^READY\r?$/m;
  let text = '';
  qemu.stdout?.setEncoding('latin1').on('data', (part: string) => (text += part));
  let errors = '';
  qemu.stderr?.setEncoding('utf8').on('data', (part: string) => (errors += part));
  for (let tenths = 0; tenths < secondsMax * 10; tenths++) {
    if (ready.test(text)) return text.replaceAll('\r', '');
    if (text.includes('GUEST-FAILED') || qemu.exitCode !== null || qemu.signalCode !== null) break;
    await delay(100);
  }
  throw new BootError(`the guest "${play}" was not ready: ${errors}${text.slice(-800)}`);
}

/** Boots the machine, hands it over stopped, and ends it whatever happens. */
export async function withMachine(
  plan: MachinePlan,
  boot: BootFiles & BootLimits,
  use: (machine: StoppedMachine) => Promise<void>,
): Promise<void> {
  // Not in the folder of the dumps: the path of a unix socket may have 107 bytes only.
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-qmp-'));
  const socket = join(folder, 'qmp');
  const qemu = spawn('qemu-system-x86_64', qemuArguments(plan, boot, socket));
  try {
    const console = await untilReady(qemu, plan.play, boot.secondsMax ?? BOOT_SECONDS_MAX);
    const qmp = await Qmp.connect(socket);
    await qmp.execute('stop');
    await use(new StoppedMachine(qmp, plan.memoryMib * 2 ** 20, console));
    qmp.close();
  } finally {
    qemu.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}
