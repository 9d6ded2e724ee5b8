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

async function fits(page, name) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (overflow > 0) wrong.push(`${name} is ${overflow} px wider than the screen`);
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
    process.exitCode = 1;
  });
}

module.exports = { fits, run, until, watched, wrong };
