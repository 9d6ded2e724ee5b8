// What the live page must not say: each of these was said once, and was not so. Called by test-page.cjs.
const fs = require('node:fs');
const http = require('node:http');
const { until } = require('./browser.cjs');

const WIDE = { viewport: { width: 1440, height: 900 } };
const children = (pid) => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
const observer = (pid) => children(pid).find((child) => fs.readFileSync(`/proc/${child}/comm`, 'utf8').trim() === 'observer');

function holds(what, isSo, found) {
  if (!isSo) throw new Error(`not so: ${what}: ${JSON.stringify(found)}`);
  console.log(`  held: ${what}`);
}

/** Notes every state that a page shows from now on. */
const watch = (page) => page.evaluate(() => {
  window.states = [];
  new MutationObserver(() => window.states.push(document.documentElement.dataset.state)).observe(document.documentElement, { attributeFilter: ['data-state'] });
});
const states = (page) => page.evaluate(() => window.states);

/** What the page makes of rows that have a hole, and of a mark that is told late. */
const kept = (page) => page.evaluate(async () => {
  const { Run } = await import('/page/run.js');
  const columns = ['epoch_ms', 'elapsed_s', 'interval_s', 'errors_total', 'refused_total', 'rejected_total', 'requests_total', 'phase'];
  const cells = (at) => [1e12 + at * 1000, at, 1, at * 5, 0, 0, at * 9, at < 104 ? 'run' : 'measure'];
  const row = (at) => Object.fromEntries(cells(at).map((cell, index) => [columns[index], cell]));
  const hello = (first, last, marks) => ({
    columns, rows: Array.from({ length: last - first + 1 }, (_, index) => cells(first + index)),
    interval_s: 1, elapsed_s: last, cpus: 2, events: [], marks, faults: [], ended_faults: [],
  });
  const run = new Run();
  run.begin(hello(1, 3, []));
  run.begin(hello(101, 103, []));
  const rates = run.rows.map(({ elapsed_s: at, errors_per_s: rate }) => [at, rate ?? null]);
  run.tick({ ...row(104), faults: [] });
  run.happened({ kind: 'mark', detail: 'measure', elapsed_s: 103.5, epoch_ms: 0 });
  run.begin(hello(104, 105, [{ phase: 'measure', elapsed_s: 103.5 }]));
  return { rates, marks: run.marks };
});

/** Where a browser that is at a place finds a listener at an address, if the one it talks to listens at another. */
const reached = (page) => page.evaluate(async () => {
  const { reach } = await import('/page/reach.js');
  const from = (place, own, ...addresses) => reach(addresses, [own], new URL(place));
  return [
    from('http://127.0.0.1:80/', '127.0.0.1:80', 'unix:/q', '127.0.0.1:81'),
    from('http://localhost:80/', '127.0.0.1:80', '0.0.0.0:81'),
    from('http://target.test:8080/', '0.0.0.0:8080', '127.0.0.1:81', '0.0.0.0:82'),
    from('http://[::1]:80/', '[::]:80', '[::]:81'),
    from('http://10.0.0.1:8080/', '0.0.0.0:8080', '10.0.0.2:81'),
    // On loopback of a machine that is another one; off; behind a forwarded port, a path of a proxy, TLS.
    from('http://10.0.0.1:8080/', '0.0.0.0:8080', '127.0.0.1:81', '[::1]:81', 'unix:/q'),
    from('http://127.0.0.1:80/', '127.0.0.1:80'),
    from('http://127.0.0.1:9000/', '0.0.0.0:8080', '0.0.0.0:81'),
    from('http://127.0.0.1:8080/target/', '0.0.0.0:8080', '0.0.0.0:81'),
    from('https://target.test/', '0.0.0.0:443', '0.0.0.0:81'),
  ];
});

exports.truths = async (page, open, { admin, pid, slow, small }) => {
  const { rates, marks } = await kept(page);
  const expected = [[1, null], [2, 5], [3, 5], [52, null], [101, null], [102, 5], [103, 5]];
  holds('rows that are missing are a gap, and no burst of errors', JSON.stringify(rates) === JSON.stringify(expected), rates);
  holds('a mark is one line, however late it is told', JSON.stringify(marks) === JSON.stringify([{ name: 'measure', elapsed_s: 103.5 }]), marks);

  const places = await reached(page);
  const linked = ['http://127.0.0.1:81/', 'http://localhost:81/', 'http://target.test:82/', 'http://[::1]:81/', 'http://10.0.0.2:81/'];
  holds('a page links to another listener where a browser reaches it', JSON.stringify(places) === JSON.stringify([...linked, ...Array(5).fill(null)]), places);

  const { workers } = await (await fetch(`${admin}/stats`)).json();
  process.kill(workers[0].pid, 'SIGSTOP');
  await until('a worker that does not answer is silent', async () => /silent for \d+ s/.test(await page.textContent('#workers tbody tr:first-child')));
  process.kill(workers[0].pid, 'SIGCONT');
  await until('and then live', async () => /live/.test(await page.textContent('#workers tbody tr:first-child')));
  await until('its routes are there', async () => /GET \/io/.test(await page.textContent('#routes tbody')));
  await until("the tab's title has figures", async () => /^● .*\/s/.test(await page.title()));
  const apart = await page.evaluate(async () => {
    const found = [];
    const bare = (text) => text.replace(/\s/g, '');
    const told = (selector) => bare(document.querySelector(selector).textContent);
    // Else a plot tells of the point under its cursor.
    document.activeElement.blur();
    for (let look = 0; look < 60; look += 1) {
      await new Promise((next) => { setTimeout(next, 50); });
      const title = /p99([^·]+)/.exec(bare(document.title))?.[1] ?? '–';
      const all = [title, told('#now-p99'), told('#plot-latency .key b'), told('#table-latency tbody tr:nth-child(3) td')];
      if (all.some((one) => one !== title)) found.push(all);
    }
    return found;
  });
  holds('title, tile, plot and table are of one tick', apart.length === 0, apart);

  await patience(page, pid, admin);
  await greeting(open, slow);
  await full(open, small);
  const context = await page.context().browser().newContext();
  const tabs = [];
  for (let count = 0; count < 7; count += 1) tabs.push(await context.newPage());
  await Promise.all(tabs.map((tab) => tab.goto(`${admin}/`)));
  const words = () => Promise.all(tabs.map((tab) => tab.textContent('#state-word')));
  await until('seven tabs are live', async () => (await words()).every((word) => word === 'live'));
  await context.close();
};

/** Whoever is impatient while the observer hangs. */
async function patience(page, pid, admin) {
  const count = async () => (await (await fetch(`${admin}/stats`)).json()).marks.filter(({ phase }) => phase === 'once').length;
  const stopped = observer(pid);
  process.kill(stopped, 'SIGSTOP');
  await page.fill('#mark-name', 'once');
  await page.focus('#mark-name');
  for (let times = 0; times < 3; times += 1) await page.keyboard.press('Enter');
  holds('a mark on its way shows', await page.isDisabled('#marking button'));
  process.kill(stopped, 'SIGCONT');
  await until('and is confirmed', async () => /once begins at/.test(await page.textContent('#notice')));
  holds('and is one', (await count()) === 1, await count());
}

/** Before the first tick. */
async function greeting(open, slow) {
  const fault = { name: 'a plan', route: '/io', kinds: [{ kind: 'empty', rate: 0.5 }], window: { from: '70s', to: '2h' } };
  await fetch(`${slow}/faults`, { method: 'PUT', body: JSON.stringify({ faults: [fault] }) });
  const page = await open(WIDE, slow);
  await until('workers are there before a tick', async () => (await page.locator('#workers tbody tr').count()) === 2);
  await until('and so are fault plans', async () => /a plan.*opens in \d+ s/s.test(await page.textContent('#faults')) && !(await page.isVisible('#faults .none')));
  const before = await page.textContent('#faults .when');
  await until('which count down', async () => (await page.textContent('#faults .when')) !== before);
  await page.close();
}

/** A target that turns connections away, and whose observer dies. */
async function full(open, [url, admin, pid]) {
  const page = await open(WIDE, admin);
  await watch(page);
  let goesOn = true;
  const clients = Array.from({ length: 8 }, async () => {
    while (goesOn) await new Promise((done) => { http.get(`${url}/io?ms=300`, { agent: false }, (answer) => answer.resume().on('close', done)).on('error', done); });
  });
  await until('who is turned away is counted', async () => /[1-9]\d* refused/.test(await page.textContent('#also-errors')));
  await until('and drawn', async () => /turned away\/s [\d.]*[1-9]/.test((await page.innerText('#plot-rate .key')).replaceAll('\n', ' ')));
  goesOn = false;
  await Promise.all(clients);
  await fetch(`${admin}/marks`, { method: 'POST', body: '{"phase": "b"}' });
  process.kill(observer(pid), 'SIGKILL');
  await until('another observer follows', async () => /observer-respawn/.test(await page.textContent('#events')) && (await page.textContent('#state-word')) === 'live');
  holds('and the target was never gone', !(await states(page)).includes('gone'), await states(page));
  await page.close();
  const later = await open(WIDE, admin);
  await until('a page that comes later has the marks and events from before', async () => (await later.locator('.mark', { hasText: 'b' }).count()) >= 3 && /ready/.test(await later.textContent('#events')));
  await later.close();
}

/** What a browser itself complains of. */
exports.endings = async (open, [, admin, pid], pictures) => {
  const page = await open(WIDE, admin);
  await watch(page);
  const others = Array.from({ length: 31 }, () => http.get(`${admin}/events`).on('error', () => {}).on('response', (answer) => answer.on('error', () => {}).resume()));
  await new Promise((done) => setTimeout(done, 500));
  const crowded = await page.context().browser().newPage(WIDE);
  await crowded.goto(`${admin}/`);
  await until('the 33rd who listens is told so', async () => /32 clients listen/.test(await crowded.textContent('#notice')));
  await crowded.close();
  process.kill(Number(pid), 'SIGTERM');
  await until('an end in order is told calmly', async () => (await page.isVisible('#ended')) && (await page.textContent('#state-word')) === 'ended');
  holds('without a word of being gone', !(await states(page)).includes('gone'), await states(page));
  await until('its workers have ended too', async () => !/live/.test(await page.textContent('#workers tbody')));
  await new Promise((done) => setTimeout(done, 5000));
  holds('no fault plan opens any more', !/opens|shuts|ends in/.test(await page.textContent('#faults')), await page.textContent('#faults'));
  holds('and it stays so', (await page.textContent('#state-word')) === 'ended' && /ended/.test(await page.title()), await page.title());
  await page.screenshot({ path: `${pictures}/ended-small.png` });
  others.forEach((other) => other.destroy());
};
