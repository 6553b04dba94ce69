// How long, how wide, and what must not be written: rules that look inside one file.

import ts from 'typescript';
import { isCode, lineAt, perFile, visitSyntax } from './tidy.ts';
import type { Break, ProjectFile, Rule } from './tidy.ts';

const FILE_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;
const LINE_COLUMNS_MAX = 100;

/** Files that may be longer than the others: tables of constants, and generated ones. */
export const LONG_FILES: readonly string[] = [];

type Found = Omit<Break, 'path'>;

const isSrc = (path: string): boolean => path.startsWith('src/') && isCode(path);
const isScript = (path: string): boolean => path.endsWith('.sh') || path === '.ci/run';
// The checks themselves name what they look for.
const isTidy = (path: string): boolean => /^test\/(support\/tidy|tidy\.test)/.test(path);

function fileLines({ path, text }: ProjectFile): Found[] {
  const lines = text.split('\n').length - 1;
  if (lines <= FILE_LINES_MAX || LONG_FILES.includes(path)) return [];
  return [{ line: 0, what: `has ${lines} lines, ${FILE_LINES_MAX} are allowed` }];
}

function lineColumns({ text }: ProjectFile): Found[] {
  return text.split('\n').flatMap((line, index) => {
    const columns = [...line].length;
    if (columns <= LINE_COLUMNS_MAX) return [];
    return [{ line: index + 1, what: `has ${columns} columns, ${LINE_COLUMNS_MAX} are allowed` }];
  });
}

/** Whether a function is the body of a `describe`, which is a list of tests and not a function. */
function isSuite(node: ts.Node): boolean {
  const { parent } = node;
  return ts.isCallExpression(parent) && /^describe\b/.test(parent.expression.getText());
}

function functionLines(file: ProjectFile): Found[] {
  const found: Found[] = [];
  visitSyntax(file, (node, source) => {
    if (!ts.isFunctionLike(node) || isSuite(node)) return;
    const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
    const last = source.getLineAndCharacterOfPosition(node.end).line;
    const lines = last - first + 1;
    if (lines <= FUNCTION_LINES_MAX) return;
    const what = `a function of ${lines} lines, ${FUNCTION_LINES_MAX} are allowed`;
    found.push({ line: first + 1, what });
  });
  return found;
}

/** A rule that reports each syntax node for which `what` gives a reason. */
function banNodes(
  name: string,
  applies: (path: string) => boolean,
  what: (node: ts.Node) => string | undefined,
): Rule {
  return perFile(name, applies, (file) => {
    const found: Found[] = [];
    visitSyntax(file, (node, source) => {
      const why = what(node);
      if (why !== undefined)
        found.push({ line: lineAt(file.text, node.getStart(source)), what: why });
    });
    return found;
  });
}

/** A rule that reports each match of a pattern, in comments too. */
function banText(
  name: string,
  applies: (path: string) => boolean,
  ban: { pattern: RegExp; what: string },
): Rule {
  return perFile(name, applies, ({ text }) =>
    [...text.matchAll(ban.pattern)].map((match) => ({
      line: lineAt(text, match.index),
      what: `${ban.what}: ${match[0]}`,
    })),
  );
}

/** `Date.now` of `globalThis.Date.now`; undefined for what is no plain member access. */
function memberOf(node: ts.Node): string | undefined {
  if (!ts.isPropertyAccessExpression(node)) return undefined;
  const object = ts.isPropertyAccessExpression(node.expression)
    ? node.expression.name
    : node.expression;
  return ts.isIdentifier(object) ? `${object.text}.${node.name.text}` : undefined;
}

function clockOrChance(node: ts.Node): string | undefined {
  const member = memberOf(node) ?? '';
  if (/^(Date\.now|Math\.random|performance\.now|process\.hrtime)$/.test(member)) {
    return `${member}: the same dump and seed must give the same answer`;
  }
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date') {
    if ((node.arguments?.length ?? 0) === 0) return 'new Date() is the clock';
  }
  return undefined;
}

function exitOrConsole(node: ts.Node): string | undefined {
  const member = memberOf(node) ?? '';
  return /^(process\.(exit|abort|stdout|stderr|argv)|console\.\w+)$/.test(member)
    ? `${member}: only cli/ and scripts/ talk to the terminal`
    : undefined;
}

function onlyTest(node: ts.Node): string | undefined {
  const member = memberOf(node) ?? '';
  return /^(describe|context|suite|it|specify|test)\.only$/.test(member)
    ? `${member} leaves the other tests out`
    : undefined;
}

function bareCatch(node: ts.Node): string | undefined {
  return ts.isCatchClause(node) && node.variableDeclaration === undefined
    ? 'a bare catch hides bugs: name the error, handle the class that is expected, rethrow the rest'
    : undefined;
}

const COMPARISONS: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.LessThanToken,
  ts.SyntaxKind.LessThanEqualsToken,
  ts.SyntaxKind.GreaterThanToken,
  ts.SyntaxKind.GreaterThanEqualsToken,
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
]);

// A name that holds a kernel's release: release, osRelease, kernelVersion, kver, linuxVersionCode.
const RELEASE_NAME = /(^|[a-z_])(release|kernel_?version|kver|linux_?version|version_?code)$/i;
const TEXT_SEARCH = /^(startsWith|endsWith|includes|indexOf|match|matchAll|split|localeCompare)$/;

/** The last name of `a.b.release`, `release`; undefined for other expressions. */
function lastName(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) return node.name.text;
  return ts.isIdentifier(node) ? node.text : undefined;
}

const isRelease = (node: ts.Node): boolean => RELEASE_NAME.test(lastName(node) ?? '');

/** A literal that could be a part of a release; '' only asks whether there is one. */
function isVersionLiteral(node: ts.Node): boolean {
  return ts.isNumericLiteral(node) || (ts.isStringLiteralLike(node) && node.text !== '');
}

/**
 * Comparing releases, or taking one apart in order to. Distributions backport: which member or
 * symbol exists is the question. Two releases may be compared for equality, to find a layout file.
 */
function versionComparison(node: ts.Node): string | undefined {
  const what = 'a kernel version decides here: ask which member or symbol exists';
  if (ts.isBinaryExpression(node) && COMPARISONS.has(node.operatorToken.kind)) {
    const { left, right } = node;
    const literal = isVersionLiteral(left) || isVersionLiteral(right);
    const equality = /^[=!]==?$/.test(node.operatorToken.getText());
    return (isRelease(left) || isRelease(right)) && (literal || !equality) ? what : undefined;
  }
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression))
    return undefined;
  const { expression: object, name } = node.expression;
  if (isRelease(object) && TEXT_SEARCH.test(name.text)) return what;
  return /^(test|exec)$/.test(name.text) && node.arguments.some(isRelease) ? what : undefined;
}

/** The rules of this file. */
export const CODE_RULES: readonly Rule[] = [
  perFile('file length', isCode, fileLines),
  perFile('line width', (path) => isCode(path) || isScript(path), lineColumns),
  perFile('function length', isCode, functionLines),
  perFile(
    'opening comment',
    (path) => isCode(path) && /^(src|bin|test\/support)\//.test(path),
    ({ text }) =>
      /^(#!.*\n)?\/[/*]/.test(text) ? [] : [{ line: 1, what: 'does not open with what it is' }],
  ),
  banNodes(
    'no clock, no chance',
    (path) => isSrc(path) && !path.startsWith('src/cli/'),
    clockOrChance,
  ),
  banNodes(
    'no terminal',
    (path) => isSrc(path) && !/^src\/(cli|scripts)\//.test(path),
    exitOrConsole,
  ),
  banNodes('no focused test', (path) => path.startsWith('test/') && isCode(path), onlyTest),
  banNodes('no bare catch', isCode, bareCatch),
  banNodes('no kernel version', isSrc, versionComparison),
  banText('no leftover', (path) => (isCode(path) || isScript(path)) && !isTidy(path), {
    pattern: /\b(TODO|FIXME|XXX|HACK)\b/g,
    what: 'unfinished',
  }),
  banText('no path of a machine', (path) => !path.startsWith('samples/') && !isTidy(path), {
    pattern: /(?<![\w.])\/(work|home|root|Users)\/[\w.-]+|\b[A-Z]:\\\\?Users\b/g,
    what: 'a path of one machine',
  }),
  banText('no registry', (path) => !path.startsWith('samples/') && !isTidy(path), {
    pattern: /\bregistry\.[\w-]+\.\w+|https?:\/\/(localhost|127\.|10\.|192\.168\.)[^\s'"]*/g,
    what: 'the address of a package registry or a local host',
  }),
];
