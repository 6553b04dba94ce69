// What a trace must be, so that viewers show it: the rules of Chrome's trace event format.

import assert from 'node:assert/strict';
import type { ChromeTrace, TraceEvent } from '../../src/sim/trace/chrome-trace.ts';

const PHASES = new Set(['B', 'E', 'i', 'C', 'M']);

/** Reads the text of a trace and checks each event. */
export function checkChromeTrace(text: string): ChromeTrace {
  const trace = JSON.parse(text) as ChromeTrace;
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
