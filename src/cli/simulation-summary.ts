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
  /** Of the second dump, where there is one. */
  readonly again?: Pick<Written, 'vmcores' | 'map'>;
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
  { ledger, trace, again }: Simulation,
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
    again === undefined ? '' : againText(again),
    asked.trace === 'stalls' && trace !== undefined ? emptyTraceText(trace, ledger) : '',
    `written: ${allFiles(files).join(', ')}\n`,
    openText(files),
    compareText(files),
  ].join('');
}

/** What became of the tasks between the two dumps. */
function againText({ ledger: { since } }: NonNullable<Simulation['again']>): string {
  const counts = new Map<string, number>();
  for (const { fate } of since.tasks) counts.set(fate, (counts.get(fate) ?? 0) + 1);
  const fates = [...counts].map(([fate, number]) => `${number} ${fate}`);
  return `dumped again ${since.seconds} s later; since then: ${fates.join(', ')}\n`;
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
function openText({ vmcores }: Written): string {
  return `open it: stallcore ${vmcores.join(' ')}\n`;
}

/** The command that holds the one dump against the other. */
function compareText({ vmcores, again }: Written): string {
  if (again === undefined) return '';
  const [first, second] = [vmcores.join(' '), again.vmcores.join(' ')];
  const how = vmcores.length === 1 ? '' : '--with ';
  return `compare them: stallcore compare ${first} ${how}${second}\n`;
}

function allFiles({ again, others, ...first }: Written): string[] {
  const files = [first, ...(again === undefined ? [] : [again])];
  return [
    ...files.flatMap(({ vmcores, map }) => [...vmcores, ...(map === undefined ? [] : [map])]),
    ...others,
  ];
}
