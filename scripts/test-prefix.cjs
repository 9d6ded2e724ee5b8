// Opens the pages of two targets behind one proxy: called by test-prefix.sh with the proxy's URL.
const { run, until, watched, wrong } = require('./browser.cjs');

const [proxy] = process.argv.slice(2);

async function open(context, path) {
  const page = await watched(context, {}, `${proxy}${path}`);
  await page.goto(`${proxy}${path}`);
  return page;
}

async function look(browser) {
  // One context, so that the pages share workers and channels as the tabs of one browser do.
  const context = await browser.newContext();
  const shared = { newPage: () => context.newPage() };
  const one = await open(shared, '/team/one/');
  const two = await open(shared, '/team/two/');
  const profile = (page) => page.textContent('#profile');
  for (const page of [one, two]) {
    await until(`${page.url()} is live`, () => page.evaluate(() => document.documentElement.dataset.state === 'live'));
  }
  await until('each page is of its own target', async () => (await profile(one)) === 'flask-locust' && (await profile(two)) === 'default');
  await one.fill('#mark-name', 'proxied');
  await one.click('#marking button');
  await until('a mark goes to its target', async () => /proxied/.test(await one.textContent('#events')));
  if (/proxied/.test(await two.textContent('#events'))) wrong.push('the mark is on the other page');
  if ((await profile(one)) !== 'flask-locust' || (await profile(two)) !== 'default') wrong.push('a page shows the other target');

  const docs = await watched(shared, {}, `${proxy}/team/one/`);
  await docs.goto(`${proxy}/team/one/docs`);
  await until('the routes are listed', async () => (await docs.locator('summary', { hasText: '/stats' }).count()) > 0);
  await docs.locator('summary', { hasText: '/stats' }).first().click();
  const form = docs.locator('details[open] form');
  await form.locator('button').click();
  await until('a request goes to the target', async () => /^200/.test(await form.locator('.answer b').textContent()));
  const command = await form.locator('.command').textContent();
  if (!command.includes(`${proxy}/team/one/stats`)) wrong.push(`the command asks elsewhere: ${command}`);

  const index = await open(shared, '/target/');
  // Where a proxy has put the one, nobody knows from the other.
  await until('the index says where the live page is', async () => /^Live page and figures: http:\S+\/ on the target's machine$/.test(await index.innerText('#told')));
  if ((await index.locator('#live[href]').count()) || (await two.locator('#target[href]').count())) wrong.push('a link leads past the proxy');
  await index.locator('a', { hasText: 'GET /health' }).click();
  await until('a link leads to the route', () => index.url() === `${proxy}/target/health`);
  if (wrong.length) throw new Error('see below');
}

run('the pages behind a proxy', look);
