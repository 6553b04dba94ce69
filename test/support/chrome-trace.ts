// What a trace must be, so that viewers show it: the rules of Chrome's trace event format, and what
// the importers of Perfetto and speedscope make of it beyond them.

import assert from 'node:assert/strict';
import type { ChromeTrace, TraceEvent } from '../../src/sim/trace/chrome-trace.ts';

const PHASES = new Set(['B', 'E', 'i', 'C', 'M']);

/** Reads the text of a trace and checks each event. */
export function checkChromeTrace(text: string): ChromeTrace {
  const trace = JSON.parse(text) as ChromeTrace;
  assert.ok(!('displayTimeUnit' in trace), 'Perfetto may take it for the unit of ts');
  checkLines(text, trace.traceEvents.length);
  // speedscope opens nothing else.
  assert.ok(
    trace.traceEvents.some(({ ph }) => ph === 'B'),
    'nothing to show',
  );
  checkTracks(trace.traceEvents);
  const open = new Map<string, string[]>();
  let last = 0;
  for (const event of trace.traceEvents) {
    const about = JSON.stringify(event);
    assert.ok(PHASES.has(event.ph), about);
    for (const key of ['ts', 'pid', 'tid'] as const) assert.ok(Number.isInteger(event[key]), about);
    assert.equal(typeof event.name, 'string', about);
    assert.ok(event.ts >= last, `time goes back: ${about}`);
    last = event.ts;
    checkPhase(event, open, about);
  }
  for (const [track, names] of open) assert.deepEqual(names, [], `open on ${track}`);
  return trace;
}

/** Perfetto looks for `ts` in the text of an event, and knows no `\u` before it. */
function checkLines(text: string, count: number): void {
  const lines = text.split('\n').filter((line) => line.startsWith('{"ts":'));
  assert.equal(lines.length, count);
}

function checkTracks(events: readonly TraceEvent[]): void {
  const pids = new Map<number, number>();
  const ends = new Map<string, TraceEvent>();
  for (const event of events) {
    const { ph, ts, pid, tid, name } = event;
    const about = JSON.stringify(event);
    // To Perfetto 0 is the idle process, and a tid is one thread's.
    assert.ok(pid > 0 && tid > 0, about);
    assert.equal(pids.get(tid) ?? pid, pid, about);
    pids.set(tid, pid);
    // speedscope takes the end for the new slice's.
    const end = ends.get(`${tid} ${name}`);
    if (ph === 'B') assert.ok(end === undefined || end.ts < ts, about);
    if (ph === 'E') ends.set(`${tid} ${name}`, event);
  }
}

function checkPhase(event: TraceEvent, open: Map<string, string[]>, about: string): void {
  const track = `${event.pid}/${event.tid}`;
  const names = open.get(track) ?? [];
  open.set(track, names);
  if (event.ph === 'B') names.push(event.name);
  if (event.ph === 'E') assert.equal(names.pop(), event.name, `ends what is not open: ${about}`);
  if (event.ph === 'i') assert.match(event.s ?? '', /^[tg]$/, about);
  if (event.ph === 'C') {
    const values = Object.values(event.args ?? {});
    assert.ok(values.length > 0 && values.every((value) => typeof value === 'number'), about);
  }
  if (event.ph === 'M') {
    assert.match(event.name, /^(process|thread)_name$/, about);
    assert.equal(typeof event.args?.name, 'string', about);
  }
}
