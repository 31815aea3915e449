// The site that `npm run docs` builds: without a warning, which typedoc.json makes an error, and every link in it leads
// somewhere.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { repository, run, tool } from './packed-project.js';

let site: string;
/** The text of each page, by its path. */
const pages = new Map<string, string>();
const files = new Set<string>();

beforeAll(async () => {
  site = await mkdtemp(join(tmpdir(), 'watershed-site-'));
  await run('node', [tool('typedoc/bin/typedoc'), '--out', site], repository);
  for (const entry of await readdir(site, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.add(path);
    if (path.endsWith('.html')) pages.set(path, await readFile(path, 'utf8'));
  }
});

afterAll(async () => {
  await rm(site, { recursive: true, force: true });
});

it('the site has a page for each guide', async () => {
  const guides = (await readdir(join(repository, 'docs'))).filter((name) => name.endsWith('.md'));
  const documents = [...pages.keys()].map((path) => relative(site, path));
  for (const guide of guides) {
    const [, title = ''] = /^---\ntitle: (.*)\n---\n/.exec(await readFile(join(repository, 'docs', guide), 'utf8')) ?? [];
    expect(title, guide).not.toBe('');
    expect(documents).toContain(join('documents', `${title.replaceAll(/[^\w.-]+/g, '_')}.html`));
  }
});

it('the site has no link that leads nowhere', () => {
  const broken = [...pages].flatMap(([page, html]) =>
    linksOf(html)
      .filter((link) => !leadsSomewhere(page, link))
      .map((link) => `${relative(site, page)}: ${link}`),
  );
  expect(broken).toEqual([]);
});

/** The links of a page that lead to the site itself. */
function linksOf(html: string): string[] {
  const links = [...html.matchAll(/ (?:href|src)="([^"]*)"/g)].map(([, link = '']) => link.replaceAll('&amp;', '&'));
  return links.filter((link) => !/^[a-z][a-z+.-]*:/i.test(link));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', fragment] = link.split('#').map(decodeURIComponent);
  const target = path === '' ? page : join(dirname(page), path);
  if (!files.has(target)) return false;
  return fragment === undefined || fragment === '' || pages.get(target)?.includes(` id="${fragment}"`) === true;
}
