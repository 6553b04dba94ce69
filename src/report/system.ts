// The dumped machine in one line.

import { escapeLine } from '../util/escape.ts';
import type { SystemState } from '../kernel/system.ts';

/** Which machine, for how long, when: what a colleague asks first. */
export function describeSystem(system: SystemState): string {
  const { release, nodename, cpusOnline, uptimeSeconds, time, loadAverage } = system;
  const facts = [
    `Linux ${release}`,
    ...(nodename === undefined ? [] : [`host ${nodename}`]),
    ...(cpusOnline === undefined ? [] : [cpusOnline === 1 ? '1 CPU' : `${cpusOnline} CPUs`]),
    ...(uptimeSeconds === undefined ? [] : [`up ${uptimeSeconds.toFixed(1)} s`]),
    ...(time === undefined ? [] : [`its clock at ${time}`]),
    ...(loadAverage === undefined ? [] : [`load ${loadAverage.join(' ')}`]),
    ...(system.panicCpu === undefined ? [] : [`panicked on CPU ${system.panicCpu}`]),
  ];
  return escapeLine(facts.join(', '));
}
