import assert from 'node:assert/strict';
import { triageText, type TriageLayout } from '../../src/report/triage.ts';
import type { Finding } from '../../src/triage/finding.ts';
import type { TriageAnswer } from '../../src/triage/triage.ts';
import { triage } from '../../src/triage/triage.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';

const FINDING: Finding = {
  diagnosis: 'D3',
  name: 'the OOM victim waits for a lock',
  sentence: 'The OOM victim java(47) cannot exit.',
  confidence: 'certain',
  because: 'each wait was proved',
  evidence: [{ fact: 'java(47) was chosen', verb: 'bt 47' }],
  against: [],
  missing: [],
  next: 'find out why',
  culprits: [45],
};
const OTHER: Finding = {
  ...FINDING,
  diagnosis: 'D13',
  name: 'overload',
  sentence: 'Requests wait.',
  confidence: 'possible',
  evidence: [{ fact: 'nobody gets on', verb: 'memalloc' }],
  next: 'take a second dump',
};
const MASKS = ['5 × GFP_KERNEL', '4 × GFP_NOFS', '2 × GFP_NOIO', '1 × GFP_USER'];

/** An answer as far as its text goes by it. */
function answer(changes: Partial<TriageAnswer> = {}): TriageAnswer {
  const lines = ['MemAlloc-Info: 1 stalling task', 'MemAlloc: backup(45)'];
  return {
    type: 'triage',
    verdict: {
      class: 'after-oom-kill',
      sentence: FINDING.sentence,
      diagnosis: 'D3',
      confidence: 'certain',
      since: 'backup(45) has waited for 35.1 s.',
      evidence: [
        { fact: '1 stalling', verb: 'memalloc' },
        { fact: 'their requests', details: MASKS, verb: 'memalloc --all' },
        { fact: 'inside reclaim: 1', verb: 'tasks' },
      ],
      missing: ['the end of the dump'],
    },
    machine: { release: '6.1.0-test' },
    findings: [FINDING, OTHER],
    chains: [
      {
        start: 'OOM victim',
        from: 'java(47)',
        pids: [47],
        steps: [{ waitsFor: 'mutex 0xf00', pid: 45, name: 'backup(45)' }],
        end: { kind: 'memory' },
      },
    ],
    stacks: [],
    checked: {
      requests: { tasks: 2, slowPath: 1, memoryCgroup: 0, perhapsOverdue: 1, unreadStacks: 0 },
      kswapd: [],
      blocked: [],
      symbols: {},
    },
    memalloc: {
      record: { silent: false, lines },
      coverage: { taskListComplete: true, requestListComplete: true, unknownBits: [] },
    },
    ...changes,
  } as unknown as TriageAnswer;
}

function text(layout: TriageLayout = {}, changes?: Partial<TriageAnswer>): string {
  return triageText(answer(changes), layout);
}

describe('triageText', () => {
  it('has the verdict first, then who waits since when and for whom, then why', () => {
    const order = [
      /^The OOM victim java\(47\) cannot exit\.\n\(D3, .*; certain: each wait was proved\)\n/,
      /\nbackup\(45\) has waited for 35\.1 s\.\n/,
      /\nWho waits for whom \(stallcore locks VMCORE --graph\):\n {2}- OOM victim java\(47\) -/,
      /\nWhat this rests on:\n {2}- java\(47\) was chosen {2}\[stallcore bt VMCORE 47\]\n/,
      /\nNext step: find out why\.\n/,
      /\nSeen besides it:\n {2}- overload \(D13, possible\): Requests wait\.\n/,
      /\nNot known:\n {2}- the end of the dump\n$/,
    ].map((pattern) => text().search(pattern));
    assert.ok(!order.includes(-1), text());
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    );
  });

  it('has on a screen a line for masks and for the watchdog, and all of it in full', () => {
    const screen = text();
    assert.match(screen, /- their requests: 5 × GFP_KERNEL, 4 × GFP_NOFS, and 2 more {2}\[/);
    assert.match(
      screen,
      /\n {2}- kmallocwd would have printed 2 lines at this instant {2}\[stallcore mem/,
    );
    assert.doesNotMatch(screen, /inside reclaim|MemAlloc:|nobody gets on|What was checked/);
    const full = text({ full: true });
    for (const mask of MASKS) assert.match(full, new RegExp(`\n {6}${mask}\n`));
    assert.match(full, /inside reclaim[^]*nobody gets on[^]*next step: take a second dump/);
    assert.match(full, /\nWhat was checked [^]*\(!\) of 2 tasks 1 in the allocator's slow path/);
    assert.match(full, /not checked: the state of the OOM killer[^]*MemAlloc: backup\(45\)/);
  });

  it('has no watchdog where the patch has none, whose lines come with SysRq-t', () => {
    const { memalloc } = answer();
    const record = { silent: false, lines: ['MemAlloc: backup(45)'], format: 'rfc2' };
    const changes = { memalloc: { ...memalloc, record } } as unknown as Partial<TriageAnswer>;
    assert.match(text({}, changes), /- SysRq-t would have printed 1 line of requests at this/);
    assert.match(text({ full: true }, changes), /\nWhat SysRq-t would have printed at this/);
    assert.doesNotMatch(text({}, changes), /kmallocwd/);
  });

  it('has the state of memory apart from the machine, since when somebody waits or not', () => {
    const { since, ...verdict } = answer().verdict;
    assert.ok(since);
    const zones = [{ node: 0, name: 'DMA32', free: 50, min: 100, low: 125, high: 150 }];
    const checked = { ...answer().checked, zones };
    assert.match(text({}, { checked }), /35\.1 s\.\nMemory: DMA32 has 50 pages/);
    assert.match(text({}, { checked, verdict }), /\(Linux [^\n]*\n\nMemory: DMA32 has 50 pages/);
  });

  it('says a thing once where the finding and the verdict both miss it', () => {
    const missing = ['whether they get on: a second dump shows it', 'since when they wait'];
    const verdict = {
      ...answer().verdict,
      missing: ['whether: a second dump', 'since when exactly: at least'],
    };
    const said = text({}, { verdict, findings: [{ ...FINDING, missing }] });
    assert.match(
      said,
      /Not known:\n {2}- whether they get on: .* shows it\n {2}- since when exactly: at least\n$/,
    );
  });

  it('has what else was seen as an alternative only to what is not certain', () => {
    const findings = [{ ...FINDING, confidence: 'likely' as const }, OTHER];
    assert.match(text({}, { findings }), /\nIt could also be:\n {2}- overload /);
    const verdict = {
      class: 'unknown',
      sentence: 'Too early.',
      evidence: [],
      missing: [],
    } as const;
    assert.match(text({}, { findings: [OTHER], verdict }), /\nIt could be:\n {2}- overload /);
  });

  it('says what was checked where nobody stalls', () => {
    const none = { ...FINDING, diagnosis: 'D14' as const, name: 'not a memory problem' };
    const { since, ...rest } = answer().verdict;
    assert.ok(since);
    const verdict = { ...rest, class: 'not-stalled' as const, diagnosis: 'D14' as const };
    const said = text({}, { verdict, findings: [none] });
    assert.match(said, /\nWhat was checked \(in numbers: stallcore triage VMCORE --json\):\n/);
    assert.doesNotMatch(said, /What this rests on/);
  });

  it('breaks its prose to the width', () => {
    const widths = text({ width: 60 }).split('\n');
    assert.ok(
      widths.every((line) => line.length <= 60 + 2),
      widths.join('\n'),
    );
  });

  for (const name of ['k1-victim-wd10', 'k2-pair-a', 'k61-press-d31', 'k61-quiet-d31-zstd']) {
    it(`fits on a screen: ${name}`, async function () {
      const path = realDump(this, `${name}.kdump`);
      const said = await withVmcore(path, (vmcore) => triageText(triage(vmcore), { width: 100 }));
      assert.ok(said.split('\n').length <= SCREEN_LINES, said);
      assert.doesNotMatch(said, / \n/);
    });
  }
});

/** What a terminal of 50 lines shows beside a prompt. */
const SCREEN_LINES = 48;
