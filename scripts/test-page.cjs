// Opens the live page and looks: called by test-page.sh with the target's URL, the admin's, its pid and where pictures go,
// the admin's URL of a target with slow ticks, all three of one that takes few connections, and the first two of one with a
// database.
const fs = require('node:fs');
const http = require('node:http');
const { endings, truths } = require('./test-page-truths.cjs');
const { edges, fits, run, scrolls, until, watched, wrong } = require('./browser.cjs');

const [url, admin, pid, pictures, slow, ...others] = process.argv.slice(2);
const [small, database] = [others.slice(0, 3), others.slice(3)];

/** Requests one after the other on so many connections, until told to stop. */
function load(clients, address = `${url}/io?ms=5`) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients });
  let goesOn = true;
  const one = () => new Promise((done) => {
    const request = http.get(address, { agent }, (answer) => answer.resume().on('end', done).on('error', done));
    request.on('error', done);
  });
  const all = Array.from({ length: clients }, async () => {
    while (goesOn) await one();
  });
  return async () => {
    goesOn = false;
    await Promise.all(all);
    agent.destroy();
  };
}

async function open(browser, options, at = admin) {
  const page = await watched(browser, options, `${at}/`);
  await page.goto(`${at}/`);
  await until('the page is live', () => page.evaluate(() => document.documentElement.dataset.state === 'live'));
  return page;
}

/** In use, waiting, time-outs and the time until a connection is there; on no other page. */
async function looksAtDatabase(browser) {
  const page = await open(browser, { viewport: { width: 1440, height: 900 }, colorScheme: 'light' }, database[1]);
  const text = (selector) => page.innerText(selector);
  await until('a database without load is told', async () => /^0\s*in use$/.test(await text('#now-database')));
  // Eight clients for two connections, each held for 60 ms: who is fifth in turn waits for more than 100 ms.
  const stop = load(8, `${database[0]}/db?think=60ms`);
  await until('connections are in use and waited for', async () => /^2\s*in use$/.test(await text('#now-database')) && /^[1-6] waiting, [1-9]\d* timed out$/.test(await text('#also-database')));
  await until('and how long is told', async () => /^[\d.]+\s*ms$/.test(await text('#now-acquire')) && /^median [\d.]+ ms$/.test((await text('#also-acquire')).replaceAll('\u00a0', ' ')));
  await until('its plots are drawn', () => page.evaluate(() => document.querySelectorAll('.of-database .plot canvas').length === 2));
  await fits(page, 'with a database');
  await page.screenshot({ path: `${pictures}/database.png`, fullPage: true });
  const narrow = await open(browser, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }, database[1]);
  await until('narrow: its figures', async () => /^2\s*in use$/.test(await narrow.innerText('#now-database')));
  await fits(narrow, 'narrow, with a database');
  await narrow.screenshot({ path: `${pictures}/database-narrow.png`, fullPage: true });
  await narrow.close();
  await stop();
  await page.close();
}

async function look(browser) {
  await looksAtDatabase(browser);
  const page = await open(browser, { viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
  const text = (selector) => page.textContent(selector);
  const figure = async (selector) => Number((await text(selector)).replace(/[^0-9.]/g, '') || 0);
  await until('a row a worker', async () => (await page.locator('#workers tbody tr').count()) === 2);
  if (await page.locator('.of-database:visible').count()) throw new Error('figures of a database, where there is none');
  await page.screenshot({ path: `${pictures}/empty.png`, fullPage: true });

  const stop = load(16);
  await until('numbers move under load', async () => (await figure('#now-rps')) > 10 && (await figure('#also-rps')) > 50);
  const before = await figure('#also-rps');
  await until('and go on', async () => (await figure('#also-rps')) > before);
  await until('plots have something to show', () => page.evaluate(() => [...document.querySelectorAll('.plot canvas')].filter((canvas) => canvas.checkVisibility()).length === 5));

  const fault = { name: 'a test', route: '/io', kinds: [{ kind: 'status', code: 500, rate: 0.05 }], window: { every: '20s', for: '10s' } };
  await fetch(`${admin}/faults`, { method: 'PUT', body: JSON.stringify({ faults: [fault], ttl: '10m' }) });
  await until('a fault plan counts down', async () => /a test.*shuts in .*ends in/s.test(await text('#faults')));
  await until('its errors show', async () => (await figure('#now-errors')) > 0);

  const failures = await text('#routes tbody tr:has-text("/io") .failures');
  if (!/^500: [1-9]/.test(failures)) throw new Error(`failures of a route by status: ${failures}`);
  const total = await page.evaluate(() => {
    const value = (cell) => Number(cell.textContent.replaceAll(',', ''));
    const column = (rows, at) => [...rows].map((row) => value(row.children[at])).reduce((sum, one) => sum + one, 0);
    const table = document.querySelector('#routes table');
    return [3, 4].map((at) => [column(table.tBodies[0].rows, at), column(table.tFoot.rows, at)]);
  });
  if (total.some(([sum, all]) => sum !== all || !(all > 0))) throw new Error(`the row of all routes: ${JSON.stringify(total)}`);
  console.log('  held: failures are told by status, and all routes in a row');

  const { workers } = await (await fetch(`${admin}/stats`)).json();
  process.kill(workers[1].pid, 'SIGKILL');
  await until('a killed worker is an event', async () => /worker-ended/.test(await text('#events')));
  await until('and a line in each plot', async () => (await page.locator('.mark.death').count()) >= 4);
  await until('and has a successor', async () => (await text('#workers tbody tr:nth-child(2) td:nth-child(3)')) === '2');

  await page.keyboard.press('m');
  await page.keyboard.type('measure');
  await page.keyboard.press('Enter');
  await until('a mark is a line', async () => (await page.locator('.mark', { hasText: 'measure' }).count()) >= 4);
  await until('and the phase', async () => (await text('#phase')) === 'measure');

  await page.focus('#plot-rate .plot');
  await page.keyboard.press('ArrowLeft');
  await until('what waits unread is told', async () => /^\d+$/.test(await text('#now-unread')) && /^\d+ to accept, \d+ dropped$/.test(await text('#also-unread')));
  await until('a plot is read by keyboard', () => page.evaluate(() => document.activeElement.getAttribute('aria-label').startsWith('Requests: requests/s ')));
  await page.screenshot({ path: `${pictures}/wide-light.png`, fullPage: true });
  for (const [name, width, colorScheme] of [['wide-dark', 1440, 'dark'], ['middle-light', 1200, 'light'], ['middle-dark', 1200, 'dark'], ['narrow-light', 390, 'light'], ['narrow-dark', 390, 'dark']]) {
    const other = await open(browser, { viewport: { width, height: 844 }, colorScheme });
    await until(`${name}: figures`, async () => (await other.textContent('#now-rps')) !== '–');
    await fits(other, name);
    await edges(other);
    if (name === 'narrow-light') await scrolls(other, '#workers .scroll');
    await other.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
    await other.close();
  }
  const rows = await (await fetch(await page.locator('#rows:visible').evaluate((link) => link.href))).text();
  if (!/^ts_utc,.*\n.*,measure,/s.test(rows)) throw new Error(`the rows to download: ${rows.slice(0, 300)}`);
  const index = await browser.newPage({ viewport: { width: 390, height: 844 } });
  await index.goto(`${url}/`);
  await fits(index, 'the index');
  await index.screenshot({ path: `${pictures}/index.png`, fullPage: true });
  await index.click('#live[href]');
  await until('the index leads to the live page', () => index.url() === `${admin}/`);
  await index.click('#target[href]');
  await until('which leads back', () => index.url() === `${url}/`);
  await index.goto(`${url}/docs`);
  await index.locator('summary', { hasText: '/json' }).first().click();
  const form = index.locator('details[open] form');
  await form.locator('button').click();
  await until('a route is tried', async () => /^200/.test(await form.locator('.answer b').textContent()));
  const { routes } = await (await fetch(`${admin}/stats`)).json();
  const traffic = routes.filter(({ route }) => route === '/json').reduce((sum, { finished }) => sum + finished, 0);
  if (traffic !== 0) throw new Error(`what is tried on /docs counts as ${traffic} requests of its route`);
  await index.close();
  await stop();
  await truths(page, open.bind(null, browser), { admin, pid, slow, small });
  if (wrong.length) throw new Error(wrong.join('\n'));

  // From here on the browser itself complains that nobody answers.
  process.kill(Number(pid), 'SIGSTOP');
  const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  children.forEach((child) => process.kill(child, 'SIGSTOP'));
  await until('a target that says nothing is late', async () => /^late$/.test(await text('#state-word')));
  children.concat(Number(pid)).forEach((one) => process.kill(one, 'SIGCONT'));
  await until('and live again', async () => (await text('#state-word')) === 'live');
  process.kill(Number(pid), 'SIGTERM');
  await until('a target that ends in order has ended', async () => /has ended \(signal TERM\).* requests /s.test(await text('#ended')) && (await text('#state-word')) === 'ended');
  await until('and names the command that tells what limited it', async () => /quintain report \/.*\/page$/.test(await page.innerText('#ended-report')));
  await page.screenshot({ path: `${pictures}/ended.png`, fullPage: true });
  await endings(open.bind(null, browser), small, pictures);
}

run('the page', look);
