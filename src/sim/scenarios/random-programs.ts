// The devices and programs of a run whose seed draws everything; see random.ts.

import { addProgram, addThread } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { crypt_ctr } from '../drivers/dm-crypt.ts';
import { addBalloon, resizeBalloon } from '../drivers/virtio-balloon.ts';
import { Inode } from '../fs/file-system.ts';
import { unlinker } from '../fs/unlink.ts';
import { SCHED_IDLE } from '../kernel/task-bits.ts';
import { MemCgroup } from '../mm/memcontrol.ts';
import { swapon } from '../mm/swap.ts';
import { receiver, sender, UnixSocket } from '../net/unix.ts';
import { daemon, eater, grown, later, mapper, remapper, writer } from '../programs.ts';

const US_PER_SECOND = 1_000_000;
/**
 * Pages that all writers together write in a second, at most: 16 MB. More would stall no more
 * machines, and each of them has to be reclaimed, which is most of what a run takes.
 */
const WRITTEN_PER_SECOND = 4_000;

/** What the seed draws. Counts are 0 where there is nothing of the kind; percents are of RAM. */
export interface RandomParameters extends Record<string, number | boolean | string> {
  readonly eaters: number;
  /** All eaters together. */
  readonly eatenPercent: number;
  /** Of the first eater. */
  readonly eaterPolicy: 'normal' | 'nice' | 'idle';
  readonly writers: number;
  readonly writePages: number;
  readonly shareInode: boolean;
  readonly extend: boolean;
  readonly dirty: boolean;
  readonly sync: boolean;
  readonly nofail: boolean;
  readonly overwriters: number;
  /** Each of them. */
  readonly overwriterPercent: number;
  /** Of each file that a program removes. */
  readonly unlinkedBlocks: number;
  /** Threads of one process that map, move and unmap memory. */
  readonly mapperThreads: number;
  /** What the host takes after a second. */
  readonly balloonPercent: number;
  /** The limit of a container, in which one program leaks. */
  readonly cgroupPercent: number;
  /** Another one there writes a fragmented file to disk again and again. */
  readonly cgroupSyncs: boolean;
  readonly swapPercent: number;
  readonly swapOnCrypt: boolean;
  readonly filesOnCrypt: boolean;
  readonly diskUsPerPage: number;
  /** Of each message that one process sends to another, which takes blocks of pages. */
  readonly messagePages: number;
}

/** Puts the devices and programs on a machine that has booted. */
export function startPrograms(k: Kernel, parameters: RandomParameters): void {
  startDevices(k, parameters);
  startEaters(k, parameters);
  startWriters(k, parameters);
  startMappers(k, parameters);
  startContainer(k, parameters);
  startSender(k, parameters);
  const { unlinkedBlocks: blocks } = parameters;
  if (blocks > 0) {
    const sleepUs = 1_000 + k.prng.below(20_000);
    addProgram(k, { comm: 'rm' }, later(US_PER_SECOND, unlinker({ blocks, sleepUs })));
  }
}

function startDevices(k: Kernel, parameters: RandomParameters): void {
  k.fs.disk.usPerPage = parameters.diskUsPerPage;
  if (parameters.swapPercent > 0) {
    const device = parameters.swapOnCrypt ? crypt_ctr(k, '254:0', k.fs.disk) : k.fs.disk;
    swapon(k, device, percent(k, parameters.swapPercent));
  }
  if (parameters.filesOnCrypt) k.fs.device = crypt_ctr(k, '254:1', k.fs.disk);
  if (parameters.balloonPercent > 0) {
    const balloon = addBalloon(k);
    const pages = percent(k, parameters.balloonPercent);
    k.sched.at(US_PER_SECOND, () => resizeBalloon(k, balloon, pages));
  }
}

function startEaters(k: Kernel, { eaters, eatenPercent, eaterPolicy }: RandomParameters): void {
  const policies = { normal: {}, nice: { nice: 10 }, idle: { policy: SCHED_IDLE } };
  for (let i = 0; i < eaters; i++) {
    const pages = Math.floor(percent(k, eatenPercent) / eaters);
    const program = eater({ pages, batch: 64, sleepUs: 2_000 + k.prng.below(20_000) });
    const policy = i === 0 ? policies[eaterPolicy] : {};
    addProgram(k, { comm: `eater-${i}`, ...policy }, program);
  }
}

/** Writers, and others that meet them at their inodes but need no memory. */
function startWriters(k: Kernel, parameters: RandomParameters): void {
  const { writers, writePages: pages, shareInode, extend, dirty, sync, nofail } = parameters;
  let inode = new Inode(k, 'file 0');
  const restUs = (writers * pages * US_PER_SECOND) / WRITTEN_PER_SECOND;
  for (let i = 0; i < writers; i++) {
    if (!shareInode && i > 0) inode = new Inode(k, `file ${i}`);
    const write = { inode, pages, extends: extend, dirty: dirty || sync, sync, nofail };
    const sleepUs = Math.max(5_000, Math.floor(restUs)) + k.prng.below(30_000);
    const program = writer({ ...write, sleepUs });
    addProgram(k, { comm: `writer-${i}` }, later(k.prng.below(US_PER_SECOND), program));
  }
  const size = percent(k, parameters.overwriterPercent);
  for (let i = 0; i < parameters.overwriters; i++) {
    const overwrite = { inode, pages: 8, cached: true };
    const sleepUs = 1_000 + k.prng.below(5_000);
    addProgram(k, { comm: `server-${i}` }, grown(size, writer({ ...overwrite, sleepUs })));
  }
}

/** A process whose threads meet at its mmap_lock. */
function startMappers(k: Kernel, { mapperThreads }: RandomParameters): void {
  if (mapperThreads === 0) return;
  const size = percent(k, 5 + k.prng.below(30));
  const idle = daemon({ sleepUs: 50_000, filePages: 20 });
  const java = addProgram(k, { comm: 'java' }, grown(size, idle));
  for (let i = 0; i < mapperThreads; i++) {
    const sleepUs = 300 + k.prng.below(20_000);
    const pages = 64 + k.prng.below(2_000);
    const moves = remapper({ pages, sleepUs });
    const maps = mapper({ pages, touched: 32, sleepUs });
    const program = later(US_PER_SECOND, k.prng.chance(0.5) ? moves : maps);
    addThread(k, java, { comm: `java/${i}` }, program);
  }
}

function startContainer(k: Kernel, { cgroupPercent, cgroupSyncs }: RandomParameters): void {
  if (cgroupPercent === 0) return;
  const max = percent(k, cgroupPercent);
  const memcg = new MemCgroup(k, { name: 'pod', max });
  const leak = eater({ pages: 2 * max, batch: 64, sleepUs: 10_000 + k.prng.below(20_000) });
  addProgram(k, { comm: 'node', memcg }, leak);
  if (!cgroupSyncs) return;
  const inode = new Inode(k, 'table.ibd', { isFragmented: true });
  const write = { inode, pages: 64, dirty: true, sync: true };
  const sleepUs = 20_000 + k.prng.below(30_000);
  addProgram(k, { comm: 'mysqld', memcg }, writer({ ...write, sleepUs }));
}

function startSender(k: Kernel, { messagePages: pages }: RandomParameters): void {
  if (pages === 0) return;
  const socket = new UnixSocket();
  const sleepUs = 2_000 + k.prng.below(20_000);
  addProgram(k, { comm: 'dbus-daemon' }, receiver(socket));
  addProgram(k, { comm: 'gnome-shell' }, sender(socket, { pages, sleepUs }));
}

function percent(k: Kernel, part: number): number {
  return Math.floor((k.node.managedPages * part) / 100);
}
