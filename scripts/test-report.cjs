// Opens reports and looks: called by test-report.sh with a run's page, that of a run in whose files hostile text stands,
// that of a long run, and where pictures go.
const { statSync } = require('node:fs');
const { pathToFileURL } = require('node:url');
const { edges, fits, run, scrolls, until, watched, wrong } = require('./browser.cjs');

const [plain, hostile, long, pictures] = process.argv.slice(2);
const PLOTS = 5;

/** Fails unless it is so. */
function holds(what, isSo) {
  if (!isSo) throw new Error(`not so: ${what}`);
  console.log(`  held: ${what}`);
}

async function open(browser, path, options) {
  const own = pathToFileURL(path).href;
  const page = await watched(browser, options, own);
  await page.goto(own);
  return page;
}

const drawn = (page) => page.evaluate(() => [...document.querySelectorAll('.plot canvas')].filter((canvas) => {
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.some((value) => value !== 0);
}).length);

async function look(browser) {
  const page = await open(browser, plain, { viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
  const text = (selector) => page.textContent(selector);
  const whole = await text('#cursor');
  holds('all of the run is shown at first', /the whole run/.test(whole));
  holds('all plots are drawn', (await drawn(page)) === PLOTS);
  const around = await text('#plot-rate .u-over');
  holds('phases and fault plans are shaded and named, one of them twice', around.includes('measure') && around.includes('a test') && (await page.locator('.shade.fault').count()) === 3 * PLOTS);
  holds('a death is a line in each', (await page.locator('.mark.death').count()) === PLOTS);
  holds('the strip tells them too', /measure.*a test.*now and then.*1\.1/s.test(await text('#strip')));
  holds('findings have their weight as a word', /^(doubt|limit|note|sound) /.test(await text('#findings article h3')));
  holds('none of them fills the plots', !(await edges(page)));
  await fits(page, 'wide');
  await page.screenshot({ path: `${pictures}/report-wide-light.png`, fullPage: true });

  // That of a moment: others may hold all the time.
  await page.click('#findings article:has-text("lost requests") .when');
  const zoomed = await text('#cursor');
  await until("a finding's time is what the plots show", async () => !/whole run/.test(await text('#cursor')) && (await page.isVisible('#reset')));
  await until('which come into view', () => page.evaluate(() => document.querySelector('#strip').getBoundingClientRect().top < innerHeight));
  await page.screenshot({ path: `${pictures}/report-zoomed.png` });
  await page.click('#reset');
  holds('a button shows the whole run again', (await text('#cursor')) === whole && !(await page.isVisible('#reset')));

  const over = page.locator('#plot-rate .u-over');
  await over.scrollIntoViewIfNeeded();
  const box = await over.boundingBox();
  const drag = async (from, to) => {
    await page.mouse.move(box.x + box.width * from, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * to, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.mouse.move(5, 5);
  };
  await drag(0.3, 0.6);
  const dragged = await text('#cursor');
  holds('dragging zooms', dragged !== whole && dragged !== zoomed && !/whole run/.test(dragged));
  await over.dblclick();
  await page.mouse.move(5, 5);
  await until('a double click shows all', async () => (await text('#cursor')) === whole);
  await drag(0.2, 0.4);
  await page.keyboard.press('Escape');
  holds('so does Escape', (await text('#cursor')) === whole);
  await page.click('#strip .item.fault');
  holds('a row of the strip is one stop of the keyboard', (await page.locator('#strip .lane .item[tabindex="0"]').count()) === (await page.locator('#strip .lane').count()));
  holds('a fault plan can be looked at', !/whole run/.test(await text('#cursor')));
  holds('one that fills the plots is an edge', await edges(page));
  await page.keyboard.press('Escape');

  const latency = () => text('#plot-latency .key');
  const before = await latency();
  await page.check('#quantiles input[value=p50]', { force: true });
  holds('another quantile is another line', (await latency()) !== before);

  await page.focus('#plot-cpu .plot');
  await page.keyboard.press('Home');
  for (let step = 0; step < 3; step += 1) await page.keyboard.press('ArrowRight');
  holds('a plot is read by keyboard', /^0:00\.\d: everything .* %, the target .* %$/.test(await text('#plot-cpu .unseen')));
  holds('and the others with it', /^0:00\.\d · /.test(await text('#cursor')));
  await page.keyboard.press('+');
  holds('and zoomed by it', await page.isVisible('#reset'));
  await page.keyboard.press('Escape');

  await page.click('nav a[href="#events"]');
  holds('what one goes to is open', await page.isVisible('#events table'));
  await page.pdf({ path: `${pictures}/report.pdf`, format: 'A4' });
  holds('it can be printed', statSync(`${pictures}/report.pdf`).size > 20_000);
  holds('and goes on on the screen', !(await page.evaluate(() => 'printed' in document.documentElement.dataset)));

  for (const [name, width, colorScheme] of [['wide-dark', 1440, 'dark'], ['middle-light', 1200, 'light'], ['middle-dark', 1200, 'dark'], ['narrow-light', 390, 'light'], ['narrow-dark', 390, 'dark']]) {
    const other = await open(browser, plain, { viewport: { width, height: 844 }, colorScheme });
    await until(`${name}: plots`, async () => (await drawn(other)) === PLOTS);
    await fits(other, name);
    if (name === 'narrow-light') await scrolls(other, '#routes .scroll');
    await other.screenshot({ path: `${pictures}/report-${name}.png`, fullPage: true });
    await other.close();
  }

  const evil = await open(browser, hostile, { viewport: { width: 1440, height: 900 } });
  holds('hostile names are text', (await evil.locator('img').count()) === 0 && /<img src=x/.test(await evil.textContent('#phases')));
  holds('in plots too', (await drawn(evil)) === PLOTS && /<img src=x/.test(await evil.textContent('#strip')));
  await evil.screenshot({ path: `${pictures}/report-hostile.png`, fullPage: true });

  const many = await open(browser, long, { viewport: { width: 1440, height: 900 } });
  holds('a long run says how it is shown', /20,000 rows are shown as/.test(await many.textContent('#plots')));
  holds('and shows it', (await drawn(many)) === PLOTS);
  holds('in a small file', statSync(long).size < 3 << 20);
  await many.screenshot({ path: `${pictures}/report-long.png`, fullPage: true });

  const bare = await open(browser, plain, { javaScriptEnabled: false, viewport: { width: 1440, height: 900 } });
  holds('without scripts the tables are there', (await bare.isVisible('#phases td')) && (await bare.isVisible('#routes td')) && (await bare.isVisible('#workers td')));
  holds('with small plots', (await bare.locator('#workers .spark').count()) === 2 && (await bare.locator('#routes .spark').count()) === 2);
  holds('and a line says what is not', await bare.isVisible('#plots noscript p'));
  await bare.screenshot({ path: `${pictures}/report-no-scripts.png`, fullPage: true });
  if (wrong.length) throw new Error('something else');
}

run('the report', look);
