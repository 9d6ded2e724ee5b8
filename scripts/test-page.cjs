// Opens the live page and looks: called by test-page.sh with the target's URL, the admin's, its pid and where pictures go.
const http = require('node:http');
const { fits, run, until, watched, wrong } = require('./browser.cjs');

const [url, admin, pid, pictures] = process.argv.slice(2);

/** Requests one after the other on so many connections, until told to stop. */
function load(clients) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients });
  let goesOn = true;
  const one = () => new Promise((done) => {
    const request = http.get(`${url}/io?ms=5`, { agent }, (answer) => answer.resume().on('end', done).on('error', done));
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

async function open(browser, options) {
  const page = await watched(browser, options, `${admin}/`);
  await page.goto(`${admin}/`);
  await until('the page is live', () => page.evaluate(() => document.documentElement.dataset.state === 'live'));
  return page;
}

async function look(browser) {
  const page = await open(browser, { viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
  const text = (selector) => page.textContent(selector);
  const figure = async (selector) => Number((await text(selector)).replace(/[^0-9.]/g, '') || 0);
  await until('a row a worker', async () => (await page.locator('#workers tbody tr').count()) === 2);
  await page.screenshot({ path: `${pictures}/empty.png`, fullPage: true });

  const stop = load(16);
  await until('numbers move under load', async () => (await figure('#now-rps')) > 10 && (await figure('#also-rps')) > 50);
  const before = await figure('#also-rps');
  await until('and go on', async () => (await figure('#also-rps')) > before);
  await until('plots have something to show', () => page.evaluate(() => document.querySelectorAll('.plot canvas').length === 5));

  const fault = { name: 'a test', route: '/io', kinds: [{ kind: 'status', code: 500, rate: 0.05 }], window: { every: '20s', for: '10s' } };
  await fetch(`${admin}/faults`, { method: 'PUT', body: JSON.stringify({ faults: [fault], ttl: '10m' }) });
  await until('a fault plan counts down', async () => /a test.*shuts in .*ends in/s.test(await text('#faults')));
  await until('its errors show', async () => (await figure('#now-errors')) > 0);

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
  await until('a plot is read by keyboard', () => page.evaluate(() => document.activeElement.getAttribute('aria-label').startsWith('Requests: requests/s ')));
  await page.screenshot({ path: `${pictures}/wide-light.png`, fullPage: true });
  for (const [name, width, colorScheme] of [['wide-dark', 1440, 'dark'], ['narrow-light', 390, 'light'], ['narrow-dark', 390, 'dark']]) {
    const other = await open(browser, { viewport: { width, height: 844 }, colorScheme });
    await until(`${name}: figures`, async () => (await other.textContent('#now-rps')) !== '–');
    await fits(other, name);
    await other.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
    await other.close();
  }
  await stop();
  if (wrong.length) throw new Error(wrong.join('\n'));

  // From here on the browser itself complains that nobody answers.
  process.kill(Number(pid), 'SIGSTOP');
  const children = require('node:fs').readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  children.forEach((child) => process.kill(child, 'SIGSTOP'));
  await until('a target that says nothing is late', async () => /^late$/.test(await text('#state-word')));
  children.concat(Number(pid)).forEach((one) => process.kill(one, 'SIGCONT'));
  await until('and live again', async () => (await text('#state-word')) === 'live');
  process.kill(Number(pid), 'SIGTERM');
  await until('a target that ends is gone, and the page says so', async () => /gone.*Looking for it again/s.test(await text('#notice')));
  await page.screenshot({ path: `${pictures}/gone.png`, fullPage: true });
}

run('the page', look);
