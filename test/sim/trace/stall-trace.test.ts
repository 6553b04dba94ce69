import assert from 'node:assert/strict';
import { chromeTraceText, ledgerText, type Simulation } from '../../../src/sim/simulate.ts';
import { checkChromeTrace } from '../../support/chrome-trace.ts';
import { runScenario } from '../../support/simulated.ts';

/** What stalls at the dump, by the watchdog's lines. */
function stalling({ ledger }: Simulation): { comm: string; pid: number; delay: number }[] {
  return ledger.lines.flatMap((line) => {
    const [, comm, pid, delay] = /^MemAlloc: (.*)\((\d+)\) .*delay=(\d+)/.exec(line) ?? [];
    return comm === undefined ? [] : [{ comm, pid: Number(pid), delay: Number(delay) }];
  });
}

describe('StallTrace', function () {
  this.timeout(180_000);
  const run = (trace?: 'stalls' | 'all', kmallocwd = 4, name = 'oom-victim-mutex'): Simulation =>
    runScenario(name, {
      ...{ seed: 1, kmallocwd, judgedBy: 1, knobs: { dumpSeconds: 14 } },
      ...(trace === undefined ? {} : { trace }),
    });
  let stalled: Simulation;
  let text: string;
  before(() => {
    stalled = run('stalls');
    text = chromeTraceText(stalled.trace!);
  });

  it('is a trace that viewers open, and the same one each time', () => {
    const { otherData } = checkChromeTrace(text);
    assert.equal(otherData.stalls, 1);
    assert.ok(Number(otherData.samples) > 500);
    assert.equal(chromeTraceText(run('stalls').trace!), text);
  });

  it('leaves the run as it is', () => {
    assert.equal(ledgerText(stalled.ledger), ledgerText(run().ledger));
  });

  it('begins when the first request is as old as the timeout', () => {
    const { traceEvents } = stalled.trace!;
    const begins = traceEvents.find(({ name }) => name === 'stall begins')!;
    const oldest = Math.max(...stalling(stalled).map(({ delay }) => delay));
    const { hz, knobs } = stalled.ledger;
    const age = begins.ts / 1e6 - (knobs.dumpSeconds - oldest / hz);
    assert.ok(Math.abs(age - 4) < 0.05, `${age}`);
    const [before, ...slices] = traceEvents.filter(({ ph }) => ph === 'B');
    assert.deepEqual([before?.name, before?.ts], ['no stall', 0]);
    assert.ok(slices.every(({ ts }) => ts >= begins.ts));
    assert.ok(slices.some(({ name, ts }) => name === 'stall' && ts === begins.ts));
  });

  it('shows the stack of each request that stalls at the dump', () => {
    const { traceEvents } = stalled.trace!;
    for (const task of stalling(stalled)) {
      const own = traceEvents.filter(({ ph, tid }) => ph === 'B' && tid === task.pid);
      assert.ok(
        own.some(({ name }) => name === '__alloc_pages_slowpath'),
        task.comm,
      );
    }
  });

  it('has counters of memory', () => {
    const counters = new Set(
      stalled.trace!.traceEvents.filter(({ ph }) => ph === 'C').map(({ name }) => name),
    );
    for (const name of ['free pages', 'isolated', 'dirty and writeback', 'requests']) {
      assert.ok(counters.has(name), name);
    }
  });

  it('says no more than that where nothing stalls, and without a watchdog to switch it on', () => {
    const traces = { 'no stall': run('stalls', 10, 'quiet'), 'no watchdog': run('stalls', 0) };
    for (const [phase, { trace }] of Object.entries(traces)) {
      const { traceEvents, otherData } = checkChromeTrace(chromeTraceText(trace!));
      const shown = traceEvents.filter(({ ph }) => ph !== 'M').map(({ ph, name }) => ph + name);
      assert.deepEqual(shown, [`B${phase}`, `E${phase}`]);
      assert.equal(otherData.stalls, 0);
    }
  });

  it('is of the whole run if asked, with what happened: requests, kills, waits, the log', () => {
    const { traceEvents, otherData } = checkChromeTrace(chromeTraceText(run('all', 0).trace!));
    const names = new Set(traceEvents.filter(({ ph }) => ph === 'i').map(({ name }) => name));
    assert.ok(!names.has('stall begins') && otherData.stalls === 0);
    assert.ok(traceEvents.some(({ ph, name }) => ph === 'B' && name === 'whole run'));
    const wanted = ['request begins', 'request ends', 'OOM kill begins', 'wait begins', 'printk'];
    for (const name of [...wanted, 'kswapd run begins']) assert.ok(names.has(name), name);
    const request = traceEvents.find(({ name }) => name === 'request begins')!;
    assert.match(String(request.args?.gfp), /^0x[0-9a-f]+\(GFP_.*\)$/);
    assert.equal(request.args?.order, 0);
    assert.equal(typeof otherData.eventsLeftOut, 'number');
  });
});
