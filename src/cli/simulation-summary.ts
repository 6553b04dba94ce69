// What `stallcore simulate` says of a run when it is over.

import {
  describeTruth,
  featureWords,
  hungTasks,
  parseRemedy,
  type Scenario,
  type Simulation,
  type TraceChoice,
} from '../sim/simulate.ts';
import { count } from '../util/count.ts';

/** The files of a run. */
export interface Written {
  readonly vmcores: readonly string[];
  readonly map?: string;
  readonly others: readonly string[];
}

/** What the user asked for. */
export interface Asked {
  readonly scenario: Scenario;
  /** NAME or NAME=VALUE. */
  readonly remedies: readonly string[];
  readonly trace: TraceChoice | undefined;
}

/** The summary: the machine, what the watchdog says, what is true, and what was written. */
export function simulationSummary(
  { ledger, trace }: Simulation,
  asked: Asked,
  files: Written,
): string {
  const { scenario, seed, knobs, tasks, patch } = ledger;
  const watchdog = patch === 'none' ? '' : `, kmallocwd=${knobs.kmallocwd}`;
  return [
    `${scenario}, seed ${seed}${watchdog}: ${count(tasks.length, 'task')}, ${knobs.ramMiB} MiB, `,
    `${count(knobs.cpus, 'CPU')}, dumped after ${knobs.dumpSeconds} s\n`,
    ...Object.entries(ledger.parameters ?? {}).map(([name, value]) => `  ${name}: ${value}\n`),
    `${watchdogText(ledger)}\n`,
    `run on for ${ranOnText(ledger)}: ${fateText(ledger)}\n`,
    ...describeTruth(ledger).map((line) => `${line}\n`),
    lackText(ledger, asked),
    asked.trace === 'stalls' && trace !== undefined ? emptyTraceText(trace, ledger) : '',
    `written: ${allFiles(files).join(', ')}\n`,
    openText(files),
  ].join('');
}

function watchdogText({ lines, silent, patch }: Simulation['ledger']): string {
  const [first] = lines;
  if (first !== undefined) {
    return silent ? `${first} (as memalloc shows it; the watchdog itself is silent)` : first;
  }
  return patch === 'none'
    ? 'no MemAlloc lines: this kernel lacks the kmallocwd patch'
    : 'no MemAlloc lines: no task has a request';
}

/** How long the machine has run on after the dump. */
function ranOnText({ judgedBySeconds: seconds, truth }: Simulation['ledger']): string {
  const further = truth.furtherSeconds;
  const more = further === undefined ? '' : ` and ${further} s more`;
  const time = seconds === undefined ? 'ten timeouts' : `${10 * seconds} s, not for ten timeouts`;
  return time + more;
}

/** HUNG of --compare-remedies is the same number. */
function fateText({ truth }: Simulation['ledger']): string {
  const { requesting, asleep } = hungTasks(truth);
  const sum = requesting.length + asleep.length;
  const parts =
    asleep.length === 0 || requesting.length === 0
      ? ''
      : ` (${requesting.length} in a request for memory, ${asleep.length} without one)`;
  return `${sum} hung${parts}, ${truth.recovered.length} recovered`;
}

/** Why a run is not to come to what its scenario is for. */
function lackText({ expected }: Simulation['ledger'], asked: Asked): string {
  if (expected === undefined || expected.lacks.length === 0) return '';
  const { name, needs } = asked.scenario;
  const what = `  no ${expected.diagnosis}, for which ${name} needs ${needs.join('; ')}`;
  const words = (features: readonly string[]): string => features.map(featureWords).join(', ');
  const guilty = asked.remedies.flatMap((text) => {
    const { features = {} } = parseRemedy(text) ?? {};
    const changed = expected.lacks.filter((feature) => feature in features);
    return changed.length === 0 ? [] : [{ text, changed }];
  });
  const byRemedy = guilty.flatMap(({ changed }) => changed);
  const byFlavour = expected.lacks.filter((feature) => !byRemedy.includes(feature));
  return (
    [
      what,
      ...guilty.map(({ text, changed }) => `--remedy ${text} changes ${words(changed)}`),
      ...(byFlavour.length === 0
        ? []
        : [`this --flavour differs in ${words(byFlavour)}; without --flavour all is as needed`]),
    ].join('; ') + '\n'
  );
}

/** The watchdog switches the trace on, so that there is nothing in it where nothing stalled. */
function emptyTraceText(
  { otherData }: NonNullable<Simulation['trace']>,
  { knobs }: Simulation['ledger'],
): string {
  if (otherData.samples !== 0) return '';
  const why = knobs.kmallocwd === 0 ? 'with kmallocwd=0 nothing switches it on' : 'nothing stalled';
  return `the trace is empty: ${why} (--trace-all takes the whole run)\n`;
}

/** The command that opens what was written. */
function openText({ vmcores, map }: Written): string {
  const option = map === undefined ? '' : `--system-map ${map} `;
  return `open it: stallcore ${option}${vmcores.join(' ')}\n`;
}

function allFiles({ vmcores, map, others }: Written): string[] {
  return [...vmcores, ...(map === undefined ? [] : [map]), ...others];
}
