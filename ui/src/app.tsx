// The shell: one navigation, and the view of the address.
import type { ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { about } from './about';
import { href, useRoute, type Route } from './router';
import { applyTheme, chosenTheme, type Theme } from './theme';
import { Backtests } from './views/backtests';
import { Connectors } from './views/connectors';
import { Data } from './views/data';
import { Detections } from './views/detections';
import { Editor } from './views/editor';
import { Instances } from './views/instances';
import { Queries } from './views/queries';
import { Tests } from './views/tests';
import { Why } from './views/why';

const views: Array<[path: string, title: string, view: ComponentType<{ route: Route }>]> = [
  ['queries', 'Queries', Queries],
  ['editor', 'Editor', Editor],
  ['detections', 'Detections', Detections],
  ['instances', 'Instances', Instances],
  ['why', 'Why', Why],
  ['backtests', 'Back-tests', Backtests],
  ['tests', 'Tests', Tests],
  ['data', 'Data', Data],
  ['connectors', 'Connectors', Connectors],
];

export function App() {
  const route = useRoute();
  const name = route.path[0] ?? 'queries';
  const [path, title, View] = views.find(([p]) => p === name) ?? views[0]!;
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    document.title = `${route.path[1] ?? title} · cepd`;
  }, [title, route.path[1]]);
  useEffect(() => {
    if (!first.current) main.current?.focus(); // readers of the screen hear of the new view
    first.current = false;
  }, [path]);
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(e) => (e.preventDefault(), main.current?.focus())}>
        Skip to the content
      </a>
      <header class="side">
        <a class="brand" href="#/queries">
          <img src="/assets/icon.svg" alt="" />
          cepd
        </a>
        <nav aria-label="Views">
          <ul>
            {views.map(([p, t]) => (
              <li key={p}>
                <a href={href([p])} aria-current={p === path ? 'page' : undefined}>
                  {t}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="foot">
          <span class="version">Version {about('version')}</span>
          <ThemeSwitch />
          {about('login') === 'true' && (
            <form method="post" action="/logout">
              <p class="user">{`${about('user')}, ${about('role')}`}</p>
              <button class="small">Log out</button>
            </form>
          )}
        </div>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        <View route={route} />
      </main>
    </div>
  );
}

function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(chosenTheme());
  const choose = (t: Theme) => {
    applyTheme(t);
    setTheme(t);
  };
  return (
    <select aria-label="Colours" value={theme} onChange={(e) => choose(e.currentTarget.value as Theme)}>
      <option value="system">System</option>
      <option value="light">Light</option>
      <option value="dark">Dark</option>
    </select>
  );
}
