import assert from 'node:assert/strict';
import { chromeTraceText, TraceEvents } from '../../../src/sim/trace/chrome-trace.ts';
import { checkChromeTrace } from '../../support/chrome-trace.ts';

const TRACK = { pid: 5, tid: 6 };

function textOf(events: TraceEvents): string {
  const traceEvents = events.finish();
  return chromeTraceText({ traceEvents, otherData: {} });
}

describe('TraceEvents', () => {
  it('ends slices from the innermost', () => {
    const events = new TraceEvents(10);
    events.begin({ ...TRACK, ts: 1, name: 'a' });
    events.begin({ ...TRACK, ts: 11, name: 'b' });
    events.end({ ...TRACK, ts: 21 });
    events.endAll(31);
    const { traceEvents } = checkChromeTrace(textOf(events));
    assert.deepEqual(
      traceEvents.map(({ ph, name, ts }) => `${ph} ${name} ${ts}`),
      ['B a 1', 'B b 11', 'E b 20', 'E a 30'],
    );
  });

  it('ends a slice before another of its name begins, and none at its begin', () => {
    const events = new TraceEvents(10);
    events.begin({ ...TRACK, ts: 1, name: 'a' });
    events.begin({ ...TRACK, ts: 1, name: 'b' });
    events.add({ ...TRACK, ph: 'i', s: 't', ts: 11, name: 'c' });
    events.end({ ...TRACK, ts: 11 });
    events.end({ ...TRACK, ts: 11 });
    events.begin({ ...TRACK, ts: 11, name: 'b' });
    events.endAll(11);
    const { traceEvents } = checkChromeTrace(textOf(events));
    assert.deepEqual(
      traceEvents.map(({ ph, name, ts }) => `${ph} ${name} ${ts}`),
      ['B a 1', 'B b 1', 'E b 10', 'E a 10', 'i c 11', 'B b 11', 'E b 12'],
    );
  });

  it('leaves out and counts what is too much, and still ends what it began', () => {
    const events = new TraceEvents(2);
    for (const name of ['a', 'b', 'c', 'd']) events.begin({ ...TRACK, ts: 1, name });
    events.add({ ...TRACK, ph: 'i', s: 't', ts: 2, name: 'e' });
    events.endAll(3);
    const { traceEvents } = checkChromeTrace(textOf(events));
    assert.deepEqual(
      traceEvents.map(({ ph, name }) => ph + name),
      ['Ba', 'Bb', 'Eb', 'Ea'],
    );
    assert.equal(events.dropped, 3);
  });
});

describe('chromeTraceText', () => {
  it('keeps what is in names and texts', () => {
    const events = new TraceEvents(10);
    const args = { text: 'a "b"\n\u0000' };
    events.begin({ ...TRACK, ts: 1, name: 'a' });
    events.add({ ...TRACK, ph: 'i', s: 't', ts: 2, name: 'printk', args });
    events.endAll(9);
    assert.deepEqual(checkChromeTrace(textOf(events)).traceEvents[1]?.args, args);
  });
});
