// The verb struct as a user meets it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CliRunner } from '../../support/cli-runner.ts';
import { withPacked } from '../../support/packed.ts';
import { realDump } from '../../support/real-dumps.ts';
import { Specimen } from '../../support/specimen.ts';

const SAMPLE = fileURLToPath(new URL('../../../samples/oom-victim-mutex.vmcore', import.meta.url));

describe('stallcore struct', function () {
  this.timeout(30_000);
  const cli = new CliRunner();
  after(() => {
    cli.stop();
  });

  /** What is printed, of a run that must end well. */
  async function struct(...words: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await cli.run(['struct', SAMPLE, ...words]);
    assert.equal(exitCode, 0, stderr);
    return stdout;
  }

  it('prints a layout', async () => {
    assert.match(await struct('list_head'), /^struct list_head \{\n\tstruct list_head \* +next; /);
    const member = await struct('task_struct.comm,se.load.weight');
    assert.match(member, /^\tchar +comm\[16\]; +\/\* +\d+ +16 \*\/\n\tlong unsigned int +weight; /);
  });

  it('prints the value of a task by pid, and what belongs to a task', async () => {
    const task = await struct('task_struct.pid,comm,signal.oom_mm', '186');
    const [, address = ''] = /^struct task_struct (0x[0-9a-f]+) \(pid 186, java\) \{$/m.exec(task)!;
    assert.match(task, /^ {2}pid = 186,\n {2}comm = "java",\n {2}signal.oom_mm = 0xffff/m);
    assert.match(await struct('task_struct.comm', address), /^ {2}comm = "java",$/m);
    const signal = await struct('signal_struct.nr_threads', '186');
    assert.match(signal, /\(pid 186, java, task_struct\.signal\) \{\n {2}nr_threads = 1,/);
    assert.match(await struct('mm_struct', '2'), /: task_struct\.mm is NULL$/m);
  });

  it('prints the value of a symbol, also of one CPU', async () => {
    assert.match(await struct('mutex', 'oom_lock'), /^struct mutex 0x[0-9a-f]+ <oom_lock> = \{\n/);
    const [cpu0, cpu1] = await Promise.all([
      struct('rq.cpu,nr_running', 'runqueues:0'),
      struct('rq.cpu,nr_running', 'runqueues:1'),
    ]);
    assert.notEqual(cpu0.split(' ')[2], cpu1.split(' ')[2]);
    // A pointer to the struct.
    const log = await struct('printk_ringbuffer.desc_ring.count_bits', 'prb');
    assert.match(log, /<printk_rb_static> \(\*prb\) \{\n {2}desc_ring\.count_bits = \d+,/);
    const hex = await struct('task_struct.flags', '-x', 'init_task');
    assert.match(hex, /^ {2}flags = 0x[0-9a-f]+,$/m);
  });

  it('says of a packed dump that what it does not find may have been removed', async () => {
    await withPacked([SAMPLE], {}, async ({ path }) => {
      for (const words of [['no_such_type'], ['mutex', 'no_such_symbol']]) {
        const { exitCode, stderr } = await cli.run(['struct', path, ...words]);
        assert.equal(exitCode, 1);
        assert.match(stderr, /^stallcore: struct: (type|symbol) no_such_\w+: removed by pack, /);
      }
      const member = await cli.run(['struct', path, 'task_struct.no_such_member']);
      assert.equal(member.exitCode, 2);
    });
  });

  it('prints JSON', async () => {
    const values = JSON.parse(await struct('task_struct.comm', '--json', '186')) as {
      type: string;
      objects: { values: { value: unknown }[] }[];
    };
    assert.equal(values.type, 'struct-values');
    assert.deepEqual(values.objects[0]?.values[0]?.value, { kind: 'text', text: 'java' });
    const layout = JSON.parse(await struct('list_head', '--json')) as { sizeBytes: number };
    assert.equal(layout.sizeBytes, 16);
  });

  for (const [words, message] of [
    [['task_strct'], /no type task_strct \(types: BTF in the dump\); did you mean task_struct\?/],
    [['oom_lock'], /it is a variable: stallcore struct VMCORE mutex oom_lock/],
    [['task_struct.nix'], /task_struct has no member nix/],
    [['task_struct.nix', '186'], /member struct task_struct\.nix: not in this kernel/],
    [['task_struct', '99999'], /pid 99999: no task has it/],
    [['zone', '186'], /zone of pid 186: no member of task_struct leads to one/],
    [['mutex', 'no_lock'], /symbol no_lock: not in this kernel/],
    [['rq', 'runqueues:77'], /expected a CPU of this machine \(0 1\), have 77/],
    [['a b'], /expected NAME or NAME\.member/],
    [[], /expected VMCORE NAME/],
  ] as const) {
    it(`refuses ${words.join(' ') || 'no name'}`, async () => {
      const { exitCode, stderr } = await cli.run(['struct', SAMPLE, ...words]);
      assert.equal(exitCode, 2);
      assert.match(stderr, message);
    });
  }

  it('says which members are not in the dump, and ends with 1', async () => {
    const specimen = await Specimen.load(SAMPLE);
    const path = `${cli.folder}/torn.vmcore`;
    const task = specimen.task(186);
    const damaged = specimen.copy().exclude(specimen.member('task_struct', task, 'comm'));
    writeFileSync(path, damaged.kdump());
    specimen.close();
    const { exitCode, stdout, stderr } = await cli.run([
      ...['struct', path, 'task_struct.comm', `0x${task.toString(16)}`],
    ]);
    assert.equal(exitCode, 1);
    assert.match(stdout, /^ {2}comm = \? \(excluded by the dump filter\),$/m);
    assert.match(stderr, /1 value not in the dump/);
    // The pointer itself is on that page.
    const way = await cli.run([
      ...['struct', path, 'task_struct.group_leader.pid', `0x${task.toString(16)}`],
    ]);
    assert.equal(way.exitCode, 1);
    assert.match(way.stdout, /^ {2}group_leader\.pid = \? \(a pointer on the way is not in the/m);
  });

  it('follows an array of pointers to the struct', async function () {
    const dump = realDump(this, 'k61-press-d31.kdump');
    const words = ['pglist_data.node_id,kswapd.comm', 'node_data', 'node_data[0]', 'node_data[1]'];
    const { stdout } = await cli.run(['struct', dump, ...words]);
    const node = / \(\*node_data(?:\[0\])?\) \{\n {2}node_id = 0,\n {2}kswapd\.comm = "kswapd0",/g;
    assert.equal(stdout.match(node)?.length, 2, stdout);
    assert.match(stdout, /^struct pglist_data \(\*node_data\[1\]\): \*node_data\[1\] is NULL$/m);
  });

  it('finds types of modules', async function () {
    const dump = realDump(this, 'k61-press-d31.kdump');
    const { stdout } = await cli.run(['struct', dump, 'fuse_conn', '--json']);
    assert.equal((JSON.parse(stdout) as { source: string }).source, 'BTF of module fuse');
  });
});
