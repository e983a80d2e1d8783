// Run ONNX models by onnxruntime-web in a real browser: node run.mjs ORIGIN, with the tasks of ORIGIN/tasks.json.
// Prints what came out as JSON. Nothing but ORIGIN can be reached.
import { createRequire } from "node:module";

const origin = process.argv[2];
const require = createRequire(process.env.PENSTOCK_NODE_MODULES + "/");
const { chromium } = require("playwright-core");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
try {
  const page = await browser.newPage();
  const refused = [];
  await page.route("**/*", (route) => {
    const url = route.request().url();
    if (url.startsWith(origin + "/")) return route.continue();
    refused.push(url);
    return route.abort();
  });
  await page.goto(origin + "/page.html");
  const results = await page.evaluate(() => window.runTasks());
  process.stdout.write(JSON.stringify({ results, refused, agent: await browser.version() }));
} finally {
  await browser.close();
}
