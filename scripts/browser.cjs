// What the tests of pages share: a browser, waiting, and what must not happen on any page.
const { chromium } = require('playwright-core');

const WITHIN = 20_000;

/** What went wrong and shows in no figure of a page. */
const wrong = [];

/** Tries until it is so, or it is too late. */
async function until(what, isSo) {
  const deadline = Date.now() + WITHIN;
  while (Date.now() < deadline) {
    if (await isSo()) return console.log(`  held: ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`not within ${WITHIN / 1000} s: ${what}`);
}

/** A page on which nothing is complained of, and which asks for addresses under `own` alone. */
async function watched(browser, options, own) {
  const page = await browser.newPage(options);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) wrong.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => wrong.push(`script: ${error.message}`));
  page.on('dialog', (dialog) => {
    wrong.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(own)) wrong.push(`asked elsewhere: ${request.url()}`);
  });
  return page;
}

/** Fails unless a page is as wide as the screen, and no figure or name on it lies over its neighbour. */
async function fits(page, name) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (overflow > 0) wrong.push(`${name} is ${overflow} px wider than the screen`);
  const covered = await page.evaluate(() => {
    const tooWide = [...document.querySelectorAll('.figure p')].filter((figure) => figure.scrollWidth > figure.clientWidth);
    const over = (one, other) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
    const names = [...document.querySelectorAll('.plot')].flatMap((plot) => {
      const { top } = plot.querySelector('.u-over').getBoundingClientRect();
      const labels = [...plot.querySelectorAll('.mark span, .shade span')];
      const boxes = labels.map((label) => label.getBoundingClientRect());
      // Curves begin at the top of the plot, above which names stand.
      return labels.filter((_, at) => boxes[at].bottom > top || boxes.slice(0, at).some((other) => over(boxes[at], other)));
    });
    return [...tooWide, ...names].map(({ textContent }) => textContent);
  });
  if (covered.length) wrong.push(`${name}: these lie over something else: ${covered.join(' | ')}`);
}

/** Fails unless fault plans veil the plots in which they are seldom open, and only edge those that they fill. */
async function edges(page) {
  const veiled = await page.evaluate(() => [...document.querySelectorAll('.shade.fault')].map((shade) => {
    const isVeil = getComputedStyle(shade).backgroundColor !== 'rgba(0, 0, 0, 0)' || getComputedStyle(shade).backgroundImage !== 'none';
    return { isVeil, isLong: shade.offsetWidth > shade.parentElement.clientWidth / 2 };
  }));
  if (!veiled.length) throw new Error('no fault plan is shaded');
  if (veiled.some(({ isVeil, isLong }) => isVeil === isLong)) throw new Error(`shades of fault plans: ${JSON.stringify(veiled)}`);
  return veiled.some(({ isLong }) => isLong);
}

/** The mean lightness of the outermost pixels at the right of what scrolls, as they are drawn. */
async function edge(page, region) {
  await region.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await region.boundingBox();
  const picture = await page.screenshot({ clip: { x: x + width - 3, y, width: 2, height } });
  // The page's own policy forbids it to load a picture.
  const blank = await page.context().browser().newPage();
  const lightness = await blank.evaluate(async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    const drawing = canvas.getContext('2d');
    drawing.drawImage(image, 0, 0);
    const { data } = drawing.getImageData(0, 0, image.width, image.height);
    return data.reduce((sum, value) => sum + value, 0) / data.length;
  }, `data:image/png;base64,${picture.toString('base64')}`);
  await blank.close();
  return lightness;
}

/** Fails unless a table that is wider than its card is darker at its edge until it is scrolled to its end. */
async function scrolls(page, selector) {
  const region = page.locator(selector);
  const hidden = await region.evaluate((one) => one.scrollWidth - one.clientWidth);
  if (hidden < 20) throw new Error(`${selector} has nothing to scroll`);
  const before = await edge(page, region);
  await region.evaluate((one) => { one.scrollLeft = one.scrollWidth; });
  const after = await edge(page, region);
  await region.evaluate((one) => { one.scrollLeft = 0; });
  if (!(before < after - 4)) throw new Error(`${selector} does not show that it scrolls: ${before} and ${after}`);
  console.log(`  held: ${selector} shows that it scrolls`);
}

/** Looks, and says what did not hold. */
function run(name, look) {
  const all = async () => {
    // As root and in a container there is no sandbox, little shared memory and no graphics.
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    });
    try {
      await look(browser);
    } finally {
      await browser.close();
    }
  };
  all().then(() => console.log(`${name} holds`), (error) => {
    console.error(`${name}: ${error.message}\n${wrong.join('\n')}`);
    // A load may still go on.
    process.exit(1);
  });
}

module.exports = { edges, fits, run, scrolls, until, watched, wrong };
