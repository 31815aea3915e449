// The site that `npm run docs` builds: without a warning, which typedoc.json makes an error, and every link in it leads
// somewhere.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { repository, run, tool } from './packed-project.js';

let site: string;
/** The text of each file, by its path. */
const files = new Map<string, string>();

beforeAll(async () => {
  site = await mkdtemp(join(tmpdir(), 'watershed-site-'));
  await run('node', [tool('typedoc/bin/typedoc'), '--out', site], repository);
  for (const entry of await readdir(site, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path, await readFile(path, 'utf8'));
  }
});

afterAll(async () => {
  await rm(site, { recursive: true, force: true });
});

it('the site has a page for each guide', async () => {
  const guides = (await readdir(join(repository, 'docs'))).filter((name) => name.endsWith('.md'));
  const titles = [...files.values()].map((text) => /<title>(.*) \| Watershed<\/title>/.exec(text)?.[1]);
  for (const guide of guides) {
    const text = await readFile(join(repository, 'docs', guide), 'utf8');
    const [, title = ''] = /^---\ntitle: (.*)\n---\n/.exec(text) ?? [];
    expect(title, guide).not.toBe('');
    expect(titles, guide).toContain(title);
  }
});

it('the site has no link that leads nowhere', () => {
  const pages = [...files].filter(([path]) => path.endsWith('.html'));
  const links = pages.flatMap(([page, html]) => linksOf(html).map((link) => ({ page, link })));
  const broken = links.filter(({ page, link }) => !leadsSomewhere(page, link));
  expect(broken.map(({ page, link }) => `${relative(site, page)}: ${link}`)).toEqual([]);
  expect(links.length).toBeGreaterThan(1_000);
});

/** The links of a page that lead to the site itself. */
function linksOf(html: string): string[] {
  const links = [...html.matchAll(/ (?:href|src)="([^"]*)"/g)].map(([, link = '']) => link.replaceAll('&amp;', '&'));
  return links.filter((link) => !/^[a-z][a-z+.-]*:/i.test(link));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', fragment] = link.split('#').map(decodeURIComponent);
  const target = files.get(path === '' ? page : join(dirname(page), path));
  // An empty fragment is the top of the page.
  return target !== undefined && (fragment === undefined || fragment === '' || target.includes(` id="${fragment}"`));
}
