// The memory of Linux 6.1, as distributions build it for x86-64.

import type { ImageFlavour } from './image-flavour.ts';
import { GFPFLAG_NAMES } from '../mm/gfp.ts';
import { TASK_STATES_6_1 } from './name-tables-6-1.ts';
import { FLAG_CODE_6_1 } from './thread-flag-code.ts';
import { VMCOREINFO_6_1 } from './vmcoreinfo-6-1.ts';

/** struct fixed_percpu_data: 40 bytes that nobody uses, then the stack canary. */
const FIXED_PERCPU_SIZE = 48;

/** BTF, stacks in the vmalloc area, areas that KASLR moves. */
export const IMAGE_6_1: ImageFlavour = {
  rootTable: 'init_top_pgt',
  vmapStack: true,
  hasBtf: true,
  cputime: 'nanoseconds',
  memSection: 'pointer',
  kallsyms: { lengthEncoding: 'two-byte', addressEncoding: 'absolute-percpu' },
  code: FLAG_CODE_6_1,
  taskStates: TASK_STATES_6_1,
  gfpNames: GFPFLAG_NAMES,
  variables: {
    define: (image) => {
      image.mark('init_stack', image.symbol('init_thread_union'), 'D');
      for (const name of ['page_offset_base', 'vmalloc_base', 'vmemmap_base']) {
        image.define(name, { section: 'data', size: 8 });
      }
      for (const name of ['vmcoreinfo_data', 'vmcoreinfo_note']) {
        image.define(name, { section: 'bss', size: 8 });
      }
      image.define('fixed_percpu_data', { section: 'percpu', size: FIXED_PERCPU_SIZE });
    },
    cpuMask: (kind) => `__cpu_${kind}_mask`,
  },
  // congestion_wqh went after Linux 5.17.
  waitQueues: ['memcg_oom_waitq', 'oom_reaper_wait'],
  vmcoreinfo: VMCOREINFO_6_1,
};
