// Takes the picture of a page: called by pictures.sh with its address and where the picture goes.
const { run, until, watched } = require('./browser.cjs');

const [address, picture] = process.argv.slice(2);

run('the picture', async (browser) => {
  const page = await watched(browser, { viewport: { width: 1200, height: 900 }, colorScheme: 'light' }, address.replace(/[^/]*$/, ''));
  await page.goto(address);
  await until('plots are drawn', () => page.evaluate(() => document.querySelectorAll('canvas').length > 0));
  // A tick later, everything that comes with one is there.
  await page.waitForTimeout(1_000);
  await page.screenshot({ path: picture });
});
