import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { BtfTypes } from '../../src/types/btf-types.ts';
import { GLOBAL_DECLARATIONS, globalSource, globalType } from '../../src/types/globals.ts';
import { parseCType } from '../../src/types/c-declaration.ts';
import { readLayout } from '../../src/types/layout.ts';
import { btfKernelTable } from '../support/btf-kernel.ts';

const btf = new BtfTypes(btfKernelTable());

function shipped(name: string): ReturnType<typeof readLayout> {
  const url = new URL(`../../structs/${name}-x86_64.json`, import.meta.url);
  return readLayout(readFileSync(url, 'utf8'));
}

describe('globalType', () => {
  it('takes a per-CPU variable from BTF and any other from the table', () => {
    assert.equal(globalType(btf, 'runqueues'), btf.find('struct', 'rq'));
    assert.equal(globalType(btf, 'init_task'), btf.find('struct', 'task_struct'));
    assert.equal(globalSource(btf, 'runqueues'), 'BTF in the dump');
    assert.equal(globalSource(btf, 'init_task'), 'init/init_task.c');
  });

  it('is undefined for a variable or a type that nobody knows', () => {
    assert.equal(globalType(btf, 'no_such_variable'), undefined);
    assert.equal(globalSource(btf, 'no_such_variable'), undefined);
    assert.equal(globalType(btf, 'init_pid_ns'), undefined);
  });

  it('takes the first of several types that the kernel has', () => {
    const memalloc = globalType(btf, 'memalloc');
    assert.equal(memalloc, btf.find('struct', 'memalloc_info'));
  });

  it('keeps to one declaration of each variable', () => {
    const names = Object.values(GLOBAL_DECLARATIONS).flatMap((file) => Object.keys(file));
    assert.deepEqual(
      names.filter((name, i) => names.indexOf(name) !== i),
      [],
    );
  });

  it('writes every declaration in the grammar of parseCType', () => {
    const declared = Object.values(GLOBAL_DECLARATIONS).flatMap((file) => Object.values(file));
    for (const text of declared.flat()) {
      parseCType(text, { pointerSize: 8, find: () => undefined });
    }
  });

  // Those that the kernel lacks: they came later, or need the patch or CONFIG_VM_EVENT_COUNTERS.
  const absent: Readonly<Record<string, readonly string[]>> = {
    '6.1.0-56-cloud-amd64': ['pcpu_hot', 'memalloc'],
    '6.1.192-kmallocwd2': ['pcpu_hot', 'vm_event_states'],
  };
  for (const [release, names] of Object.entries(absent)) {
    it(`knows the types of the core variables of ${release} from its layout file`, () => {
      const layout = shipped(release);
      const core = `
        init_task jiffies_64 jiffies loops_per_jiffy tsc_khz __per_cpu_offset init_pid_ns
        runqueues node_data vm_node_stat vm_zone_stat vm_event_states oom_lock oom_victims
        oom_reaper_list prb modules linux_banner high_memory workqueues worker_pool_idr
        slab_caches swap_info node_states congestion_wqh kmallocwd_timeout _totalram_pages
        shrinker_rwsem`;
      const present = core.trim().split(/\s+/);
      for (const name of present.filter((one) => !names.includes(one))) {
        assert.ok(globalType(layout, name) !== undefined, name);
      }
      for (const name of names) assert.equal(globalType(layout, name), undefined, name);
    });
  }
});
