// How the page responds while the server is under load: ten seconds per view.
const seconds = 10;

const views = ['#/queries', '#/queries/fast', '#/queries/fast?tab=automaton', '#/detections', '#/instances?query=fast'];

/** measure runs in the page. */
async function measure(seconds) {
  const long = [];
  new PerformanceObserver((list) => list.getEntries().forEach((e) => long.push(e.duration))).observe({ type: 'longtask' });
  performance.clearResourceTimings();
  const frames = [];
  const end = performance.now() + seconds * 1000;
  await new Promise((done) => {
    let last = performance.now();
    const frame = () => {
      const now = performance.now();
      frames.push(now - last);
      last = now;
      if (now < end) requestAnimationFrame(frame);
      else done();
    };
    requestAnimationFrame(frame);
  });
  const calls = performance.getEntriesByType('resource').map((e) => e.duration);
  const at = (list, share) => Math.round([...list].sort((a, b) => a - b)[Math.floor(share * (list.length - 1))] ?? 0);
  return `frames ${Math.round(frames.length / seconds)}/s, p99 ${at(frames, 0.99)} ms; ${long.length} long tasks, longest ${Math.round(Math.max(0, ...long))} ms; ${calls.length} calls, p50 ${at(calls, 0.5)} ms, p99 ${at(calls, 0.99)} ms; ${document.querySelectorAll('*').length} elements`;
}

const rows = async (url) => (await (await fetch(`${url}/v1/queries/fast/status`)).json()).partitions.reduce((n, p) => n + p.rows, 0);

export const tests = Object.fromEntries(
  views.map((view) => [
    view,
    async (page, url) => {
      await page.goto('about:blank');
      await page.goto(`/${view}`);
      await page.locator('main h1').waitFor();
      const before = await rows(url);
      const told = await page.evaluate(measure, seconds);
      return `${Math.round((await rows(url) - before) / seconds)} events/s; ${told}`;
    },
  ]),
);
