// The memory of Linux 4.4, as distributions built it for x86-64.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import type { ImageFlavour } from './image-flavour.ts';
import type { KernelImage } from './kernel-image.ts';
import { definePidHash } from './pid-hash.ts';
import { FLAG_CODE_4_4 } from './thread-flag-code.ts';
import { MAX_NUMNODES, VMCOREINFO_4_4 } from './vmcoreinfo-4-4.ts';

/** union irq_stack_union: the interrupt stack of a CPU, with the stack canary at its low end. */
const IRQ_STACK_SIZE = 4 * PAGE_SIZE;
/**
 * VMCOREINFO_NOTE_SIZE: the text with an ELF note header, a name, and another header for the
 * end.
 */
const NOTE_SIZE = PAGE_SIZE + 2 * 12 + 12;
/** enum node_states of a kernel with NUMA and memory hotplug. */
const NODE_STATES = 5;

/** fs/proc/array.c up to Linux 4.13: dead before zombie, no letter for the idle. */
const TASK_STATES = [
  'R (running)',
  'S (sleeping)',
  'D (disk sleep)',
  'T (stopped)',
  't (tracing stop)',
  'X (dead)',
  'Z (zombie)',
];

/** No BTF, stacks in the direct map, areas where they always are. */
export const IMAGE_4_4: ImageFlavour = {
  rootTable: 'init_level4_pgt',
  vmapStack: false,
  hasBtf: false,
  cputime: 'jiffies',
  memSection: 'array',
  kallsyms: {
    lengthEncoding: 'one-byte',
    addressEncoding: 'absolute',
    addressesFirst: true,
    wordSize: 8,
  },
  code: FLAG_CODE_4_4,
  taskStates: TASK_STATES,
  // They came with Linux 4.6.
  gfpNames: [],
  variables: { define, cpuMask: (kind) => `cpu_${kind}_bits` },
  waitQueues: ['congestion_wqh', 'memcg_oom_waitq'],
  vmcoreinfo: VMCOREINFO_4_4,
};

function define(image: KernelImage, structSize: (name: string) => number): void {
  // DEFINE_PER_CPU_FIRST: gcc takes the canary from %gs:40.
  image.define('irq_stack_union', { section: 'percpu', size: IRQ_STACK_SIZE, align: PAGE_SIZE });
  image.define('cpu_current_top_of_stack', { section: 'percpu', size: 8 });
  image.define('vmcoreinfo_data', { section: 'bss', size: PAGE_SIZE, align: 32, local: true });
  image.define('vmcoreinfo_note', { section: 'bss', size: NOTE_SIZE, align: 32 });
  image.define('vmap_area_list', { section: 'data', size: structSize('list_head'), align: 16 });
  definePidHash(image);
  if (!image.has('node_data')) {
    image.define('node_data', { section: 'data', size: MAX_NUMNODES * 8, align: 64 });
  }
  if (!image.has('node_states')) {
    const size = (NODE_STATES * MAX_NUMNODES) / 8;
    image.define('node_states', { section: 'data', size, align: 64 });
  }
}
