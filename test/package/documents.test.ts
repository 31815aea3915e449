// The documents: what they refer to is there, and the limits that SECURITY.md lists are those of the code.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { defaultConnectionOptions } from '../../src/options.js';

const repository = fileURLToPath(new URL('../../', import.meta.url));

const guides = (await readdir(join(repository, 'docs'))).filter((name) => name.endsWith('.md'));
const texts = new Map<string, string>();
const documents = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'];
documents.push(...guides.map((name) => `docs/${name}`));
for (const document of documents) texts.set(document, await readFile(join(repository, document), 'utf8'));

const textOf = (document: string): string => texts.get(document) ?? '';

/** What is not inside a fenced block. */
function proseOf(markdown: string): string {
  return markdown.replaceAll(/^ *```[^]*?^ *```$/gm, '');
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of proseOf(markdown).matchAll(/^#+ +(.*)$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = text.replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '').replaceAll(' ', '-');
    let unique = anchor;
    for (let count = 1; anchors.has(unique); count++) unique = `${anchor}-${String(count)}`;
    anchors.add(unique);
  }
  return anchors;
}

/** Links to other places of the repository, without those in code. */
function relativeLinksOf(markdown: string): string[] {
  const prose = proseOf(markdown).replaceAll(/`[^`\n]*`/g, '`');
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)/g)];
  const references = [...prose.matchAll(/^ *\[[^\]]+\]: *<?([^\s>]+)/gm)];
  const targets = [...inline, ...references].map(([, target = '']) => target);
  return targets.filter((target) => !/^[a-z][a-z+.-]*:/i.test(target));
}

/** The rows of the tables below a heading of level 2, each as its cells. */
function rowsBelow(markdown: string, heading: string): string[][] {
  const [, section = ''] = proseOf(markdown).split(`\n## ${heading}\n`);
  const [own = ''] = section.split('\n## ');
  const rows = own.split('\n').filter((line) => line.startsWith('|') && !line.startsWith('|--'));
  return rows.map((row) => row.split('|').slice(1, -1).map((cell) => cell.trim()));
}

describe.each(documents)('%s', (document) => {
  it('has no relative link that leads nowhere', () => {
    const broken = relativeLinksOf(textOf(document)).filter((link) => {
      const [path = '', anchor] = link.split('#').map(decodeURIComponent);
      const target = path === '' ? document : join(dirname(document), path);
      if (!existsSync(join(repository, target))) return true;
      // Of other files it is not known what anchors they have.
      if (anchor === undefined || !texts.has(target)) return false;
      return !anchorsOf(textOf(target)).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('names no file of src/ or test/ that is not there', () => {
    const named = [...proseOf(textOf(document)).matchAll(/`((?:src|test)\/[\w./-]*)`/g)].map(([, path = '']) => path);
    expect(named.filter((path) => !existsSync(join(repository, path)))).toEqual([]);
  });
});

describe('docs/guarantees.md', () => {
  const promises = [...proseOf(textOf('docs/guarantees.md')).matchAll(/^\| (?!promise )(.*) \| (`test\/.*) \|$/gm)];

  it('has a test for every promise', () => {
    // Every row of every table that has promises, and a table below every subject.
    const tables = textOf('docs/guarantees.md').match(/^\| promise \| shown by \|\n\|---\|---\|\n(?:\|.*\n)+/gm) ?? [];
    const rows = tables.flatMap((table) => table.trim().split('\n').slice(2));
    expect(rows.length).toBeGreaterThan(20);
    expect(promises.map(([row]) => row)).toEqual(rows);
  });

  it('names files of tests alone', () => {
    const paths = promises.flatMap(([, , shownBy = '']) => shownBy.split(', '));
    expect(paths.filter((path) => !/^`test\/[\w/-]+\.test\.ts`$/.test(path))).toEqual([]);
  });
});

it('SECURITY.md lists every limit of a connection with its default', () => {
  const rows = rowsBelow(textOf('SECURITY.md'), 'Limits and their defaults');
  const shown = new Map(rows.map(([name = '', value = '']) => [name.replaceAll('`', ''), value]));
  const { maxPayload, maxFragments, highWaterMark, maxBufferedAmount, closeTimeout } = defaultConnectionOptions;
  const { heartbeat, autoPong, perMessageDeflate } = defaultConnectionOptions;
  const expected: Record<keyof typeof defaultConnectionOptions, string> = {
    maxPayload: `${maxPayload.toLocaleString('en')} bytes (${String(maxPayload / 1024 ** 2)} MiB)`,
    maxFragments: `${maxFragments.toLocaleString('en')} frames`,
    highWaterMark: `${highWaterMark.toLocaleString('en')} bytes (${String(highWaterMark / 1024)} KiB)`,
    maxBufferedAmount: `none (\`${String(maxBufferedAmount)}\`)`,
    closeTimeout: `${closeTimeout.toLocaleString('en')} ms`,
    heartbeat: heartbeat === undefined ? 'off' : 'on',
    autoPong: autoPong ? 'on' : 'off',
    perMessageDeflate: perMessageDeflate === undefined ? 'off, but offered by `new WebSocket`' : 'on',
  };
  expect(Object.fromEntries(Object.keys(expected).map((name) => [name, shown.get(name)]))).toEqual(expected);
});

describe('the checks above', () => {
  it('see a link that leads nowhere, in each of its forms, and no other', () => {
    expect(relativeLinksOf('[a](b.md) [c](<d.md>) [e](https://f) `[g](h)`\n[i]: j.md\n```\n[k](l)\n```\n')).toEqual([
      'b.md',
      'd.md',
      'j.md',
    ]);
  });

  it('make the anchors of headings as GitHub does', () => {
    const headings = '# `src/`: what is in it?\n## A [link](b.md)\n## A link\n```sh\n# no heading\n```\n';
    expect([...anchorsOf(headings)]).toEqual(['src-what-is-in-it', 'a-link', 'a-link-1']);
  });
});
