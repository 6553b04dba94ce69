// The verb that writes vmcores, as a user meets it.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkChromeTrace } from '../support/chrome-trace.ts';
import { CliRunner } from '../support/cli-runner.ts';

describe('simulateToFile', function () {
  this.timeout(60_000);
  const cli = new CliRunner();
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-simulate-'));
  });
  after(() => {
    cli.stop();
    rmSync(folder, { recursive: true });
  });

  it('lists the scenarios, one a line', async () => {
    const { exitCode, stdout } = await cli.run(['simulate', '--list']);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^oom-victim-mutex {2,}an OOM victim waits .*\(D3\)$/m);
    const classes = [...stdout.matchAll(/^\S+ .*\(D(\d+)\)$/gm)].map(([, n]) => Number(n));
    assert.deepEqual(
      classes,
      classes.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(classes).size, 14);
  });

  it('writes a vmcore that memalloc reads, and the ledger beside it', async () => {
    const path = join(folder, 'quiet.vmcore');
    const argv = ['simulate', 'quiet', '-o', path, '--seed', '7', '--kmallocwd', '0'];
    const { exitCode, stdout } = await cli.run(argv);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^quiet, seed 7, kmallocwd=0: \d+ tasks, 256 MiB, 2 CPUs/);
    assert.match(
      stdout,
      /^MemAlloc-Info: 0 .*\(as memalloc shows it; the watchdog itself is silent\)$/m,
    );
    assert.match(stdout, /0 hung, 0 recovered\nD14: no stall: .*\nwritten: /);
    const ledger = JSON.parse(readFileSync(`${path}.ledger.json`, 'utf8')) as { seed: number };
    assert.equal(ledger.seed, 7);
    const read = await cli.run(['memalloc', path]);
    assert.match(read.stdout, /^MemAlloc-Info: 0 stalling task, 0 dying task, 0 victim task\.$/m);
    assert.deepEqual(
      readdirSync(dirname(path)).filter((name) => name.endsWith('.unfinished')),
      [],
    );
  });

  it('says in README.md what it says, but for the numbers of a run', async () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const block = /\$ npx stallcore (simulate .*) -o stall\.vmcore\n([^`]*)```/.exec(readme);
    assert.ok(block !== null);
    const [, command = '', shown = ''] = block;
    const path = join(folder, 'stall.vmcore');
    // An earlier dump and a shorter timeout end the same way, sooner.
    const sooner = ['--dump-at', '10', '--kmallocwd', '2'];
    const { stdout } = await cli.run([...command.split(' '), '-o', path, ...sooner]);
    const said = stdout.replaceAll(`${folder}/`, '');
    const words = (text: string): string => text.replace(/[0-9]+/g, 'N');
    assert.equal(words(shown), words(said));
  });

  it('does not write a trace over what else the run writes', async () => {
    const path = join(folder, 'kept.vmcore');
    for (const suffix of ['', '.1', '.ledger.json', '.System.map']) {
      const argv = ['simulate', 'quiet', '-o', path, '--trace', path + suffix];
      const { exitCode, stderr } = await cli.run(argv);
      assert.equal(exitCode, 2);
      assert.match(stderr, /the run itself is written to that file/);
    }
  });

  it('writes a trace of the whole run that viewers open', async () => {
    const path = join(folder, 'traced.vmcore');
    const trace = join(folder, 'trace.json');
    const argv = ['simulate', 'quiet', '-o', path, '--dump-at', '2', '--trace', trace];
    const { exitCode, stdout } = await cli.run([...argv, '--trace-all']);
    assert.equal(exitCode, 0);
    assert.match(stdout, /trace\.json$/m);
    const { traceEvents } = checkChromeTrace(readFileSync(trace, 'utf8'));
    assert.ok(traceEvents.length > 100);
  });

  it('simulates another version of the patch', async () => {
    const path = join(folder, 'patched.vmcore');
    const argv = ['simulate', 'quiet', '-o', path, '--dump-at', '2', '--patch', 'v2'];
    assert.equal((await cli.run(argv)).exitCode, 0);
    const ledger = JSON.parse(readFileSync(`${path}.ledger.json`, 'utf8')) as { patch: string };
    assert.equal(ledger.patch, 'v2');
    const { stdout } = await cli.run(['memalloc', path, '--json']);
    const { record } = JSON.parse(stdout) as { record: { layout: string } };
    assert.equal(record.layout, 'L2');
  });

  it('simulates a 4.4 kernel, whose System.map goes beside the vmcore', async () => {
    const path = join(folder, 'old.vmcore');
    const argv = ['simulate', 'quiet', '-o', path, '--dump-at', '2', '--flavour', '4.4'];
    const { stdout } = await cli.run(argv);
    assert.match(stdout, /old\.vmcore\.System\.map,/);
    assert.ok(stdout.endsWith(`\nopen it: stallcore ${path}\n`));
    const info = await cli.run(['info', path]);
    assert.match(info.stdout, /^SYMBOLS +\d+ \(kallsyms in the dump, found by a search/m);
    const alone = await cli.run(['tasks', path]);
    assert.equal(alone.exitCode, 0, alone.stderr);
    const root = fileURLToPath(new URL('../../', import.meta.url));
    // VMCOREINFO names nothing that lies elsewhere in that other build.
    const foreign = join(root, 'samples/too-many-isolated.System.map');
    const refused = await cli.run(['tasks', path, '--system-map', foreign]);
    assert.equal(refused.exitCode, 3, refused.stderr);
    assert.match(refused.stderr, /too-many-isolated\.System\.map: it is of another kernel: /);
    const read = await cli.run(['tasks', path, '--system-map', `${path}.System.map`]);
    assert.equal(read.exitCode, 0, read.stderr);
    assert.match(read.stdout, /\d+ tasks, 2 idle tasks; the task list and the pid hash agree/);
    assert.equal(read.stdout, alone.stdout);
  });

  it('takes a timeout that is clamped, and does not run on for ten of such', async () => {
    const path = join(folder, 'clamped.vmcore');
    const small = ['--ram', '64', '--cpus', '1', '--hz', '1000', '--dump-at', '1'];
    const argv = ['simulate', 'quiet', '-o', path, '--kmallocwd', '10000000000000000', ...small];
    const { exitCode, stdout, stderr } = await cli.run(argv);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /^run on for 1000 s, not for ten timeouts: 0 hung, 0 recovered$/m);
    const ledger = JSON.parse(readFileSync(`${path}.ledger.json`, 'utf8')) as {
      judgedBySeconds: number;
      kernel: { kmallocwdTimeout: string };
    };
    assert.equal(ledger.judgedBySeconds, 100);
    assert.equal(ledger.kernel.kmallocwdTimeout, String(2n ** 63n - 1n));
    const read = await cli.run(['memalloc', path, '--json']);
    const { record } = JSON.parse(read.stdout) as { record: { timeoutJiffies: string } };
    assert.equal(record.timeoutJiffies, ledger.kernel.kmallocwdTimeout);
  });

  it('says of a kernel without the patch that it has no lines', async () => {
    const argv = ['simulate', 'quiet', '-o', join(folder, 'bare.vmcore'), '--dump-at', '2'];
    const { stdout } = await cli.run([...argv, '--flavour', '6.1']);
    assert.match(stdout, /^no MemAlloc lines: this kernel lacks the kmallocwd patch$/m);
    assert.match(stdout, /^quiet, seed 1: \d+ tasks/);
  });

  it('says what a kernel lacks, as released, of what the scenario needs', async () => {
    const argv = ['simulate', 'memcg-writeback', '-o', join(folder, 'lacks.vmcore')];
    const { stdout, stderr } = await cli.run([...argv, '--dump-at', '2', '--flavour', '6.1']);
    assert.equal(stderr, '');
    assert.match(
      stdout,
      /no D12, for which memcg-writeback needs .* --flavour differs in whether reclaim for a/,
    );
  });

  it('refuses what the 4.4 kernel cannot be', async () => {
    const argv = ['simulate', 'quiet', '-o', join(folder, 'no.vmcore'), '--flavour', '4.4'];
    assert.equal((await cli.run([...argv, '--patch', 'v9'])).exitCode, 2);
    // As memalloc --format spells it.
    const { stderr } = await cli.run([...argv, '--patch', 'rfc2']);
    assert.match(stderr, /--flavour 4\.4 has the patch v3, not rfc-v2/);
  });

  it('names the versions of the patch where one is not known', async () => {
    const argv = ['simulate', 'quiet', '-o', join(folder, 'none'), '--patch', 'v0'];
    const { exitCode, stderr } = await cli.run(argv);
    assert.equal(exitCode, 2, stderr);
    assert.match(stderr, /no patch v0 \(there are: none, v1, .*, rfc-v2\)/);
  });

  it('tries remedies, which the ledger names', async () => {
    const path = join(folder, 'tried.vmcore');
    const argv = ['simulate', 'quiet', '-o', path, '--dump-at', '2'];
    const tried = ['--remedy', 'oom_timeout=3', '--remedy', 'oom_reserve'];
    const { exitCode, stderr } = await cli.run([...argv, ...tried]);
    assert.equal(exitCode, 0, stderr);
    const ledger = JSON.parse(readFileSync(`${path}.ledger.json`, 'utf8')) as { remedies: object };
    assert.deepEqual(ledger.remedies, { oomTimeout: 3, oomReserve: true });
  });

  it('says what a remedy takes where it is not known, or its value is none', async () => {
    const cases: readonly [remedy: string, message: RegExp][] = [
      ['prayer', /no remedy prayer \(there are: fail_small_allocs, .*oom_timeout=SECS/],
      ['oom_reapr', /no remedy oom_reapr; did you mean oom_reaper\? \(there are: /],
      ['oom_reserve=1', /--remedy oom_reserve=1: oom_reserve takes no value/],
      ['oom_timeout=0', /--remedy oom_timeout=0: oom_timeout takes seconds from 1 to 999999/],
      ['oom_timeout=', /--remedy oom_timeout=: oom_timeout takes seconds/],
    ];
    for (const [remedy, message] of cases) {
      const argv = ['simulate', 'quiet', '-o', join(folder, 'none'), '--remedy', remedy];
      const { exitCode, stderr } = await cli.run(argv);
      assert.equal(exitCode, 2, remedy);
      assert.match(stderr, message);
    }
  });

  it('compares the remedies of a scenario in a table', async () => {
    const argv = ['simulate', '--compare-remedies', 'memcg-oom', '--kmallocwd', '1'];
    const { exitCode, stdout, stderr } = await cli.run(argv);
    assert.equal(exitCode, 0, stderr);
    const rows = stdout.split('\n').filter((line) => line.startsWith('memcg-oom'));
    assert.match(rows[0] ?? '', /^memcg-oom +- +no stall +\d+ +0 +0 +\d+\.\d s +D14$/);
    assert.equal(rows.length, 12);
    assert.ok(rows.some((row) => row.includes(' no_direct_reclaim ')));
  });

  it('compares no machine that cannot be', async () => {
    const argv = ['simulate', '--compare-remedies', 'memcg-oom', '--ram', '64'];
    const cases: readonly [more: string, value: string, message: RegExp][] = [
      ['--idle-tasks', '9999', /--idle-tasks 9999: 64 MiB hold at most/],
      ['--cpus', '65', /--cpus 65: this kernel has NR_CPUS=64/],
      ['--hz', '200', /--hz: .* 100, 250, 300, 1000/],
      ['--dump-at', '0', /--dump-at: .* from 1 to 86400/],
      ['--flavour', '5.4', /no flavour 5\.4/],
    ];
    for (const [more, value, message] of cases) {
      const { exitCode, stderr } = await cli.run([...argv, more, value]);
      assert.equal(exitCode, 2, more);
      assert.match(stderr, message);
    }
  });

  it('names each option that a comparison has no use for', async () => {
    const argv = ['simulate', '--compare-remedies', 'quiet', '-o', 'x', '--remedy', 'oom_reaper'];
    const { exitCode, stderr } = await cli.run([...argv, '--lz4', '--trace', 'y']);
    assert.equal(exitCode, 2);
    assert.match(stderr, /--compare-remedies takes no -o, --remedy, --lz4, --trace$/m);
  });

  it('compares nothing where a scenario is not there', async () => {
    const { exitCode, stderr } = await cli.run(['simulate', '--compare-remedies', 'noisy']);
    assert.equal(exitCode, 2, stderr);
    assert.match(stderr, /no scenario noisy/);
  });

  const formats: readonly [format: string, suffixes: readonly string[], kind: RegExp][] = [
    ['elf', [''], /ELF/],
    ['kdump-plain', [''], /kdump/],
    ['kdump-zlib', [''], /kdump/],
    ['kdump-snappy', [''], /kdump/],
    ['kdump-zstd', [''], /kdump/],
    ['flattened', [''], /flattened/],
    ['flattened-elf', [''], /flattened/],
    ['split', ['.1', '.2'], /split/],
    ['raw', [''], /raw/],
  ];
  for (const [format, suffixes, kind] of formats) {
    it(`writes ${format}, which reads as any other container of the run does`, async () => {
      const path = join(folder, format);
      const argv = ['simulate', 'quiet', '-o', path, '--dump-at', '2', '--format', format];
      const { exitCode, stderr } = await cli.run(argv);
      assert.equal(exitCode, 0, stderr);
      const files = suffixes.map((suffix) => path + suffix);
      assert.match((await cli.run(['info', ...files])).stdout, kind);
      const { tasks } = JSON.parse((await cli.run(['tasks', ...files, '--json'])).stdout) as Tasks;
      const ledger = JSON.parse(readFileSync(`${path}.ledger.json`, 'utf8')) as Tasks;
      const pids = ({ pid, comm }: Tasks['tasks'][number]): string => `${pid} ${comm}`;
      assert.deepEqual(tasks.map(pids), ledger.tasks.map(pids));
    });
  }

  it('wraps what it writes into lz4, which is read as it is', async () => {
    const [plain, packed] = [join(folder, 'plain.elf'), join(folder, 'packed.elf.lz4')];
    const argv = ['simulate', 'quiet', '--dump-at', '2', '--format', 'elf', '-o'];
    await cli.run([...argv, plain]);
    assert.equal((await cli.run([...argv, packed, '--lz4'])).exitCode, 0);
    assert.equal(readFileSync(packed).readUInt32LE(0), 0x184d2204);
    assert.ok(readFileSync(packed).length < readFileSync(plain).length / 2);
    const [first, second] = await Promise.all(
      [plain, packed].map((path) => cli.run(['tasks', path])),
    );
    assert.equal(first?.stdout, second?.stdout);
  });

  for (const flavour of ['6.1', '4.4']) {
    it(`adds to a ${flavour} as many tasks as it is told, which tasks reads`, async () => {
      const small = ['--dump-at', '1', '--kmallocwd', '1', '--ram', '64', '--cpus', '1'];
      const counts: number[] = [];
      for (const idleTasks of [0, 700]) {
        const path = join(folder, `idle-${flavour}-${idleTasks}.vmcore`);
        const argv = ['simulate', 'quiet', '-o', path, '--flavour', flavour, ...small];
        const written = await cli.run([...argv, '--idle-tasks', `${idleTasks}`]);
        assert.equal(written.exitCode, 0, written.stderr);
        const read = await cli.run(['tasks', path, '--json']);
        assert.equal(read.exitCode, 0, read.stderr);
        const { tasks } = JSON.parse(read.stdout) as Tasks;
        counts.push(new Set(tasks.map(({ pid }) => pid)).size);
      }
      const [without = NaN, with700] = counts;
      assert.equal(with700, without + 700);
    });
  }

  it('takes as many idle tasks as it says that the memory holds, and no more', async () => {
    const path = join(folder, 'crowd.vmcore');
    const argv = ['simulate', 'quiet', '-o', path, '--dump-at', '1', '--kmallocwd', '1'];
    const crowd = [...argv, '--ram', '64', '--cpus', '8', '--idle-tasks'];
    const { exitCode, stderr } = await cli.run([...crowd, '6000']);
    assert.equal(exitCode, 2);
    const most = /--idle-tasks 6000: 64 MiB hold at most (\d+) \(see --ram\)/.exec(stderr)?.[1];
    assert.ok(most !== undefined, stderr);
    assert.equal((await cli.run([...crowd, most])).exitCode, 0);
    assert.equal((await cli.run([...crowd, `${Number(most) + 1}`])).exitCode, 2);
  });

  const wrong: readonly [about: string, argv: readonly string[], message: RegExp][] = [
    ['no scenario', [], /expected a scenario/],
    ['one that is not there', ['noisy', '-o', 'x'], /no scenario noisy \(try: .* --list\)/],
    [
      'one that is misspelt, before what is missing',
      ['oom-victim'],
      /no scenario oom-victim; did you mean oom-victim-mutex\?/,
    ],
    ['no file to write', ['quiet'], /expected -o FILE/],
    ['two files to write', ['quiet', '-o', 'x', '-o', 'y'], /-o: expected the name of one file/],
    [
      'no folder to write to',
      ['quiet', '-o', '/no/such/x'],
      /stallcore: \/no\/such: no such folder/,
    ],
    ['a folder in the place of the file', ['quiet', '-o', tmpdir()], /this is a folder/],
    ['no folder for the trace', ['quiet', '-o', 'x', '--trace', '/no/x'], /\/no: no such folder/],
    ['a trace without a file', ['quiet', '-o', 'x', '--trace-all'], /expected --trace FILE/],
    [
      'a format that is none',
      ['quiet', '-o', 'x', '--format', 'zlib'],
      /did you mean kdump-zlib\?/,
    ],
    [
      'a flavour that is none',
      ['quiet', '-o', 'x', '--flavour', '6.1-kmalloc'],
      /6\.1-kmallocwd\?/,
    ],
    [
      'half a seed',
      ['quiet', '-o', 'x', '--seed', '0.5'],
      /--seed: expected a whole number from 0/,
    ],
    ['too little memory', ['quiet', '-o', 'x', '--ram', '63'], /--ram: .* from 64 to 1048576/],
    ['too many CPUs', ['quiet', '-o', 'x', '--cpus', '257'], /--cpus: .* from 1 to 256/],
    [
      'more CPUs than the kernel knows',
      ['quiet', '-o', 'x', '--cpus', '65'],
      /--cpus 65: this kernel has NR_CPUS=64 \(see --flavour\)/,
    ],
    [
      'more CPUs than the memory holds',
      ['quiet', '-o', 'x', '--flavour', '4.4', '--cpus', '256', '--ram', '64'],
      /--cpus 256: 64 MiB hold at most \d+ \(see --ram\)/,
    ],
    ['a dump at boot', ['quiet', '-o', 'x', '--dump-at', '0'], /--dump-at: .* from 1 to 86400/],
    ['a timeout below 0', ['quiet', '-o', 'x', '--kmallocwd=-1'], /--kmallocwd: .* from 0 to/],
    [
      'a timeout that no number is',
      ['quiet', '-o', 'x', '--kmallocwd', '9223372036854775807'],
      /--kmallocwd: above 9007199254740991 only round numbers/,
    ],
    [
      'a timeout beyond what its sysctl takes',
      ['quiet', '-o', 'x', '--patch', 'v9', '--kmallocwd', '4294967296'],
      /--patch v9: memalloc_task_warning_secs is at most 4294967295/,
    ],
    ['an HZ that is none', ['quiet', '-o', 'x', '--hz', '200'], /--hz: .* 100, 250, 300, 1000/],
  ];
  for (const [about, argv, message] of wrong) {
    it(`exits with 2 for ${about}`, async () => {
      const { exitCode, stderr } = await cli.run(['simulate', ...argv]);
      assert.equal(exitCode, 2, stderr);
      assert.match(stderr, message);
    });
  }
});

interface Tasks {
  readonly tasks: readonly { pid: number; comm: string }[];
}
