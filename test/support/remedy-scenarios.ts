// Variants of scenarios that show what the seeds say of remedies, and that the scenarios themselves
// are too large for, or do not come to.

import { addProgram } from '../../src/sim/boot.ts';
import type { Kernel } from '../../src/sim/core/kernel.ts';
import { Inode } from '../../src/sim/fs/file-system.ts';
import { sysrqShell } from '../../src/sim/kernel/sysrq.ts';
import { eater, grown, writer } from '../../src/sim/programs.ts';
import type { Scenario } from '../../src/sim/scenario.ts';
import { DM_CRYPT_THROTTLED, startTabs } from '../../src/sim/scenarios/dm-crypt-throttled.ts';
import { OOM_VICTIM_MUTEX } from '../../src/sim/scenarios/oom-victim-mutex.ts';

const US_PER_SECOND = 1_000_000;
const SYSRQ_SECONDS = 6;

/**
 * The deadlock of an OOM victim, and an administrator who has a shell left. The worker that looks
 * after the CD-ROM drive needs memory too, and the next one is not to be had without memory.
 */
export const VICTIM_AND_SYSRQ_F: Scenario = {
  ...OOM_VICTIM_MUTEX,
  name: 'oom-victim-mutex and SysRq-f',
  start: (k: Kernel) => {
    OOM_VICTIM_MUTEX.start(k);
    const keys = [{ us: SYSRQ_SECONDS * US_PER_SECOND, key: 'f' }] as const;
    addProgram(k, { comm: 'bash', oomScoreAdj: -1000 }, sysrqShell(keys));
  },
};

/** The same without a CD-ROM drive: no worker is in the allocator when the key is given. */
export const VICTIM_AND_SYSRQ_F_NO_CDROM: Scenario = {
  ...VICTIM_AND_SYSRQ_F,
  name: 'oom-victim-mutex and SysRq-f, no CD-ROM',
  features: { ...VICTIM_AND_SYSRQ_F.features, cdrom: false },
};

/** Swap on dm-crypt, and not more of it than can be run in a moment where a remedy works. */
export const SLOW_TABS: Scenario = {
  ...DM_CRYPT_THROTTLED,
  name: 'dm-crypt-throttled with slow tabs',
  defaults: { ...DM_CRYPT_THROTTLED.defaults, ramMiB: 64 },
  start: (k: Kernel) => startTabs(k, { count: 30, sleepUs: 800_000 }),
};

/** 80 KB/s, as a USB stick whose own blocks are full. */
const SLOW_US_PER_PAGE = 50_000;
/** read_ahead_kb=128, as disks have it. */
const READ_AHEAD_PAGES = 32;

/**
 * Databases that wait for a slow disk in fsync(2), where SIGKILL does not reach them: for as long
 * as the OOM killer's choice lasts there nobody else is chosen, and memory is gone. Daemons come
 * back for their text meanwhile.
 */
export const SLOW_FSYNC: Scenario = {
  name: 'slow-fsync',
  about: 'OOM victims cannot die before a slow disk has written their pages',
  diagnosis: 'D13',
  needs: [],
  defaults: { ramMiB: 64, cpus: 2, hz: 250, dumpSeconds: 8 },
  start: (k: Kernel) => {
    k.fs.disk.usPerPage = SLOW_US_PER_PAGE;
    k.fs.readAheadPages = READ_AHEAD_PAGES;
    const managed = k.node.managedPages;
    for (let i = 0; i < 2; i++) {
      const table = { inode: new Inode(k, `table-${i}`), pages: 96, dirty: true, sync: true };
      const log = writer({ ...table, sleepUs: 1_000 });
      addProgram(k, { comm: `mysqld-${i}` }, grown(Math.floor(managed * 0.2), log));
    }
    for (let i = 0; i < 8; i++) {
      const batch = 32 + k.prng.below(64);
      const hog = eater({ pages: Math.floor(managed * 0.2), batch, sleepUs: 4_000 });
      addProgram(k, { comm: `worker-${i}` }, hog);
    }
  },
};
