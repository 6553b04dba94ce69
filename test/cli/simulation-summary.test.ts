import assert from 'node:assert/strict';
import { simulationSummary, type Asked } from '../../src/cli/simulation-summary.ts';
import { SCENARIOS, type Simulation } from '../../src/sim/simulate.ts';

const scenario = SCENARIOS.find(({ name }) => name === 'oom-victim-mutex') ?? assert.fail();

const LEDGER = {
  scenario: 'oom-victim-mutex',
  seed: 1,
  knobs: { kmallocwd: 0, ramMiB: 64, cpus: 1, dumpSeconds: 9, hz: 100 },
  patch: 'v3',
  tasks: [{ pid: 1, comm: 'init' }],
  lines: ['MemAlloc-Info: 0 stalling task, 0 dying task, 0 victim task.'],
  silent: true,
  truth: { diagnosis: 'D14', stuck: [], asleep: [], recovered: [], cycle: [] },
};

/** The summary of a run that was asked for so. */
function summaryOf(ledger: object, asked: Partial<Asked> = {}): string {
  const run = { ledger: { ...LEDGER, ...ledger }, trace: { otherData: { samples: 0 } } };
  return simulationSummary(
    run as unknown as Simulation,
    { scenario, remedies: [], trace: undefined, ...asked },
    { vmcores: ['x'], others: [] },
  );
}

describe('simulationSummary', () => {
  it('counts one task and one CPU as one', () => {
    assert.match(summaryOf({}), /^oom-victim-mutex, seed 1, kmallocwd=0: 1 task, 64 MiB, 1 CPU, /);
  });

  it('has no watchdog to speak of where the kernel lacks the patch', () => {
    const text = summaryOf({ patch: 'none', lines: [] });
    assert.match(text, /^oom-victim-mutex, seed 1: 1 task/);
    assert.match(text, /^no MemAlloc lines: this kernel lacks the kmallocwd patch$/m);
  });

  it('says that the watchdog itself would be silent', () => {
    assert.match(summaryOf({}), /0 victim task\. \(as memalloc shows it; .* is silent\)$/m);
    assert.match(summaryOf({ silent: false }), /0 victim task\.$/m);
  });

  it('counts who hangs, with a request and without one, and the sum of both', () => {
    const cycle = [{ pid: 3, what: 'memory', kind: 'memory', onPid: 3 }];
    const truth = { diagnosis: 'D3', stuck: [1, 2], asleep: [3], recovered: [4], cycle };
    const text = summaryOf({ truth });
    assert.match(text, /: 3 hung \(2 in a request for memory, 1 without one\), 1 recovered$/m);
    // Who sleeps for a lock while nobody waits in a circle waits his turn.
    assert.match(summaryOf({ truth: { ...truth, cycle: [] } }), /: 2 hung, 1 recovered$/m);
  });

  it('says whether a remedy or the flavour took what the scenario needs', () => {
    const expected = { diagnosis: 'D3', lacks: ['oomReaper'] };
    const remedies = ['oom_timeout=5', 'oom_reaper'];
    const remedied = summaryOf({ expected }, { remedies });
    assert.match(remedied, /no OOM reaper; --remedy oom_reaper changes whether .* OOM reaper$/m);
    assert.doesNotMatch(remedied, /flavour|oom_timeout/);
    const released = summaryOf({ expected });
    assert.match(released, /; this --flavour differs in whether there is an OOM reaper; without/);
  });

  it('says why a trace is empty', () => {
    const trace = 'stalls';
    assert.match(summaryOf({}, { trace }), /^the trace is empty: with kmallocwd=0 .*--trace-all/m);
    const knobs = { ...LEDGER.knobs, kmallocwd: 10 };
    assert.match(summaryOf({ knobs }, { trace }), /^the trace is empty: nothing stalled \(/m);
    assert.doesNotMatch(summaryOf({}, { trace: 'all' }), /trace/);
  });
});
