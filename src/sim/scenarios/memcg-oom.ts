// D14 with a kill in the log: a container reaches its limit and one of its own processes is killed,
// over and over, while the machine has memory enough. What looks like an OOM is none of the
// machine's, and its allocator has nothing to do with it.

import { addProgram } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { sysrqShell } from '../kernel/sysrq.ts';
import { MemCgroup } from '../mm/memcontrol.ts';
import { eater } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** When the administrator gives SysRq-m. */
const LOOK_US = 20_000_000;

/** The scenario. */
export const MEMCG_OOM: Scenario = {
  name: 'memcg-oom',
  about: "a container's limit is reached and its leaking process killed; all is well (D14)",
  diagnosis: 'D14',
  needs: [],
  defaults: { ramMiB: 256, cpus: 2, hz: 250, dumpSeconds: 30 },
  start,
};

function start(k: Kernel): void {
  const managed = k.node.managedPages;
  const pod = new MemCgroup(k, { name: 'pod7', max: Math.floor(managed * 0.4) });
  const limit = Math.floor(managed * 0.15) + k.prng.below(managed >> 5);
  const app = new MemCgroup(k, { name: 'app', parent: pod, max: limit });
  const side = new MemCgroup(k, { name: 'sidecar', parent: pod });
  const batch = 64 + k.prng.below(64);
  const leak = eater({ pages: 2 * managed, batch, sleepUs: 10_000 });
  addProgram(k, { comm: 'node', memcg: app }, leak);
  const small = eater({ pages: limit >> 3, batch: 32, sleepUs: 20_000 });
  addProgram(k, { comm: 'npm', memcg: app }, small);
  addProgram(k, { comm: 'envoy', memcg: side }, small);
  const pages = Math.floor(managed * 0.2);
  // Somebody looks whether the machine is short of memory; the log says that it is not.
  addProgram(k, { comm: 'bash' }, sysrqShell([{ us: LOOK_US, key: 'm' }]));
  addProgram(k, { comm: 'postgres' }, eater({ pages, batch: 32, sleepUs: 40_000 }));
}
