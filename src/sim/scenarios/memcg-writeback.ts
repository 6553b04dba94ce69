// D12: a database in a container syncs a fragmented file. To find the next extent it needs a page,
// the container is at its limit, and reclaim for the limit waits for the writeback of a page that
// the database itself has collected for the I/O and not submitted yet. It holds the journal too, so
// that all who write wait behind it; the allocator never hears of any of this.

import { addProgram } from '../boot.ts';
import { __x64_sys_fsync } from '../fs/fsync.ts';
import { __x64_sys_write, Inode } from '../fs/file-system.ts';
import type { Kernel } from '../core/kernel.ts';
import { syscall } from '../kernel/entry.ts';
import { MemCgroup } from '../mm/memcontrol.ts';
import { eater, grown, writer, type Program } from '../programs.ts';
import type { Scenario } from '../scenario.ts';
import { __x64_sys_nanosleep } from '../core/time.ts';

/** The scenario. */
export const MEMCG_WRITEBACK: Scenario = {
  name: 'memcg-writeback',
  about: 'reclaim for a container waits for writeback that its own caller has not submitted (D12)',
  diagnosis: 'D12',
  needs: ["reclaim for a cgroup's limit that waits for writeback (Linux 3.6 to 4.1)"],
  features: { memcgWaitsOnWriteback: true },
  defaults: { ramMiB: 256, cpus: 2, hz: 250, dumpSeconds: 40 },
  start,
};

function start(k: Kernel): void {
  const limit = 2_000 + k.prng.below(500);
  const memcg = new MemCgroup(k, { name: 'db', max: limit });
  const inode = new Inode(k, 'table.ibd', { isFragmented: true });
  const room = limit >> 1;
  const sleepUs = 20_000 + k.prng.below(30_000);
  addProgram(k, { comm: 'mysqld', memcg }, grown(limit - room, syncer({ inode, room, sleepUs })));
  // Goes on for as long as it is not refused.
  const log = new Inode(k, 'messages');
  addProgram(
    k,
    { comm: 'rsyslogd' },
    writer({ inode: log, pages: 2, extends: true, dirty: true, sleepUs: 50_000 }),
  );
  addProgram(k, { comm: 'httpd' }, eater({ pages: 4_000, batch: 64, sleepUs: 20_000 }));
}

/** Writes more or less of what its container has room for, and syncs, as a database does. */
function syncer(options: { inode: Inode; room: number; sleepUs: number }): Program {
  const { inode, room, sleepUs } = options;
  return function* (k) {
    for (;;) {
      const pages = (room >> 1) + k.prng.below(room >> 1);
      yield* syscall(k, __x64_sys_write, { inode, pages, dirty: true });
      yield* syscall(k, __x64_sys_fsync, inode);
      yield* syscall(k, __x64_sys_nanosleep, sleepUs);
    }
  };
}
