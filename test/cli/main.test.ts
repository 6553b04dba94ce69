// The command line as a user meets it: verbs, options, exit codes, on a small dump.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CliRunner, type CliOutcome } from '../support/cli-runner.ts';
import { realDump } from '../support/real-dumps.ts';
import { threeStallsPath } from '../support/three-stalls.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SAMPLE = threeStallsPath();
const README_SAMPLE = 'samples/oom-victim-mutex.vmcore';

describe('main', function () {
  this.timeout(60_000);
  const cli = new CliRunner();
  after(() => {
    cli.stop();
  });

  async function check(
    argv: readonly string[],
    expected: { exitCode: number; stdout?: RegExp; stderr?: RegExp },
  ): Promise<CliOutcome> {
    const outcome = await cli.run(argv);
    assert.equal(outcome.exitCode, expected.exitCode, outcome.stderr);
    if (expected.stdout !== undefined) assert.match(outcome.stdout, expected.stdout);
    if (expected.stderr !== undefined) assert.match(outcome.stderr, expected.stderr);
    else assert.equal(outcome.stderr, '');
    return outcome;
  }

  it('says without a verb what triage says', async () => {
    const sample = join(ROOT, README_SAMPLE);
    const bare = await check([sample], {
      exitCode: 0,
      stdout: /^Stuck: The OOM victim java\(\d+\) /,
    });
    const named = await check(['triage', sample], { exitCode: 0 });
    assert.equal(bare.stdout, named.stdout);
  });

  it('judges by the timeout that --timeout gives, with the verb or without', async () => {
    const said = { exitCode: 0, stdout: /^Too early to tell: .*, none for over 3600 s; /m };
    const sample = join(ROOT, README_SAMPLE);
    await check(['triage', '--timeout', '3600', sample], said);
    await check(['--timeout', '3600', sample], said);
  });

  it('names in its help every class of stall that a verdict may have', async () => {
    const { stdout } = await check(['triage', '--help'], { exitCode: 0 });
    for (let at = 1; at <= 14; at++) assert.match(stdout, new RegExp(`^ +D${at} +\\w`, 'm'));
  });

  it('takes options in front of the verb', async () => {
    const after = await check(['tasks', '--json', '--pid', '1', SAMPLE], { exitCode: 0 });
    const before = await check(['--json', 'tasks', '--pid', '1', SAMPLE], { exitCode: 0 });
    assert.equal(before.stdout, after.stdout);
    const silent = /no request is older than 3600 s/;
    await check(['--timeout', '3600', 'memalloc', SAMPLE], { exitCode: 0, stderr: silent });
    await check(['--json', 'nix/bt'], { exitCode: 3, stderr: /no such file/ });
  });

  it('prints the lines of kmallocwd and nothing else on standard output', async () => {
    const { stdout } = await check(['memalloc', SAMPLE], { exitCode: 0 });
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, 7);
    for (const line of lines) assert.match(line, /^MemAlloc(-Info)?: /);
  });

  const FORMATS: readonly (readonly [name: string, line: RegExp])[] = [
    ['v2', /^MemAlloc: sshd\(288\) gfp=0xcc0 order=2 delay=4511$/m],
    ['v4', /^MemAlloc-Info: 3 stalling task, 3 dying task, 1 victim task\.$/m],
    [
      'v8',
      /^MemAlloc: sshd\(288\) flags=0x\w+ switches=\d+ seq=4 gfp=0xcc0\(GFP_KERNEL\) order=2/m,
    ],
    [
      'rfc',
      /^MemAlloc: kworker\/u8:2\(41\) flags=0x\w+ switches=\d+ seq=2232 gfp=0xc00\(GFP_NOIO\)/m,
    ],
  ];
  for (const [name, line] of FORMATS) {
    it(`prints in format ${name} what --format asks for`, async () => {
      await check(['memalloc', '--format', name, SAMPLE], { exitCode: 0, stdout: line });
    });
  }

  const FILTERS: readonly (readonly [options: readonly string[], stdout: RegExp])[] = [
    [['--state', 'D', '--user'], /\n.* D .*\n[1-9]\d* of \d+ tasks, 0 of \d+ idle tasks; /],
    [['--comm', 'sshd', '--state', 'R'], /^PID.*\n288 .*sshd\n1 of \d+ tasks/],
    [['--pid', '288,41', '--pid=1'], /\n3 of \d+ tasks, 0 of /],
    [['--comm', 'nobody,sshd'], /^PID.*(\n *\d+ .*sshd)+\n[1-9]\d* of \d+ tasks/],
    [['--kthreads', '--pid', '288'], /^PID.*COMM\n0 of \d+ tasks, /],
  ];
  for (const [options, stdout] of FILTERS) {
    it(`shows the tasks that ${options.join(' ')} asks for`, async () => {
      await check(['tasks', ...options, SAMPLE], { exitCode: 0, stdout });
    });
  }

  it('prints with --json the tasks that fit, and of how many', async () => {
    const { stdout } = await check(['tasks', '--json', '--pid', '288', SAMPLE], { exitCode: 0 });
    const { tasks, filteredFrom } = JSON.parse(stdout) as {
      tasks: { comm: string }[];
      filteredFrom: { tasks: number; undecided: number };
    };
    assert.deepEqual(
      tasks.map(({ comm }) => comm),
      ['sshd'],
    );
    assert.ok(filteredFrom.tasks > 1);
    assert.equal(filteredFrom.undecided, 0);
  });

  it('says that no task has a pid', async () => {
    await check(['tasks', '--pid', '4000000', SAMPLE], {
      exitCode: 0,
      stderr: /no task has pid 4000000/,
    });
  });

  it('shows stacks in the order in which PIDs are named', async () => {
    const sample = join(ROOT, README_SAMPLE);
    const { stdout } = await check(['bt', sample, '186', '178'], { exitCode: 0 });
    assert.match(stdout, /^java\(186\)[^]*\nbackup\(178\) /);
    const { stdout: other } = await check(['bt', sample, '178', '186'], { exitCode: 0 });
    assert.match(other, /^backup\(178\)[^]*\njava\(186\) /);
  });

  it('prints ? for a counter that this kernel never had', async () => {
    const argv = ['memalloc', '--format', 'v8', SAMPLE];
    await check(argv, { exitCode: 0, stdout: /^MemAlloc-Info: stalling=3 .* oom_count=\?$/m });
  });

  it('says on standard error that the watchdog would have been silent', async () => {
    const { stdout } = await check(['memalloc', '--timeout', '3600', SAMPLE], {
      exitCode: 0,
      stderr: /no request is older than 3600 s: the watchdog would have printed nothing/,
    });
    assert.match(stdout, /^MemAlloc-Info: 0 stalling task, 3 dying task, 1 victim task\.\n/);
  });

  it('shows with --all the last request of every task', async () => {
    const { stdout } = await check(['memalloc', '--all', SAMPLE], { exitCode: 0 });
    assert.match(stdout, /parent's/);
    assert.match(stdout, /in flight \(depth 2\)/);
    assert.match(stdout, /batch\\x09job/);
  });

  it('says once for which machine, and addresses in hex', async () => {
    const { stdout } = await check(['info', SAMPLE], { exitCode: 0 });
    assert.equal(stdout.match(/^MACHINE /gm)?.length, 1);
    assert.match(stdout, /^PHYS BASE +-?0x[0-9a-f]+ \(/m);
  });

  it('prints the same facts as JSON for each verb', async () => {
    for (const verb of ['triage', 'memalloc', 'tasks', 'bt', 'locks', 'log', 'mem', 'info']) {
      const { stdout } = await check([verb, '--json', join(ROOT, README_SAMPLE)], { exitCode: 0 });
      assert.equal((JSON.parse(stdout) as { type: string }).type, verb);
    }
  });

  const USAGE: readonly (readonly [argv: string[], stderr: RegExp])[] = [
    [['tasks'], /expected the name of a vmcore/],
    [['--bogus', SAMPLE], /Unknown argument: bogus\n/],
    [['memaloc', SAMPLE], /memaloc: no such file; did you mean the verb memalloc\?/],
    [['tasks', SAMPLE, '--state', 'UN'], /--state UN: expected letters of/],
    [['tasks', SAMPLE, '--pid', 'java'], /--pid java: expected PID/],
    [['tasks', SAMPLE, '--kthreads', '--user'], /mutually exclusive/],
    [['tasks', SAMPLE, '--no-such-option'], /Unknown argument: no-such-option\n/],
    [
      ['memalloc', '--format', 'v99', SAMPLE],
      /memalloc: no format v99; did you mean v9\? \(there are: v1/,
    ],
    [['memalloc', SAMPLE, '--format'], /Not enough arguments following: format/],
    [['triage', '--timeout', '0', SAMPLE], /--timeout: expected a number of seconds above 0/],
    [['memalloc', '--timeout', '-1', SAMPLE], /--timeout: expected a number of seconds above 0/],
    [['info', '--phs-offset', '0', SAMPLE], /Unknown argument: phs-offset\n/],
    [['info', '--phys-offset', 'here', SAMPLE], /--phys-offset here: expected a physical address/],
    [['structs'], /structs: expected export FILE -o LAYOUT\ntry: stallcore structs --help\n/],
    [['locks', SAMPLE, '162'], /locks takes one vmcore.*\ntry: stallcore locks --help\n/],
    [['structs', 'export', SAMPLE], /structs export: expected -o FILE/],
  ];
  for (const [argv, stderr] of USAGE) {
    const shown = argv.join(' ').replace(SAMPLE, 'SAMPLE');
    it(`refuses "${shown}" with exit code 2`, async () => {
      await check(argv, { exitCode: 2, stderr });
    });
  }

  const UNREADABLE: readonly (readonly [argv: string[], stderr: RegExp])[] = [
    [['tasks', '/no/such/file'], /^stallcore: \/no\/such\/file: no such file\n$/],
    [['summary'], /summary: no such file, and no verb of that name/],
    [['tasks', '--vmlinux', join(ROOT, 'LICENSE'), SAMPLE], /LICENSE: ELF header.*magic/],
    [['tasks', '--system-map', join(ROOT, 'LICENSE'), SAMPLE], /LICENSE: System.map/],
    [['tasks', '--layout', join(ROOT, 'LICENSE'), SAMPLE], /LICENSE: layout: no JSON/],
    [['tasks', join(ROOT, 'LICENSE')], /LICENSE: no ELF, kdump-compressed or flattened header/],
    [['tasks', ROOT], /is no regular file/],
    [
      ['tasks', SAMPLE, join(ROOT, 'LICENSE')],
      /LICENSE: not a part of a split kdump, .*: compare A B takes two dumps/,
    ],
    [
      ['tasks', join(ROOT, 'structs/memalloc-L1.json'), SAMPLE],
      /memalloc-L1\.json: this is a layout file .*, to be given .* with --layout/,
    ],
    [['info', '--phys-offset', '4096', SAMPLE], /a physical offset is for raw images/],
    [['tasks', SAMPLE, SAMPLE], /three-stalls\.vmcore/],
  ];
  for (const [argv, stderr] of UNREADABLE) {
    it(`ends "${argv.join(' ').replaceAll(ROOT, '')}" with exit code 3`, async () => {
      await check(argv, { exitCode: 3, stderr });
    });
  }

  it('makes a layout file that reads the dump it was made from', async () => {
    const path = join(cli.folder, 'layout.json');
    await check(['structs', 'export', SAMPLE, '-o', path], {
      exitCode: 0,
      stderr: /wrote the types of 6\.1\.192-stallcore-sim/,
    });
    const own = await check(['memalloc', SAMPLE], { exitCode: 0 });
    const given = await check(['memalloc', '--layout', path, SAMPLE], { exitCode: 0 });
    assert.equal(given.stdout, own.stdout);
    const { stdout } = await check(['info', '--layout', path, SAMPLE], { exitCode: 0 });
    assert.match(stdout, /TYPES +layout file layout\.json/);
  });

  it('refuses a layout file of another kernel, naming both', async () => {
    const path = join(ROOT, 'structs/6.1.0-56-cloud-amd64-x86_64.json');
    await check(['tasks', '--layout', path, SAMPLE], {
      exitCode: 3,
      stderr: /made from kernel 6\.1\.0-56-cloud-amd64.*the dump is of 6\.1\.192-stallcore-sim/,
    });
  });

  it('says first that types of another kernel were forced, in text and in JSON', async () => {
    const own = join(cli.folder, 'own.json');
    const wrote = { exitCode: 0, stderr: /wrote the types/ };
    await check(['structs', 'export', SAMPLE, '-o', own], wrote);
    const path = join(cli.folder, 'other.json');
    writeFileSync(path, readFileSync(own, 'utf8').replace(/"buildId": "\w\w/, '"buildId": "ff'));
    const made = /other\.json: made from kernel .*, build ID ff\w+; the dump is of 6/;
    const force = ['--layout', path, '--force', SAMPLE];
    const first = new RegExp(`^\\(!\\) Forced, so that .*${made.source}.*\n`);
    const exitCode = 1;
    await check(['tasks', ...force], { exitCode, stdout: first, stderr: made });
    const { stdout } = await check(['info', '--json', ...force], { exitCode });
    assert.match((JSON.parse(stdout) as { forced: string[] }).forced[0] ?? '', made);
  });

  it('says that a type is not in the layout file, which is not the kernel', async () => {
    const path = join(ROOT, 'structs/memalloc-L3.json');
    const argv = ['tasks', '--layout', path, SAMPLE];
    const stderr = /type struct task_struct: not in layout file memalloc-L3\.json\n$/;
    await check(argv, { exitCode: 3, stderr });
  });

  it('leaves forced types out that make nonsense of init_task', async () => {
    const path = join(ROOT, 'structs/4.4.1-stallcore-sim-x86_64.json');
    const stderr = /4\.4\.1-.*; by it init_task has the name ".*", .*left out, although --force/;
    const force = ['--layout', path, '--force', SAMPLE];
    const { stdout } = await check(['tasks', ...force], { exitCode: 1, stderr });
    const own = await check(['tasks', SAMPLE], { exitCode: 0 });
    assert.equal(stdout, own.stdout);
  });

  it('takes symbols from a System.map, moved by KASLR', async () => {
    const json = await check(['info', '--json', SAMPLE], { exitCode: 0 });
    const { kernel } = JSON.parse(json.stdout) as { kernel: { kaslrOffset: { value: string } } };
    const path = join(cli.folder, 'System.map');
    writeFileSync(path, await systemMap(BigInt(kernel.kaslrOffset.value)));
    const { stdout } = await check(['info', '--system-map', path, SAMPLE], { exitCode: 0 });
    assert.match(stdout, /SYMBOLS +\d+ \(System\.map System\.map\)/);
    const own = await check(['memalloc', SAMPLE], { exitCode: 0 });
    const given = await check(['memalloc', '--system-map', path, SAMPLE], { exitCode: 0 });
    assert.equal(given.stdout, own.stdout);
  });

  it('prints its own version, wherever it is started', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      version: string;
    };
    await check(['--version'], { exitCode: 0, stdout: new RegExp(`^${version}\\n$`) });
  });

  it('prints a completion script and nothing else', async () => {
    await check(['completion'], { exitCode: 0, stdout: /complete -o .* stallcore|compdef/ });
  });

  it('does not call a machine healthy that it could not read', async () => {
    const path = join(cli.folder, 'cut.vmcore');
    const bytes = readFileSync(SAMPLE);
    writeFileSync(path, bytes.subarray(0, bytes.length - 12_000));
    const { stdout, stderr, exitCode } = await cli.run([path]);
    assert.notEqual(exitCode, 0);
    assert.doesNotMatch(stdout, /No task is stuck/);
    assert.match(stderr, /cut\.vmcore is cut off: it has \d\.\d MiB of at least/);
  });

  it('takes a reader that goes away for success', function () {
    const script = join(ROOT, 'test/support/cli-once.ts');
    const command = `"${process.execPath}" --import=tsx "${script}"`;
    const { status, stderr } = spawnSync('bash', [
      '-c',
      `set -o pipefail; ${command} tasks --json "${SAMPLE}" | head -c 10 > /dev/null`,
    ]);
    assert.equal(status, 0, stderr.toString());
    assert.equal(stderr.toString(), '');
  });

  it('shows in README.md what it prints', async () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const blocks = [...readme.matchAll(/```console\n\$ npx stallcore (\S+)\n([^`]*)```/g)];
    const [sample] = blocks;
    assert.equal(sample?.[1], README_SAMPLE);
    const { stdout } = await check([join(ROOT, README_SAMPLE)], { exitCode: 0 });
    assert.equal(sample[2], stdout);
  });

  it('shows in README.md what it prints for a real dump', async function () {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const shown = /\$ stallcore k61-press-d31\.kdump\n([^`]*)```/.exec(readme)?.[1] ?? '';
    const { stdout } = await check([realDump(this, 'k61-press-d31.kdump')], { exitCode: 0 });
    assert.ok(shown.length > 100 && stdout.startsWith(shown), stdout);
  });
});

/** The symbols of the sample as its build would have listed them. */
async function systemMap(kaslr: bigint): Promise<string> {
  const { openVmcore } = await import('../../src/target/index.ts');
  const vmcore = await openVmcore([SAMPLE]);
  try {
    return [...vmcore.symbols.symbols()]
      .map(({ name, address, type }) => {
        const linked = address >= 0xffffffff80000000n ? address - kaslr : address;
        return `${linked.toString(16).padStart(16, '0')} ${type} ${name}\n`;
      })
      .join('');
  } finally {
    vmcore.close();
  }
}
