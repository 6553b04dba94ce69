// D7: the memory reserves are gone before the OOM killer was asked.

import { count } from '../../util/count.ts';
import {
  btVerb,
  isRequesting,
  isVictim,
  namesOf,
  pidsOf,
  type Facts,
  type TaskFacts,
} from '../facts.ts';
import type { Confidence, Finding } from '../finding.ts';
import { canaryEvidence, withoutCanaries } from '../canary.ts';
import { waitsForElement } from '../mempool-waits.ts';
import { holdsOffOomKiller } from '../oom-wait.ts';
import { poolEvidence } from '../pool-waits.ts';
import { nobodyKilled } from '../stalled.ts';
import { chosenOf } from '../victims.ts';

/** What is left of `min` where those have taken pages who need not keep to watermarks. */
const LEFT = 1 / 8;

/** Nothing is free in any zone, requests wait, and nobody was chosen. */
export function reservesDepleted(facts: Facts): Finding | undefined {
  const { zones = [] } = facts;
  const used = zones.filter(({ min }) => min > 0);
  if (used.length === 0 || !used.every(({ free, min }) => free < min * LEFT)) return undefined;
  const requests = facts.tasks.filter(isRequesting);
  if (requests.length === 0 || facts.tasks.some(holdsOffOomKiller)) return undefined;
  const left = used.map(({ name, free, min }) => `${name} ${free} of min ${min}`).join(', ');
  const throttled = requests.filter(({ calls }) => calls.includes('throttle_direct_reclaim'));
  const waiting = facts.tasks.filter(waitsForElement);
  const workers = requests.filter(({ task }) => task.kthread === true);
  return {
    diagnosis: 'D7',
    name: 'the memory reserves are depleted',
    sentence:
      `Not even the reserves have free pages (${left}), and ${killedText(facts)}; ` +
      waitsText(requests, waiting),
    confidence: confidenceOf(facts, throttled),
    because:
      throttled.length > 0
        ? 'requests are throttled until reserves come back (throttle_direct_reclaim)'
        : 'a single dump does not show whether pages come back',
    evidence: [
      ...used.map(({ name, free, min }) => ({
        fact: `zone ${name}: ${free} pages free, min is ${min}`,
        verb: 'mem',
      })),
      { fact: `${namesOf(requests)} in the slow path`, verb: btVerb(requests) },
      ...(waiting.length === 0
        ? []
        : [{ fact: `${namesOf(waiting)} in mempool_alloc()`, verb: btVerb(waiting) }]),
      ...canaryEvidence(requests),
      ...poolEvidence(facts),
    ],
    against: askedBefore(facts),
    missing: ['who took the reserves'],
    next:
      'raise min_free_kbytes; look at what allocates with PF_MEMALLOC or __GFP_MEMALLOC ' +
      'in the I/O path',
    culprits: pidsOf(waiting.length > 0 ? waiting : withoutCanaries(workers)),
  };
}

/** Victims whose memory was taken already; of others {@link reservesDepleted} says nothing. */
function reapedOnes({ tasks }: Facts): TaskFacts[] {
  const chosen = chosenOf({ tasks: tasks.map(({ task }) => task) });
  return tasks.filter((fact) => isVictim(fact) && chosen.includes(fact.task));
}

function killedText(facts: Facts): string {
  const reaped = reapedOnes(facts);
  if (reaped.length === 0) return nobodyKilled(facts.oom);
  return `the memory of the OOM killer's ${count(reaped.length, 'victim')} was taken already`;
}

function waitsText(requests: readonly TaskFacts[], waiting: readonly TaskFacts[]): string {
  const many = count(requests.length, 'request');
  const wait = requests.length === 1 ? 'waits' : 'wait';
  if (waiting.length === 0) return `${many} ${wait}.`;
  const needs = waiting.length === 1 ? 'needs' : 'need';
  return `${many} ${wait}, and ${namesOf(waiting)} ${needs} memory to get I/O done.`;
}

/** Where it has chosen somebody it was asked before, or while, the reserves went. */
function confidenceOf(facts: Facts, throttled: readonly TaskFacts[]): Confidence {
  return throttled.length > 0 && reapedOnes(facts).length === 0 ? 'likely' : 'possible';
}

function askedBefore(facts: Facts): string[] {
  const reaped = reapedOnes(facts);
  const killed = facts.oom?.killCount ?? 0;
  if (reaped.length > 0) return [`the OOM killer was asked: it has chosen ${namesOf(reaped)}`];
  return killed === 0 ? [] : [`${nobodyKilled(facts.oom)}: it may have been asked in this stall`];
}
