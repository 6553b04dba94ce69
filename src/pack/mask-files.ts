// Other names for the files that a dump was read from: they are often called what the customer is.

import { basename } from 'node:path';
import type { OpenOptions } from '../target/index.ts';
import type { ContainerInfo } from '../target/container.ts';
import type { PackFacts } from '../target/pack-manifest.ts';
import type { NotedSymbols } from '../target/packed.ts';

/** The files that the command line names besides the dump. */
type NamedFiles = Pick<OpenOptions, 'vmlinux' | 'systemMap' | 'layout'>;

/** Names files anew. */
export interface FileMask {
  /** In a text of ours, such as `dump.1 is cut off`. */
  readonly text: (text: string) => string;
  readonly container: (container: ContainerInfo) => ContainerInfo;
  readonly facts: (facts: PackFacts) => PackFacts;
  readonly symbols: (symbols: NotedSymbols) => NotedSymbols;
}

/** What leaves every name as it is. */
export const NO_FILE_MASK: FileMask = {
  text: (text) => text,
  container: (info) => info,
  facts: (facts) => facts,
  symbols: (symbols) => symbols,
};

/** The dump becomes `vmcore`, its parts `vmcore.1` and so on; the same file has the same name. */
export function maskFiles(container: ContainerInfo, named: NamedFiles = {}): FileMask {
  const others = new Map<string, string>();
  addDump(others, container);
  const also = [
    [named.vmlinux, 'vmlinux'],
    [named.systemMap, 'System.map'],
    [named.layout, 'layout.json'],
  ] as const;
  for (const [path, other] of also) if (path !== undefined) others.set(basename(path), other);
  const text = replacer(others);
  return {
    text,
    container: (info) => containerOf(info, others),
    facts: (facts) => factsOf(facts, text),
    symbols: ({ kernel, modules }) => ({
      kernel: { ...kernel, origin: text(kernel.origin) },
      modules,
    }),
  };
}

/** With those of the dump that was packed before. */
function addDump(others: Map<string, string>, { files, packed }: ContainerInfo): void {
  files.forEach(({ name }, i) => {
    const other = files.length === 1 ? 'vmcore' : `vmcore.${i + 1}`;
    if (!others.has(name)) others.set(name, other);
  });
  if (packed !== undefined) addDump(others, packed.source.container);
}

function containerOf(info: ContainerInfo, others: ReadonlyMap<string, string>): ContainerInfo {
  const { files, packed } = info;
  const masked = {
    ...info,
    files: files.map((file) => ({ ...file, name: others.get(file.name) ?? 'vmcore' })),
  };
  if (packed === undefined) return masked;
  const container = containerOf(packed.source.container, others);
  return { ...masked, packed: { ...packed, source: { ...packed.source, container } } };
}

/** The manifest has its names already. */
function factsOf(facts: PackFacts, text: (text: string) => string): PackFacts {
  const { cut, kernel, problems, damaged, types } = facts;
  const masked = Object.entries(problems).map(([step, list]) => [
    step,
    list.map((each) => ({ ...each, subject: text(each.subject), message: text(each.message) })),
  ]);
  return {
    ...facts,
    ...(cut === undefined ? {} : { cut: text(cut) }),
    kernel: { ...kernel, vmcoreinfoSource: text(kernel.vmcoreinfoSource) },
    problems: Object.fromEntries(masked) as PackFacts['problems'],
    damaged: damaged.map((each) => ({ ...each, messages: each.messages.map(text) })),
    types: { ...types, origin: text(types.origin) },
  };
}

/** Whole names alone: `vm` is none in `vmcore`. */
function replacer(others: ReadonlyMap<string, string>): (text: string) => string {
  const names = [...others.keys()].sort((a, b) => b.length - a.length);
  const sources = names.map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  const pattern = new RegExp(`(?<![\\w-])(?:${sources.join('|')})(?![\\w-])`, 'g');
  return (text) => text.replace(pattern, (name) => others.get(name) ?? name);
}
