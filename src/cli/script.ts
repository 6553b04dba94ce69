// A user's script: found, loaded, and what it throws told in its own terms.

import { existsSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { AssertionError } from '../util/assert.ts';
import { errorChain, VmcoreError } from '../util/errors.ts';
import type { Script } from '../index.ts';
import { EXIT_PARTIAL } from './exit.ts';
import type { ImportModule } from './main.ts';
import { BrokenPipe, remark } from './output.ts';
import { libraryUrl, makeOwnPackageImportable } from './own-package.ts';
import { ScriptError } from './script-error.ts';
import { UsageError } from './usage.ts';

const TYPESCRIPT = new Set(['.ts', '.mts', '.cts']);

/** Calls on the way to an error that are shown. */
const CALLS_SHOWN = 8;

/**
 * The function that a script exports by default.
 *
 * @throws UsageError if there is no such file, or it is TypeScript and this node takes none
 * @throws ScriptError if it cannot be loaded or exports no function
 */
export async function loadScript(path: string, importModule: ImportModule): Promise<Script> {
  if (!existsSync(path)) throw new UsageError(`run: ${path}: no such file`);
  if (TYPESCRIPT.has(extname(path))) checkTypeScript(path);
  makeOwnPackageImportable();
  const exported = await inScript(path, async () => {
    return (await importModule(pathToFileURL(resolve(path)).href)) as { default?: unknown };
  });
  // A CommonJS module has its exports as the default one, and may have a default among these.
  const inner = (exported.default as { default?: unknown } | undefined)?.default;
  const script = typeof exported.default === 'function' ? exported.default : inner;
  if (typeof script === 'function') return script as Script;
  throw new ScriptError(
    `${path}: expected a function: export default async function ({ vmcore, args, print }) { … }`,
  );
}

/** Node 22.18 and 23.6 strip types unless told not to, 22.6 if told to. */
function checkTypeScript(path: string): void {
  const { typescript } = process.features as { typescript?: string | false };
  if (typescript !== undefined && typescript !== false) return;
  throw new UsageError(
    `run: ${path} is TypeScript, and this node (${process.version}) does not strip types: ` +
      'Node 22.18 or later does, or write it in JavaScript',
  );
}

/**
 * Runs a part of the script.
 *
 * @throws ScriptError for what the script threw
 */
export async function inScript<T>(path: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    // A reader that has gone, and a bug of ours, are none of the script's.
    if (error instanceof BrokenPipe || error instanceof AssertionError) throw error;
    throw new ScriptError(describeError(path, error), { cause: error });
  }
}

/**
 * Waits for the script. Where nothing is left that it could wait for, node would end without a
 * word.
 */
export async function untilSettled<T>(path: string, wait: () => Promise<T>): Promise<T> {
  const onIdle = (): void => {
    remark(`${path}: its function waits for something that never comes`);
    process.exitCode = EXIT_PARTIAL;
  };
  process.once('beforeExit', onIdle);
  try {
    return await wait();
  } finally {
    process.removeListener('beforeExit', onIdle);
  }
}

/** `FILE:LINE:COLUMN: TypeError: …`, then the calls of the script that led there. */
function describeError(path: string, error: unknown): string {
  if (!(error instanceof Error)) return `${path}: threw ${String(error)}`;
  const calls = (error.stack ?? '').split('\n').filter(isScriptCall);
  const message = error instanceof VmcoreError ? errorChain(error) : error.message;
  const words = `${error.name}: ${message}`;
  if (calls.length === 0 && error instanceof SyntaxError) {
    return describeSyntax(path, words, error.stack ?? '');
  }
  const place = /((?:file:\/\/)?[^\s()]+:\d+(?::\d+)?)\)?$/.exec(calls[0] ?? '')?.[1];
  const where = place === undefined ? path : shown(place, path);
  const others = calls.slice(1, CALLS_SHOWN).map((call) => call.trim().replace('file://', ''));
  return [`${where}: ${words}`, ...others].join('\n  ');
}

/** A call that is neither node's nor ours. */
function isScriptCall(line: string): boolean {
  // `data:` is the module that finds this package for the script.
  if (!/^\s+at /.test(line) || /node:|data:/.test(line)) return false;
  const own = new URL('.', libraryUrl());
  const isOurs = line.includes(own.href) || line.includes(fileURLToPath(own));
  return !isOurs && !line.includes('/node_modules/');
}

/** The place in front of what node says of code that does not parse, and that code. */
const SYNTAX_PLACE = /^\S.*:(\d+)\n((?:.*\n)*?)\n/;

/**
 * `import()` says of TypeScript where it does not parse, of JavaScript it does not; `node --check`
 * does, and runs nothing.
 */
function describeSyntax(path: string, words: string, stack: string): string {
  const check = (): string => {
    // Not a static import: the module brings all of node's networking.
    const { spawnSync } = process.getBuiltinModule('node:child_process');
    const args = ['--check', resolve(path)];
    return spawnSync(process.execPath, args, { encoding: 'utf8' }).stderr;
  };
  const [, line, code] = SYNTAX_PLACE.exec(stack) ?? SYNTAX_PLACE.exec(check()) ?? [];
  return line === undefined
    ? `${path}: ${words} (here, or in what it imports)`
    : `${path}:${line}: ${words}\n${code}`.trimEnd();
}

/** The script's own file as the user wrote it; others as paths. */
function shown(place: string, path: string): string {
  const plain = place.startsWith('file://') ? decodeURIComponent(place.slice(7)) : place;
  const own = resolve(path);
  return plain.startsWith(`${own}:`) ? path + plain.slice(own.length) : plain;
}
